"""A labctl protocol as text, from what another language says; it is checked as any protocol before it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from labctl.errors import ProtocolError, UserError
from labctl.protocol import document
from labctl.protocol.bind import bind
from labctl.protocol.finder import Source
from labctl.protocol.plan import Plan
from labctl.protocol.problems import Problems
from labctl.protocol.validate import validate

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Givens:
    """What a person says about a protocol that its file does not; texts as in a protocol, None: nothing.

    Attributes:
        name: of the protocol.
        voltage: the lowest and the highest of the safety window.
        current: the largest magnitude.
        every: longest time between two samples.
        nominal_capacity: for C-rates.
    """

    name: str
    voltage: tuple[str, str] | None = None
    current: str | None = None
    every: str | None = None
    nominal_capacity: str | None = None


def protocol_text(origin: str, parts: Mapping[str, Any]) -> str:
    """The text of a protocol, checked.

    Args:
        origin: what it was made from, for its first line and for messages.
        parts: what stands under each key of a protocol, in order; None is left out.

    Raises:
        UserError: it is no protocol that labctl would run: what is wrong with it.
    """
    yaml = YAML()
    yaml.width = 1000
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(_styled({key: part for key, part in parts.items() if part is not None}), stream)
    text = f"# From {origin}\n{stream.getvalue()}"
    plan_of(origin, text)
    return text


def plan_of(origin: str, text: str) -> Plan:
    """The plan of a protocol's text.

    Raises:
        UserError: it has none.
    """
    found = Problems()
    try:
        root = document.parse("protocol", text, found)
        return bind(validate(root, found), Source("protocol", text), root, found)
    except ProtocolError as error:
        line = text.splitlines()[error.line - 1].strip() if error.line <= text.count("\n") else ""
        remedy = f"; {error.remedy}" if error.remedy else ""
        raise UserError(
            f"{origin}: labctl cannot run this: {error.problem}{remedy}; at {line[:80]!r}"
        ) from error


def _styled(value: Any, *, block: bool = True) -> Any:
    """The usual style: steps one a line, what belongs to a step within it."""
    if isinstance(value, Mapping):
        made: CommentedMap | CommentedSeq = CommentedMap(
            {key: _styled(part, block=block and key == "steps") for key, part in value.items()}
        )
    elif isinstance(value, Sequence) and not isinstance(value, str):
        made = CommentedSeq(_styled(part, block=block) for part in value)
    else:
        return value
    if not block:
        made.fa.set_flow_style()
    return made
