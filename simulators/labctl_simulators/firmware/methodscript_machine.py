"""Runs a loaded MethodSCRIPT in the instrument's own time: what is due is executed, what it sends is collected."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .methodscript_errors import Code, ScriptFault
from .methodscript_variables import Array, Variable

# An instruction does its work and returns where to go on, or None for the next one.
Instruction = Callable[[], "int | None"]

# Commands take no time, so that a script's times are exact; only a pass of a loop in which nothing took time
# lasts a moment, or a polling loop would never end. Assumed: the figure.
BUSY_PASS_S = 100e-6

_NEVER = math.inf


class Label:
    """A place in the code that is known once the script has been read to there."""

    __slots__ = ("pc",)

    def __init__(self, pc: int = -1) -> None:
        self.pc = pc


class Program(NamedTuple):
    """A script ready to run: instructions, the script line of each, where ``on_finished:`` starts, its names."""

    code: Sequence[Instruction]
    lines: Sequence[int]
    on_finished: int
    names: Sequence[Variable | Array]


class OpenScope:
    """A loop that has started and not ended: what closes it in the output and where the script goes on then."""

    __slots__ = ("after", "closing", "last_pass_s", "measurement", "turn")

    def __init__(self, closing: str, after: Label, *, measurement: bool = False) -> None:
        self.closing = closing
        self.after = after
        self.measurement = measurement
        self.last_pass_s = -_NEVER
        self.turn: Callable[[], None] | None = None


class Machine:
    """One script at a time.

    Theory of operation. ``due_s`` is the time of the next instruction. ``run`` executes instructions while
    ``due_s`` is not later than the present, so events that became due together happen in order, each at its
    own time. An instruction that takes time (``wait``, a measurement) moves ``due_s`` on. Output collects in
    ``out`` until ``run`` returns it.
    """

    def __init__(self) -> None:
        self.out: list[str] = []
        self.package: list[str] | None = None
        self.talks = True
        self.due_s = _NEVER
        self.timer_start_s = 0.0
        self.tick_s = 0.0
        self.interval_s = 0.0
        self.scopes: list[OpenScope] = []
        self.measurement_start_s = 0.0
        self.fault_time_s = -_NEVER
        self._halted_at_s: float | None = None
        self._program = Program((), (), 0, ())
        self._pc = 0
        self._finishing = False

    @property
    def running(self) -> bool:
        """True from the start of a script to its last line of output."""
        return self.due_s < _NEVER

    @property
    def halted(self) -> bool:
        """True between ``h`` and ``H``."""
        return self._halted_at_s is not None

    def next_due_s(self) -> float | None:
        """Time of the next instruction; None if nothing runs or the script is halted."""
        due_s = self.due_s
        return due_s if due_s < _NEVER and self._halted_at_s is None else None

    def start(self, program: Program, now_s: float) -> None:
        """Begin ``program`` with fresh variables."""
        for name in program.names:
            name.reset()
        self._program, self._pc = program, 0
        self._finishing = False
        self._halted_at_s = None
        self.package = None
        self.talks = True
        self.scopes.clear()
        self.due_s = self.timer_start_s = self.tick_s = now_s
        self.interval_s = 0.0

    def run(self, now_s: float) -> str:
        """Execute what is due at ``now_s``; returns what the script sent.

        A run-time error ends the script at once: ``on_finished:`` is not run, the cell stays as it is.
        """
        if self.due_s <= now_s and self._halted_at_s is None:
            try:
                self._execute(now_s)
            except ScriptFault as fault:
                self.out.append(f"!{fault.code:04X}: Line {self._program.lines[self._pc]}\n")
                self.fault_time_s, self.due_s = self.due_s, _NEVER
        if not self.out:
            return ""
        text = "".join(self.out)
        self.out.clear()
        return text

    def _execute(self, now_s: float) -> None:
        code = self._program.code
        pc = self._pc
        try:
            while self.due_s <= now_s:
                goto = code[pc]()
                pc = pc + 1 if goto is None else goto
        finally:
            self._pc = pc

    def finish(self) -> None:
        """End of the script: an empty line."""
        self.out.append("\n")
        self.due_s = _NEVER

    def abort(self, now_s: float) -> None:
        """Leave everything and go to ``on_finished:`` now; a script that is already there goes on."""
        if self._finishing:
            if self.halted:
                self.resume(now_s)
            return
        self.due_s = now_s
        self._halted_at_s = None
        self._pc = self.jump_to_end()

    def jump_to_end(self) -> int:
        """Close all loops in the output; returns where ``on_finished:`` starts, or the end if it was running."""
        if self._finishing:
            return len(self._program.code) - 1
        self.package = None
        while self.scopes:
            self.leave_scope()
        return self._program.on_finished

    def enter_end(self) -> None:
        """``on_finished:`` is reached: from here on an abort changes nothing."""
        self._finishing = True

    def end_measurement(self, now_s: float) -> None:
        """Leave the present measurement loop and whatever is open inside it; the script goes on behind it.

        Raises:
            ScriptFault: 0006 outside of measurement loops.
        """
        if not any(scope.measurement for scope in self.scopes):
            raise ScriptFault(Code.MODE_INVALID)
        self.package = None
        self.due_s = now_s
        self._halted_at_s = None
        while True:
            scope = self.scopes[-1]
            self.leave_scope()
            if scope.measurement:
                self._pc = scope.after.pc
                return

    def halt(self, now_s: float) -> None:
        """Stop executing; the cell stays under what is applied. 0006 if it is halted."""
        if self.halted:
            raise ScriptFault(Code.MODE_INVALID)
        self._halted_at_s = now_s

    def resume(self, now_s: float) -> None:
        """Go on where ``halt`` stopped; what was due is later by the time spent. 0006 if it is not halted."""
        if self._halted_at_s is None:
            raise ScriptFault(Code.MODE_INVALID)
        pause_s = now_s - self._halted_at_s
        self._halted_at_s = None
        self.due_s += pause_s
        self.measurement_start_s += pause_s

    def turn(self) -> None:
        """Reverse the present sweep; 0006 if it is not one that can be."""
        turn = next((scope.turn for scope in self.scopes if scope.turn is not None), None)
        if turn is None:
            raise ScriptFault(Code.MODE_INVALID)
        turn()

    def enter_scope(self, opening: str, scope: OpenScope) -> None:
        """A loop starts: its first line goes out."""
        self.out.append(opening)
        self.scopes.append(scope)

    def leave_scope(self) -> int:
        """The innermost loop ends: its last line goes out; returns where the script goes on."""
        scope = self.scopes.pop()
        self.out.append(scope.closing)
        return scope.after.pc
