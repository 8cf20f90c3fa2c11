"""The ends of a step, as far as both unicycler and PyBaMM can say them: a time, a voltage ahead, a current below."""

from dataclasses import dataclass

from labctl.errors import UserError
from labctl.exchange.protocols.report import Report
from labctl.instrument.step import Control, Cutoff, Quantity, Side
from labctl.protocol.plan import StepNode
from labctl.units import show


@dataclass(frozen=True, slots=True)
class Ends:
    """What ends a step, whichever comes first; SI units."""

    time_s: float | None = None
    voltage_V: float | None = None
    current_A: float | None = None


_DRIVEN = (Control.CURRENT, Control.POWER, Control.RESISTANCE)
"""What drives the voltage to one side."""


def simple_ends(node: StepNode, report: Report, *, zero_volt: bool) -> Ends:
    """The ends that can be said; all others are lost, or said as a time.

    Args:
        node: at rest, or with one thing held constant.
        report: takes in what is lost or changed.
        zero_volt: a cut-off at 0 V can be said.

    Raises:
        UserError: no end of it can be said.
    """
    times_s, voltages_V, currents_A = list[float](), list[float](), list[float]()
    control = node.step.control
    charges = node.step.value > 0 and control is not Control.RESISTANCE
    ahead = Side.ABOVE if charges else Side.BELOW
    for cutoff in node.step.cutoffs:
        match cutoff:
            case Cutoff(Quantity.TIME, Side.ABOVE, seconds, 0.0):
                times_s.append(seconds)
            case Cutoff(Quantity.CHARGE, Side.ABOVE, charge_C, 0.0) if control is Control.CURRENT:
                seconds = charge_C / abs(node.step.value)
                times_s.append(seconds)
                said = f"{show(seconds, 's')} at {show(node.step.value, 'A')}"
                report.changed.append(f"{node.path}.until: {cutoff} is said as a time, {said}")
            case Cutoff(Quantity.VOLTAGE, side, voltage_V, 0.0) if (
                control in _DRIVEN and side is ahead and (zero_volt or voltage_V != 0.0)
            ):
                voltages_V.append(voltage_V)
            case Cutoff(Quantity.CURRENT, Side.BELOW, current_A, 0.0) if control is Control.VOLTAGE:
                currents_A.append(current_A)
            case _:
                report.lost.append(f"{node.path}.until: {cutoff}")
    if not times_s and not voltages_V and not currents_A:
        raise UserError(
            f"{node.path}: nothing that ends this step can be said, and a step without end is not written"
        )
    return Ends(
        time_s=min(times_s, default=None),
        voltage_V=(min if ahead is Side.ABOVE else max)(voltages_V, default=None),
        current_A=max(currents_A, default=None),
    )
