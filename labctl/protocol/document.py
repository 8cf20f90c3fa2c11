"""YAML text as a tree in which every scalar is still text and every node knows its place.

Only the plain part of YAML is a protocol: mappings, lists and scalars. Anchors, aliases, tags, merge keys, several
documents, duplicate keys, tabs and control characters are refused. Nothing is resolved: ``010``, ``no`` and
``12:30`` arrive as they are written, and whoever wants a quantity, a number or a name says so.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from labctl.invisible import INVISIBLE
from labctl.protocol.problems import Mark, Problems

DEEPEST_NESTING = 40
MOST_NODES = 10_000
LONGEST_KEY = 80

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the document.

    Attributes:
        mark: where it begins.
        content: text, a list of nodes, or nodes by key.
        key_marks: where each key of a mapping stands.
    """

    mark: Mark
    content: "str | list[Node] | dict[str, Node]"
    key_marks: dict[str, Mark] = field(default_factory=dict)

    def plain(self) -> Any:
        """The same without marks: text, lists and dictionaries."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content

    def find(self, path: Path) -> "Node":
        """The node at ``path``, or the innermost one that exists on the way to it."""
        node = self
        for part in path:
            below = node._child(part)
            if below is None:
                return node
            node = below
        return node

    def key_mark(self, path: Path) -> Mark:
        """Where the key that ends ``path`` stands; for an item of a list, where the item stands."""
        parent = self.find(path[:-1])
        return parent.key_marks.get(str(path[-1]), self.find(path).mark) if path else self.mark

    def _child(self, part: str | int) -> "Node | None":
        if isinstance(self.content, dict):
            return self.content.get(str(part))
        if isinstance(self.content, list) and isinstance(part, int) and part < len(self.content):
            return self.content[part]
        return None


def parse(name: str, text: str, problems: Problems) -> Node:
    """Read YAML text.

    Args:
        name: the file's name, for marks.
        text: the whole file.
        problems: takes what can be told along with later problems (duplicate keys).

    Raises:
        ProtocolError: the text is not YAML, or not the plain part of it.
    """
    _refuse_odd_characters(name, text, problems)
    try:
        return _Builder(name, text, problems).document()
    except MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(name, at.line + 1, at.column + 1) if at else Mark(name, 1, 1)
        what = " ".join(str(error.problem or error.context or "cannot be read").split())
        problems.fatal(mark, f"is not YAML: {what}", "check indentation, brackets, colons and quotes here")
    except (YAMLError, ValueError) as error:
        problems.fatal(Mark(name, 1, 1), f"is not YAML: {' '.join(str(error).split())}")


def with_overrides(root: Node, section: str, values: Mapping[str, str]) -> Node:
    """The document with some values of one section replaced; their marks say where they came from."""
    if not values or not isinstance(root.content, dict):
        return root
    old = root.content.get(section, Node(root.mark, {}))
    if not isinstance(old.content, dict):
        return root
    marks = {key: Mark(f"{section}.{key} as given", 1, 1) for key in values}
    nodes = old.content | {key: Node(marks[key], value) for key, value in values.items()}
    if "electrode_area" in values:
        nodes.pop("electrode_diameter", None)
    elif "electrode_diameter" in values:
        nodes.pop("electrode_area", None)
    replaced = Node(old.mark, nodes, dict(old.key_marks) | marks)
    return Node(root.mark, dict(root.content) | {section: replaced}, root.key_marks)


class _Builder:
    """Builds the tree from the parser's events, so that nothing is expanded before it is looked at."""

    def __init__(self, name: str, text: str, problems: Problems) -> None:
        self._name = name
        self._problems = problems
        reader = YAML(typ="safe", pure=True)
        self._events: Iterator[Any] = iter(reader.parse(text))
        self._nodes = 0

    def document(self) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent) and root is not None:
                self._problems.fatal(
                    self._mark(event), "a second YAML document begins", "keep one document in a file"
                )
            if isinstance(event, NodeEvent):
                root = self._node(event, 0)
        if root is None:
            self._problems.fatal(Mark(self._name, 1, 1), "the file is empty", "write lines of `key: value`")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        self._refuse_unplain(event, depth)
        mark = self._mark(event)
        if isinstance(event, ScalarEvent):
            if odd := _ODD.search(event.value):  # written as an escape sequence
                self._problems.fatal(mark, f"the invisible character U+{ord(odd[0]):04X}", "remove it")
            return Node(mark, event.value)
        if isinstance(event, SequenceStartEvent):
            items = []
            while not isinstance(item := next(self._events), SequenceEndEvent):
                items.append(self._node(item, depth + 1))
            return Node(mark, items)
        return self._mapping(mark, depth)

    def _mapping(self, mark: Mark, depth: int) -> Node:
        nodes: dict[str, Node] = {}
        key_marks: dict[str, Mark] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key_node = self._node(event, depth + 1)
            key = key_node.content
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, str):
                self._problems.fatal(key_node.mark, "a key has to be a word", "write `key: value`")
            if key == "<<":
                self._problems.fatal(key_node.mark, "merge keys are not allowed", "write the keys out")
            if len(key) > LONGEST_KEY:
                self._problems.fatal(key_node.mark, f"{key[:20]!r}... is no key", "see docs/protocols.md")
            if key in nodes:
                first = key_marks[key]
                self._problems.add(
                    key_node.mark,
                    f"{key!r} is given twice, first in line {first.line}, column {first.column}",
                    "keep one of them",
                )
                continue
            if value.content == "":  # nothing stands there; the parser's mark is that of whatever comes next
                value = Node(key_node.mark, "")
            nodes[key], key_marks[key] = value, key_node.mark
        return Node(mark, nodes, key_marks)

    def _refuse_unplain(self, event: Any, depth: int) -> None:
        mark = self._mark(event)
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._problems.fatal(mark, f"more than {MOST_NODES} entries", "write loops, not repeated steps")
        if depth > DEEPEST_NESTING:
            self._problems.fatal(
                mark,
                f"nested more than {DEEPEST_NESTING} levels deep",
                "write it flatter; loops may nest 8 deep",
            )
        if isinstance(event, AliasEvent):
            self._problems.fatal(mark, f"alias *{event.anchor[:40]} is not allowed", "write the value out")
        if event.anchor is not None:
            self._problems.fatal(
                mark, f"anchor &{event.anchor[:40]} is not allowed", "write the value where needed"
            )
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")[:40]
            self._problems.fatal(mark, f"tag {tag} is not allowed", "write the plain value")
        if not isinstance(event, (ScalarEvent, SequenceStartEvent, MappingStartEvent)):
            self._problems.fatal(mark, "unexpected YAML", "write mappings, lists and values only")

    def _mark(self, event: Any) -> Mark:
        return Mark(self._name, event.start_mark.line + 1, event.start_mark.column + 1)


_ODD = re.compile(f"(?!\\r){INVISIBLE.pattern}")  # a line may end as on Windows


def _refuse_odd_characters(name: str, text: str, problems: Problems) -> None:
    match = _ODD.search(text)
    if match is None:
        return
    start = match.start()
    mark = Mark(name, text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start))
    if match[0] == "\t":
        problems.fatal(mark, "a tab", "indent and separate with spaces")
    problems.fatal(mark, f"the invisible character U+{ord(match[0]):04X}", "remove it")
