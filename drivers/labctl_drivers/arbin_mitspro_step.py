"""Says a step in the sixteen variables of the schedule labctl-1; refuses beforehand what they cannot say.

| MV_UD | means |
|---|---|
| 1 | set point: A of Current, V of Hold |
| 2 | current on the way to the voltage of Hold, signed |
| 3, 4, 5 | ends the step: time above, voltage above, voltage below |
| 6 | ends the step: charge or discharge capacity above, Ah |
| 7, 8 | ends Hold: current at or below the one and at or above the other |
| 9, 10, 11, 12 | ends the test: voltage above, below; current above, below |
| 13 | a reading is kept this often, s |
| 14, 15, 16 | the schedule keeps the step's last voltage, current and time there; before, they name the update |
"""

import math
import struct

from labctl.errors import CannotHold
from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Cutoff, Quantity, Side, Step
from labctl_drivers.arbin_mitspro_models import scale_of
from labctl_drivers.programmed_step import End, Short, check_programmed, reached

SCHEDULE = "labctl-1.sdx"

#: Where a jump leads, counted from 0, and the label of the step that runs then.
ENTRIES = {Control.REST: (1, "Rest"), Control.CURRENT: (2, "Current"), Control.VOLTAGE: (4, "Hold")}
WAITING = "Wait"
LABELS = ("Wait", "Rest", "ResetCurrent", "Current", "ResetHold", "Hold", "KeepV", "KeepI", "KeepT")

KEPT = slice(13, 16)

_LONGEST_S = 3.1e7
_NEVER_S, _NEVER_V, _NEVER_AH = 1e9, 1e3, 1e6
_NO_CURRENT = (-1.0, 1.0)  # at or below -1 A and at or above 1 A: never
_BELOW_LIMIT = 0.99  # a current at the limit itself would trip it with its noise
_MARKS = 1000

_SHORT = Short(time_s=2e-2, voltage_V=1e-4, part=1e-4)
"""By how much the end of a step may fall short of the cut-off that ended it."""


def check_step(step: Step, traits: Traits) -> None:
    """Hold a step against the channel's ranges, and against what the schedule's variables can say.

    Raises:
        CannotHold: it cannot be held.
    """
    lowest_V, highest_V, _ = scale_of(traits)
    check_programmed(step, traits, "the schedule", (lowest_V, highest_V))
    for cutoff in step.cutoffs:
        _check_cutoff(step, cutoff, traits)


def _check_cutoff(step: Step, cutoff: Cutoff, traits: Traits) -> None:
    control, threshold = step.control, cutoff.threshold
    match cutoff.quantity, cutoff.side:
        case Quantity.TIME, Side.ABOVE if 0.0 < threshold <= _LONGEST_S:
            return
        case Quantity.CHARGE, Side.ABOVE if control is not Control.REST and 0.0 < threshold < math.inf:
            return
        case Quantity.CURRENT, Side.BELOW if control is Control.VOLTAGE and threshold > 0.0:
            return
        case Quantity.VOLTAGE, _ if control is not Control.VOLTAGE:
            lowest_V, highest_V, _ = scale_of(traits)
            if lowest_V <= threshold <= highest_V:
                return
            raise CannotHold(f"cut-off {cutoff}: {traits.model} goes from {lowest_V:g} V to {highest_V:g} V")
    raise CannotHold(f"cut-off {cutoff} has no meaning in the schedule's {control} step")


def variables_of(step: Step, present_V: float, update: int) -> tuple[float, ...]:
    """All sixteen variables of a step that ``check_step`` has passed, as 32 bits hold them.

    Args:
        step: what to do.
        present_V: the cell's voltage; one above it is held charging, one below it discharging.
        update: counts updates, so that one that was read back is known to be this one.
    """
    cutoffs = {(cutoff.quantity, cutoff.side): cutoff.threshold for cutoff in step.cutoffs}
    time_s = cutoffs.get((Quantity.TIME, Side.ABOVE), _NEVER_S)
    above_V = cutoffs.get((Quantity.VOLTAGE, Side.ABOVE), _NEVER_V)
    below_V = cutoffs.get((Quantity.VOLTAGE, Side.BELOW), -_NEVER_V)
    charge_Ah = cutoffs.get((Quantity.CHARGE, Side.ABOVE), 3600.0 * _NEVER_AH) / 3600.0
    least_A = cutoffs.get((Quantity.CURRENT, Side.BELOW))
    low_A, high_A = _NO_CURRENT if least_A is None else (least_A, -least_A)
    safety = step.safety
    most_A = min(safety.current_max_A, _NEVER_AH)
    return (
        _single(step.value),
        _single(math.copysign(_BELOW_LIMIT * most_A, step.value - present_V)),
        _single(time_s),
        _outwards(above_V),
        -_outwards(-below_V),
        _single(charge_Ah),
        _single(low_A),
        _single(high_A),
        _single(min(safety.voltage_max_V, _NEVER_V)),
        _single(max(safety.voltage_min_V, -_NEVER_V)),
        _single(most_A),
        _single(-most_A),
        _single(step.sampling.every_s),
        *(mark(update),) * 3,
    )


def mark(update: int) -> float:
    """What stands for an update where the end of its step will be: no voltage, no current, no time."""
    return -float(_MARKS + update % _MARKS)


def _single(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def _outwards(value: float) -> float:
    """The number of 32 bits that is not below ``value``: a voltage that reaches it has reached ``value``."""
    near = _single(value)
    return near if near >= value else _single(near + max(abs(near) * 2.0**-23, 2.0**-140))


def why_ended(step: Step, end: End, *, kept: bool) -> Cutoff | None:
    """The cut-off that ended a step; None: it ended for another reason.

    Args:
        step: what was asked for.
        end: what it had come to.
        kept: voltage and current are those of the last moment. Else one cut-off of those is believed where neither
            time nor charge was reached.
    """
    unseen = [cutoff for cutoff in step.cutoffs if cutoff.quantity in (Quantity.VOLTAGE, Quantity.CURRENT)]
    if kept:
        return reached(step.cutoffs, end, _SHORT)
    seen = [cutoff for cutoff in step.cutoffs if cutoff not in unseen]
    return reached(seen, end, _SHORT) or (unseen[0] if len(unseen) == 1 else None)
