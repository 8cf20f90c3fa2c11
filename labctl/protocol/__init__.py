"""Protocols: YAML text becomes a Protocol, bound to one cell it becomes a Plan.

What reads text (ruamel.yaml, pydantic) is imported when it is first needed: whoever only walks through a plan does
not wait for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.errors import ProtocolError
from labctl.protocol.rule_spec import RuleSpec

if TYPE_CHECKING:
    from labctl.protocol.finder import Source
    from labctl.protocol.plan import Plan
    from labctl.protocol.problems import Problems
    from labctl.protocol.totals import Estimate


def load(
    path_or_name: str | Path, *, cell: Mapping[str, str] | None = None, without: Collection[str] = ()
) -> Plan:
    """The plan of a protocol.

    Args:
        path_or_name: a file, or the name of a bundled protocol such as ``na50k50-symmetric``.
        cell: what takes the place of values below ``cell:``, as text: ``{"electrode_diameter": "12 mm"}``.
        without: kinds of steps to leave out; ``impedance`` is the one that can be.

    Raises:
        ProtocolError: the file cannot become a plan: where, what is wrong, and what would be right.
        UserError: ``without`` names something else.
    """
    from labctl.protocol.problems import Problems

    return _load(path_or_name, cell or {}, without, Problems())


def all_problems(path_or_name: str | Path, *, cell: Mapping[str, str] | None = None) -> list[ProtocolError]:
    """Everything that keeps a file from becoming a plan, from its top to its end; ``load`` raises the first."""
    from labctl.protocol.problems import Problems

    found = Problems()
    try:
        _load(path_or_name, cell or {}, (), found)
    except ProtocolError:
        return found.in_order()
    return []


def plan_of_text(name: str, text: str, cell: Mapping[str, str], found: Problems) -> Plan:
    """The plan of a protocol that is no file: ``name`` takes the place of the file's in what is told.

    Raises:
        ProtocolError: the text cannot become a plan; all that is wrong is in ``found``.
    """
    from labctl.protocol.finder import Source

    return _plan(Source(name, text), cell, (), found)


def _load(
    path_or_name: str | Path, cell: Mapping[str, str], without: Collection[str], found: Problems
) -> Plan:
    from labctl.protocol import finder

    return _plan(finder.read(path_or_name, found), cell, without, found)


def _plan(source: Source, cell: Mapping[str, str], without: Collection[str], found: Problems) -> Plan:
    from labctl.protocol import document
    from labctl.protocol.bind import bind, leave_out
    from labctl.protocol.validate import validate

    root = document.with_overrides(document.parse(source.name, source.text, found), "cell", cell)
    protocol = validate(root, found)
    return leave_out(bind(protocol, source, root, found), without)


def bundled() -> list[tuple[str, Path, str]]:
    """Name, file and description of the protocols that come with labctl."""
    from labctl.protocol import document, finder
    from labctl.protocol.problems import Problems

    listed = []
    for name, path in finder.bundled_paths().items():
        found = Problems()
        root = document.parse(str(path), finder.read(path, found).text, found)
        listed.append((name, path, str(root.find(("description",)).content)))
    return listed


def estimate(plan: Plan) -> Estimate:
    """What a plan amounts to: steps, time, charge, rows, spectra."""
    from labctl.protocol.totals import estimate as add_up

    return add_up(plan)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of protocol files, for editors."""
    from labctl.protocol.editor_schema import editor_schema

    return editor_schema()


def parse_rule(name: str, params: Mapping[str, str]) -> RuleSpec:
    """A stop rule from a command line: ``parse_rule("short_circuit", {"hold": "30 s", "then": "impedance+stop"})``.

    Raises:
        UserError: no such rule, parameter or value.
    """
    from labctl.protocol.rule_text import from_parameters

    return from_parameters(name, params)
