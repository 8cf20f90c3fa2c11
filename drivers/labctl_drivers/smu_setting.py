"""A setting of an instrument: how it is set, how it is asked for, and what it must read back as."""

import math
from typing import NamedTuple, Protocol


class Readable(Protocol):
    """What can be set and read back, in whatever language an instrument speaks."""

    @property
    def header(self) -> str:
        """What it is called on the wire."""
        ...

    @property
    def reads(self) -> str:
        """What it must read back as."""
        ...

    def set(self) -> bytes:
        """The command."""
        ...

    def ask(self) -> bytes:
        """The query."""
        ...

    def matches(self, reply: str) -> bool:
        """Whether what was read back is what was set."""
        ...


class Setting(NamedTuple):
    """One SCPI setting: ``header value`` sets it, ``header?`` is answered with ``reads``."""

    header: str
    value: str
    reads: str

    def set(self) -> bytes:
        """The command."""
        return f"{self.header} {self.value}".encode("ascii")

    def ask(self) -> bytes:
        """The query."""
        return f"{self.header}?".encode("ascii")

    def matches(self, reply: str) -> bool:
        """Whether what was read back is what was set."""
        return same(reply, self.reads)


class Attribute(NamedTuple):
    """One TSP attribute: ``header = value`` sets it, ``print(header)`` is answered with ``value``."""

    header: str
    value: str

    @property
    def reads(self) -> str:
        """What it must read back as."""
        return self.value

    def set(self) -> bytes:
        """The statement."""
        return f"{self.header} = {self.value}".encode("ascii")

    def ask(self) -> bytes:
        """The question."""
        return f"print({self.header})".encode("ascii")

    def matches(self, reply: str) -> bool:
        """Whether what was read back is what was set."""
        return same(reply, self.value)


def same(reply: str, expected: str) -> bool:
    """Words as they are, numbers to 0.1 %."""
    try:
        return math.isclose(float(reply), float(expected), rel_tol=1e-3, abs_tol=1e-12)
    except ValueError:
        return reply.upper() == expected


def words(header: str, word: str) -> Setting:
    """A setting whose value is a word that reads back as it was set."""
    return Setting(header, word, word)


def number(header: str, value: float) -> Setting:
    """A setting whose value is a number."""
    text = f"{value:.9g}"
    return Setting(header, text, text)
