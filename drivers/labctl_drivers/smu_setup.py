"""What a source-measure unit is armed with for a step: function, ranges, limit, protection; or why it cannot be."""

from dataclasses import dataclass

from labctl.errors import CannotHold
from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Quantity, SafetyLimits, Step

_MARGIN = 1.05  # at constant current, the voltage limit stays outside the host's safety window
_MARGIN_V = 0.02
_INSIDE = (
    0.99  # at constant voltage running into the current limit is ordinary: it stays inside the safety limit
)
_PROTECTION_TOLERANCE = 1.06


@dataclass(frozen=True, slots=True)
class Ranges:
    """What one model sources and measures.

    Attributes:
        current_A, voltage_V: full scales, ascending.
        rest_A: the range on which a rest sources 0 A.
        protections_V: levels of the overvoltage protection, ascending; beyond them it is off.
        most_V: what it sources at all, where that is not the largest range with its overrange.
        over: a range holds this part of its name.
    """

    current_A: tuple[float, ...]
    voltage_V: tuple[float, ...]
    rest_A: float
    protections_V: tuple[float, ...] = ()
    most_V: float | None = None
    over: float = 1.05

    @property
    def largest_V(self) -> float:
        """Largest magnitude that can be set or measured."""
        return self.most_V or self.over * self.voltage_V[-1]

    @property
    def largest_A(self) -> float:
        """Largest magnitude that can be set or measured."""
        return self.over * self.current_A[-1]

    def current_range_A(self, value_A: float) -> float:
        """The smallest that holds it."""
        return _range_for(value_A, self.current_A, self.over)

    def voltage_range_V(self, value_V: float) -> float:
        """The smallest that holds it."""
        return _range_for(value_V, self.voltage_V, self.over)


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that is armed with the output off and stays as it is while the level changes.

    Attributes:
        source: ``CURR`` or ``VOLT``: what is sourced; the other one is limited.
        source_range: A or V.
        limit: V at constant current, A at constant voltage; for both signs.
        sense_range: of what is limited, V or A.
        protection_V: of the overvoltage protection; None: off.
    """

    source: str
    source_range: float
    limit: float
    sense_range: float
    protection_V: float | None

    @property
    def sense(self) -> str:
        """What is limited."""
        return "VOLT" if self.source == "CURR" else "CURR"


def setup_for(step: Step, ranges: Ranges, name: str) -> Setup:
    """What to arm for a step.

    Raises:
        CannotHold: a set point or cut-off is beyond the ranges, or a set point beyond the step's safety limits.
    """
    safety = step.safety
    for cutoff in step.cutoffs:
        if cutoff.quantity is Quantity.VOLTAGE and not abs(cutoff.threshold) <= ranges.largest_V:
            raise CannotHold(
                f"a cut-off at {cutoff.threshold:g} V; it measures up to {ranges.largest_V:g} V", name
            )
    window_V = max(abs(safety.voltage_min_V), abs(safety.voltage_max_V))
    limit_V = min(max(_MARGIN * window_V, window_V + _MARGIN_V), ranges.largest_V)
    protection_V = _protection_V(limit_V, ranges)
    if step.control is Control.VOLTAGE or step.scan is not None:
        limit_A = min(_INSIDE * safety.current_max_A, ranges.largest_A)
        source_range = ranges.voltage_range_V(_farthest_V(step, safety, ranges, name))
        return Setup("VOLT", source_range, limit_A, ranges.current_range_A(limit_A), protection_V)
    range_A = ranges.rest_A
    if step.control is not Control.REST:
        value_A = step.largest_A()
        _refuse_unless(abs(value_A) <= min(safety.current_max_A, ranges.largest_A), f"{value_A:g} A", name)
        range_A = ranges.current_range_A(value_A)
    return Setup("CURR", range_A, limit_V, ranges.voltage_range_V(limit_V), protection_V)


def refuse_too_fast(step: Step, traits: Traits, name: str) -> None:
    """Hold levels and set points against the time that a reading takes; one before each move, one after it.

    Raises:
        CannotHold: there is no time for it.
    """
    shortest_s = traits.shortest_interval_s
    if step.scan is not None and not step.scan.interval_s >= shortest_s:
        raise CannotHold(f"a level every {step.scan.interval_s:g} s; {shortest_s:g} s is shortest", name)
    if step.profile is not None and not step.profile.shortest_s >= 2.0 * shortest_s:
        raise CannotHold(
            f"a set point of {step.profile.shortest_s:g} s; {2 * shortest_s:g} s is shortest", name
        )


def _farthest_V(step: Step, safety: SafetyLimits, ranges: Ranges, name: str) -> float:
    """The largest magnitude of a held or scanned voltage."""
    low_V, high_V = (step.value, step.value) if step.scan is None else step.scan.extremes_V
    farthest_V = max(abs(low_V), abs(high_V))
    what = f"{step.value:g} V" if step.scan is None else f"a scan from {low_V:g} V to {high_V:g} V"
    inside = safety.voltage_min_V <= low_V and high_V <= safety.voltage_max_V
    _refuse_unless(inside and farthest_V <= ranges.largest_V, what, name)
    return farthest_V


def _range_for(value: float, ranges: tuple[float, ...], over: float) -> float:
    return next((full for full in ranges if abs(value) <= over * full), ranges[-1])


def _protection_V(limit_V: float, ranges: Ranges) -> float | None:
    needed_V = _PROTECTION_TOLERANCE * limit_V
    return next((level_V for level_V in ranges.protections_V if level_V >= needed_V), None)


def _refuse_unless(holds: bool, what: str, name: str) -> None:
    if not holds:
        raise CannotHold(f"{what} is beyond its ranges or the safety limits of the step", name)
