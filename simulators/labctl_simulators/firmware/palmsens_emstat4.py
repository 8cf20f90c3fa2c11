"""Simulated PalmSens EmStat4 (HR, LR) and Nexus: the communication protocol around a MethodSCRIPT machine.

Source: EmStat4 communication protocol v1.3, MethodSCRIPT manual v1.8; PalmSens' own example clients for what they
wait for. Not verified on hardware.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from enum import Enum, auto

from labctl_simulators.cells import Cell

from .methodscript import Compiler
from .methodscript_errors import Code, ScriptFault
from .methodscript_machine import Machine, Program
from .methodscript_models import MODELS
from .methodscript_potentiostat import Potentiostat

LINE_LENGTH = 256
SCRIPT_LENGTH = 32_768  # characters. Assumed: the manual has the error (4005), not the figure.
DEAF_S = 0.1  # after an error; the manual asks clients to wait 50 to 100 ms

FIRMWARE = "1400#Oct  1 2026 12:00:00\nR*"
METHODSCRIPT_VERSION = "1.8"

# Bits of the commands that are there. Source: capability lists of CC and CM, EmStat4 communication protocol.
_COMMUNICATION_BITS = (1, *range(32, 39), 43, 44, 48, 49, 96, 97, 98, 99, 101)
_SCRIPT_BITS = (
    *range(1, 20), 21, 23, 24, 28, *range(30, 37), *range(38, 43), *range(52, 55), *range(62, 79), 80, 91, 92, 96,
    112, 114, 116,
)  # fmt: skip

_SERIAL_REGISTER = 0x06


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


class EmStat4:
    """An instrument with one channel, one line, and a cell.

    Args:
        cell: What is connected to it.
        seed: Seed of its measurement noise.
        model: ``es4_hr``, ``es4_lr`` or ``nexus1``, as the instrument itself names them.
        serial: Serial number, the answer to ``i``.
    """

    def __init__(
        self, cell: Cell, seed: int = 0, *, model: str = "es4_hr", serial: str = "ES4SIM0001"
    ) -> None:
        self.model = MODELS[model]
        self.serial = serial
        self.machine = Machine()
        self.front = Potentiostat(cell, self.model, random.Random(seed))
        self.loaded: Program | None = None
        self.stored: Program | None = None
        self.deaf_until_s = -math.inf
        self._line: SerialLine | None = None
        self._was_left = False

    def port(self) -> SerialLine:
        """The serial line; only one peer at a time can have it.

        Raises:
            ConnectionRefusedError: if the line was not closed by its present peer.
        """
        if self._line is not None:
            raise ConnectionRefusedError("the EmStat4 has one serial line, and it is taken")
        self._line = SerialLine(self, catch_up=self._was_left)
        return self._line

    def release(self) -> None:
        """The peer has left: a running script goes on, what it sends is lost."""
        self._line = None
        self._was_left = True

    @property
    def circuit_closed(self) -> bool:
        """True while the relay connects the cell."""
        return self.front.cell_on

    def run(self, now_s: float) -> str:
        """Let a running script do what is due."""
        text = self.machine.run(now_s)
        self.deaf_until_s = max(self.deaf_until_s, self.machine.fault_time_s + DEAF_S)
        return text


class SerialLine:
    """The line of an EmStat4 with its input buffer.

    Theory of operation. The first character of a command is echoed as it arrives, the rest of the answer follows
    the line feed. While a script runs, the echo waits for the line feed too, so that it cannot stand in the
    middle of a line of data. Assumed: the manual shows answers only whole.
    """

    def __init__(self, device: EmStat4, *, catch_up: bool = False) -> None:
        self._device = device
        self._catch_up = catch_up
        self._state = _State.IDLE
        self._buffer = ""
        self._answers: list[str] = []
        self._compiler = Compiler(device.machine, device.front)
        self._script_length = 0
        self._starts = False
        self._last_input_s = -math.inf
        self._closed = False

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived and answer."""
        if self._closed:
            return b""
        self._run(now_s)
        if self._state is _State.SWALLOWING and now_s - self._last_input_s >= DEAF_S:
            self._state, self._buffer = _State.IDLE, ""
        rest = data.decode("latin-1")
        while rest:
            if now_s < self._device.deaf_until_s and self._state is not _State.SWALLOWING:
                self._buffer = ""
                break
            piece, line_feed, rest = rest.partition("\n")
            self._take(piece, now_s)
            if line_feed and not (self._state is not _State.SWALLOWING and now_s < self._device.deaf_until_s):
                self._end_of_line(now_s)
        self._last_input_s = now_s
        return self._collect()

    def next_wake(self) -> float | None:
        """Time of the script's next event."""
        return None if self._closed else self._device.machine.next_due_s()

    def wake(self, now_s: float) -> bytes:
        """Do what is due."""
        if self._closed:
            return b""
        self._run(now_s)
        return self._collect()

    def close(self, now_s: float) -> None:
        """The peer is gone."""
        if not self._closed:
            self._run(now_s)
            self._closed = True
            self._device.release()

    def _run(self, now_s: float) -> None:
        if self._catch_up:  # what was sent while nobody listened is lost
            self._catch_up = False
            self._device.run(math.nextafter(now_s, -math.inf))
        self._answers.append(self._device.run(now_s))

    def _collect(self) -> bytes:
        data = "".join(self._answers).encode("latin-1")
        self._answers.clear()
        return data

    def _take(self, piece: str, now_s: float) -> None:
        """Characters that do not end a line."""
        if self._state is _State.SWALLOWING:
            self._buffer = (self._buffer + piece)[:1]
            return
        if piece and not self._buffer and self._state is _State.IDLE and not self._device.machine.running:
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
            echo = self._buffer[0] if self._device.machine.running else ""
            self._refuse(Code.COMMAND_TOO_LONG, echo, now_s)
            self._buffer = ""

    def _end_of_line(self, now_s: float) -> None:
        line, self._buffer = self._buffer, ""
        if self._state is _State.SWALLOWING:
            if not line:
                self._state = _State.IDLE
        elif self._state is _State.LOADING:
            self._script_line(line.rstrip("\r"), now_s)
        elif self._device.machine.running:
            self._command_while_running(line.rstrip("\r"), now_s)
        elif line.rstrip("\r"):
            self._command(line.rstrip("\r"), now_s)
        else:
            self._answers.append("\n")
        self._run(now_s)

    def _refuse(self, code: Code, echo: str, now_s: float, where: str = "") -> None:
        self._answers.append(f"{echo}!{code:04X}{where}\n")
        self._device.deaf_until_s = now_s + DEAF_S

    def _refuse_script(self, fault: ScriptFault, now_s: float) -> None:
        self._refuse(fault.code, "", now_s, f": Line {self._compiler.line_number}, Col {fault.column}")
        self._state = _State.SWALLOWING

    def _script_line(self, line: str, now_s: float) -> None:
        device = self._device
        try:
            if line:
                self._script_length += len(line) + 1
                if self._script_length > SCRIPT_LENGTH:
                    self._compiler.line_number += 1
                    raise ScriptFault(Code.SCRIPT_TOO_LARGE)
                self._compiler.line(line)
                return
            device.loaded = self._compiler.finish()
        except ScriptFault as fault:
            self._refuse_script(fault, now_s)
            if not line:
                self._state = _State.IDLE
            return
        self._state = _State.IDLE
        self._answers.append("\n")
        if self._starts:
            device.machine.start(device.loaded, now_s)

    def _command(self, line: str, now_s: float) -> None:
        """A command while no script runs; its first character was echoed when it came."""
        if line in ("e", "l"):
            self._state = _State.LOADING
            self._starts = line == "e"
            self._device.loaded = None
            self._compiler = Compiler(self._device.machine, self._device.front)
            self._script_length = 0
            return
        try:
            answer = self._answer(line)
        except ScriptFault as fault:
            self._refuse(fault.code, "", now_s)
            return
        self._answers.append(f"{answer}\n")
        if line == "r":
            self._device.machine.start(self._loaded(), now_s)

    def _answer(self, line: str) -> str:
        """What follows the echo."""
        if line in _SIMPLE:
            return _SIMPLE[line](self._device)
        if line == "r":
            self._loaded()
            return ""
        if line == "Fmscr":
            self._device.stored = self._loaded()
            return ""
        if line == "Lmscr":
            self._device.loaded = self._device.stored
            self._loaded()
            return ""
        if line in _RUN_TIME_COMMANDS:
            raise ScriptFault(Code.MODE_INVALID)
        if line[0] in "GS":
            return self._register(line)
        raise ScriptFault(Code.COMMAND_UNKNOWN)

    def _loaded(self) -> Program:
        if self._device.loaded is None:
            raise ScriptFault(Code.NO_SCRIPT_LOADED)
        return self._device.loaded

    def _register(self, line: str) -> str:
        """``G<2 hex>`` reads, ``S<2 hex><value>`` writes. The serial number is the only register there is."""
        if len(line) < 3:
            raise ScriptFault(Code.ARGUMENT_TOO_SHORT)
        try:
            register = int(line[1:3], 16)
        except ValueError:
            raise ScriptFault(Code.HEX_EXPECTED) from None
        if register != _SERIAL_REGISTER:
            raise ScriptFault(Code.REGISTER_UNKNOWN)
        if line[0] == "S":
            raise ScriptFault(Code.REGISTER_READ_ONLY)
        return self._device.serial

    def _command_while_running(self, line: str, now_s: float) -> None:
        if not line:
            return
        machine = self._device.machine
        try:
            action = _RUN_TIME_COMMANDS.get(line)
            if action is None:
                raise ScriptFault(Code.MODE_INVALID)
            place = len(machine.out)
            action(machine, now_s)
        except ScriptFault as fault:
            self._refuse(fault.code, line[0], now_s)
        else:
            machine.out.insert(place, f"{line}\n")


def _mask(bits: tuple[int, ...]) -> str:
    return f"{sum(1 << bit for bit in bits):X}"


_SIMPLE: dict[str, Callable[[EmStat4], str]] = {
    "t": lambda device: device.model.identity + FIRMWARE,
    "i": lambda device: device.serial,
    "v": lambda device: METHODSCRIPT_VERSION,
    "CC": lambda device: "C" + _mask(_COMMUNICATION_BITS),
    "CM": lambda device: "M" + _mask(_SCRIPT_BITS),
}

_RUN_TIME_COMMANDS: dict[str, Callable[[Machine, float], None]] = {
    "Z": Machine.abort,
    "Y": Machine.end_measurement,
    "h": Machine.halt,
    "H": Machine.resume,
    "R": lambda machine, now_s: machine.turn(),
}
