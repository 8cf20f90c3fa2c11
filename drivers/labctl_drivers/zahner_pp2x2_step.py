"""Writes a step as the parameters of one primitive of a Zahner potentiostat; refuses what a primitive cannot say.

A primitive (polarisation, or open circuit over time) ends by time, by a window of the quantity that is not held, or by
the charge that has passed. The safety window becomes the global limits, which switch off.

Source: zahner_potentiostat 1.1.2 and Zahner's examples: at most 100 readings a second, limits looked at with each.
"""

import math
from dataclasses import dataclass

from labctl.errors import CannotHold
from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Cutoff, Quantity, Sampling, Side, Step
from labctl_drivers.programmed_step import End, Short, check_programmed, reached
from labctl_drivers.zahner_pp2x2_data import Reading

_LONGEST_S = 3e7  # Assumed: a year fits
_FAR = 1e6  # a limit that is never reached
_LONGEST_PERIOD_S, _LOOKS = 1.0, 10.0  # readings between two samples that are kept, so that a limit acts soon

#: By how much the last reading may fall short of the cut-off that ended its step.
_SHORT_S, _SHORT_V, _SHORT_PART = 1e-3, 1e-4, 1e-3


def check_step(step: Step, traits: Traits) -> None:
    """Hold a step against the model's ranges, and against what a primitive can say.

    Raises:
        CannotHold: it cannot be held.
    """
    check_programmed(step, traits, "a primitive")
    safety = step.safety
    allowed_A = min(safety.current_max_A, traits.current_max_A)
    if step.control is Control.CURRENT and abs(step.value) >= allowed_A:
        raise CannotHold(
            f"{step.value:g} A is not a current below {allowed_A:g} A, where the safety current or the range ends it"
        )
    if step.control is Control.VOLTAGE and step.value in (safety.voltage_min_V, safety.voltage_max_V):
        raise CannotHold(f"{step.value:g} V is where the safety window ends it")
    for cutoff in step.cutoffs:
        _check_cutoff(step, cutoff, traits)


def _check_cutoff(step: Step, cutoff: Cutoff, traits: Traits) -> None:
    quantity, side, threshold = cutoff.quantity, cutoff.side, cutoff.threshold
    if quantity is Quantity.TIME and side is Side.ABOVE and 0.0 < threshold <= _LONGEST_S:
        return
    if (
        quantity is Quantity.CHARGE
        and side is Side.ABOVE
        and threshold > 0.0
        and step.control is not Control.REST
    ):
        return
    if (
        quantity is Quantity.VOLTAGE
        and step.control is not Control.VOLTAGE
        and abs(threshold) <= traits.voltage_max_V
    ):
        if step.control is Control.REST or side is (Side.ABOVE if step.value > 0.0 else Side.BELOW):
            return
        raise CannotHold(f"cut-off {cutoff}: above in a charge, below in a discharge")
    if (
        quantity is Quantity.CURRENT
        and side is Side.BELOW
        and threshold > 0.0
        and step.control is Control.VOLTAGE
    ):
        return
    raise CannotHold(f"cut-off {cutoff} has no meaning in a {step.control} step of a Zahner potentiostat")


@dataclass(frozen=True, slots=True)
class Primitive:
    """A step in the instrument's words.

    Attributes:
        question: what starts it, answered when it has ended.
        parameters: by command, in the order in which they are to be sent.
        period_s: between two readings.
    """

    question: bytes
    parameters: dict[str, str]
    period_s: float


def primitive_for(step: Step, traits: Traits, open_circuit_V: float) -> Primitive:
    """The primitive of a step that ``check_step`` has passed.

    Args:
        step: what to do.
        traits: of the model.
        open_circuit_V: the cell's present voltage; held above it, the current is expected to be positive.
    """
    safety, control = step.safety, step.control
    period_s = min(max(step.sampling.every_s / _LOOKS, traits.shortest_interval_s), _LONGEST_PERIOD_S)
    low_V, high_V = _voltage_window(step)
    low_A, high_A = _current_window(step, open_circuit_V)
    charge_C = _threshold(step, Quantity.CHARGE)
    expected_A = abs(step.value) if control is Control.CURRENT else safety.current_max_A
    parameters = {
        ":SESO:COUP": "gal" if control is Control.CURRENT else "pot",
        ":SESO:SFRQ": _number(1.0 / period_s),
        ":SESO:VRNG": _number(min(max(-safety.voltage_min_V, safety.voltage_max_V), traits.voltage_max_V)),
        ":SESO:CRNG:AUTO": "0",
        ":SESO:CRNG": _number(min(expected_A, traits.current_max_A)),
        ":SESO:UILT": "0",
        ":SESO:ULIM:MIN": _number(safety.voltage_min_V),
        ":SESO:ULIM:MAX": _number(safety.voltage_max_V),
        ":SESO:ULIM:STAT": "ON",
        ":SESO:ILIM:MIN": _number(-safety.current_max_A),
        ":SESO:ILIM:MAX": _number(safety.current_max_A),
        ":SESO:ILIM:STAT": "ON",
        ":PARA:UILT": "0",
        ":PARA:ULIM:MIN": _number(low_V),
        ":PARA:ULIM:MAX": _number(high_V),
        ":PARA:ULIM:STAT": "ON",
        ":PARA:ILIM:MIN": _number(low_A),
        ":PARA:ILIM:MAX": _number(high_A),
        ":PARA:ILIM:STAT": "ON",
        ":PARA:CHAR:MIN": _number(-_FAR if charge_C is None else -charge_C),
        ":PARA:CHAR:MAX": _number(_FAR if charge_C is None else charge_C),
        ":PARA:CHAR:STAT": "1",
        ":PARA:TOL:STAT": "0",
        ":PARA:TMIN": "0",
        ":PARA:TMAX": _number(_threshold(step, Quantity.TIME) or _LONGEST_S),
        ":PARA:UREL": "0",
    }
    if control is Control.CURRENT:
        parameters[":PARA:IVAL"] = _number(step.value)
    elif control is Control.VOLTAGE:
        parameters[":PARA:UVAL"] = _number(step.value)
    question = b":MEAS:OCVS?" if control is Control.REST else b":MEAS:POGA?"
    return Primitive(question, parameters, period_s)


def _voltage_window(step: Step) -> tuple[float, float]:
    low = _threshold(step, Quantity.VOLTAGE, Side.BELOW)
    high = _threshold(step, Quantity.VOLTAGE, Side.ABOVE)
    return -_FAR if low is None else low, _FAR if high is None else high


def _current_window(step: Step, open_circuit_V: float) -> tuple[float, float]:
    """Where a falling current ends: its sign is that of the way from the cell's voltage to the one that is held."""
    least_A = _threshold(step, Quantity.CURRENT, Side.BELOW)
    if least_A is None:
        return -_FAR, _FAR
    return (least_A, _FAR) if step.value >= open_circuit_V else (-_FAR, -least_A)


def _threshold(step: Step, quantity: Quantity, side: Side = Side.ABOVE) -> float | None:
    return next((c.threshold for c in step.cutoffs if (c.quantity, c.side) == (quantity, side)), None)


def _number(value: float) -> str:
    return f"{value:.9g}"


def why_ended(step: Step, last: Reading, charge_C: float, period_s: float) -> Cutoff | None:
    """The cut-off that the last reading has reached; None: the primitive ended for another reason.

    Args:
        step: what was asked for.
        last: the last reading.
        charge_C: magnitude of what has passed, added up from the readings.
        period_s: between two readings.
    """
    short = Short(_SHORT_S, _SHORT_V, _SHORT_PART, abs(last.current_A) * period_s)
    return reached(step.cutoffs, End(last.time_s, last.voltage_V, last.current_A, charge_C), short)


class Keeping:
    """Which of the readings are kept: those on the grid of the protocol's interval, and changes."""

    def __init__(self, sampling: Sampling, period_s: float) -> None:
        self._sampling = sampling
        self._slack_s = 0.5 * period_s
        self._due_s = 0.0
        self._kept = Reading(0.0, math.inf, math.inf)

    def keeps(self, reading: Reading) -> bool:
        """Whether this one is to be kept."""
        sampling = self._sampling
        on_grid = reading.time_s >= self._due_s - self._slack_s
        changed_V = abs(reading.voltage_V - self._kept.voltage_V) >= (sampling.voltage_change_V or math.inf)
        changed_A = abs(reading.current_A - self._kept.current_A) >= (sampling.current_change_A or math.inf)
        if not (on_grid or changed_V or changed_A):
            return False
        if on_grid:
            passed = math.floor((reading.time_s + self._slack_s) / sampling.every_s)
            self._due_s = (passed + 1) * sampling.every_s
        self._kept = reading
        return True
