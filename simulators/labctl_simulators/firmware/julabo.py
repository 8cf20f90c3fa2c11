"""Simulated JULABO refrigerated and heating circulator, as a MAGIO MS-1000F. Not verified on hardware.

Theory of operation. A command ends with CR. Commands that ask (``in_``, ``version``, ``status``) are answered with
a line that ends with CR LF; commands that set (``out_``) are not answered, and are taken only in remote control;
what was refused is told by the next ``status``, once. Whatever it does not know is not answered either. On RS-485
the address stands before both.

Sources: MAGIO MS operating manual 1.950.1700.us.V05 chapter 11, as cited by labmcp-julabo 0.1.2; LC 6 and Magnum 91
manuals, list of commands; julabo 2.3.0 (meaning of parameters).
Assumed: working range -30 to 200 degC; 2 K/min up and 0.8 K/min down; an external Pt100 follows the bath within 2
minutes; which values the control parameters may have. Not simulated: external control, programs, the watchdog.
"""

import math
import re

from labctl_simulators.firmware.chamber_air import ChamberAir, Machine
from labctl_simulators.firmware.spoken_to import SpokenTo

LEAST_C, MOST_C = -30.0, 200.0
UNKNOWN, NOT_NOW, TOO_SMALL, TOO_LARGE, BEYOND_LIMITS = -8, -9, -10, -11, -13
WORDS = {
    UNKNOWN: "INVALID COMMAND",
    NOT_NOW: "COMMAND NOT ALLOWED IN CURRENT OPERATING MODE",
    TOO_SMALL: "VALUE TOO SMALL",
    TOO_LARGE: "VALUE TOO LARGE",
    BEYOND_LIMITS: "VALUE EXCEEDS TEMPERATURE LIMITS",
}
_STATES = ("MANUAL STOP", "MANUAL START", "REMOTE STOP", "REMOTE START")
_MACHINE = Machine(heating_K_per_s=2.0 / 60.0, cooling_K_per_s=0.8 / 60.0, settling_s=60.0, drifting_s=3600.0)
_EXTERNAL_s = 120.0
_LONGEST = 256
_ADDRESSED = re.compile(r"A(\d{3})_(.*)", re.IGNORECASE | re.DOTALL)
_COMMAND = re.compile(r"(in|out)_(sp|mode|par|hil|pv)_(\d\d)(?: (\S+))?", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d{1,6}(?:\.\d{1,6})?")

_SETTINGS = """
    sp_00 20.00 -30 200     mode_01 0 0 2   par_00 0.00             par_09 2.0 0.1 99.9
    sp_01 30.00 -30 200     mode_02 0 0 2   par_01 120              par_10 1.0 1 99.9
    sp_02 40.00 -30 200     mode_03 0 0 1   par_02 20.0             par_11 600 3 9999
    sp_03 150.00 -30 200    mode_04 0 0 0   par_03 300              par_12 60 0 999
    sp_04 -30.00 -30 200    mode_05 0 0 1   par_04 0.0 0 5          par_13 150.00 -30 200
    sp_05 0.00              mode_08 0 0 1   par_05 1.0              par_14 -30.00 -30 200
    sp_06 0.00 -100 100     hil_00 -100 -100 0  par_06 1.5 0.1 99.9 par_15 200 0 200
    sp_07 2 1 4             hil_01 100 10 100   par_07 30 3 9999    par_16 200 0 200
    par_08 5 0 999
"""
"""Commands with the value that is set at first, and least and most of those that can be set."""

_ENTRY = re.compile(r"([a-z]+_\d\d) (\S+)(?: (-?[\d.]+) (-?[\d.]+))?")
_FIRST = {found[1]: found[2] for found in _ENTRY.finditer(_SETTINGS)}
_LIMITS = {found[1]: (float(found[3]), float(found[4])) for found in _ENTRY.finditer(_SETTINGS) if found[3]}
_SET_POINTS = ("sp_00", "sp_01", "sp_02")


class Julabo:
    """The circulator; ``port()`` opens a connection.

    Args:
        cell: of no concern to a circulator.
        seed: of the noise.
        version: what it calls itself.
        lacks: commands that this model does not have: ``sp_03``, ``mode_01``.
        address: on an RS-485 line.

    Attributes:
        remote: remote control is switched on at the panel.
        values: settings by the second half of their command.
        alarm: number of the alarm that occurs; None: none.
    """

    circuit_closed = False

    def __init__(
        self,
        cell: object = None,
        seed: int = 0,
        *,
        version: str = "JULABO MAGIO MS-1000F VERSION 2.2.1",
        lacks: frozenset[str] = frozenset(),
        address: int = 1,
    ) -> None:
        self.air = ChamberAir(_MACHINE, noise_K=0.005, seed=seed)
        self.external_C = self.air.temperature_C
        self.version = version
        self.remote = True
        self.values: dict[str, float] = {name: float(text) for name, text in _FIRST.items()}
        self.alarm: int | None = None
        self.address = address
        self._lacks = lacks
        self._refused: int | None = None
        self._lived_s = 0.0

    def port(self) -> "JulaboPort":
        """A further connection."""
        return JulaboPort(self)

    def fail(self, alarm: int) -> None:
        """An alarm occurs: pump and heater stop."""
        self.alarm = alarm
        self.values["mode_05"] = 0
        self._steer()

    def answer(self, line: str, now_s: float) -> str:
        """The answer to a command without its end; empty if there is none."""
        self._live(now_s)
        if (addressed := _ADDRESSED.fullmatch(line)) is None:
            return self._carry_out(line.strip())
        if int(addressed[1]) != self.address:
            return ""
        said = self._carry_out(addressed[2].strip())
        return f"A{self.address:03d}_{said}" if said else ""

    # ---- commands ----

    def _carry_out(self, command: str) -> str:
        if command.lower() == "version":
            return self.version
        if command.lower() == "status":
            return self._status()
        found = _COMMAND.fullmatch(command)
        if found is None:
            self._refused = UNKNOWN
            return ""
        name = f"{found[2]}_{found[3]}".lower()
        if found[1].lower() == "in" and found[4] is None:
            return self._show(name)
        if name in self._lacks or name not in _LIMITS or found[1].lower() == "in" or found[4] is None:
            self._refused = UNKNOWN
        else:
            self._set(name, found[4])
        return ""

    def _show(self, name: str) -> str:
        measured = {
            "pv_00": f"{self.air.reading_C():.2f}",
            "pv_01": f"{self._power():.0f}",
            "pv_02": f"{self.external_C:.2f}",
            "pv_03": f"{self.air.temperature_C + 0.3:.2f}",
            "pv_04": "180",
        }
        if name in self._lacks or (name not in measured and name not in self.values):
            self._refused = UNKNOWN
            return ""
        if name in measured:
            return measured[name]
        decimals = len(_FIRST[name].partition(".")[2])
        return f"{self.values[name]:.{decimals}f}"

    def _set(self, name: str, text: str) -> None:
        if _NUMBER.fullmatch(text) is None:
            self._refused = UNKNOWN
            return
        value = float(text)
        low, high = _LIMITS[name]
        beyond = not self.values["sp_04"] <= value <= self.values["sp_03"]
        if not self.remote or (name == "mode_05" and value and self.alarm is not None):
            self._refused = NOT_NOW
        elif value < low:
            self._refused = TOO_SMALL
        elif value > high:
            self._refused = TOO_LARGE
        elif name in _SET_POINTS and beyond:
            self._refused = BEYOND_LIMITS
        else:
            self.values[name] = round(value, 2)
            self._steer()

    def _status(self) -> str:
        if self._refused is not None:
            code, self._refused = self._refused, None
            return f"{code:03d} {WORDS[code]}"
        if self.alarm is not None:
            return f"{self.alarm:03d} ALARM"
        state = 2 * self.remote + int(self.values["mode_05"])
        return f"{state:02d} {_STATES[state]}"

    # ---- the bath ----

    def _power(self) -> float:
        if self.air.goal_C is None:
            return 0.0
        cooling = self.air.temperature_C - self.air.goal_C > 0.05
        return -100.0 if cooling else 100.0 * self.air.effort()

    def _live(self, now_s: float) -> None:
        passed_s = now_s - self._lived_s
        if passed_s <= 0.0:
            return
        self._lived_s = now_s
        self.air.live_until(now_s)
        follows = 1.0 - math.exp(-passed_s / _EXTERNAL_s)
        self.external_C += (self.air.temperature_C - self.external_C) * follows

    def _steer(self) -> None:
        selected = _SET_POINTS[int(self.values["mode_01"])]
        self.air.goal_C = self.values[selected] if self.values["mode_05"] else None


class JulaboPort(SpokenTo):
    """One connection."""

    def __init__(self, circulator: Julabo) -> None:
        self._circulator = circulator
        self._input = b""

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived, answer every command that is whole by now."""
        *whole, self._input = (self._input + data).split(b"\r")
        self._input = self._input[-_LONGEST:]
        said = b""
        for line in whole:
            text = line[-_LONGEST:].decode("latin-1").strip()
            if text and (answer := self._circulator.answer(text, now_s)):
                said += answer.encode("latin-1") + b"\r\n"
        return said

    def close(self, now_s: float) -> None:
        """The circulator goes on as it is."""
        self._input = b""
