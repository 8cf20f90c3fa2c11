"""What a plan has to make sense of as a whole: signs that agree, rules that can see, an end within a lifetime."""

import itertools

from labctl.instrument.step import Control, Quantity, Side
from labctl.protocol.document import Path
from labctl.protocol.frame import Frame
from labctl.protocol.plan import LoopNode, Node, Plan, StepNode
from labctl.protocol.rule_spec import (
    Action,
    CapacityRetention,
    CoulombicEfficiency,
    ImpedanceRise,
    OverpotentialJump,
    RuleSpec,
    ShortCircuit,
    SoftShort,
)
from labctl.protocol.totals import estimate
from labctl.units import show

LONGEST_RUN_s = 10 * 365.25 * 86400


def check_plan(plan: Plan, frame: Frame) -> None:
    """Note what is wrong with the plan as a whole."""
    _check_signs(plan.nodes, frame)
    for k, rule in enumerate(plan.rules):
        _check_rule(rule, ("stop_rules", k), plan, frame)
        if rule in plan.rules[:k]:
            frame.refuse(
                ("stop_rules", k), f"{rule.name} is given twice with the same values", "keep one of them"
            )
    longest_s = estimate(plan).duration_at_most_s
    if longest_s > LONGEST_RUN_s:
        problem = f"this can last {longest_s / 31557600:.3g} years"
        frame.problems.add(frame.root.key_mark(("steps",)), problem, "lower the passes or the time limits")


def _check_signs(nodes: tuple[Node, ...], frame: Frame) -> None:
    """Charging has to end above where discharging ends; otherwise positive was meant to discharge."""
    flowing = [n for n in nodes if isinstance(n, StepNode) and n.step.control is Control.CURRENT]
    for first, second in itertools.pairwise(flowing):
        if first.step.value * second.step.value >= 0:
            continue
        charge, discharge = (first, second) if first.step.value > 0 else (second, first)
        upper, lower = _voltage_end(charge, Side.ABOVE), _voltage_end(discharge, Side.BELOW)
        if upper is not None and lower is not None and upper <= lower:
            frame.problems.add(
                frame.mark_of(second),
                f"charging ends at {show(upper, 'V')} and discharging at {show(lower, 'V')}",
                "positive current charges: reverse the signs of the currents, or swap the cut-offs",
            )
    for node in nodes:
        if isinstance(node, LoopNode):
            _check_signs(node.body, frame)


def _voltage_end(node: StepNode, side: Side) -> float | None:
    ends = [c.threshold for c in node.step.cutoffs if c.quantity is Quantity.VOLTAGE and c.side is side]
    return ends[0] if ends else None


def _check_rule(rule: RuleSpec, path: Path, plan: Plan, frame: Frame) -> None:
    """A rule whose signal is never there would be a false comfort."""
    missing = _missing_signal(rule, plan)
    if missing is not None:
        frame.refuse(path, f"{rule.name} {missing[0]}", missing[1])
    if Action.IMPEDANCE in rule.then and not plan.has_impedance():
        frame.refuse(
            path,
            f"{rule.name} asks for a spectrum, and the protocol has none to repeat",
            "add an `impedance:` step, or take `impedance` out of `then`",
        )


def _missing_signal(rule: RuleSpec, plan: Plan) -> tuple[str, str] | None:
    match rule:
        case OverpotentialJump() | ShortCircuit() | SoftShort() if plan.cell.equilibrium_voltage_V is None:
            return (
                "needs the overpotential",
                "add `equilibrium_voltage: 0 V` below `cell:`, or remove the rule",
            )
        case ImpedanceRise() if not plan.has_impedance():
            return "needs spectra, and there are none", "add an `impedance:` step, or remove the rule"
        case OverpotentialJump() | ShortCircuit() | CapacityRetention() | CoulombicEfficiency():
            if not any(isinstance(node, LoopNode) and node.counts_cycles for node in plan.flat()):
                return "compares cycles, and no loop passes current", "add a `loop:`, or remove the rule"
    return None
