"""Follows the half-cycles of a run and shows them to the stop rules."""

from collections.abc import Callable

from labctl.half_cycle import HalfCycle, HalfCycleFigures
from labctl.instrument.step import Control, Step
from labctl.rules import Decision, HalfCycleStart, RuleSet


class HalfCycles:
    """The half-cycle in progress, what has been discharged so far, and the rules that watch.

    Args:
        rules: the stop rules of the run.
        equilibrium_voltage_V: what the cell shows without current; None if not known.
        keep: called with each finished half-cycle.
    """

    def __init__(
        self,
        rules: RuleSet,
        equilibrium_voltage_V: float | None,
        keep: Callable[[HalfCycle], None],
    ) -> None:
        self._rules = rules
        self._equilibrium_V = equilibrium_voltage_V
        self._keep = keep
        self.present: HalfCycleFigures | None = None
        self.last: HalfCycle | None = None
        self.discharged_C = 0.0
        self._missed_C = 0.0

    def restore(self, present: HalfCycleFigures | None, last: HalfCycle | None, discharged_C: float) -> None:
        """Go on from where an earlier process was; the rules have been shown the same."""
        self.present, self.last, self.discharged_C = present, last, discharged_C

    def miss(self, charge_C: float) -> None:
        """Charge has passed that nobody saw; it belongs to the half-cycle in progress, or to the one that begins."""
        if self.present is not None:
            self.present.miss(charge_C)
        else:
            self._missed_C += charge_C

    def begin(
        self, step: Step, cycle: int, began_s: float, current_A: float, *, pulse: bool = False
    ) -> HalfCycleFigures | None:
        """Begin, or go on with, the half-cycle to which a step belongs; None at rest.

        A pulse, and a step in which the current may reverse, are no half-cycle: their figures are their own,
        ``present`` stays as it is, and the rules are shown nothing of them.

        Args:
            step: the step that begins.
            cycle: cycle of the run.
            began_s: when it began to act on the cell.
            current_A: the first reading, which tells the direction of a voltage step.
            pulse: it is a pulse of a measurement.
        """
        if step.control is Control.REST:
            return None
        if pulse or step.reverses:
            self._missed_C = 0.0  # it has passed in this step, before it went on
            return HalfCycleFigures(cycle, -1 if step.value < 0.0 else 1, began_s, None)
        if self.present is not None:
            self.present.resume(began_s)
            return self.present
        set_A = step.value if step.control is Control.CURRENT else current_A
        sign = 1 if set_A >= 0.0 else -1
        self.present = HalfCycleFigures(cycle, sign, began_s, self._equilibrium_V)
        start = HalfCycleStart(cycle, sign, set_A, self._equilibrium_V, began_s)
        self._rules.begin_half_cycle(start)
        self.present.miss(self._missed_C)
        self._missed_C = 0.0
        return self.present

    def end(self, reason: str, *, complete: bool) -> list[Decision]:
        """Close the half-cycle in progress, if there is one; returns what the rules say to it."""
        present, self.present, self._missed_C = self.present, None, 0.0
        if present is None or not present.has_samples:
            return []
        half_cycle = present.finish(reason, complete)
        self.last = half_cycle
        if half_cycle.sign < 0:
            self.discharged_C += half_cycle.charge_C
        self._keep(half_cycle)
        return self._rules.end_half_cycle(half_cycle)
