"""What instruments that run a step by themselves have in common: what a step is held against, and which end it reached.

What each of them can say besides, and in which words, stands in its own module.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from labctl.errors import CannotHold
from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Cutoff, Quantity, Side, Step


class End(NamedTuple):
    """What a step had come to when it ended; the charge without its sign."""

    time_s: float
    voltage_V: float
    current_A: float
    charge_C: float


class Short(NamedTuple):
    """By how much the end of a step may fall short of the cut-off that ended it.

    Attributes:
        part: of a current or charge.
        charge_C: in addition to that part.
    """

    time_s: float
    voltage_V: float
    part: float
    charge_C: float = 0.0


def check_programmed(
    step: Step, traits: Traits, program: str, voltages_V: tuple[float, float] | None = None
) -> None:
    """Hold a step against the ranges of an instrument that holds a current or a voltage, or rests.

    Args:
        step: what is asked for.
        traits: of the instrument.
        program: what says a step to it: ``a step file``.
        voltages_V: lowest and highest; None: as far below 0 V as above.

    Raises:
        CannotHold: it cannot be held.
    """
    safety, control = step.safety, step.control
    lowest_V, highest_V = voltages_V or (-traits.voltage_max_V, traits.voltage_max_V)
    allowed_A = min(safety.current_max_A, traits.current_max_A)
    if control not in (Control.REST, Control.CURRENT, Control.VOLTAGE):
        raise CannotHold(f"{program} has no {control} step: only rest, constant current, constant voltage")
    if control is Control.CURRENT and not 0.0 < abs(step.value) <= allowed_A:
        raise CannotHold(f"{step.value:g} A is not a current up to {allowed_A:g} A")
    if control is Control.VOLTAGE and not (
        max(safety.voltage_min_V, lowest_V) <= step.value <= min(safety.voltage_max_V, highest_V)
    ):
        raise CannotHold(f"{step.value:g} V is outside the safety window or the range of {traits.model}")
    if not traits.shortest_interval_s <= step.sampling.every_s < math.inf:
        raise CannotHold(
            f"a sample every {step.sampling.every_s:g} s; {traits.shortest_interval_s:g} s is shortest"
        )
    if held := next((cutoff for cutoff in step.cutoffs if cutoff.hold_s), None):
        raise CannotHold(f"cut-off {held}: {program} waits for no time behind a cut-off")
    if len({(cutoff.quantity, cutoff.side) for cutoff in step.cutoffs}) != len(step.cutoffs):
        raise CannotHold(f"{program} takes one cut-off of a kind")


def reached(cutoffs: Iterable[Cutoff], end: End, short: Short) -> Cutoff | None:
    """The first cut-off that the end of a step has reached; None: it ended for another reason."""
    for cutoff in cutoffs:
        part = short.part * cutoff.threshold
        value, slack = {
            Quantity.TIME: (end.time_s, short.time_s),
            Quantity.VOLTAGE: (end.voltage_V, short.voltage_V),
            Quantity.CURRENT: (abs(end.current_A), part),
            Quantity.CHARGE: (end.charge_C, part + short.charge_C),
        }[cutoff.quantity]
        if cutoff.reached_by(value + slack if cutoff.side is Side.ABOVE else value - slack):
            return cutoff
    return None
