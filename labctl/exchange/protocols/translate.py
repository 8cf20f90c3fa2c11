"""Which language a protocol is translated into or from."""

import json
from collections.abc import Callable

from labctl.errors import UserError
from labctl.exchange.protocols.protocol_text import Givens
from labctl.exchange.protocols.pybamm_export import to_pybamm
from labctl.exchange.protocols.pybamm_import import from_pybamm
from labctl.exchange.protocols.report import Report, Translation
from labctl.exchange.protocols.through_unicycler import to_biologic, to_neware
from labctl.exchange.protocols.unicycler_export import to_unicycler
from labctl.exchange.protocols.unicycler_import import from_unicycler
from labctl.protocol import document
from labctl.protocol.plan import Plan, StepNode
from labctl.protocol.problems import Problems


def _to_unicycler(plan: Plan, report: Report) -> str:
    try:
        return to_unicycler(plan, report).model_dump_json(indent=2, exclude_none=True) + "\n"
    except ValueError as error:
        raise UserError(f"{plan.protocol}: {error}") from error


TARGETS: dict[str, tuple[Callable[[Plan, Report], str], str]] = {
    "unicycler": (_to_unicycler, ".json"),
    "pybamm": (to_pybamm, ".json"),
    "neware": (to_neware, ".xml"),
    "biologic": (to_biologic, ".mps"),
}
"""How a protocol is written, and how its file ends."""


def export_protocol(plan: Plan, target: str) -> Translation:
    """Translate a plan.

    Raises:
        UserError: the target is not known, can say none of its steps, or needs what is not installed.
    """
    if target not in TARGETS:
        raise UserError(f"--to {target}: labctl writes {', '.join(TARGETS)}")
    report = Report()
    _say_surroundings(plan, report)
    write, _ = TARGETS[target]
    return Translation(write(plan, report), report)


def import_protocol(text: str, origin: str, language: str | None, givens: Givens) -> Translation:
    """Translate a file; without a language, a JSON object is unicycler's and everything else PyBaMM's.

    Raises:
        UserError: it is not understood, or no protocol that labctl would run.
    """
    if language not in (None, "unicycler", "pybamm"):
        raise UserError(f"--from {language}: labctl reads unicycler and pybamm")
    is_unicycler = text.lstrip().startswith("{") if language is None else language == "unicycler"
    return (from_unicycler if is_unicycler else from_pybamm)(text, origin, givens)


def _say_surroundings(plan: Plan, report: Report) -> None:
    """What no other language has a place for."""
    root = document.parse(plan.protocol, plan.text, Problems())
    if (description := root.find(("description",)).content) and isinstance(description, str):
        report.lost.append(f"description: {json.dumps(description[:60])}")
    cell = plan.cell
    for name, value in (
        ("electrode area", cell.area_cm2),
        ("active_mass", cell.active_mass_g),
        ("electrolyte", cell.electrolyte),
        ("simulate_as", cell.simulate_as),
        ("hazard", cell.hazard),
        ("relay", cell.relay),
        ("waiver", cell.waiver),
    ):
        if value:
            report.lost.append(
                f"cell.{name}: {value:.4g}" if isinstance(value, float) else f"cell.{name}: {value}"
            )
    symmetric = plan.safety.voltage_min_V == -plan.safety.voltage_max_V and cell.equilibrium_voltage_V == 0.0
    if cell.equilibrium_voltage_V is not None and not symmetric:
        report.lost.append(f"cell.equilibrium_voltage: {cell.equilibrium_voltage_V:g} V")
    if plan.temperature is not None:
        report.lost.append(f"safety.temperature: {plan.temperature}")
    for node in plan.flat():
        if isinstance(node, StepNode) and node.soak:
            report.lost.append(f"{node.path}: a soak; what is left is its rest, as long as it may take")
        elif isinstance(node, StepNode):
            report.lost += [f"{node.path}.until: {band}" for band in node.bands]
    report.lost += [f"stop_rules.{rule.name}: the run is watched by nobody" for rule in plan.rules]
    report.changed.append(f"protocol: the name {plan.protocol} goes into the file's name")
    if "#" in plan.text:
        report.changed.append("comments: stay behind")
