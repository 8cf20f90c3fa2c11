"""What supply and load are armed with for a step, or why the pair cannot hold it."""

import math
from dataclasses import dataclass
from enum import StrEnum

from labctl.errors import CannotHold
from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Quantity, SafetyLimits, Step
from labctl.units import show

MOST_V, MOST_A = 32.0, 3.2  # of channels 1 and 2: DP800 Programming Guide, table 2-1
MOST_OVP_V, MOST_OCP_A = 33.0, 3.3  # table 2-2
LEAST_A = 0.05
"""Below it a digit of 1 mA, which both round to, is more than 1 % in either direction."""
LEAST_END_A = 0.01
LEAST_OHM = 0.0325
"""Assumed, from the data sheet's 1.3 V at 40 A: below this resistance the load does not take its current."""
_MILLI = 1e-3
_BEYOND, _BEYOND_V = (
    1.05,
    0.05,
)  # the supply's voltage limit stays so far outside the safety window: leads, diode
_TRIP, _TRIP_V = 1.03, 0.05  # and the overvoltage protection outside of that
_BELOW, _BELOW_V = 0.02, 0.02  # the load's starting voltage is so far below the window
_INSIDE = 0.99  # of the safety current, at constant voltage
_FINE = 1e-6


class Part(StrEnum):
    """Which of the two acts on the cell."""

    NEITHER = "neither"
    SUPPLY = "supply"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class Digits:
    """The last digit of what a model sets, V and A."""

    voltage_V: float
    current_A: float = _MILLI


SUPPLIES = {"DP832": Digits(0.01), "DP832A": Digits(0.001)}
"""Of the DP832 without its option of high resolution."""
LOADS = ("DL3021", "DL3021A")
JOINED = "+"
MODELS = {f"{supply}{JOINED}{load}": SUPPLIES[supply] for supply in SUPPLIES for load in LOADS}


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that is armed before either is switched on, and stays as it is while the set point moves.

    Attributes:
        part: who acts on the cell; the other one is off.
        holds_voltage: the supply holds a voltage; otherwise a current is held.
        limit: of the supply: V at constant current, A at constant voltage.
        overvoltage_V, overcurrent_A: of the supply's protections, and of the load's limits.
        starts_V: below it the load takes nothing.
    """

    part: Part
    holds_voltage: bool = False
    limit: float = 0.0
    overvoltage_V: float = 0.0
    overcurrent_A: float = 0.0
    starts_V: float = 0.0


def setup_for(step: Step, digits: Digits, name: str) -> Setup:
    """What to arm for a step.

    Raises:
        CannotHold: with the reason, and what would be right.
    """
    if problem := _why_not(step):
        raise CannotHold(problem, name)
    safety = step.safety
    part = _part(step)
    if part is Part.NEITHER:
        return Setup(part)
    limit_V = min(_up(max(_BEYOND * safety.voltage_max_V, safety.voltage_max_V + _BEYOND_V), digits), MOST_V)
    overvoltage_V = min(_TRIP * limit_V + _TRIP_V, MOST_OVP_V)
    if step.control is Control.VOLTAGE:
        limit_A = min(math.floor(_INSIDE * safety.current_max_A / _MILLI) * _MILLI, MOST_A)
        if problem := _why_not_voltage(step, digits, limit_A):
            raise CannotHold(problem, name)
        overcurrent_A = min(max(safety.current_max_A, 1.02 * limit_A + 0.005), MOST_OCP_A)
        return Setup(part, True, limit_A, overvoltage_V, _milli(overcurrent_A))
    largest_A = step.largest_A()
    overcurrent_A = _milli(min(max(safety.current_max_A, 1.02 * largest_A + 0.005), MOST_OCP_A))
    if part is Part.SUPPLY:
        return Setup(part, False, limit_V, _milli(overvoltage_V), overcurrent_A)
    starts_V = max(0.0, safety.voltage_min_V - max(_BELOW * safety.voltage_min_V, _BELOW_V))
    return Setup(part, False, limit_V, _milli(overvoltage_V), overcurrent_A, _milli(starts_V))


def check_step(step: Step, traits: Traits) -> None:
    """What the traits do not say: one polarity, coarse steps, a load that needs a voltage.

    Raises:
        CannotHold: a step that the pair cannot hold.
    """
    setup_for(step, MODELS[traits.model], "")


def _part(step: Step) -> Part:
    if step.control is Control.REST:
        return Part.NEITHER
    charges = step.value > 0.0 or step.control is Control.VOLTAGE
    if step.profile is not None:
        charges = max(step.profile.values) > 0.0
    if step.control is Control.RESISTANCE:
        charges = False
    return Part.SUPPLY if charges else Part.LOAD


def _why_not(step: Step) -> str:
    """What neither model of the pair can do; empty: nothing."""
    safety = step.safety
    if not safety.voltage_min_V >= 0.0:
        return (
            f"the safety window begins at {show(safety.voltage_min_V, 'V')}, and supply and load have one polarity: "
            "a cell that goes below 0 V needs a source-measure unit"
        )
    if step.scan is not None:
        return "a scan turns the current, and supply and load take turns only between steps"
    if step.profile is not None and min(step.profile.values) < 0.0 < max(step.profile.values):
        return f"{step.profile.file} turns the current, and supply and load take turns only between steps"
    ends_A = [cutoff.threshold for cutoff in step.cutoffs if cutoff.quantity is Quantity.CURRENT]
    if not all(end_A >= LEAST_END_A for end_A in ends_A):
        return (
            f"it reads the current in steps of 1 mA: an end at less than {show(LEAST_END_A, 'A')} is not seen"
        )
    if step.control in (Control.REST, Control.VOLTAGE):
        return ""
    return _why_not_current(step, safety)


def _why_not_current(step: Step, safety: SafetyLimits) -> str:
    largest_A = step.largest_A()
    if not largest_A >= LEAST_A:
        return (
            f"{show(largest_A, 'A')}: it sets the current in steps of 1 mA, which is 1 % either way "
            f"of {show(LEAST_A, 'A')}, the least that is taken; a smaller cell needs a source-measure unit"
        )
    if not largest_A <= min(safety.current_max_A, MOST_A):
        return f"{show(largest_A, 'A')} is beyond the supply's {show(MOST_A, 'A')} or the safety limit"
    lowest_V = LEAST_OHM * largest_A
    if _part(step) is Part.LOAD and not safety.voltage_min_V >= lowest_V:
        return (
            f"the load takes {show(largest_A, 'A')} down to {show(lowest_V, 'V')} at best: let the safety window "
            f"begin above, it begins at {show(safety.voltage_min_V, 'V')}"
        )
    return ""


def _why_not_voltage(step: Step, digits: Digits, limit_A: float) -> str:
    value_V, safety = step.value, step.safety
    if not safety.voltage_min_V <= value_V <= min(safety.voltage_max_V, MOST_V):
        return f"{show(value_V, 'V')} is beyond the supply's {show(MOST_V, 'V')} or the safety window"
    if abs(value_V - round(value_V / digits.voltage_V) * digits.voltage_V) > _FINE:
        return f"{show(value_V, 'V')}: the supply sets steps of {show(digits.voltage_V, 'V')}"
    if not limit_A >= LEAST_A:
        return (
            f"the safety current leaves {show(limit_A, 'A')}, and {show(LEAST_A, 'A')} is the least it limits"
        )
    return ""


def _up(value_V: float, digits: Digits) -> float:
    return round(math.ceil(value_V / digits.voltage_V - _FINE) * digits.voltage_V, 3)


def _milli(value: float) -> float:
    return round(value, 3)
