"""Protocols for a browser: the plan of a text, or what is wrong with it and where; and the steps of a stored plan."""

from typing import Any

from labctl import plugins
from labctl.errors import DataError, ProtocolError
from labctl.protocol import bundled, estimate, plan_of_text
from labctl.protocol.plan import LoopNode, Node, Plan, StepNode, TagNode
from labctl.protocol.plan_text import plan_from_text
from labctl.protocol.problems import Problems
from labctl.protocol.refusals import refusals
from labctl.report.plan_text import plan_lines
from labctl.station.connect import ChannelSpec

NAME = "protocol"
"""What stands for the file in what is told of a text."""

_SIMULATED = "palmsens-emstat4"
_BULLET = "- "


def checked(text: str, cell: dict[str, str], driver: str | None) -> dict[str, Any]:
    """What ``labctl check`` would show of a text.

    Args:
        text: of the protocol.
        cell: what takes the place of values below ``cell:``.
        driver: whose limits are looked at; None: the bundled simulated instrument's.

    Raises:
        UserError: there is no such driver.
    """
    found = plugins.driver(driver or _SIMULATED)
    traits = ChannelSpec(NAME, found.name).traits()
    answer: dict[str, Any] = {
        "ok": False,
        "problems": [],
        "refusals": [],
        "holds": list(traits.holds),
        "lines": [],
        "steps": [],
        "estimate": None,
        "instrument": {"driver": found.name, "model": traits.model},
    }
    problems = Problems()
    try:
        plan = plan_of_text(NAME, text, cell, problems)
    except ProtocolError as error:
        answer["problems"] = [_problem(each) for each in problems.in_order() or [error]]
        return answer
    refused = refusals(plan, traits, found.check_step)
    total = estimate(plan)
    answer["estimate"] = {
        "steps": total.steps,
        "cycles": total.cycles,
        "duration_second": total.duration_s,
        "duration_at_most_second": total.duration_at_most_s,
        "charge_coulomb": total.charge_C,
        "rows_at_most": total.rows_at_most,
        "spectra": total.spectra,
    }
    return answer | {"ok": not refused, "refusals": refused, "lines": plan_lines(plan), "steps": steps(plan)}


def plan_to_run(text: str, cell: dict[str, str]) -> Plan:
    """The plan of a text that is going to be run.

    Raises:
        ProtocolError: the first thing that is wrong with it.
    """
    return plan_of_text(NAME, text, cell, Problems())


def _problem(error: ProtocolError) -> dict[str, Any]:
    return {
        "line": error.line,
        "column": error.column,
        "problem": error.problem,
        "remedy": error.remedy,
    }


def steps(plan: Plan) -> list[dict[str, Any]]:
    """Every node of a plan with its place and in words."""
    lines = [line for line in plan_lines(plan) if line.lstrip(" ").startswith(_BULLET)]
    found = []
    for node, line in zip(plan.flat(), lines, strict=True):
        words = line.lstrip(" ")
        place = {"path": node.path, "line": node.line, "depth": (len(line) - len(words)) // 2}
        found.append(place | {"kind": _kind(node), "text": words.removeprefix(_BULLET)})
    return found


def _kind(node: Node) -> str:
    match node:
        case StepNode():
            return node.kind
        case LoopNode():
            return "loop"
        case TagNode():
            return "tag"
        case _:
            return "impedance"


def stored_plan(text: str | None) -> Plan | None:
    """The plan of a run; None if it was not stored, or can no longer be read."""
    try:
        return None if text is None else plan_from_text(text)
    except DataError:
        return None


def bundled_protocols() -> list[dict[str, str]]:
    """Name, description and text of those that come with labctl."""
    return [
        {"name": name, "description": description, "text": path.read_text("utf-8")}
        for name, path, description in bundled()
    ]
