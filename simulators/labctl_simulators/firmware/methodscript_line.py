"""The serial line of a MethodSCRIPT instrument: what arrives becomes commands and scripts, in any split.

Source: EmStat4 communication protocol v1.3; PalmSens' own example clients for what they wait for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum, auto

from .methodscript import Compiler
from .methodscript_controller import DEAF_S, Controller
from .methodscript_errors import Code, ScriptFault
from .methodscript_machine import Program

LINE_LENGTH = 256
SCRIPT_LENGTH = 32_768  # characters. Assumed: the manual has the error (4005), not the figure.


class _State(Enum):
    """What the next input line is.

    ============  ==========================  ==============================================================
    state         input                       what happens
    ============  ==========================  ==============================================================
    IDLE          empty line                  answered with an empty line
    IDLE          ``e`` or ``l``              LOADING
    IDLE          another command             answered; ``r`` starts the loaded script
    LOADING       line of script              compiled; a fault is answered at once, then SWALLOWING
    LOADING       empty line                  the script is complete: IDLE, started if it was ``e``
    SWALLOWING    empty line, or DEAF_S calm  IDLE
    (running)     ``Z Y h H R``               answered; anything else is refused with 0006, empty lines ignored
    ============  ==========================  ==============================================================

    "Running" is the machine's state, not the line's. For DEAF_S after every error all input is dropped.
    """

    IDLE = auto()
    LOADING = auto()
    SWALLOWING = auto()


class SerialLine:
    """The line with its input buffer.

    Theory of operation. The first character of a command is echoed as it arrives, the rest of the answer follows
    the line feed. While a script runs, the echo waits for the line feed too, so that it cannot stand in the
    middle of a line of data. Assumed: the manual shows answers only whole.

    Args:
        controller: The instrument.
        on_close: Called when the peer leaves.
        catch_up: True if a peer has left before: what the instrument has sent since then is lost.
    """

    def __init__(
        self, controller: Controller, on_close: Callable[[], None], *, catch_up: bool = False
    ) -> None:
        self._controller = controller
        self._on_close = on_close
        self._catch_up = catch_up
        self._state = _State.IDLE
        self._buffer = ""
        self._answers: list[str] = []
        self._compiler = Compiler(controller.machine, controller.front)
        self._script: list[str] = []
        self._script_length = 0
        self._starts = False
        self._last_input_s = -math.inf
        self._closed = False

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived and answer."""
        if self._closed:
            return b""
        self._answers.append(self._run(now_s))
        if self._state is _State.SWALLOWING and now_s - self._last_input_s >= DEAF_S:
            self._state, self._buffer = _State.IDLE, ""
        self._last_input_s = now_s
        rest = data.decode("latin-1")
        while rest and self._listens(now_s):
            if self._state is _State.LOADING:
                rest = self._load_known(rest, now_s)
            piece, line_feed, rest = rest.partition("\n")
            self._take(piece, now_s)
            if line_feed and self._listens(now_s):
                self._end_of_line(now_s)
        data = "".join(self._answers).encode("latin-1")
        self._answers.clear()
        return data

    def _load_known(self, rest: str, now_s: float) -> str:
        """Take a script that came before without compiling it again; returns what follows it.

        A cycling host sends the same two scripts hundreds of times, and compiling one takes as long as 200 points.
        """
        if self._script or self._buffer:
            return rest
        script, empty_line, following = rest.partition("\n\n")
        program = self._controller.programs.get(script) if empty_line else None
        if program is None:
            return rest
        self._loaded(program, now_s)
        self._answers.append(self._run(now_s))
        return following

    def _listens(self, now_s: float) -> bool:
        """False while input is dropped; the rest of a refused script is watched for its end all the same."""
        if self._state is _State.SWALLOWING or not self._controller.is_deaf(now_s):
            return True
        self._buffer = ""
        return False

    def next_wake(self) -> float | None:
        """Time of the script's next event."""
        return None if self._closed else self._controller.machine.next_due_s()

    def wake(self, now_s: float) -> bytes:
        """Do what is due."""
        if self._closed:
            return b""
        return self._run(now_s).encode("latin-1")

    def close(self, now_s: float) -> None:
        """The peer is gone."""
        if not self._closed:
            self._run(now_s)
            self._closed = True
            self._on_close()

    def _run(self, now_s: float) -> str:
        """What the script sends until then."""
        if self._catch_up:  # what was sent while nobody listened is lost
            self._catch_up = False
            self._controller.run(math.nextafter(now_s, -math.inf))
        return self._controller.run(now_s)

    def _take(self, piece: str, now_s: float) -> None:
        """Characters that do not end a line."""
        if self._state is _State.SWALLOWING:
            self._buffer = (self._buffer + piece)[:1]
            return
        if piece and not self._buffer and self._state is _State.IDLE and not self._controller.machine.running:
            self._answers.append(piece[0])
        room = LINE_LENGTH - len(self._buffer)
        self._buffer += piece[:room]
        if len(piece) > room:
            self._too_long(now_s)

    def _too_long(self, now_s: float) -> None:
        if self._state is _State.LOADING:
            self._compiler.line_number += 1
            self._refuse_script(ScriptFault(Code.COMMAND_TOO_LONG, LINE_LENGTH + 1), now_s)
            self._buffer = "."  # the line is not over: its line feed does not end an empty one
        else:
            echo = self._buffer[0] if self._controller.machine.running else ""
            self._answers.append(echo + self._controller.refuse(Code.COMMAND_TOO_LONG, now_s))
            self._buffer = ""

    def _end_of_line(self, now_s: float) -> None:
        line, self._buffer = self._buffer.rstrip("\r"), ""
        if self._state is _State.SWALLOWING:
            if not line:
                self._state = _State.IDLE
        elif self._state is _State.LOADING:
            self._script_line(line, now_s)
        elif self._controller.machine.running:
            self._command_while_running(line, now_s)
        elif line:
            self._command(line, now_s)
        else:
            self._answers.append("\n")
        self._answers.append(self._run(now_s))

    def _script_line(self, line: str, now_s: float) -> None:
        controller = self._controller
        try:
            if line:
                self._script_length += len(line) + 1
                if self._script_length > SCRIPT_LENGTH:
                    self._compiler.line_number += 1
                    raise ScriptFault(Code.SCRIPT_TOO_LARGE)
                self._compiler.line(line)
                self._script.append(line)
                return
            self._state = _State.IDLE
            program = self._compiler.finish()
        except ScriptFault as fault:
            self._refuse_script(fault, now_s)
            return
        if self._script:
            controller.remember("\n".join(self._script), program)
        self._loaded(program, now_s)

    def _loaded(self, program: Program, now_s: float) -> None:
        self._state = _State.IDLE
        self._controller.loaded = program
        self._answers.append("\n")
        if self._starts:
            self._controller.start(now_s)

    def _refuse_script(self, fault: ScriptFault, now_s: float) -> None:
        where = f": Line {self._compiler.line_number}, Col {fault.column}"
        self._answers.append(self._controller.refuse(fault.code, now_s, where))
        if self._state is _State.LOADING:
            self._state = _State.SWALLOWING

    def _command(self, line: str, now_s: float) -> None:
        """A command while no script runs; its first character was echoed when it came."""
        controller = self._controller
        if line in ("e", "l"):
            self._state = _State.LOADING
            self._starts = line == "e"
            controller.loaded = None
            self._compiler = Compiler(controller.machine, controller.front)
            self._script.clear()
            self._script_length = 0
            return
        try:
            self._answers.append(f"{controller.answer(line)}\n")
        except ScriptFault as fault:
            self._answers.append(controller.refuse(fault.code, now_s))
            return
        if line == "r":
            controller.start(now_s)

    def _command_while_running(self, line: str, now_s: float) -> None:
        if not line:
            return
        try:
            self._controller.act(line, now_s)
        except ScriptFault as fault:
            self._answers.append(line[0] + self._controller.refuse(fault.code, now_s))
