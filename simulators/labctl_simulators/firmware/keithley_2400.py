"""Simulated Keithley 2400 series source-measure unit (2400, 2401, 2410, 2420, 2440) with one cell connected.

Theory of operation. One command interpreter, reached over RS-232 or GPIB, does one thing after the other. A reading
measures the enabled functions in turn. ``:READ?`` measures and answers; ``:INIT`` measures beside the interpreter,
which until the end takes only what ends it (2400S-900-01 Rev. K p. 16-3). The source limits its output to the
compliance that is set, or to what the fixed measure range holds, whichever is lower ("real" and "range" compliance).

Time 0 is power-on: output off in the NORMal off state, a 0 V source with 0.5 % of the current range as its
compliance, which drains a cell (p. 13-9).

Sources: 2400S-900-01 Rev. K chapters 13, 16, 18, appendix B. What they leave open is marked ``Assumed:``. Left out:
sweeps and lists, limit tests, math, source memory, digital lines, guard, the 488.1 protocol.
"""

import math
from random import Random
from typing import NamedTuple

from labctl_simulators.cells import Cell
from labctl_simulators.firmware import (  # noqa: F401  (these fill TREE)
    keithley_2400_reading_commands,
    keithley_2400_sense_commands,
    keithley_2400_source_commands,
)
from labctl_simulators.firmware.in_turn import TurnPort
from labctl_simulators.firmware.keithley_2400_models import MODELS
from labctl_simulators.firmware.keithley_2400_tree import TREE
from labctl_simulators.firmware.keithley_2450_circuit import Circuit, Drive
from labctl_simulators.firmware.keithley_2450_models import Range, smallest_range
from labctl_simulators.firmware.keithley_2450_source import Source
from labctl_simulators.firmware.scpi_parameters import INPUT_OVERRUN, ScpiError
from labctl_simulators.firmware.scpi_status import Status, run_message

NOT_A_NUMBER, OVERFLOW = 9.91e37, 9.9e37
FIRMWARE_REVISION = "C30   Mar 17 2006 09:29:29/A02  /K/J"
LINE_FREQUENCY_Hz = 60.0
NOT_WITH_OUTPUT_OFF = (803, "Not permitted with OUTPUT off")
SOURCE_DELAY_s = 1e-3  # Assumed: the automatic one
_NORMAL_OFF_FRACTION = 0.005

# Bits of the STATus element, p. 18-50.
OVERFLOWED, FRONT, COMPLIANCE, PROTECTED = 1 << 0, 1 << 2, 1 << 3, 1 << 4
VOLTAGE_MEASURED, CURRENT_MEASURED, OHMS_MEASURED = 1 << 11, 1 << 12, 1 << 13
VOLTAGE_SOURCED, CURRENT_SOURCED, RANGE_COMPLIANCE, FOUR_WIRE = 1 << 14, 1 << 15, 1 << 16, 1 << 22

ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")
BUFFER_FULL = 512
_ACTS_WHILE_MEASURING = (b"*RST", b"*TRG", b":ABOR", b"ABOR", b":SYST:PRES", b"*RCL")


class Acquisition(NamedTuple):
    """Readings taken beside the interpreter."""

    due_s: float
    """When the next one is complete."""
    left: int


class _Source(Source):
    """The output stage; the off states are the 2450's but for the compliance of NORMal."""

    def _drive_off(self) -> Drive | None:
        if self.active.off_state == "NORM":
            return Drive(False, 0.0, _NORMAL_OFF_FRACTION * self._current_range().full_scale)
        return super()._drive_off()


class Keithley2400:
    """The instrument: settings, cell, trace buffer, error queue; ``port()`` opens a connection."""

    def __init__(self, cell: Cell, seed: int = 0, *, model: str = "2400", serial: str = "1234567") -> None:
        self.model = MODELS[model]
        self.identity = f"KEITHLEY INSTRUMENTS INC.,MODEL {model},{serial},{FIRMWARE_REVISION}"
        self.now_s = 0.0
        self.circuit = Circuit(cell)
        self.source = _Source(self.model)
        self.status = Status()
        self._random = Random(seed)
        self.trace: list[str] = []
        self.trace_points = 100
        self.trace_feed = "SENS"
        self.trace_control = "NEV"
        self.timestamp_format = "ABS"
        self.reset()

    def port(self) -> TurnPort:
        """A further connection; in reality the front panel chooses one interface."""
        return TurnPort(self)

    @property
    def circuit_closed(self) -> bool:
        """True while the output relay connects the cell: always, except with the output off in HIMPedance."""
        return self.circuit.drive is not None

    def reset(self) -> None:
        """*RST: defaults; the trace buffer is not touched (p. 18-115)."""
        self.source.reset()
        self.functions = {"CURR"}
        self.concurrent = True
        self.sense_ranges: dict[str, Range | None] = {"VOLT": None, "CURR": None}
        self.power_line_cycles = 1.0
        self.auto_zero = True
        self.remote_sense = False
        self.averaging, self.average_count, self.average_control = False, 10, "REP"
        self.ohms_auto, self.ohms_range = True, 2.1e5
        self.auto_clear = False
        self.elements: tuple[str, ...] = ELEMENTS
        self.data_format = "ASC"
        self.arm_count = self.trigger_count = 1
        self.trigger_delay_s = 0.0
        self.triggering = {"ARM:SOUR": "IMM", "TRIG:SOUR": "IMM", "ARM:OUTP": "NONE", "TRIG:OUTP": "NONE"}
        self.arm_timer_s = 0.1
        self.terminals = "FRON"
        self.beeper = True
        self.acquisition: Acquisition | None = None
        self.last: list[str] = []
        self.apply()

    # ---- an interpreter that takes its time ----

    def run_until(self, now_s: float) -> None:
        """Take the readings of an acquisition that are due."""
        while self.acquisition is not None and self.acquisition.due_s <= now_s:
            due_s, left = self.acquisition
            self.now_s = max(self.now_s, due_s)
            self.last.append(self._take_reading())
            self._feed(self.last[-1])
            self.acquisition = Acquisition(due_s + self.reading_time_s(), left - 1) if left > 1 else None
            if self.acquisition is None:
                self._finish()
        self.now_s = max(self.now_s, now_s)

    def waits_until(self, line: bytes) -> float:
        """While it measures by itself only what ends that is taken."""
        if self.acquisition is None or line.strip().upper().startswith(_ACTS_WHILE_MEASURING):
            return self.now_s
        return self.acquisition.due_s + (self.acquisition.left - 1) * self.reading_time_s()

    def execute(self, line: bytes) -> str:
        """Run one message; the first mistake ends it."""
        return run_message(TREE, self, line)

    def overrun(self) -> None:
        """A line was too long."""
        self.status.add(ScpiError(*INPUT_OVERRUN))

    # ---- source ----

    @property
    def limited(self) -> bool:
        """True while the output is held by its compliance."""
        self.circuit.advance_to(self.now_s)
        return self.source.output_on and self.circuit.limited

    def apply(self) -> None:
        """Apply the source's settings to the cell, from this moment."""
        self.circuit.advance_to(self.now_s)
        drive = self.source.drive()
        if drive is not None and self.source.output_on:
            drive = Drive(drive.sources_current, drive.level, min(drive.limit, self._range_limit()))
        self.circuit.apply(drive)

    def _range_limit(self) -> float:
        """What the fixed range of the limited quantity holds."""
        fixed = self.sense_ranges["VOLT" if self.source.function == "CURR" else "CURR"]
        return math.inf if fixed is None else fixed.maximum

    def set_output(self, on: bool) -> None:
        """:OUTP."""
        self.source.output_on = on
        self.apply()

    def select_terminals(self, terminals: str) -> None:
        """:ROUT:TERM; Assumed: the cell is wired to both, and changing them turns the output off."""
        if terminals != self.terminals:
            self.terminals = terminals
            self.set_output(False)

    # ---- readings ----

    def reading_time_s(self) -> float:
        """One aperture for each function, doubled by auto-zero (Assumed), and the delays."""
        averaged = self.average_count if self.averaging else 1
        apertures = max(1, len(self.functions)) * averaged * (2 if self.auto_zero else 1)
        active = self.source.active
        delay_s = SOURCE_DELAY_s if active.auto_delay else active.delay_s
        return apertures * self.power_line_cycles / LINE_FREQUENCY_Hz + self.trigger_delay_s + delay_s

    def read(self) -> str:
        """:READ?: all readings of one pass through the trigger model."""
        self._refuse_output_off()
        self.last = []
        for _ in range(self.arm_count * self.trigger_count):
            self.now_s += self.reading_time_s()
            self.last.append(self._take_reading())
            self._feed(self.last[-1])
        self._finish()
        return ",".join(self.last)

    def measure(self, function: str | None) -> str:
        """:MEAS?: one reading of one function; switches the output on (p. 18-120)."""
        if function is not None:
            self.configure(function)
        self.set_output(True)
        return self.read()

    def configure(self, function: str) -> None:
        """:CONF: that function alone, once. Assumed: ohms is measured beside whatever is sourced."""
        self.functions = {function}
        self.arm_count = self.trigger_count = 1

    def initiate(self) -> None:
        """:INIT: readings beside the interpreter."""
        self._refuse_output_off()
        self.last = []
        self.acquisition = Acquisition(
            self.now_s + self.reading_time_s(), self.arm_count * self.trigger_count
        )

    def abort(self) -> None:
        """:ABOR."""
        if self.acquisition is not None:
            self.acquisition = None
            self._finish()

    def _refuse_output_off(self) -> None:
        if self.auto_clear:
            self.set_output(True)
        if not self.source.output_on:
            raise ScpiError(*NOT_WITH_OUTPUT_OFF)

    def _finish(self) -> None:
        if self.auto_clear:
            self.set_output(False)

    def _feed(self, reading: str) -> None:
        """Into the trace buffer, until it is full."""
        if self.trace_control == "NEXT":
            self.trace.append(reading)
            if len(self.trace) >= self.trace_points:
                self.trace_control = "NEV"
                self.status.measurement |= BUFFER_FULL

    def _take_reading(self) -> str:
        """Measure now, and write the chosen elements."""
        self.circuit.advance_to(self.now_s)
        true = {"VOLT": self.circuit.voltage_V, "CURR": self.circuit.current_A}
        values = {name: self._value(name, value) for name, value in true.items()}
        ohm = NOT_A_NUMBER
        if "RES" in self.functions:
            ohm = true["VOLT"] / true["CURR"] if true["CURR"] else OVERFLOW
        status = self._status_bits(OVERFLOW in values.values())
        written = {**values, "RES": ohm, "TIME": self.now_s, "STAT": float(status)}
        return ",".join(f"{written[element]:+.6E}" for element in ELEMENTS if element in self.elements)

    def _value(self, function: str, true: float) -> float:
        """As measured; what is not measured is the programmed source value, or not a number."""
        if function not in self.functions and "RES" not in self.functions:
            return self.source.active.level if self.source.function == function else NOT_A_NUMBER
        ranges = self.source.ranges(function)
        fixed = (
            self.source.range_in_use(function)
            if self.source.function == function
            else self.sense_ranges[function]
        )
        if fixed is None or (self.source.function == function and abs(true) > fixed.maximum):
            fixed = smallest_range(ranges, true)
        if fixed is None or abs(true) > fixed.maximum * (1.0 + 1e-9):
            return OVERFLOW
        noise = 0.3 * fixed.resolution / math.sqrt(self.power_line_cycles)
        return round(self._random.gauss(true, noise) / fixed.resolution) * fixed.resolution

    def _status_bits(self, overflowed: bool) -> int:
        source = self.source
        bits = FRONT if self.terminals == "FRON" else 0
        bits |= OVERFLOWED if overflowed else 0
        if self.limited:
            ranged = self._range_limit() < source.active.limit
            bits |= RANGE_COMPLIANCE if ranged else COMPLIANCE
        bits |= PROTECTED if source.protection_tripped else 0
        bits |= VOLTAGE_MEASURED if "VOLT" in self.functions else 0
        bits |= CURRENT_MEASURED if "CURR" in self.functions else 0
        bits |= OHMS_MEASURED if "RES" in self.functions else 0
        bits |= CURRENT_SOURCED if source.function == "CURR" else VOLTAGE_SOURCED
        return bits | (FOUR_WIRE if self.remote_sense else 0)
