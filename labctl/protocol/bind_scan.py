"""A voltage scan becomes a staircase whose levels meet its vertices and stay inside the safety window."""

import math

from labctl.instrument.course import Scan
from labctl.instrument.step import Cutoff, Quantity, Side
from labctl.protocol import model
from labctl.protocol.document import Path
from labctl.protocol.frame import Frame, LONGEST_INTERVAL_s
from labctl.units import show

STAIR_V = 1e-3
_WHOLE = 1e-6  # of a stair: what decimal voltages are off when they are counted in binary stairs


def linear_scan(step: model.VoltageScan, path: Path, frame: Frame) -> Scan:
    """One sweep."""
    scan = Scan(step.from_.value, (step.to.value,), 1, _stair_V(step), step.scan_rate.value)
    ends = {"from": step.from_.value, "to": step.to.value}
    _check_levels(ends, path, frame)
    if step.from_.value == step.to.value:
        frame.refuse((*path, "to"), "the scan ends where it begins", "write another voltage")
    _check_division(scan, "from", step.from_.value, step.to.value, path, frame)
    _check_rate(scan, step, path, frame)
    return scan


def cyclic_scan(step: model.CyclicVoltammetry, path: Path, frame: Frame) -> Scan:
    """Sweeps over two vertices."""
    first_V, second_V = step.vertex_1.value, step.vertex_2.value
    start_V = None if step.start is None else step.start.value
    scan = Scan(start_V, (first_V, second_V), step.cycles, _stair_V(step), step.scan_rate.value)
    _check_levels({"vertex_1": first_V, "vertex_2": second_V}, path, frame)
    if first_V == second_V:
        frame.refuse((*path, "vertex_2"), "both vertices are the same", "write two different voltages")
    elif start_V is not None and not min(first_V, second_V) <= start_V <= max(first_V, second_V):
        frame.refuse(
            (*path, "start"),
            f"the start at {show(start_V, 'V')} is not between the vertices",
            "start between them, or at `open_circuit`",
        )
    elif _check_division(scan, "vertex_1", first_V, second_V, path, frame) and start_V is not None:
        _check_division(scan, "start", start_V, first_V, path, frame)
    _check_rate(scan, step, path, frame)
    return scan


def end_of(scan: Scan) -> Cutoff:
    """The time at which its last level is over."""
    return Cutoff(Quantity.TIME, Side.ABOVE, scan.duration_s)


def _stair_V(step: model.Scanned) -> float:
    return STAIR_V if step.step is None else step.step.value


def _check_levels(levels_V: dict[str, float], path: Path, frame: Frame) -> None:
    for key, level_V in levels_V.items():
        frame.inside_window(level_V, (*path, key))


def _check_division(scan: Scan, key: str, from_V: float, to_V: float, path: Path, frame: Frame) -> bool:
    """Whether the way between two levels is a whole number of stairs."""
    stairs = abs(to_V - from_V) / scan.stair_V
    if abs(stairs - round(stairs)) < _WHOLE * max(1.0, stairs):
        return True
    fitting_V = abs(to_V - from_V) / math.ceil(stairs)
    frame.refuse(
        (*path, key),
        f"the way from {show(from_V, 'V')} to {show(to_V, 'V')} is {stairs:.4g} steps of {show(scan.stair_V, 'V')}",
        f"it has to be a whole number of them, as with `step: {show(fitting_V, 'V')}`",
    )
    return False


def _check_rate(scan: Scan, step: model.Scanned, path: Path, frame: Frame) -> None:
    if scan.interval_s > LONGEST_INTERVAL_s:
        frame.refuse(
            (*path, "scan_rate"),
            f"at {step.scan_rate.text} a step of {show(scan.stair_V, 'V')} takes {show(scan.interval_s, 's')}",
            f"at most {show(LONGEST_INTERVAL_s, 's')}: scan faster, or with a smaller `step:`",
        )
