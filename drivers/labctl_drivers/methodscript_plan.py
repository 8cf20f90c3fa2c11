"""What the script of one step has to know, worked out once: end, intervals, conditions, and the names it uses.

Script variables: t time, v voltage, i current, a magnitude of the current, q last reading of what is watched, d its
change, g slope, h interval, x set point where it changes, e time from which on to leave the loop, s u last sent reading
and its time, k n o scratch, m.. since when a cut-off is reached, y.. z.. integrals and their last rates, w.. integral
one interval ahead.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Cutoff, Quantity, Side, Step

SAFETY_END = "a safety limit, enforced by the script itself"
TIME_END = "the longest time that a script is given, 30 days, without any cut-off"
SIGNAL = {Quantity.VOLTAGE: "v", Quantity.CURRENT: "a"}
AHEAD = 3
"""Intervals that are looked ahead for a cut-off, so that a slope that triples does not run past it."""
WINDOW = 1.25
"""The last interval may be this much longer than the others, so that none becomes tiny."""

TRACKING_S = 1.0
"""Longest time between two readings where the set point follows the voltage."""

_LONGEST_S = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A step as its script sees it.

    Attributes:
        step, traits: what to do, and what the instrument can hold.
        end_s: when the step ends at the latest.
        coarse_s: longest time between two samples.
        tick_s, fine_s: longest and shortest interval between two readings.
        judged: cut-offs that readings decide; time, and charge at constant current, are the known end instead.
        ends: what the number in the last package means, counted from 1.
        watched: the variable whose approach to a threshold and whose change decide the interval.
        wanted: a change of it that is to be sampled; None if only time counts.
        upper, lower: its nearest bounds, cut-off or safety limit.
    """

    step: Step
    traits: Traits
    end_s: float
    coarse_s: float
    tick_s: float
    fine_s: float
    judged: tuple[Cutoff, ...]
    ends: tuple[Cutoff | str, ...]
    watched: str
    wanted: float | None
    upper: float
    lower: float | None

    @property
    def lowest_V(self) -> float:
        """The lower safety limit, or the voltage below which a power would need more than the safety current."""
        lowest_V = self.step.safety.voltage_min_V
        if self.step.control is not Control.POWER:
            return lowest_V
        return max(lowest_V, abs(self.step.value) / self.step.safety.current_max_A)

    @property
    def integrals(self) -> list[Cutoff]:
        """Cut-offs on what has to be integrated."""
        return [c for c in self.judged if c.quantity in (Quantity.CHARGE, Quantity.ENERGY)]

    @property
    def held(self) -> list[Cutoff]:
        """Cut-offs that have to stay reached for a while."""
        return [c for c in self.judged if c.hold_s > 0.0]

    @property
    def tolerance_s(self) -> float:
        """How far from the end a reading is still the last one: what 32-bit floats can tell apart."""
        return max(0.4 * min(self.traits.shortest_interval_s, self.fine_s), self.end_s * 1e-6)

    def package(self, *extra: str) -> list[str]:
        """Send the present reading."""
        current = () if self.step.control is Control.REST else ("i",)
        return ["pck_start", *(f"pck_add {name}" for name in ("t", "v", *current, *extra)), "pck_end"]


def plan_step(step: Step, traits: Traits) -> StepPlan:
    """Work out a step that has been checked."""
    end_s, timed = end_time(step)
    known = (Quantity.TIME, Quantity.CHARGE) if step.control is Control.CURRENT else (Quantity.TIME,)
    judged = tuple(c for c in step.cutoffs if c.quantity not in known)
    watched, wanted = "v", step.sampling.voltage_change_V
    if step.control in (Control.VOLTAGE, Control.SCAN):
        watched, wanted = "a", step.sampling.current_change_A
    upper, lower = _bounds(step, judged)
    return StepPlan(
        step=step,
        traits=traits,
        end_s=end_s,
        coarse_s=step.sampling.every_s,
        tick_s=min(step.sampling.every_s, TRACKING_S) if step.tracks else step.sampling.every_s,
        fine_s=min(max(step.sampling.every_s / 100, traits.shortest_interval_s), 1.0, end_s),
        judged=judged,
        ends=(*judged, SAFETY_END, timed or TIME_END),
        watched=watched,
        wanted=wanted,
        upper=upper,
        lower=lower,
    )


def end_time(step: Step) -> tuple[float, Cutoff | None]:
    """When a step ends at the latest, as known beforehand, and which cut-off that is."""
    known: list[tuple[float, Cutoff]] = []
    for cutoff in step.cutoffs:
        if cutoff.quantity is Quantity.TIME:
            known.append((cutoff.threshold + cutoff.hold_s, cutoff))
        elif cutoff.quantity is Quantity.CHARGE and step.control is Control.CURRENT:
            known.append((cutoff.threshold / abs(step.value) + cutoff.hold_s, cutoff))
    return min(known, key=lambda end: end[0], default=(_LONGEST_S, None))


def _bounds(step: Step, judged: tuple[Cutoff, ...]) -> tuple[float, float | None]:
    """Nearest upper and lower bound of what is watched: cut-offs and safety limits."""
    held_V = step.control in (Control.VOLTAGE, Control.SCAN)
    quantity = Quantity.CURRENT if held_V else Quantity.VOLTAGE
    upper = [c.threshold for c in judged if c.quantity is quantity and c.side is Side.ABOVE]
    lower = [c.threshold for c in judged if c.quantity is quantity and c.side is Side.BELOW]
    if quantity is Quantity.CURRENT:
        return min([*upper, step.safety.current_max_A]), max(lower, default=None)
    return min([*upper, step.safety.voltage_max_V]), max([*lower, step.safety.voltage_min_V])


def magnitude(name: str) -> Iterator[str]:
    """Make a variable its own magnitude."""
    yield from (f"if {name} < 0", f"mul_var {name} -1", "endif")
