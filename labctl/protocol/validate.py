"""The document becomes a Protocol; each objection of pydantic becomes a problem at its place in the file."""

from typing import Any

from pydantic import ValidationError

from labctl.protocol.document import Node, Path
from labctl.protocol.model import STEPS, Protocol
from labctl.protocol.problems import Problems
from labctl.protocol.strict import did_you_mean
from labctl.units import QuantityError

_MISSING = {
    "protocol": "begin with a name, as in `protocol: my-cell`",
    "safety": "add a window around everything, as in `safety: {voltage: [-1 V, 1 V], current: 0.5 mA}`",
    "record": "say when to keep a sample, as in `record: {every: 10 s, voltage_change: 5 mV}`",
    "steps": "add a list, as in `steps: [rest: {until: {time: 1 h}}]`",
    "until": "say what ends the step, as in `until: {time: 1 h}`",
    "time": "add a time limit, as in `time: 1 h`",
    "mode": "add `mode: potentiostatic` or `mode: galvanostatic`",
    "amplitude": "add it zero-to-peak, as in `amplitude: 10 uA` (galvanostatic) or `amplitude: 10 mV`",
    "from": "add the highest frequency, as in `from: 100 kHz`",
    "to": "add the lowest frequency, as in `to: 0.1 Hz`",
    "scan_rate": "add it, as in `scan_rate: 0.1 mV/s`",
    "within": "add how far from it is settled, as in `within: 0.5 K`",
    "for": "add how long it has to stay settled, as in `for: 30 min`",
    "at_most": "add how long that may take, as in `at_most: 4 h`",
    "start": "add `start: open_circuit`, or a voltage between the vertices",
}
_TWO = {
    "voltage": "two entries, as in [-1 V, 1 V]",
    "temperature": "two entries, as in [5 degC, 60 degC]",
}
_EXAMPLE = {
    "temperature": "temperature: 40 degC",
    "voltage": "voltage: 4.2 V",
    "current": "current: 0.4 mA/cm2",
    "every": "every: 10 s",
}


def validate(root: Node, problems: Problems) -> Protocol:
    """Check the document against what a protocol may say.

    Raises:
        ProtocolError: the first problem; the others are in ``problems`` too.
    """
    try:
        return Protocol.model_validate(root.plain())
    except ValidationError as refused:
        for error in refused.errors(include_url=False):
            _report(error, root, problems)
        raise problems.in_order()[0] from None


def _report(error: Any, root: Node, problems: Problems) -> None:
    path = _without_variant_tags(error["loc"])
    node, context = root.find(path), error.get("ctx", {})
    match error["type"]:
        case "protocol":
            _report_objection(path, context, root, problems)
        case "value_error" if isinstance(context["error"], QuantityError):
            problems.add(node.mark, context["error"].problem, context["error"].remedy)
        case "missing":
            key = str(path[-1])
            example = (
                "voltage: [-1 V, 1 V]" if path == ("safety", "voltage") else _EXAMPLE.get(key, f"{key}: ...")
            )
            remedy = _MISSING.get(key, f"add it, as in `{example}`")
            problems.add(node.mark, f"{key!r} is missing", remedy)
        case "union_tag_not_found":
            _report_unknown_step(node, problems)
        case "list_type":
            problems.add(
                node.mark, f"{path[-1]!r} wants a list", f"write `{path[-1]}: [...]` or items with '- '"
            )
        case "too_short" | "too_long":
            wanted = _TWO.get(str(path[-1]), "at least one entry")
            problems.add(node.mark, f"{path[-1]!r} has too few or too many entries", f"write {wanted}")
        case "literal_error":
            problems.add(
                node.mark, f"{str(error['input'])[:40]!r} is not known here", f"write {context['expected']}"
            )
        case _:
            problems.add(node.mark, str(error["msg"]))


def _report_objection(path: Path, context: dict[str, str], root: Node, problems: Problems) -> None:
    """An objection of our own models, with its remedy."""
    key = context.get("key")
    if key is None:
        problems.add(root.find(path).mark, context["problem"], context["remedy"])
        return
    remedy = context["remedy"]
    if key in STEPS and path[-2:-1] == ("steps",):
        remedy = "begin each step with its own '- '"
    problems.add(root.key_mark((*path, key)), context["problem"], remedy)


def _report_unknown_step(node: Node, problems: Problems) -> None:
    remedy = f"write `- rest: {{until: {{time: 1 h}}}}`; steps are {', '.join(STEPS)}"
    if isinstance(node.content, dict) and node.content:
        word = next(iter(node.content))
        problems.add(node.key_marks[word], f"unknown step {word!r}", did_you_mean(word, STEPS))
    elif isinstance(node.content, str) and node.content in STEPS:
        problems.add(node.mark, f"the step {node.content!r} says nothing", remedy)
    else:
        problems.add(node.mark, "a step is wanted here", remedy)


def _without_variant_tags(location: tuple[str | int, ...]) -> Path:
    """Pydantic names the variant of a step between its index and its key; the file does not."""
    path: list[str | int] = []
    parts = iter(location)
    for part in parts:
        path.append(part)
        if isinstance(part, int) and len(path) > 1 and path[-2] == "steps":
            next(parts, None)
    return tuple(path)
