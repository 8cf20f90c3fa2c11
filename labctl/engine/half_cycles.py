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

    def begin(self, step: Step, cycle: int, began_s: float, current_A: float) -> HalfCycleFigures | None:
        """Begin, or go on with, the half-cycle to which a step belongs; None at rest.

        Args:
            step: the step that begins.
            cycle: cycle of the run.
            began_s: when it began to act on the cell.
            current_A: the first reading, which tells the direction of a voltage step.
        """
        if step.control is Control.REST:
            return None
        if self.present is not None:
            self.present.resume(began_s)
            return self.present
        set_A = step.value if step.control is Control.CURRENT else current_A
        sign = 1 if set_A >= 0.0 else -1
        self.present = HalfCycleFigures(cycle, sign, began_s, self._equilibrium_V)
        start = HalfCycleStart(cycle, sign, set_A, self._equilibrium_V, began_s)
        self._rules.begin_half_cycle(start)
        return self.present

    def end(self, reason: str, *, complete: bool) -> list[Decision]:
        """Close the half-cycle in progress, if there is one; returns what the rules say to it."""
        if self.present is None:
            return []
        half_cycle = self.present.finish(reason, complete)
        self.present = None
        self.last = half_cycle
        if half_cycle.sign < 0:
            self.discharged_C += half_cycle.charge_C
        self._keep(half_cycle)
        return self._rules.end_half_cycle(half_cycle)
