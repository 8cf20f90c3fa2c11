"""What a Maccor channel is told for a step: its safety limits and its output; or why it cannot hold the step."""

from dataclasses import dataclass
from typing import NamedTuple

from labctl.errors import CannotHold
from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Quantity, SafetyLimits, Side, Step
from labctl_drivers.maccor_4000_models import MODELS, Ranges

_AHEAD_V = 0.01  # where the channel holds the voltage although a current is asked for
_BEYOND_V, _BEYOND = 0.02, 1.02  # where it opens
_INSIDE = (
    0.99  # at constant voltage running into the current limit is ordinary: it stays inside the safety limit
)
_SAME_WAY_V = 0.02


class Limits(NamedTuple):
    """The channel's own safety limits, (6, 10); beyond them it opens the circuit. Magnitudes but for the voltages."""

    high_V: float
    low_V: float
    charge_A: float
    discharge_A: float
    charge_W: float
    discharge_W: float


@dataclass(frozen=True, slots=True)
class Output:
    """What (6, 8) sets: the current and voltage limit each other; ``mode`` is C, D or R. Magnitude of the current."""

    mode: str
    current_A: float
    voltage_V: float
    range_number: int

    @property
    def sign(self) -> float:
        """Of the current."""
        return {"C": 1.0, "D": -1.0, "R": 0.0}[self.mode]


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything about a step but its set point.

    Attributes:
        limits: the channel's safety limits.
        highest_V, lowest_V: where it holds the voltage in a charge, in a discharge.
        most_A: at constant voltage.
        holds_V: the step holds a voltage.
        ranges: of the channel.
    """

    limits: Limits
    highest_V: float
    lowest_V: float
    most_A: float
    holds_V: bool
    ranges: Ranges

    def output(self, value: float, flowing: float = 0.0, present_V: float = 0.0) -> Output:
        """The output for a set point.

        Args:
            value: A, positive charges; of a step that holds a voltage, V.
            flowing: sign of the present current; only a voltage needs it.
            present_V: the present voltage; likewise.
        """
        if not self.holds_V:
            if not value:
                return Output("R", 0.0, self.lowest_V, 1)
            mode, voltage_V = ("C", self.highest_V) if value > 0.0 else ("D", self.lowest_V)
            return Output(mode, abs(value), voltage_V, self.ranges.number_for(abs(value)))
        # After a charge that ended at this voltage it goes on charging, although a reading was just beyond.
        charges = value - present_V >= -_SAME_WAY_V * flowing
        return Output("C" if charges else "D", self.most_A, value, self.ranges.number_for(self.most_A))


def setup_for(step: Step, ranges: Ranges, name: str) -> Setup:
    """What to arm for a step.

    Raises:
        CannotHold: it is beyond the ranges, beyond the safety limits of the step, or nothing that direct mode does.
    """
    safety = step.safety
    if step.control is Control.SCAN:
        raise CannotHold(
            "a scan changes the direction of its current on the way, and direct mode has one at a time", name
        )
    for cutoff in step.cutoffs:
        if (
            cutoff.quantity is Quantity.VOLTAGE
            and not ranges.low_V <= cutoff.threshold <= ranges.high_V - _AHEAD_V
        ):
            raise CannotHold(f"a cut-off at {cutoff.threshold:g} V; the channel goes from {ranges}", name)
    if step.control is Control.VOLTAGE:
        low_V, high_V = (
            max(safety.voltage_min_V, ranges.low_V),
            min(safety.voltage_max_V, ranges.high_V),
        )
        _refuse_unless(low_V <= step.value <= high_V, f"{step.value:g} V", ranges, name)
    elif step.control is not Control.REST:
        value_A = step.largest_A()
        most_A = min(safety.current_max_A, ranges.largest_A)
        _refuse_unless(0.0 < value_A <= most_A, f"{value_A:g} A", ranges, name)
    highest_V, lowest_V = _ahead(step, ranges)
    return Setup(
        _limits(safety, ranges),
        highest_V,
        lowest_V,
        min(_INSIDE * safety.current_max_A, ranges.largest_A),
        step.control is Control.VOLTAGE,
        ranges,
    )


def check_step(step: Step, traits: Traits) -> None:
    """Hold a step against the ranges of a model; ``run`` holds it against those of the channel.

    Raises:
        CannotHold: it cannot be held.
    """
    most_V, most_A = traits.voltage_max_V, traits.current_max_A
    ranges = MODELS.get(traits.model) or Ranges(-most_V, most_V, (most_A,) * 4)
    setup_for(step, ranges, traits.model)


def _ahead(step: Step, ranges: Ranges) -> tuple[float, float]:
    """Where the channel holds the voltage: a little beyond the nearest cut-off, which a reading has to reach."""
    highest_V, lowest_V = step.safety.voltage_max_V, step.safety.voltage_min_V
    for cutoff in step.cutoffs:
        if cutoff.quantity is Quantity.VOLTAGE and not cutoff.hold_s:
            if cutoff.side is Side.ABOVE:
                highest_V = min(highest_V, cutoff.threshold)
            else:
                lowest_V = max(lowest_V, cutoff.threshold)
    return min(highest_V + _AHEAD_V, ranges.high_V), max(lowest_V - _AHEAD_V, ranges.low_V)


def _limits(safety: SafetyLimits, ranges: Ranges) -> Limits:
    high_V = min(safety.voltage_max_V + _BEYOND_V, ranges.high_V)
    low_V = max(safety.voltage_min_V - _BEYOND_V, ranges.low_V)
    most_A = min(_BEYOND * safety.current_max_A, ranges.largest_A)
    most_W = most_A * max(abs(high_V), abs(low_V))
    return Limits(high_V, low_V, most_A, most_A, most_W, most_W)


def _refuse_unless(holds: bool, what: str, ranges: Ranges, name: str) -> None:
    if not holds:
        raise CannotHold(f"{what} is beyond its ranges ({ranges}) or the safety limits of the step", name)
