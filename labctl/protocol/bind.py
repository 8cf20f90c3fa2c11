"""A protocol is bound to one cell and becomes a plan: amperes, seconds and coulombs."""

import dataclasses
import hashlib
from collections.abc import Collection

from labctl.errors import UserError
from labctl.protocol import model
from labctl.protocol.bind_steps import StepBinder
from labctl.protocol.document import Node as DocumentNode
from labctl.protocol.finder import Source
from labctl.protocol.frame import make_frame
from labctl.protocol.logic import check_plan
from labctl.protocol.plan import ImpedanceNode, LoopNode, Node, Plan
from labctl.protocol.problems import Problems
from labctl.protocol.rule_spec import Action, ImpedanceRise, RuleSpec

OMITTABLE = frozenset({"impedance"})


def bind(protocol: model.Protocol, source: Source, root: DocumentNode, problems: Problems) -> Plan:
    """Bind a protocol.

    Raises:
        ProtocolError: the first problem; the others are in ``problems`` too.
    """
    frame = make_frame(protocol, root, problems, source.directory)
    record = frame.sampling(protocol.record, ("record",))
    nodes = StepBinder(frame, record).nodes(protocol.steps, ("steps",))
    problems.raise_first()
    plan = Plan(
        protocol=protocol.protocol,
        text=source.text,
        sha256=hashlib.sha256(source.text.encode()).hexdigest(),
        cell=frame.cell,
        safety=frame.safety,
        record=record,
        nodes=nodes,
        rules=tuple(protocol.stop_rules),
        temperature=frame.temperature,
    )
    check_plan(plan, frame)
    problems.raise_first()
    return plan


def leave_out(plan: Plan, kinds: Collection[str]) -> Plan:
    """The plan without steps of the given kinds, and without what depends on them.

    Without impedance, rules do not ask for spectra, and ``impedance_rise`` is gone.

    Raises:
        UserError: such steps cannot be left out, or nothing would be left.
    """
    unknown = sorted(set(kinds) - OMITTABLE)
    if unknown:
        raise UserError(
            f"cannot leave out {', '.join(unknown)}; what can be left out is {', '.join(OMITTABLE)}"
        )
    if not kinds:
        return plan
    nodes = _without_impedance(plan.nodes)
    if not nodes:
        raise UserError(f"{plan.protocol} consists of impedance only: nothing is left without it")
    return dataclasses.replace(plan, nodes=nodes, rules=tuple(_rules_without_impedance(plan.rules)))


def _without_impedance(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    kept: list[Node] = []
    for node in nodes:
        if isinstance(node, LoopNode):
            body = _without_impedance(node.body)
            if body:
                kept.append(dataclasses.replace(node, body=body))
        elif not isinstance(node, ImpedanceNode):
            kept.append(node)
    return tuple(kept)


def _rules_without_impedance(rules: tuple[RuleSpec, ...]) -> list[RuleSpec]:
    kept: list[RuleSpec] = []
    for rule in rules:
        if not isinstance(rule, ImpedanceRise):
            then = tuple(action for action in rule.then if action is not Action.IMPEDANCE)
            kept.append(dataclasses.replace(rule, then=then or (Action.WARN,)))
    return kept
