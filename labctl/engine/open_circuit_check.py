"""The look at the open-circuit voltage before current flows again: whether this is the cell that was left."""

import math

from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.protocol.plan import Plan

REST_S = 30.0  # Assumed: long enough for the ohmic part and most of the charge transfer to be gone
_EVERY_S = 5.0
_TOLERANCE = 0.05  # Assumed: of the safety window, on the side away from equilibrium
_RELAXATION = 0.25  # Assumed: of the safety window


def rest_step(plan: Plan) -> Step:
    """Half a minute at open circuit, inside the plan's safety window."""
    end = Cutoff(Quantity.TIME, Side.ABOVE, REST_S)
    return Step(Control.REST, 0.0, (end,), plan.safety, Sampling(_EVERY_S))


def doubt(open_V: float, last_V: float, last_A: float, plan: Plan) -> str:
    """Why an open-circuit voltage does not follow from the last reading; empty if it does.

    Without current a cell relaxes against the direction of the current: to its equilibrium voltage if the current had
    driven it away from there, and otherwise by no more than a part of the safety window.

    Args:
        open_V: without current, now.
        last_V, last_A: the last reading before.
        plan: for the safety window and the equilibrium voltage.
    """
    low_V, high_V = _plausible(last_V, last_A, plan.cell.equilibrium_voltage_V, plan.safety)
    if low_V <= open_V <= high_V:
        return ""
    return (
        f"open circuit shows {open_V:.4g} V where {low_V:.4g} V .. {high_V:.4g} V would follow from the last reading, "
        f"{last_V:.4g} V at {last_A:.4g} A: another cell, a lead that is off, or a long time"
    )


def _plausible(
    last_V: float, last_A: float, equilibrium_V: float | None, safety: SafetyLimits
) -> tuple[float, float]:
    window_V = safety.voltage_max_V - safety.voltage_min_V
    relaxed_V = last_V - math.copysign(_RELAXATION * window_V, last_A) if last_A else last_V
    if equilibrium_V is not None and (last_V - equilibrium_V) * last_A >= 0.0:
        relaxed_V = equilibrium_V
    tolerance_V = _TOLERANCE * window_V
    return min(last_V, relaxed_V) - tolerance_V, max(last_V, relaxed_V) + tolerance_V
