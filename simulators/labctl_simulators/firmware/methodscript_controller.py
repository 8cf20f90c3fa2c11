"""What a MethodSCRIPT instrument is without its line: identity, scripts, machine, front end, answers to commands.

Source: EmStat4 communication protocol v1.3, chapter on commands.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .methodscript_errors import Code, ScriptFault
from .methodscript_machine import Machine, Program
from .methodscript_potentiostat import Potentiostat

_REMEMBERED_PROGRAMS = 32

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


class Controller:
    """One instrument; scripts are loaded into it and stored in it whoever is on its line."""

    def __init__(self, front: Potentiostat, serial: str) -> None:
        self.front = front
        self.serial = serial
        self.machine = Machine()
        self.loaded: Program | None = None
        self.stored: Program | None = None
        self.programs: dict[str, Program] = {}
        self._deaf_until_s = -math.inf

    def is_deaf(self, now_s: float) -> bool:
        """True for a moment after each error: input is dropped."""
        return now_s < self._deaf_until_s

    def refuse(self, code: Code, now_s: float, where: str = "") -> str:
        """The answer to something wrong, without its echo; the instrument is deaf from now on."""
        self._deaf_until_s = now_s + DEAF_S
        return f"!{code:04X}{where}\n"

    def run(self, now_s: float) -> str:
        """Let a running script do what is due; returns what it sent."""
        machine = self.machine
        text = machine.run(now_s)
        deaf_until_s = machine.fault_time_s + DEAF_S
        if deaf_until_s > self._deaf_until_s:
            self._deaf_until_s = deaf_until_s
        return text

    def start(self, now_s: float) -> None:
        """Run the loaded script; 000C if there is none."""
        self.machine.start(self._loaded(), now_s)

    def remember(self, script: str, program: Program) -> None:
        """Keep a compiled script under its text in ``programs``: those that came lately."""
        if len(self.programs) >= _REMEMBERED_PROGRAMS:
            self.programs.clear()
        self.programs[script] = program

    def answer(self, command: str) -> str:
        """Answer to a command while no script runs, without the echo of its first character.

        Raises:
            ScriptFault: what is wrong with it; 0003 for an unknown one.
        """
        if command in _ANSWERS:
            return _ANSWERS[command](self)
        if command in RUN_TIME_COMMANDS:
            raise ScriptFault(Code.MODE_INVALID)
        if command[0] in "GS":
            return self._register(command)
        raise ScriptFault(Code.COMMAND_UNKNOWN)

    def act(self, command: str, now_s: float) -> None:
        """A command while a script runs: its answer goes out before what it causes.

        Raises:
            ScriptFault: 0006 for all that is not meant for a running script, or not for its present state.
        """
        action = RUN_TIME_COMMANDS.get(command)
        if action is None:
            raise ScriptFault(Code.MODE_INVALID)
        place = len(self.machine.out)
        action(self.machine, now_s)
        self.machine.out.insert(place, f"{command}\n")

    def _loaded(self) -> Program:
        if self.loaded is None:
            raise ScriptFault(Code.NO_SCRIPT_LOADED)
        return self.loaded

    def check_loaded(self) -> str:
        """``r``: 000C if nothing is loaded; it starts once its answer is out."""
        self._loaded()
        return ""

    def store(self) -> str:
        """``Fmscr``: keep the loaded script in flash memory."""
        self.stored = self._loaded()
        return ""

    def recall(self) -> str:
        """``Lmscr``: load the script from flash memory."""
        self.loaded = self.stored
        return self.check_loaded()

    def _register(self, command: str) -> str:
        """``G<2 hex>`` reads, ``S<2 hex><value>`` writes. The serial number is the only register there is."""
        if len(command) < 3:
            raise ScriptFault(Code.ARGUMENT_TOO_SHORT)
        try:
            register = int(command[1:3], 16)
        except ValueError:
            raise ScriptFault(Code.HEX_EXPECTED) from None
        if register != _SERIAL_REGISTER:
            raise ScriptFault(Code.REGISTER_UNKNOWN)
        if command[0] == "S":
            raise ScriptFault(Code.REGISTER_READ_ONLY)
        return self.serial


def _mask(bits: tuple[int, ...]) -> str:
    return f"{sum(1 << bit for bit in bits):X}"


_ANSWERS: dict[str, Callable[[Controller], str]] = {
    "t": lambda controller: controller.front.model.identity + FIRMWARE,
    "i": lambda controller: controller.serial,
    "v": lambda controller: METHODSCRIPT_VERSION,
    "CC": lambda controller: "C" + _mask(_COMMUNICATION_BITS),
    "CM": lambda controller: "M" + _mask(_SCRIPT_BITS),
    "r": Controller.check_loaded,
    "Fmscr": Controller.store,
    "Lmscr": Controller.recall,
}

RUN_TIME_COMMANDS: dict[str, Callable[[Machine, float], None]] = {
    "Z": Machine.abort,
    "Y": Machine.end_measurement,
    "h": Machine.halt,
    "H": Machine.resume,
    "R": lambda machine, now_s: machine.turn(),
}
