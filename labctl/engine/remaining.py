"""What is left of a step of which a part has passed."""

from dataclasses import replace

from labctl.instrument.step import Control, Cutoff, Quantity, Step
from labctl.store.progress import Passed

_AS_GOOD_AS_REACHED = 1e-4
"""A charge limit is met to this part of it; less is not worth closing the circuit again."""


def remaining(step: Step, passed: Passed, shortest_s: float) -> Step | Cutoff:
    """The step with its time, charge and energy limits less what has passed, or the limit that is reached.

    Other cut-offs stand as they are; one that has to be held begins to be held anew. The order of the cut-offs is
    kept. Samples are asked for at least once in what is left.

    Args:
        step: the whole step.
        passed: in it so far.
        shortest_s: the shortest time worth a step of its own: between two readings of the instrument.
    """
    spent = {
        Quantity.TIME: passed.time_s,
        Quantity.CHARGE: passed.charge_C,
        Quantity.ENERGY: passed.energy_J,
    }
    cutoffs = []
    for cutoff in step.cutoffs:
        if cutoff.quantity not in spent:
            cutoffs.append(cutoff)
            continue
        left = cutoff.threshold - spent[cutoff.quantity]
        if left <= _worth(cutoff, step, shortest_s):
            return cutoff
        cutoffs.append(replace(cutoff, threshold=left))
    rest = replace(step, cutoffs=tuple(cutoffs))
    if step.profile is not None:
        rest = replace(rest, profile=step.profile.after(passed.time_s))
    limit_s = rest.time_limit_s()
    if limit_s is not None and limit_s < step.sampling.every_s:
        rest = replace(rest, sampling=replace(step.sampling, every_s=limit_s))
    return rest


def _worth(cutoff: Cutoff, step: Step, shortest_s: float) -> float:
    """What is too little to go on for, in the cut-off's unit."""
    if cutoff.quantity is Quantity.TIME:
        return shortest_s
    little = _AS_GOOD_AS_REACHED * cutoff.threshold
    if cutoff.quantity is Quantity.CHARGE and step.control is Control.CURRENT:
        little = max(little, shortest_s * abs(step.value))
    return little
