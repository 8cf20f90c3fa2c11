"""A plan as PyBaMM's experiment strings, in a JSON list in which each cycle is a list of its own.

``pybamm.Experiment([tuple(x) if isinstance(x, list) else x for x in json.load(file)])`` takes it. PyBaMM counts a
discharge positive, but its strings have words for the direction and no signs.

Source: PyBaMM 25, pybamm.step.string; its numbers have no exponent.
"""

import json
from collections.abc import Iterator

from labctl.errors import UserError
from labctl.exchange.protocols.decimals import plain
from labctl.exchange.protocols.ends import Ends, simple_ends
from labctl.exchange.protocols.passes import unrolled
from labctl.exchange.protocols.report import Report
from labctl.instrument.step import Control, Sampling
from labctl.protocol.plan import IfInterrupted, ImpedanceNode, LoopNode, Node, Plan, StepNode, TagNode

MOST_STRINGS = 10_000
"""More than this PyBaMM does not run through in reasonable time. Assumed."""

Item = str | list[str]
_UNITS = {Control.CURRENT: "A", Control.POWER: "W", Control.RESISTANCE: "Ohm"}


def to_pybamm(plan: Plan, report: Report) -> str:
    """Translate a plan; what cannot be said is named in ``report`` and left out.

    Raises:
        UserError: nothing is left of it, or it would be too long.
    """
    safety, cell = plan.safety, plan.cell
    report.lost.append(f"safety.voltage: {safety.voltage_min_V:g} V to {safety.voltage_max_V:g} V")
    report.lost.append(f"safety.current: {safety.current_max_A:g} A")
    if cell.name:
        report.lost.append("cell.name: a simulated cell has none")
    if cell.nominal_capacity_C is not None:
        report.lost.append("cell.nominal_capacity: belongs to PyBaMM's parameter values")
    _say_changes(plan.record, "record", report)
    items = list(_items(unrolled(plan.nodes, report), report))
    if not items:
        raise UserError("PyBaMM can say none of its steps")
    lines = ",\n".join(f"  {json.dumps(item)}" for item in items)
    return f"[\n{lines}\n]\n"


def _items(nodes: tuple[Node, ...], report: Report) -> Iterator[Item]:
    count = 0
    for node in nodes:
        if not isinstance(node, LoopNode):
            made: list[Item] = list(_strings(node, report))
        else:
            if node.retention is not None:
                report.lost.append(f"{node.path}.until: capacity_retention {node.retention:.4g}")
            made = list(_items(node.body, report))
            if node.counts_cycles:
                cycle = [text for item in made for text in ([item] if isinstance(item, str) else item)]
                made = [cycle] if cycle else []
            _check_length(count + len(made) * node.count)
            made = made * node.count
        count += len(made)
        _check_length(count)
        yield from made


def _check_length(count: int) -> None:
    if count > MOST_STRINGS:
        raise UserError(
            f"PyBaMM has no loops: this would be {count} strings and cycles, more than {MOST_STRINGS}"
        )


def _strings(node: Node, report: Report) -> Iterator[str]:
    match node:
        case StepNode(step=step) if step.control in (Control.REST, Control.VOLTAGE, *_UNITS):
            if node.if_interrupted is not IfInterrupted.ASK:
                report.lost.append(f"{node.path}.if_interrupted: {node.if_interrupted}")
            _say_changes(step.sampling, f"{node.path}.record", report)
            yield _string(node, simple_ends(node, report, zero_volt=True))
        case StepNode(kind=kind):
            report.lost.append(f"{node.path}: PyBaMM's strings have no {kind}; the step is left out")
        case ImpedanceNode():
            report.lost.append(f"{node.path}: PyBaMM's strings have no impedance; the step is left out")
        case TagNode(text=text):
            report.lost.append(f"{node.path}: the tag {text!r}")
        case _:
            report.lost.append(f"{node.path}: PyBaMM's strings have no such step; it is left out")


def _string(node: StepNode, ends: Ends) -> str:
    step = node.step
    match step.control:
        case Control.REST:
            text, until = "Rest", None
        case Control.VOLTAGE:
            text = f"Hold at {plain(step.value)} V"
            until = None if ends.current_A is None else f"{plain(ends.current_A)} A"
        case driven:
            charges = step.value > 0 and driven is not Control.RESISTANCE
            text = f"{'Charge' if charges else 'Discharge'} at {plain(abs(step.value))} {_UNITS[driven]}"
            until = None if ends.voltage_V is None else f"{plain(ends.voltage_V)} V"
    if ends.time_s is not None:
        text += f" for {plain(ends.time_s)} seconds"
    if until is not None:
        text += f"{' or' if ends.time_s is not None else ''} until {until}"
    return f"{text} ({plain(step.sampling.every_s)} second period)"


def _say_changes(sampling: Sampling, place: str, report: Report) -> None:
    changes = (
        ("voltage_change", sampling.voltage_change_V, "V"),
        ("current_change", sampling.current_change_A, "A"),
    )
    for name, value, unit in changes:
        if value is not None and (text := f"{place}.{name}: {value:g} {unit}") not in report.lost:
            report.lost.append(text)
