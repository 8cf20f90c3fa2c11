"""Simulated Keysight B2900 series source-measure unit (B2901A, B2911A) with one cell connected to channel 1.

Theory of operation. One command interpreter does one thing after the other; a measurement takes its aperture's time.
The limit (:SENS:<f>:PROT) holds the output; with :OUTP:PROT on the output goes off instead when the limit is reached
(noticed, in this simulation, when the instrument is next spoken to), and then, as in every emergency, the off mode
is ignored: 0 V and the switch open. The limit has a positive and a negative side; the one that the level drives towards
is the one that acts (Assumed).

Time 0 is power-on: output off in the NORMal off mode, a 0 V source with the present current limit, which drains a cell.

Sources: B2900 Series SCPI Command Reference pp. 159, 166, 190, 205, 228, 229. What it leaves open is ``Assumed:``. Left
out: channel 2, sweeps, lists, pulses, trace buffer, limit tests, math, digital lines.
"""

import math
from random import Random

from labctl_simulators.cells import Cell
from labctl_simulators.firmware.in_turn import TurnPort
from labctl_simulators.firmware.keithley_2450_circuit import Circuit, Drive
from labctl_simulators.firmware.keithley_2450_models import Model, Range, make_ranges, smallest_range
from labctl_simulators.firmware.keithley_2450_source import Source
from labctl_simulators.firmware.keysight_b2900_commands import TREE
from labctl_simulators.firmware.scpi_parameters import INPUT_OVERRUN, ScpiError
from labctl_simulators.firmware.scpi_status import Status, run_message

NOT_A_NUMBER = 9.91e37
LINE_FREQUENCY_Hz = 50.0
ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT", "SOUR")
SOURCES_CURRENT, COMPLIANCE, RANGE_OVERFLOW = 1, 0b110, 1 << 13
"""Bits of the STATus element, p. 190; Assumed: both compliance bits are set together."""


def _model(name: str, smallest_A: int) -> Model:
    decades = tuple((float(f"1e{decade}"), 0.0) for decade in range(smallest_A, 1))
    return Model(
        name,
        make_ranges((0.2, 0.0), (2.0, 0.0), (20.0, 0.0), (200.0, 0.0)),
        make_ranges(*decades, (1.5, 0.0), (3.0, 0.0)),
        maximum_voltage_V=210.0,
        maximum_current_A=3.03,
        voltage_limit_V=(1e-4, 210.0, 2.0),
        current_limit_A=(1e-9, 3.03, 100e-6),
        protection_V=(),
    )


MODELS = {name: _model(name, smallest) for name, smallest in (("B2901A", -7), ("B2911A", -8))}


class _Source(Source):
    """The output stage; NORMal off is a 0 V source with the current limit in use (Assumed)."""

    tripped = False

    def drive(self) -> Drive | None:
        """Nothing while tripped: the switch is open, whatever the off mode."""
        return None if self.tripped and not self.output_on else super().drive()

    def _drive_off(self) -> Drive | None:
        if self.active.off_state == "NORM":
            return Drive(False, 0.0, self.settings["VOLT"].limit)
        return super()._drive_off()


class KeysightB2900:
    """The instrument: settings, cell, error queue; ``port()`` opens a connection."""

    def __init__(
        self, cell: Cell, seed: int = 0, *, model: str = "B2901A", serial: str = "MY12345678"
    ) -> None:
        self.model = MODELS[model]
        self.identity = f"Keysight Technologies,{model},{serial},3.4.2011.5100"
        self.now_s = 0.0
        self.circuit = Circuit(cell)
        self.source = _Source(self.model)
        self.status = Status('+0,"No error"')
        self._random = Random(seed)
        self.reset()

    def port(self) -> TurnPort:
        """A further connection."""
        return TurnPort(self)

    @property
    def circuit_closed(self) -> bool:
        """True while the output switch connects the cell."""
        return self.circuit.drive is not None

    def reset(self) -> None:
        """*RST: defaults."""
        self.source.reset()
        self.source.tripped = False
        self.negative_limits: dict[str, float] = {}
        self.functions = {"VOLT", "CURR", "RES"}
        self.sense_ranges: dict[str, Range | None] = {"VOLT": None, "CURR": None}
        self.power_line_cycles = 1.0
        self.remote_sense = False
        self.protected = False
        self.on_auto = True
        self.off_auto = False
        self.elements: tuple[str, ...] = ELEMENTS
        self.count = 1
        self.readings: list[str] = []
        self.apply()

    # ---- an interpreter that takes its time ----

    def run_until(self, now_s: float) -> None:
        """The output goes off if its limit is reached and that is wanted."""
        self.now_s = max(self.now_s, now_s)
        self.look()

    def waits_until(self, line: bytes) -> float:
        """It is ready when it has done what it was told."""
        return self.now_s

    def overrun(self) -> None:
        """A line was too long."""
        self.status.add(ScpiError(*INPUT_OVERRUN))

    def execute(self, line: bytes) -> str:
        """Run one message; the first mistake ends it."""
        reply = run_message(TREE, self, line)
        self.look()
        return reply

    def look(self) -> None:
        """Live up to now; trip."""
        self.circuit.advance_to(self.now_s)
        if self.protected and self.limited:
            self.source.output_on, self.source.tripped = False, True
            self.circuit.apply(self.source.drive())

    # ---- source ----

    @property
    def limited(self) -> bool:
        """True while the output is held by its limit."""
        self.circuit.advance_to(self.now_s)
        return self.source.output_on and self.circuit.limited

    def apply(self) -> None:
        """Apply the source's settings to the cell, from this moment."""
        self.circuit.advance_to(self.now_s)
        drive = self.source.drive()
        negative = self.negative_limits.get(self.source.function)
        if drive is not None and self.source.output_on and drive.level < 0.0 and negative is not None:
            drive = Drive(drive.sources_current, drive.level, negative)
        self.circuit.apply(drive)

    def set_output(self, on: bool) -> None:
        """:OUTP."""
        self.source.output_on = on
        self.source.tripped = self.source.tripped and not on
        self.apply()

    def set_limit(self, source: str, limit: float, side: str) -> None:
        """:SENS:<f>:PROT, of both sides or of one."""
        if side != "NEG":
            self.source.set_limit(source, limit, None)
        if side == "BOTH":
            self.negative_limits.pop(source, None)
        elif side == "NEG":
            self.negative_limits[source] = abs(limit)
        self.apply()

    # ---- readings ----

    def aperture_s(self) -> float:
        """Voltage and current are measured at the same time; Assumed: auto-zero needs no time."""
        return self.power_line_cycles / LINE_FREQUENCY_Hz

    def spot(self, elements: tuple[str, ...] | None = None) -> str:
        """:MEAS?: one reading with the present settings; does not touch the output (Assumed)."""
        self.now_s += self.aperture_s()
        self.look()
        self.readings = [self._reading(elements or self.elements)]
        return self.readings[0]

    def read(self) -> str:
        """:READ:ARR?: as many readings as the trigger asks for."""
        self.initiate()
        return ",".join(self.readings)

    def initiate(self) -> None:
        """:INIT; switches the output on if :OUTP:ON:AUTO says so, and off if :OUTP:OFF:AUTO does."""
        if self.on_auto:
            self.set_output(True)
        self.readings = []
        for _ in range(self.count):
            self.now_s += self.aperture_s()
            self.look()
            self.readings.append(self._reading(self.elements))
        if self.off_auto:
            self.set_output(False)

    def data(self, offset: int, size: int) -> str | None:
        """:SENS:DATA?: by index, from 0; nothing is removed."""
        return ",".join(self.readings[offset : offset + size]) or None

    def _reading(self, elements: tuple[str, ...]) -> str:
        values = {name: self._value(name) for name in ("VOLT", "CURR")}
        known = values["CURR"] and NOT_A_NUMBER not in values.values() and "RES" in self.functions
        bits = SOURCES_CURRENT if self.source.function == "CURR" else 0
        bits |= COMPLIANCE if self.limited else 0
        bits |= RANGE_OVERFLOW if NOT_A_NUMBER in values.values() else 0
        written = {
            **values,
            "RES": values["VOLT"] / values["CURR"] if known else NOT_A_NUMBER,
            "TIME": self.now_s,
            "STAT": float(bits),
            "SOUR": self.source.active.level,
        }
        return ",".join(f"{written[element]:+.6E}" for element in ELEMENTS if element in elements)

    def _value(self, function: str) -> float:
        if function not in self.functions:
            return NOT_A_NUMBER
        true = self.circuit.voltage_V if function == "VOLT" else self.circuit.current_A
        ranges = self.source.ranges(function)
        scale = self.sense_ranges[function]
        if self.source.function == function:
            scale = self.source.range_in_use(function)
            scale = scale if abs(true) <= scale.maximum else None
        scale = scale or smallest_range(ranges, true)
        if scale is None or abs(true) > scale.maximum * (1.0 + 1e-9):
            return NOT_A_NUMBER
        noise = 0.3 * scale.resolution / math.sqrt(self.power_line_cycles)
        return round(self._random.gauss(true, noise) / scale.resolution) * scale.resolution
