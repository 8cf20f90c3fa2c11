"""The sourcing half of a source-measure unit: function, level, limit, protection, and what output off means.

Output-off states (2450 Reference Manual p. 6-32; 2461 p. 2-97; 2470 p. 15-12). NORMal, the default, is a voltage
source of 0 V whose current limit is 10 % of the range: it drains a cell. ZERO is the same with the limit of the
source in use. GUARd is a current source of 0 A with a voltage limit of 10 % of the voltage range. Only HIMPedance
opens the relay. The state is remembered per source function, and a change of function turns the output off.
"""

from dataclasses import dataclass, field

from labctl_simulators.firmware.keithley_2450_circuit import Drive
from labctl_simulators.firmware.keithley_2450_models import Model, Range, smallest_range
from labctl_simulators.firmware.scpi_parameters import OUT_OF_RANGE, ScpiError

RELAY_SETTLING_s = 0.015
"""After the output goes on from high impedance (2450 Reference Manual p. 2-83)."""
AUTO_DELAY_s = 1e-3
"""Assumed: the automatic source delay; the manual's is 1 to 50 ms, depending on the range."""
OFF_FRACTION = 0.1


@dataclass(slots=True)
class SourceSettings:
    """What is remembered for one source function (:SOURce:<function>); V or A as the function and its limit say."""

    limit: float
    level: float = 0.0
    fixed_range: Range | None = None
    """None while autorange is on."""
    read_back: bool = True
    delay_s: float = AUTO_DELAY_s
    auto_delay: bool = True
    off_state: str = "NORM"
    user_delays_s: list[float] = field(default_factory=lambda: [0.0] * 5)


class Source:
    """Settings of the output stage and the drive that follows from them."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.interlock_closed = True
        """Hook for tests: False as with no interlock plug; voltages above 42 V are then out of reach."""
        self.reset()

    def reset(self) -> None:
        """*RST: output off, normal off state, 0 V."""
        self.function = "VOLT"
        self.output_on = False
        self.protection_V: float | None = None
        self.settings = {
            "CURR": SourceSettings(limit=self.model.voltage_limit_V[2]),
            "VOLT": SourceSettings(limit=self.model.current_limit_A[2]),
        }

    @property
    def active(self) -> SourceSettings:
        """Settings of the function in use."""
        return self.settings[self.function]

    def ranges(self, function: str) -> tuple[Range, ...]:
        """The ranges that :SOURce:<function>:RANGe chooses from."""
        return self.model.current_ranges if function == "CURR" else self.model.voltage_ranges

    def range_in_use(self, function: str) -> Range:
        """The fixed range, or the smallest that holds the level."""
        settings = self.settings[function]
        ranges = self.ranges(function)
        return settings.fixed_range or smallest_range(ranges, settings.level) or ranges[-1]

    def set_level(self, function: str, level: float) -> None:
        """Set A or V; refused beyond the model's range or a fixed range (Assumed: -222 for both), never clipped."""
        self.check_level(function, level)
        fixed = self.settings[function].fixed_range
        if fixed is not None and abs(level) > fixed.maximum:
            raise ScpiError(*OUT_OF_RANGE)
        self.settings[function].level = level

    def check_level(self, function: str, level: float) -> None:
        """Refuse a level that the model cannot source on any range."""
        model = self.model
        if abs(level) > (model.maximum_current_A if function == "CURR" else model.maximum_voltage_V):
            raise ScpiError(*OUT_OF_RANGE)

    def set_limit(self, function: str, limit: float, measure_range: Range | None) -> None:
        """Set the magnitude of VLIM or ILIM; it has to exceed 0.1 % of a fixed measure range (p. 6-94)."""
        model, limit = self.model, abs(limit)
        smallest, largest, _ = model.voltage_limit_V if function == "CURR" else model.current_limit_A
        if function == "CURR" and self.protection_V is not None:
            largest = min(largest, self.protection_V)
        if measure_range is not None and limit <= 1e-3 * measure_range.full_scale:
            raise ScpiError(*OUT_OF_RANGE)
        if not smallest <= limit <= largest:
            raise ScpiError(*OUT_OF_RANGE)
        self.settings[function].limit = limit

    def set_range(self, function: str, value: float) -> None:
        """Fix the smallest range that holds ``value``; refused if it does not hold the level (Assumed)."""
        chosen = smallest_range(self.ranges(function), value)
        if chosen is None or abs(self.settings[function].level) > chosen.maximum:
            raise ScpiError(*OUT_OF_RANGE)
        self.settings[function].fixed_range = chosen

    @property
    def voltage_ceiling_V(self) -> float:
        """The voltage that over-voltage protection and interlock leave; both signs."""
        ceiling = self.model.maximum_voltage_V if self.protection_V is None else self.protection_V
        return ceiling if self.interlock_closed else min(ceiling, 42.0)

    @property
    def protection_tripped(self) -> bool:
        """True while the protection, not the programmed level, sets a voltage source's voltage."""
        return (
            self.output_on
            and self.protection_V is not None
            and self.function == "VOLT"
            and abs(self.settings["VOLT"].level) > self.protection_V
        )

    def drive(self) -> Drive | None:
        """What the output stage applies; None when the relay is open."""
        return self._drive_on() if self.output_on else self._drive_off()

    def _drive_on(self) -> Drive:
        active, ceiling_V = self.active, self.voltage_ceiling_V
        if self.function == "CURR":
            return Drive(True, active.level, min(active.limit, ceiling_V))
        return Drive(False, max(-ceiling_V, min(active.level, ceiling_V)), active.limit)

    def _drive_off(self) -> Drive | None:
        active = self.active
        tenth_A = OFF_FRACTION * self._current_range().full_scale
        if active.off_state == "HIMP":
            return None
        if active.off_state == "GUAR":
            return Drive(True, 0.0, OFF_FRACTION * self._voltage_range().full_scale)
        if active.off_state == "ZERO":
            limit_A = active.limit if self.function == "VOLT" else max(abs(active.level), tenth_A)
            return Drive(False, 0.0, limit_A)
        return Drive(False, 0.0, tenth_A)

    def _current_range(self) -> Range:
        """The current range in use: of the source, or the one that the current limit needs."""
        if self.function == "CURR":
            return self.range_in_use("CURR")
        ranges = self.model.current_ranges
        return smallest_range(ranges, self.settings["VOLT"].limit) or ranges[-1]

    def _voltage_range(self) -> Range:
        if self.function == "VOLT":
            return self.range_in_use("VOLT")
        ranges = self.model.voltage_ranges
        return smallest_range(ranges, self.settings["CURR"].limit) or ranges[-1]
