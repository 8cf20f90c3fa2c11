"""Simulated SRS EC301 potentiostat/galvanostat/ZRA with its EC19 electrometer and one cell connected.

Theory of operation. A control loop holds the voltage between WE sense and RE, or the current in WE, at a program level;
the CE switch connects it to the cell. The electrometers stay at the cell, so its voltage is measured with the switch
open too. The counter electrode's voltage is clamped to a limit that is symmetric about ground; with CE and RE at one
electrode, as here, that limits the cell's voltage.

Signs are American (manual p. 22, figure 2): voltages are WE against RE, but a current that oxidises, which flows into
the cell at WE, is negative. +1 V across 1 ohm reads -1 A.

A current is programmed as a fraction of its range: another range is another current at once. Levels of waveforms move
in steps of ``_STEP_s`` at least: what is faster than that is not seen by the cell.

Time 0 is power-on: potentiostat at 0 V, the switch open. Sources: EC301 manual, section 1.4 and chapters 3 and 8; what
they leave open is marked ``Assumed:``. Left out: the booster, IR compensation (its settings are kept and do nothing),
RTD, rotator, external inputs (nothing is connected).
"""

import math
from random import Random

from labctl_simulators.cells import Cell
from labctl_simulators.firmware.keithley_2450_circuit import Circuit, Drive
from labctl_simulators.firmware.srs_ec301_commands import execute
from labctl_simulators.firmware.srs_ec301_status import (
    CE_LIMIT,
    CURRENT_LIMIT,
    E_OVERLOAD,
    I_OVERLOAD,
    NOT_NOW,
    OUT_OF_RANGE,
    RANGE_CHANGE,
    Refused,
    Status,
)
from labctl_simulators.firmware.srs_ec301_stream import Ec301Port
from labctl_simulators.firmware.srs_ec301_waveforms import (
    ArbitraryProgram,
    PulseProgram,
    RampProgram,
    Waveform,
)

POTENTIOSTAT, GALVANOSTAT, ZRA = 0, 1, 2
CURRENT_RANGES_A = {number: 10.0 ** (1 - number) for number in range(1, 11)}
VOLTAGE_RANGES_V = {0: 2.0, 1: 5.0, 2: 15.0}
_LARGEST_A, _LARGEST_V = 1.0, 15.0
_FULL_COMPLIANCE_V = 30.0
_STEP_s = 256e-6
_ROUNDING = 1.0 + 1e-9
_MOST_STEPS = 2000
_CODES = 1 << 15  # Assumed: converters of 16 bits, both signs
_SETTINGS: dict[str, float] = {  # by command; Assumed where the manual gives no default
    **dict.fromkeys(("celimt", "irenab", "irtype", "pfback", "cicorr", "trgarm", "stsync", "rotate"), 0),
    **dict.fromkeys(("lpfile", "lpfili", "eadcfl", "addscn", "dcntrl", "verbmd", "lockfp", "brenab"), 0),
    **dict.fromkeys(("bireje", "bireji"), 0),
    **dict.fromkeys(("autotb", "iadcfl"), 1),
    "eadcrg": 2,
    "clbwth": 2,
    "avgexp": 8,
    "celimv": 30_000,
    "ciopen": 200,
    "ciperd": 100,
}


class SrsEc301:
    """The instrument: settings, program, cell; ``port()`` opens a connection.

    Attributes:
        switch_in: the safety switch on the front panel; out, the cell is disconnected whatever is commanded.
    """

    identity = (
        "Stanford_Research_Systems,EC301,s/n003012,ver1.21"  # Assumed: as other instruments of the maker
    )

    def __init__(self, cell: Cell, seed: int = 0) -> None:
        self.now_s = 0.0
        self.circuit = Circuit(cell)
        self.status = Status()
        self.switch_in = True
        self.streams: list[Ec301Port] = []
        self._random = Random(seed)
        self.reset()

    def port(self) -> Ec301Port:
        """A further connection."""
        return Ec301Port(self, execute)

    @property
    def circuit_closed(self) -> bool:
        """True while the counter electrode is connected."""
        return self.circuit.drive is not None

    def reset(self) -> None:
        """*RST: everything at its default, the cell disconnected."""
        self.settings: dict[str, float] = _SETTINGS.copy()
        self.interrupt_delays_us = [120, 200]
        self.mode = POTENTIOSTAT
        self.enabled = False
        self.range = 1
        self.autorange = False
        self.program = 0.0
        """mV, or thousandths of the current range."""
        self.ramp = RampProgram()
        self.pulse = PulseProgram()
        self.arbitrary = ArbitraryProgram()
        self.playing: Waveform | None = None
        self.playing_kind = ""
        self.ends_open = False
        self._began_s = 0.0
        self.apply()

    # ---- control loop ----

    @property
    def range_A(self) -> float:
        """The current range."""
        return CURRENT_RANGES_A[self.range]

    @property
    def units_per_level(self) -> float:
        """What a ramp's rate of 1 is, in levels per second: 100 uV/s or a thousandth of the range per second."""
        return 1.0 if self.mode == GALVANOSTAT else 0.1

    def set_mode(self, mode: int) -> None:
        """``ecmode``. Assumed: the program falls to 0, so that a voltage never becomes a current."""
        if mode == GALVANOSTAT and self.autorange:
            raise Refused(NOT_NOW)
        if mode != self.mode:
            self.mode, self.program = mode, 0.0
            self.stop()
        self.apply()

    def enable(self, on: bool) -> None:
        """``ceenab``."""
        self.enabled = on
        if not on:
            self.stop()
        self.apply()

    def set_level(self, level: float, mode: int) -> None:
        """``setvol`` in mV, ``setcur`` in thousandths of the range; ends a waveform.

        Assumed: the 1 A range ends at 1 A, as for the waveforms.
        """
        if self.mode != mode or (mode == POTENTIOSTAT and self.settings["dcntrl"]):
            raise Refused(NOT_NOW)
        self.check_level(level)
        self.stop()
        self.program = level
        self.apply()

    def check_level(self, level: float) -> None:
        """A level within what the mode and the range hold."""
        most = 15000.0
        if self.mode == GALVANOSTAT:
            most = 1000.0 if self.range == 1 else 2000.0
        if not abs(level) <= most:
            raise Refused(OUT_OF_RANGE)

    def set_range(self, number: int) -> None:
        """``irange``; the boosted ranges need a booster."""
        if self.autorange or self.settings["brenab"]:
            raise Refused(NOT_NOW)
        if number not in CURRENT_RANGES_A:
            raise Refused(OUT_OF_RANGE)
        if number == 1 and self.mode == GALVANOSTAT and abs(self.program) > 1000.0:
            raise Refused(OUT_OF_RANGE)
        self._change_range(number)
        self.apply()

    def set_autorange(self, on: bool) -> None:
        """``irnaut``."""
        feeding_back = self.settings["irenab"] and self.settings["irtype"]
        if on and (self.mode == GALVANOSTAT or feeding_back or self.settings["brenab"]):
            raise Refused(NOT_NOW)
        self.autorange = on

    def _change_range(self, number: int) -> None:
        if number != self.range:
            self.range = number
            self.status.instrument.value |= RANGE_CHANGE

    def play(self, kind: str, waveform: Waveform, *, ends_open: bool) -> None:
        """Close the loop and begin a waveform, in place of any other."""
        self.enabled = True
        self.playing, self.playing_kind, self.ends_open, self._began_s = waveform, kind, ends_open, self.now_s
        self.apply()

    def stop(self) -> None:
        """End a waveform where it is; the loop stays as it is."""
        if self.playing is not None:
            self.program = self._level_at(self.now_s)
            self.playing, self.playing_kind = None, ""

    def apply(self) -> None:
        """Apply switch, mode and level to the cell, from this moment."""
        self.circuit.advance_to(self.now_s)
        if not (self.enabled and self.switch_in):
            self.circuit.apply(None)
            return
        limit_V = self.compliance_V
        level = self._level_at(self.now_s)
        if self.mode == GALVANOSTAT:
            current_A = level * 1e-3 * self.range_A
            self.circuit.apply(Drive(True, -max(-_LARGEST_A, min(_LARGEST_A, current_A)), limit_V))
        else:
            level_V = 1e-3 * level if self.mode == POTENTIOSTAT else 0.0
            self.circuit.apply(Drive(False, max(-limit_V, min(limit_V, level_V)), _LARGEST_A))

    @property
    def compliance_V(self) -> float:
        """Where the counter electrode is clamped."""
        return 1e-3 * self.settings["celimv"] if self.settings["celimt"] else _FULL_COMPLIANCE_V

    @property
    def limiting(self) -> bool:
        """``limitg?``: the counter electrode is at its limit."""
        if self.circuit.drive is None:
            return False
        if self.mode == GALVANOSTAT:
            return self.circuit.limited
        return abs(self.circuit.voltage_V) >= self.compliance_V

    def _level_at(self, time_s: float) -> float:
        if self.playing is None:
            return self.program
        return self.playing.level(min(time_s - self._began_s, self.playing.duration_s))

    # ---- time ----

    def run_until(self, now_s: float) -> None:
        """Live until ``now_s``; whoever streams sees it."""
        for port in self.streams:
            port.take_frames(now_s)
        self.live_until(now_s)

    def live_until(self, now_s: float) -> None:
        """Let the cell live until ``now_s``, and what is played go on."""
        if self.playing is not None:
            step_s = max(_STEP_s, (now_s - self.now_s) / _MOST_STEPS)
            while self.playing is not None and self.now_s < now_s:
                self.now_s = min(now_s, self.now_s + step_s, self._began_s + self.playing.duration_s)
                if self.now_s >= self._began_s + self.playing.duration_s:
                    self._finish()
                self.apply()
        self.now_s = max(self.now_s, now_s)
        self.circuit.advance_to(self.now_s)
        self._watch()

    def next_change_s(self) -> float | None:
        """When what is played ends."""
        if self.playing is None or self.playing.duration_s == math.inf:
            return None
        return self._began_s + self.playing.duration_s

    def _finish(self) -> None:
        """The end of a ramp is open circuit or its first level; other waveforms hold their last."""
        assert self.playing is not None
        ramps = self.playing_kind == "ramp"
        self.program = self.playing.level(0.0 if ramps else self.playing.duration_s)
        self.playing, self.playing_kind = None, ""
        if self.ends_open:
            self.enabled = False

    def overload(self) -> int:
        """Limits and overloads of this moment, as bits of the measurement register."""
        current_A = abs(self.circuit.current_A)
        bits = CE_LIMIT if self.limiting else 0
        bits |= E_OVERLOAD if abs(self.voltage_V) > _LARGEST_V else 0
        bits |= I_OVERLOAD if current_A > min(2.0 * self.range_A, _LARGEST_A) * _ROUNDING else 0
        return bits | (CURRENT_LIMIT if self.mode != GALVANOSTAT and self.circuit.limited else 0)

    def _watch(self) -> None:
        """Change the range by itself, and latch limits and overloads."""
        if self.autorange and self.circuit.drive is not None:
            current_A = abs(self.circuit.current_A)
            self._change_range(next((n for n in range(10, 1, -1) if current_A <= CURRENT_RANGES_A[n]), 1))
        self.status.measurement.value |= self.overload()

    # ---- measurement ----

    @property
    def voltage_V(self) -> float:
        """True voltage of WE sense against RE."""
        if self.circuit.drive is None:
            return self.circuit.cell.voltage_V(0.0)
        return self.circuit.voltage_V

    def measure_V(self) -> float:
        """As converted; beyond the range, its end."""
        return self._convert(self.voltage_V, VOLTAGE_RANGES_V[int(self.settings["eadcrg"])])

    def measure_A(self) -> float:
        """As converted, in the American sign; beyond twice the range, its end."""
        return self._convert(-self.circuit.current_A, 2.0 * self.range_A)

    def _convert(self, value: float, full: float) -> float:
        """One code of noise before averaging (Assumed)."""
        fine = full / _CODES / math.sqrt(2.0 ** self.settings["avgexp"])
        return max(-full, min(full, round(self._random.gauss(value, fine) / fine) * fine))
