"""The measuring half of a source-measure unit: functions, ranges, aperture, noise, overflow, read-back.

Noise. A quantity that is sourced and read back carries the source's noise (SPEC-2450 Rev. A p. 2, RMS below
10 Hz); a quantity that is only measured carries, ``Assumed:``, one count of the range's resolution RMS at 1 power
line cycle. Both shrink with the square root of cycles times averaged readings and are rounded to the resolution.
Assumed: bell-shaped, the sum of three uniform numbers, whose standard deviation is 1/2.
A reading is the value at the end of its aperture, which is also its time stamp.

Time of a reading. One aperture is NPLC / line frequency; reading back the source and auto-zero double it each
(Assumed, from the timings that drivers budget; the manuals have no table).
"""

import math
from dataclasses import dataclass, field
from random import Random

from labctl_simulators.firmware.keithley_2450_circuit import Circuit
from labctl_simulators.firmware.keithley_2450_models import Model, Range, make_ranges, smallest_range

OVERFLOW = 9.9e37
LINE_FREQUENCY_Hz = 60.0
UNITS = {"VOLT": "Volt", "CURR": "Ampere", "RES": "Ohm"}

QUESTIONABLE = 1
FRONT_TERMINALS = 8
SOURCE_PROTECTED, SOURCE_READ_BACK, SOURCE_LIMITED, SOURCE_SENSED, SOURCE_ON = 4, 8, 32, 64, 128
"""Bits of the SOURSTATus element (2470 Reference Manual p. 14-32)."""


@dataclass(slots=True)
class SenseSettings:
    """What is remembered for one measure function (:SENSe:<function>)."""

    fixed_range: Range | None = None
    """None while autorange is on."""
    power_line_cycles: float = 1.0
    remote_sense: bool = False
    auto_zero: bool = True
    averaging: bool = False
    average_count: int = 10
    average_control: str = "REP"
    relative: bool = False
    relative_offset: float = 0.0
    user_delays_s: list[float] = field(default_factory=lambda: [0.0] * 5)

    @property
    def averaged_readings(self) -> int:
        """Readings that make one: a repeating filter takes them all anew."""
        return self.average_count if self.averaging else 1


class Meter:
    """Turns the circuit's operating point into readings."""

    def __init__(self, model: Model, random: Random) -> None:
        self.model = model
        self._random = random
        self.reset()

    def reset(self) -> None:
        """*RST. Default function: current, as the default source is voltage."""
        self.function = "CURR"
        self.count = 1
        self.settings = {name: SenseSettings() for name in UNITS}

    @property
    def active(self) -> SenseSettings:
        """Settings of the function in use."""
        return self.settings[self.function]

    def reading_time_s(self, read_back: bool) -> float:
        """How long one reading takes."""
        active = self.settings[self.function]
        aperture_s = active.power_line_cycles / LINE_FREQUENCY_Hz
        if active.averaging:
            aperture_s *= active.average_count
        if active.auto_zero:
            aperture_s *= 2.0
        return aperture_s * 2.0 if read_back else aperture_s

    def measure(self, circuit: Circuit, sourced: str | None, source_range: Range) -> tuple[float, int]:
        """A reading of the active function in V, A or ohm, and its status bits.

        ``sourced`` is the function that is sourced, None with the output off: it is measured on ``source_range``.
        """
        function = self.function
        active = self.settings[function]
        if function == "RES":
            value = self._resistance(circuit, active)
        else:
            true = circuit.voltage_V if function == "VOLT" else circuit.current_A
            if function == sourced:
                value = self._reading(true, source_range, source_range.source_noise, active)
            else:
                value = self._measured(true, function, active)
        if value == OVERFLOW:
            return value, FRONT_TERMINALS | QUESTIONABLE
        return value - active.relative_offset if active.relative else value, FRONT_TERMINALS

    def read_back(self, circuit: Circuit, sourced: str, source_range: Range) -> float:
        """The measured value of what is sourced, in A or V; a larger range is taken where the source is driven."""
        true = circuit.current_A if sourced == "CURR" else circuit.voltage_V
        scale = source_range
        if abs(true) > scale.maximum:
            scale = smallest_range(self.ranges(sourced), true) or scale
        return self._reading(true, scale, scale.source_noise, self.settings[self.function])

    def range_in_use(self, function: str, circuit: Circuit) -> float:
        """Positive full scale that a reading of ``function``, not sourced, would use now."""
        if function == "RES":
            current_A = circuit.current_A
            true = abs(circuit.voltage_V / current_A) if current_A else math.inf
        else:
            true = circuit.voltage_V if function == "VOLT" else circuit.current_A
        ranges = self.ranges(function)
        return (self.settings[function].fixed_range or smallest_range(ranges, true) or ranges[-1]).full_scale

    def ranges(self, function: str) -> tuple[Range, ...]:
        """The ranges that :SENSe:<function>:RANGe chooses from."""
        if function == "RES":
            return RESISTANCE_RANGES
        return self.model.voltage_ranges if function == "VOLT" else self.model.current_ranges

    def _measured(self, true: float, function: str, active: SenseSettings) -> float:
        """Measure on the fixed range or the smallest that holds the value."""
        scale = active.fixed_range or smallest_range(self.ranges(function), true)
        return OVERFLOW if scale is None else self._reading(true, scale, scale.resolution, active)

    def _reading(self, true: float, scale: Range, noise: float, active: SenseSettings) -> float:
        _, maximum, resolution, _ = scale
        if not -maximum <= true <= maximum:
            return OVERFLOW
        if active.power_line_cycles != 1.0 or active.averaging:
            noise /= math.sqrt(active.power_line_cycles * active.averaged_readings)
        uniform = self._random.random
        deviation = 2.0 * noise * (uniform() + uniform() + uniform() - 1.5)
        return round((true + deviation) / resolution) * resolution

    def _resistance(self, circuit: Circuit, active: SenseSettings) -> float:
        voltage_V = self._measured(
            circuit.voltage_V, "VOLT", SenseSettings(power_line_cycles=active.power_line_cycles)
        )
        current_A = self._measured(
            circuit.current_A, "CURR", SenseSettings(power_line_cycles=active.power_line_cycles)
        )
        if current_A == 0.0 or OVERFLOW in (voltage_V, current_A):
            return OVERFLOW
        ohm = voltage_V / current_A
        fixed = active.fixed_range
        return OVERFLOW if fixed and abs(ohm) > fixed.maximum else ohm


RESISTANCE_RANGES = make_ranges(*((10.0**n * 2.0, 0.0) for n in range(1, 9)))
"""Ranges of the ohms function in ohm (2450 front panel: 20 ohm to 200 Mohm)."""
