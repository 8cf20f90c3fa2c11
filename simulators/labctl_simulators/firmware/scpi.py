"""SCPI messages: framing into lines, headers found in a tree, parameters read, compiled to calls.

Theory of operation (2461 Reference Manual pp. 5-1 to 5-5). LF ends a message, CR LF is tolerated. ``;`` joins
commands: a following ``:CMD`` starts at the root, ``CMD`` continues at the path of the command before it, and
every message starts at the root. A keyword is its short form (upper case in the manual) or its whole long form,
in any case; parts in brackets may be left out. The first invalid command ends the message: what stands before it
runs, what follows is ignored. So ``CommandTree.compile`` never raises: the mistake becomes the last call of the
program and is raised when the program reaches it.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple, NoReturn

from labctl_simulators.firmware.scpi_parameters import (
    UNDEFINED_HEADER,
    Parameter,
    ScpiError,
    keyword_forms,
    read_arguments,
)

MAX_LINE_BYTES = 65_536
"""Longest message kept. Assumed: the manuals give no size; a longer line is dropped whole."""

MAX_QUEUED_BYTES = 262_144
"""Input kept while the instrument is busy. Assumed, as above: what exceeds it is dropped."""


class LineBuffer:
    """Bytes in, whole lines out; any split of the input gives the same lines, and memory stays bounded."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._partial = b""
        self._queued_bytes = 0
        self._overlong = False

    @property
    def empty(self) -> bool:
        """True when nothing waits, not even the beginning of a line."""
        return not self._lines and not self._partial and not self._overlong

    @property
    def has_line(self) -> bool:
        """True while a whole line waits."""
        return bool(self._lines)

    def feed(self, data: bytes) -> int:
        """Take what arrived; returns the number of lines that were dropped because they do not fit."""
        dropped = 0
        *whole, partial = (self._partial + data).split(b"\n")
        for line in whole:
            fits = len(line) <= MAX_LINE_BYTES and self._queued_bytes + len(line) <= MAX_QUEUED_BYTES
            if fits and not self._overlong:
                self._lines.append(line + b"\n")
                self._queued_bytes += len(line) + 1
            else:
                dropped += 1
            self._overlong = False
        self._overlong = self._overlong or len(partial) > MAX_LINE_BYTES
        self._partial = b"" if self._overlong else partial
        return dropped

    def pop(self) -> bytes | None:
        """The oldest whole line with its LF, or None."""
        if not self._lines:
            return None
        line = self._lines.popleft()
        self._queued_bytes -= len(line)
        return line

    def clear(self) -> None:
        """Forget everything received."""
        self._lines.clear()
        self._partial = b""
        self._queued_bytes = 0
        self._overlong = False


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Cut at ``separator`` where it does not stand inside a quoted string."""
    if "'" not in text and '"' not in text:
        return text.split(separator)
    parts, start, quote = [], 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == separator:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts


class Call(NamedTuple):
    """One command of a message, ready to run: ``run(instrument, *arguments)``."""

    run: Callable[..., Any]
    arguments: tuple[Any, ...]


Program = tuple[Call, ...]


class Entry(NamedTuple):
    """What a header does and the parameters it takes."""

    run: Callable[..., Any]
    parameters: tuple[Parameter, ...]


@dataclass(slots=True)
class _Node:
    children: "dict[str, _Node]" = field(default_factory=dict)
    command: Entry | None = None
    query: Entry | None = None


_PART = re.compile(r"(\[)?:?(\*?[A-Za-z]+[0-9]*)(\[1\])?(\])?")


def _spellings(pattern: str) -> Iterator[tuple[tuple[str, ...], ...]]:
    """All headers of a pattern such as ``[:SENSe[1]]:CURRent[:DC]``; each part is its accepted spellings."""
    choices: list[list[tuple[str, ...] | None]] = []
    for bracket, keyword, suffix, _ in _PART.findall(pattern):
        forms = (keyword,) if keyword.startswith("*") else keyword_forms(keyword)
        names = dict.fromkeys([*forms, *(f + "1" for f in forms)] if suffix else forms)
        choices.append([tuple(names), None] if bracket else [tuple(names)])
    for combination in product(*choices):
        yield tuple(part for part in combination if part is not None)


def _raise(_: object, error: ScpiError) -> NoReturn:
    raise error


class CommandTree:
    """The headers an instrument knows. Patterns are written as in its manual."""

    def __init__(self) -> None:
        self._root = _Node()

    def command(
        self, pattern: str, *parameters: Parameter
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the decorated function as the command ``pattern``."""

        def register(run: Callable[..., Any]) -> Callable[..., Any]:
            for node in self._nodes(pattern):
                node.command = Entry(run, parameters)
            return run

        return register

    def query(
        self, pattern: str, *parameters: Parameter
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the decorated function as the query ``pattern?``."""

        def register(run: Callable[..., Any]) -> Callable[..., Any]:
            for node in self._nodes(pattern):
                node.query = Entry(run, parameters)
            return run

        return register

    def _nodes(self, pattern: str) -> Iterator[_Node]:
        for header in _spellings(pattern):
            node = self._root
            for names in header:
                child = next((node.children[n] for n in names if n in node.children), None) or _Node()
                for name in names:
                    node.children.setdefault(name, child)
                node = child
            yield node

    def compile(self, message: str) -> Program:
        """The calls of one message (without its terminator), up to and including the first mistake."""
        calls: list[Call] = []
        path = self._root
        for command in split_outside_quotes(message, ";"):
            command = command.strip()
            if not command:
                continue
            try:
                entry, path, parameters = self._find(command, path)
                calls.append(Call(entry.run, read_arguments(_tokens(parameters), entry.parameters)))
            except ScpiError as error:
                calls.append(Call(_raise, (error,)))
                break
        return tuple(calls)

    def _find(self, command: str, path: _Node) -> tuple[Entry, _Node, str]:
        header, parameters = [*command.split(None, 1), ""][:2]
        is_query = header.endswith("?")
        name = header.removesuffix("?").upper()
        node = path
        if name.startswith(":"):
            node, name = self._root, name[1:]
        if name.startswith("*"):  # a common command leaves the path where it was
            node, parent = self._root, path
            found = node.children.get(name)
        else:
            found, parent = _walk(node, name)
        entry = None if found is None else (found.query if is_query else found.command)
        if entry is None:
            raise ScpiError(*UNDEFINED_HEADER)
        return entry, parent, parameters


def _walk(node: _Node, header: str) -> tuple[_Node | None, _Node]:
    """Follow a header; the node found and the one above it, where the next command of the message continues."""
    parent = node
    for keyword in header.split(":"):
        child = node.children.get(keyword)
        if child is None:
            return None, parent
        parent, node = node, child
    return node, parent


def _tokens(text: str) -> list[str]:
    """Parameters as text. An empty last one counts as left out (QCoDeS sends ``'b', 100, ``)."""
    tokens = [token.strip() for token in split_outside_quotes(text, ",")]
    if not tokens[-1]:
        tokens.pop()
    return tokens
