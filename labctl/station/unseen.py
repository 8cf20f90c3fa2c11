"""What may have passed between a run's last sample and the moment at which its circuit is known to be open."""

from dataclasses import dataclass

from labctl.engine.choice import node_of
from labctl.engine.gap import Gap, current_in, gap_between, left_of
from labctl.instrument.channel import Sample
from labctl.protocol.plan import Plan, StepNode
from labctl.store.progress import Opening, Passed, Progress


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who can tell when the circuit was opened. All times are experiment times.

    Attributes:
        asked_s, opened_s: before the instrument was asked anything, and when the circuit was confirmed open.
        found_closed: whether connecting found the circuit closed; None: not known.
        engine: what the engine wrote down, if it opened the circuit itself.
        keeper: what the keeper wrote down.
        within_s: so soon after the last sample, as a person knows; None: nobody knows.
        rebuilt: the cell is a simulated one that was made anew as it was at the last sample.
        autonomous: the instrument ends a step by itself.
    """

    asked_s: float
    opened_s: float
    found_closed: bool | None
    engine: Opening | None
    keeper: Opening | None
    within_s: float | None
    rebuilt: bool
    autonomous: bool

    def opening(self, last_s: float) -> Opening:
        """When the circuit was opened after the last sample, from the most certain witness."""
        if self.rebuilt:
            return Opening(last_s, last_s)
        if self.found_closed:
            return Opening(self.asked_s, self.opened_s)
        known = self.engine or self.keeper
        if known is not None:
            return known
        latest_s = self.asked_s if self.within_s is None else min(last_s + self.within_s, self.asked_s)
        return Opening(last_s, latest_s)


def gap_after(
    plan: Plan, progress: Progress, sample: Sample | None, witnesses: Witnesses, reason: str
) -> Gap:
    """What may have passed unseen.

    Args:
        plan: the run's plan.
        progress: how far it had come, in experiment time.
        sample: its last; None if there was none.
        witnesses: who can tell when the circuit was opened.
        reason: why there is a gap.
    """
    node = node_of(plan, progress)
    step = node.step if isinstance(node, StepNode) and not progress.done else None
    last_A = 0.0 if sample is None else sample.current_A
    last_s = progress.time_s if step is None or sample is None else sample.time_s
    current_A = current_in(step, last_A)
    if progress.done and witnesses.found_closed:  # between two steps the circuit may stay closed
        current_A = last_A
    held = None
    if step is not None:
        passed = Passed()
        if progress.step is not None:
            passed = progress.step.passed
            last_s = max(last_s, progress.step.began_s)
        if witnesses.autonomous:
            held = left_of(step, passed)
    return gap_between(last_s, witnesses.opening(last_s), witnesses.opened_s, current_A, reason, held)
