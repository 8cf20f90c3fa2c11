"""The entries of a station file: mappings, words and limits, read from the document with their places."""

from labctl.instrument.step import SafetyLimits
from labctl.protocol.document import Node
from labctl.protocol.problems import Problems
from labctl.protocol.strict import did_you_mean
from labctl.units import Dimension, QuantityError
from labctl.units import parse as parse_quantity


def mapping(node: Node, keys: tuple[str, ...] | None, problems: Problems) -> dict[str, Node]:
    """The entries of a mapping; unknown keys are noted. ``keys``: those that are known, None: any."""
    if not isinstance(node.content, dict):
        wanted = ", ".join(keys) if keys else "names of channels"
        problems.fatal(node.mark, "a mapping is wanted here", f"write `key: value` with {wanted}")
    for key in node.content:
        if keys is not None and key not in keys:
            problems.add(node.key_marks[key], f"unknown key {key!r}", did_you_mean(key, keys))
    return node.content


def word(node: Node, problems: Problems) -> str:
    """The text of a single value."""
    if not isinstance(node.content, str) or not node.content:
        problems.fatal(node.mark, "a word is wanted here", "write one value")
    return node.content


def seconds(node: Node, problems: Problems) -> float:
    """A time, with its unit."""
    return _quantity(node, Dimension.TIME, problems)


def limits(node: Node, problems: Problems) -> SafetyLimits:
    """A window and a current that no protocol may exceed."""
    parts = mapping(node, ("voltage", "current"), problems)
    problems.raise_first()  # a misspelt key explains best why one is missing
    window = parts["voltage"].content if "voltage" in parts else ""
    if not isinstance(window, list) or len(window) != 2 or "current" not in parts:
        problems.fatal(
            node.mark, "limits need a window and a current", "write {voltage: [-1 V, 1 V], current: 1 mA}"
        )
    low_V, high_V = (_quantity(end, Dimension.VOLTAGE, problems) for end in window)
    current_A = _quantity(parts["current"], Dimension.CURRENT, problems)
    if low_V >= high_V:
        problems.add(window[1].mark, "the upper voltage is not above the lower", "write [lowest, highest]")
    if current_A <= 0.0:
        problems.add(parts["current"].mark, "the largest current is not above zero", "write its magnitude")
    return SafetyLimits(low_V, high_V, current_A)


def _quantity(node: Node, dimension: Dimension, problems: Problems) -> float:
    try:
        return parse_quantity(word(node, problems), dimension).value
    except QuantityError as error:
        problems.fatal(node.mark, error.problem, error.remedy)
