"""A step: one thing an instrument does, complete in itself and serialisable. SI units throughout."""

import math
from dataclasses import dataclass
from enum import StrEnum

from labctl.errors import InstrumentError
from labctl.instrument.course import Profile, Scan
from labctl.units import show


class Control(StrEnum):
    """What the instrument holds constant, or follows."""

    REST = "rest"
    CURRENT = "current"
    VOLTAGE = "voltage"
    POWER = "power"
    RESISTANCE = "resistance"
    SCAN = "scan"
    PROFILE = "profile"


class Quantity(StrEnum):
    """What a cut-off looks at."""

    TIME = "time"  # s since the step began
    VOLTAGE = "voltage"  # V
    CURRENT = "current"  # A, magnitude
    CHARGE = "charge"  # C passed in the step, magnitude
    ENERGY = "energy"  # J passed in the step, magnitude
    VOLTAGE_RATE = "voltage_rate"  # V/s, magnitude


class Side(StrEnum):
    """On which side of its threshold a cut-off is reached."""

    ABOVE = ">="
    BELOW = "<="


@dataclass(frozen=True, slots=True)
class Cutoff:
    """Ends a step, as planned.

    Attributes:
        quantity: what is looked at.
        side: reached when the quantity is at or beyond the threshold on this side.
        threshold: in the quantity's SI unit; 0.0 and negative voltages are ordinary values.
        hold_s: the quantity has to stay there this long.
    """

    quantity: Quantity
    side: Side
    threshold: float
    hold_s: float = 0.0

    def reached_by(self, value: float) -> bool:
        """Whether ``value`` is at or beyond the threshold."""
        return value >= self.threshold if self.side is Side.ABOVE else value <= self.threshold

    def __str__(self) -> str:
        word, scale, unit = _SHOWN[self.quantity]
        held = f" for {show(self.hold_s, 's')}" if self.hold_s else ""
        return f"{word} {self.side} {show(self.threshold / scale, unit)}{held}"


# As a person reads it: the protocol's word, the scale from SI, the unit.
_SHOWN = {
    Quantity.TIME: ("time", 1.0, "s"),
    Quantity.VOLTAGE: ("voltage", 1.0, "V"),
    Quantity.CURRENT: ("current", 1.0, "A"),
    Quantity.CHARGE: ("capacity", 3.6, "mAh"),
    Quantity.ENERGY: ("energy", 3.6, "mWh"),
    Quantity.VOLTAGE_RATE: ("voltage rate", 1.0, "V/s"),
}


@dataclass(frozen=True, slots=True)
class SafetyLimits:
    """A window that must never be left; leaving it is a fault.

    Attributes:
        voltage_min_V, voltage_max_V: allowed terminal voltage.
        current_max_A: allowed magnitude of the current.
    """

    voltage_min_V: float
    voltage_max_V: float
    current_max_A: float

    def left_by(self, voltage_V: float, current_A: float) -> str:
        """Which limit a reading is beyond, in words; empty if none. A comparison with NaN is False, hence beyond."""
        if not self.voltage_min_V <= voltage_V <= self.voltage_max_V:
            window = f"{self.voltage_min_V:g} V .. {self.voltage_max_V:g} V"
            return f"{voltage_V:.4g} V is outside the safety window {window}"
        if not abs(current_A) <= self.current_max_A:
            return f"{current_A:.4g} A is more than the safety limit of {self.current_max_A:.4g} A"
        return ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """When to keep a sample: after ``every_s``, and whenever a reading moved by a given amount.

    Attributes:
        every_s: longest time between two kept samples.
        voltage_change_V, current_change_A: a change that is kept earlier; None leaves it out.
    """

    every_s: float
    voltage_change_V: float | None = None
    current_change_A: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing an instrument does until a cut-off is reached.

    Attributes:
        control: what is held constant, or followed.
        value: A for CURRENT and W for POWER (positive charges the cell), V for VOLTAGE, ohm for RESISTANCE (through
            which the cell discharges); 0.0 for REST, SCAN and PROFILE.
        cutoffs: any of them ends the step; never empty. The end of a scan or profile is a time.
        safety: the window around the step, handed to whatever the instrument can hold by itself.
        sampling: when to keep a sample; of a scan, each level.
        scan, profile: what a SCAN or PROFILE follows.
    """

    control: Control
    value: float
    cutoffs: tuple[Cutoff, ...]
    safety: SafetyLimits
    sampling: Sampling
    scan: Scan | None = None
    profile: Profile | None = None

    @property
    def reverses(self) -> bool:
        """Whether the current may change its direction on the way: then it is no part of a half-cycle."""
        return self.control in (Control.SCAN, Control.PROFILE)

    @property
    def tracks(self) -> bool:
        """Whether the current that is asked for follows from the cell's voltage."""
        return self.control in (Control.POWER, Control.RESISTANCE)

    def largest_A(self) -> float:
        """Largest magnitude of the current that a step may ask for, where it does not hold a voltage."""
        if self.control is Control.CURRENT:
            return abs(self.value)
        if self.profile is not None and not self.profile.powers:
            return self.profile.largest
        if self.control is Control.RESISTANCE:
            highest_V = max(abs(self.safety.voltage_min_V), abs(self.safety.voltage_max_V))
            return min(highest_V / self.value, self.safety.current_max_A)
        return self.safety.current_max_A

    def current_A(self, voltage_V: float) -> float:
        """The current that a step which ``tracks`` asks for at a voltage.

        Raises:
            InstrumentError: it is beyond the safety limit.
        """
        if self.control is Control.RESISTANCE:
            return self.allowed(-voltage_V / self.value, voltage_V)
        return self.allowed(current_of(self.value, voltage_V), voltage_V)

    def allowed(self, wanted_A: float, voltage_V: float) -> float:
        """The same current.

        Raises:
            InstrumentError: it is beyond the safety limit.
        """
        if not abs(wanted_A) <= self.safety.current_max_A:
            raise InstrumentError(
                f"{self._set_point()} at {show(voltage_V, 'V')} needs more than the safety current"
            )
        return wanted_A

    def in_words(self) -> str:
        """``113.1 uA until capacity >= 0.2827 mAh or voltage >= 0.9 V``."""
        until = f"until {' or '.join(map(str, self.cutoffs))}"
        return f"{self._set_point()} {until}".lstrip()

    def _set_point(self) -> str:
        if self.scan is not None:
            return _way(self.scan)
        if self.profile is not None:
            return f"{self.profile.file} (sha256 {self.profile.sha256[:12]}), {len(self.profile.values)} set points"
        unit = _UNITS[self.control]
        return show(self.value, unit) if unit else ""

    def time_limit_s(self) -> float | None:
        """The earliest end that is known beforehand: time, charge at constant current, energy at constant power."""
        ends = [c.threshold for c in self.cutoffs if c.quantity is Quantity.TIME]
        if self.control is Control.CURRENT and self.value:
            ends += [c.threshold / abs(self.value) for c in self.cutoffs if c.quantity is Quantity.CHARGE]
        if self.control is Control.POWER and self.value:
            ends += [c.threshold / abs(self.value) for c in self.cutoffs if c.quantity is Quantity.ENERGY]
        return min(ends, default=None)


_UNITS = {
    Control.REST: "",
    Control.CURRENT: "A",
    Control.VOLTAGE: "V",
    Control.POWER: "W",
    Control.RESISTANCE: "ohm",
}


def _way(scan: Scan) -> str:
    """``3.2 V to 4 V to 2.5 V and back, 3 times at 0.1 mV/s``."""
    start = "open circuit" if scan.start_V is None else show(scan.start_V, "V")
    back = f" and back, {scan.cycles} times" if scan.cyclic else ""
    way = " to ".join((start, *(show(turn_V, "V") for turn_V in scan.turns_V)))
    return f"{way}{back} at {show(scan.rate_V_per_s * 1e3, 'mV/s')} in steps of {show(scan.stair_V, 'V')}"


def current_of(power_W: float, voltage_V: float) -> float:
    """The current of a power; endless where there is no voltage to carry it."""
    if not power_W:
        return 0.0
    return power_W / voltage_V if voltage_V > 0.0 else math.inf
