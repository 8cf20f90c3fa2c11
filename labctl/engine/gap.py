"""The gap between the last sample before an interruption and the first after it: what may have passed unseen.

What was not seen is counted as passed if it can have passed: a half-cycle is rather left short by the uncertainty than
given its charge twice. The uncertainty is stated.
"""

from dataclasses import dataclass

from labctl.instrument.step import Control, Quantity, Step
from labctl.store.progress import Opening, Passed


@dataclass(frozen=True, slots=True)
class Gap:
    """Time without samples.

    Attributes:
        start_s, end_s: from the last sample until the run is taken up again.
        reason: why there is a gap, in words.
        current_A: what flowed in it until the circuit was opened, with its sign; 0.0: nothing.
        least_C, most_C: between these two passed, magnitudes; ``most_C`` is what is counted.
    """

    start_s: float
    end_s: float
    reason: str
    current_A: float
    least_C: float
    most_C: float

    @property
    def uncertainty_C(self) -> float:
        """So much less than counted may have passed."""
        return self.most_C - self.least_C

    @property
    def passed(self) -> Passed:
        """What is counted as passed in the step."""
        return Passed(self.most_C / abs(self.current_A) if self.current_A else 0.0, self.most_C)

    def __str__(self) -> str:
        text = f"{self.reason}: no samples for {self.end_s - self.start_s:.1f} s"
        if not self.most_C:
            return f"{text}, and no charge passed"
        return (
            f"{text}; {self.most_C / 3.6:.5f} mAh counted as passed unseen, "
            f"of which {self.uncertainty_C / 3.6:.5f} mAh may not have"
        )


def current_in(step: Step | None, last_A: float) -> float:
    """The current that flows in a step of which no sample is at hand; ``last_A`` is the last that was seen."""
    if step is None or step.control is Control.REST:
        return 0.0
    return step.value if step.control is Control.CURRENT else last_A


def gap_between(
    last_s: float, opening: Opening, end_s: float, current_A: float, reason: str, held: Passed | None = None
) -> Gap:
    """The gap that follows from when the circuit was opened.

    Args:
        last_s: time of the last sample, or of the step's beginning if it had none.
        opening: when the circuit was opened.
        end_s: when the run is taken up again.
        current_A: what flowed until then.
        reason: why there is a gap.
        held: what was left of the step, where the instrument ends a step by itself; None: it would have gone on.
    """

    def charge_C(until_s: float) -> float:
        charge = abs(current_A) * max(until_s - last_s, 0.0)
        if held is None:
            return charge
        return max(min(charge, held.charge_C, held.time_s * abs(current_A)), 0.0)

    least_C, most_C = charge_C(opening.not_before_s), charge_C(opening.not_after_s)
    return Gap(last_s, end_s, reason, current_A, least_C, most_C)


def left_of(step: Step, passed: Passed) -> Passed:
    """Time and charge until the step's own limits end it; infinite where it has none."""
    ends = {Quantity.TIME: float("inf"), Quantity.CHARGE: float("inf")}
    for cutoff in step.cutoffs:
        if cutoff.quantity in ends:
            ends[cutoff.quantity] = min(ends[cutoff.quantity], cutoff.threshold)
    return Passed(ends[Quantity.TIME] - passed.time_s, ends[Quantity.CHARGE] - passed.charge_C)
