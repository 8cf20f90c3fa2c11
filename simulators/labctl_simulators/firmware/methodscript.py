"""Loads a MethodSCRIPT line by line: checks it as the instrument does and compiles it to a flat list of closures.

Theory of operation. Each line becomes zero or more instructions (``Machine``) with their operands already
bound, so running costs one call an instruction. Loops and conditions become jumps through ``Label``; a label gets
its place when the line that ends the block is read. The first fault ends the loading, as on the instrument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .methodscript_arithmetic import COMPARISONS
from .methodscript_commands import ABSENT, COMMANDS, Command
from .methodscript_errors import Code, ScriptFault
from .methodscript_loops import LOOPS
from .methodscript_machine import BUSY_PASS_S, Instruction, Label, Machine, OpenScope, Program
from .methodscript_operands import Bench, Parameter
from .methodscript_potentiostat import Potentiostat
from .methodscript_source import Token, tokens
from .methodscript_techniques import MeasurementLoop

SCOPE_DEPTH = 16  # Assumed: the manual has the error, not the figure.


@dataclass(slots=True)
class _Condition:
    """An ``if`` whose ``endif`` has not come yet."""

    otherwise: Label
    end: Label = field(default_factory=Label)
    else_seen: bool = False


@dataclass(slots=True)
class _Loop:
    """A loop whose ``endloop`` has not come yet; ``close`` adds what stands there."""

    end: Label
    close: Callable[[], None]
    measurement: bool


class Compiler:
    """Reads one script. ``line_number`` counts from 1 at the line after ``e`` or ``l``."""

    def __init__(self, machine: Machine, front: Potentiostat) -> None:
        self.line_number = 0
        self._bench = Bench(machine, front)
        self._code: list[Instruction] = []
        self._lines: list[int] = []
        self._open: list[_Condition | _Loop] = []
        self._on_finished: int | None = None

    def line(self, text: str) -> None:
        """Read the next line.

        Raises:
            ScriptFault: what is wrong with it, with its column.
        """
        self.line_number += 1
        words = tokens(text)
        if not words:
            return
        name, arguments, end = words[0], words[1:], len(text.rstrip()) + 1
        control = self._CONTROL.get(name.text)
        if control is not None:
            control(self, name, _Arguments(arguments, end))
        elif name.text in LOOPS:
            self._measurement_loop(name, _Arguments(arguments, end))
        elif name.text in COMMANDS:
            self._command(COMMANDS[name.text], name, _Arguments(arguments, end))
        else:
            code = Code.NOT_SUPPORTED if name.text in ABSENT else Code.SCRIPT_COMMAND_UNKNOWN
            raise ScriptFault(code, name.column)

    def finish(self) -> Program:
        """The empty line has come: the script is complete.

        Raises:
            ScriptFault: 4018 if a block is still open.
        """
        if self._open:
            self.line_number += 1
            raise ScriptFault(Code.ENDED_UNEXPECTEDLY)
        end = len(self._code) if self._on_finished is None else self._on_finished
        self._add(self._bench.machine.finish)
        return Program(self._code, self._lines, end, list(self._bench.names.values()))

    def _add(self, instruction: Instruction) -> None:
        self._code.append(instruction)
        self._lines.append(self.line_number)

    def _command(self, command: Command, name: Token, arguments: _Arguments) -> None:
        if command.while_measuring is not None and self._bench.measuring:
            raise ScriptFault(command.while_measuring, name.column)
        required, optional = arguments.read(self._bench, command.parameters, command.optional)
        built = arguments.build(name, command.build, self._bench, *required, **optional)
        if built is None:
            return
        for instruction in [built] if callable(built) else built:
            self._add(instruction)

    def _measurement_loop(self, name: Token, arguments: _Arguments) -> None:
        if self._bench.measuring:
            raise ScriptFault(Code.NESTED_MEASUREMENT, name.column)
        kind = LOOPS[name.text]
        required, optional = arguments.read(self._bench, kind.parameters, kind.optional)
        machine, end = self._bench.machine, Label()
        scope = OpenScope("*\n", end, measurement=True)
        loop: MeasurementLoop = arguments.build(name, kind.build, self._bench, scope, *required, **optional)

        def begin() -> None:
            loop.check()
            machine.enter_scope(f"M{loop.technique}\n", scope)
            loop.begin()

        def close() -> None:
            self._add(lambda: body if loop.proceed() else machine.leave_scope())

        self._add(begin)
        body = len(self._code)
        self._add(loop.point)
        self._enter(_Loop(end, close, measurement=True), name)
        self._bench.measuring = True

    def _enter(self, scope: _Condition | _Loop, name: Token) -> None:
        if len(self._open) >= SCOPE_DEPTH:
            raise ScriptFault(Code.SCOPE_TOO_DEEP, name.column)
        self._open.append(scope)

    def _branch(self, arguments: _Arguments, otherwise: Label) -> Instruction:
        left, test, right = arguments.condition(self._bench)

        def step() -> int | None:
            return None if test(left.value, right.value) else otherwise.pc

        return step

    def _if(self, name: Token, arguments: _Arguments) -> None:
        condition = _Condition(Label())
        self._add(self._branch(arguments, condition.otherwise))
        self._enter(condition, name)

    def _elseif(self, name: Token, arguments: _Arguments) -> None:
        condition = self._else_of(name)
        condition.otherwise = Label()
        self._add(self._branch(arguments, condition.otherwise))

    def _else(self, name: Token, arguments: _Arguments) -> None:
        arguments.none()
        condition = self._else_of(name)
        condition.else_seen = True

    def _else_of(self, name: Token) -> _Condition:
        """What both kinds of else begin with: the block before it jumps to the end, its condition comes here."""
        condition = self._open[-1] if self._open else None
        if not isinstance(condition, _Condition) or condition.else_seen:
            raise ScriptFault(Code.SCOPE_INVALID, name.column)
        end = condition.end
        self._add(lambda: end.pc)
        condition.otherwise.pc = len(self._code)
        return condition

    def _endif(self, name: Token, arguments: _Arguments) -> None:
        arguments.none()
        condition = self._open.pop() if self._open else None
        if not isinstance(condition, _Condition):
            raise ScriptFault(Code.SCOPE_INVALID, name.column)
        condition.end.pc = len(self._code)
        if not condition.else_seen:
            condition.otherwise.pc = len(self._code)

    def _loop(self, name: Token, arguments: _Arguments) -> None:
        machine, end = self._bench.machine, Label()
        left, test, right = arguments.condition(self._bench)
        scope = OpenScope("+\n", end)
        self._add(lambda: machine.enter_scope("L\n", scope))
        head = len(self._code)

        def again() -> int | None:
            return None if test(left.value, right.value) else machine.leave_scope()

        def next_pass() -> int:
            if machine.due_s == scope.last_pass_s:
                machine.due_s += BUSY_PASS_S
            scope.last_pass_s = machine.due_s
            return head

        self._add(again)
        self._enter(_Loop(end, lambda: self._add(next_pass), measurement=False), name)

    def _endloop(self, name: Token, arguments: _Arguments) -> None:
        arguments.none()
        loop = self._open.pop() if self._open else None
        if not isinstance(loop, _Loop):
            raise ScriptFault(Code.SCOPE_INVALID, name.column)
        loop.close()
        loop.end.pc = len(self._code)
        if loop.measurement:
            self._bench.measuring = False

    def _breakloop(self, name: Token, arguments: _Arguments) -> None:
        arguments.none()
        if not any(isinstance(scope, _Loop) for scope in self._open):
            raise ScriptFault(Code.ONLY_IN_LOOP, name.column)
        self._add(self._bench.machine.leave_scope)

    def _on_finished_label(self, name: Token, arguments: _Arguments) -> None:
        arguments.none()
        if self._open or self._on_finished is not None:
            raise ScriptFault(Code.SCOPE_INVALID, name.column)
        self._on_finished = len(self._code)
        self._add(self._bench.machine.enter_end)

    _CONTROL: ClassVar[dict[str, Callable[[Compiler, Token, _Arguments], None]]] = {
        "if": _if,
        "elseif": _elseif,
        "else": _else,
        "endif": _endif,
        "loop": _loop,
        "endloop": _endloop,
        "breakloop": _breakloop,
        "on_finished:": _on_finished_label,
    }


class _Arguments:
    """The words behind a command; ``end`` is the column where the next one would stand."""

    def __init__(self, words: tuple[Token, ...], end: int) -> None:
        self._words = words
        self._end = end

    def none(self) -> None:
        """420A if there are any."""
        if self._words:
            raise ScriptFault(Code.ARGUMENT_EXTRA, self._words[0].column)

    def read(
        self, bench: Bench, parameters: tuple[Parameter, ...], optional: dict[str, tuple[Parameter, ...]]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Required arguments in order, and optional ones by name as a tuple each; repeated ones add up.

        Raises:
            ScriptFault: 4004 where one is missing, 420A for one too many, 4008 for an optional one of another
                command, and whatever a parameter refuses.
        """
        plain = [word for word in self._words if word.inner is None]
        if len(plain) > len(parameters):
            raise ScriptFault(Code.ARGUMENT_EXTRA, plain[len(parameters)].column)
        if len(plain) < len(parameters):
            raise ScriptFault(Code.UNEXPECTED_CHARACTER, self._end)
        required = [parameter(bench, word) for parameter, word in zip(parameters, plain, strict=True)]
        named: dict[str, tuple[Any, ...]] = {}
        for word in self._words:
            if word.inner is None:
                continue
            if word.text not in optional:
                raise ScriptFault(Code.OPTIONAL_INVALID, word.column)
            inner, _ = _Arguments(word.inner, word.column + len(word.text) + 1).read(
                bench, optional[word.text], {}
            )
            named[word.text] = (*named.get(word.text, ()), tuple(inner))
        return required, named

    def build(self, name: Token, build: Callable[..., Any], *arguments: Any, **optional: Any) -> Any:
        """Call a command's builder; a fault of its own stands at the first argument."""
        try:
            return build(*arguments, **optional)
        except ScriptFault as fault:
            if fault.column == 1:
                fault.column = self._words[0].column if self._words else name.column
            raise

    def condition(self, bench: Bench) -> Any:
        """``left operator right``."""
        if len(self._words) < 3:
            raise ScriptFault(Code.UNEXPECTED_CHARACTER, self._end)
        if len(self._words) > 3:
            raise ScriptFault(Code.ARGUMENT_EXTRA, self._words[3].column)
        left, operator, right = self._words
        if operator.text not in COMPARISONS:
            raise ScriptFault(Code.UNEXPECTED_CHARACTER, operator.column)
        return bench.number(left), COMPARISONS[operator.text], bench.number(right)
