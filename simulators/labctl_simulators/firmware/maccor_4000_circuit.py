"""What flows between a channel of the simulated Maccor and its cell: set points limit each other.

Whichever of current, voltage, power and resistance allows the least current holds; the current has the direction of the
step and never turns. Source: Maccor help, (3, 1) for the ranges, (6, 7) "mutually limiting".
"""

import math
from dataclasses import dataclass

from labctl_simulators.cells import Cell

from .maccor_4000_procedure import DISCHARGE, Stage

_HALVED = 30


@dataclass(frozen=True, slots=True)
class Model:
    """What the channels of a tester can do; currents of the ranges 4 to 1."""

    low_V: float
    high_V: float
    ranges_A: tuple[float, float, float, float] = (5.0, 0.15, 0.005, 0.00015)
    tick_s: float = 0.005

    def range_A(self, stage: Stage) -> float:
        """Full scale of the range that a step is carried out in."""
        if stage.current_range:
            return self.ranges_A[4 - stage.current_range]
        return min((full for full in self.ranges_A if full >= stage.current_A), default=self.ranges_A[0])


MODELS = {"bipolar-5V": Model(-5.0, 5.0), "5V": Model(0.0, 5.0), "10V": Model(0.0, 10.0)}


def output(cell: Cell, model: Model, stage: Stage) -> tuple[float, float | None]:
    """The present current of a charge or discharge, and the voltage that is held, if one is."""
    sign = -1.0 if stage.kind == DISCHARGE else 1.0
    most_A = _least_of(cell, stage, sign, min(stage.current_A, model.range_A(stage)))
    end_V = model.low_V if sign < 0.0 else model.high_V
    wanted_V = end_V if stage.voltage_V is None else stage.voltage_V
    held_V = max(wanted_V, end_V) if sign < 0.0 else min(wanted_V, end_V)
    if sign * cell.voltage_V(sign * most_A) <= sign * held_V:
        return sign * most_A, None
    held_A = cell.current_A(held_V)
    return (held_A, held_V) if sign * held_A > 0.0 else (0.0, None)


def _least_of(cell: Cell, stage: Stage, sign: float, most_A: float) -> float:
    """The largest current that power and resistance allow, found by halving."""

    def too_much(current_A: float) -> bool:
        voltage_V = abs(cell.voltage_V(sign * current_A))
        return voltage_V * current_A > stage.power_W or current_A * stage.resistance_ohm > voltage_V

    if (stage.power_W == math.inf and not stage.resistance_ohm) or not too_much(most_A):
        return most_A
    least_A, greatest_A = 0.0, most_A
    for _ in range(_HALVED):
        middle_A = 0.5 * (least_A + greatest_A)
        if too_much(middle_A):
            greatest_A = middle_A
        else:
            least_A = middle_A
    return least_A
