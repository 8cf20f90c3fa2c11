"""Splits a line of MethodSCRIPT into a command and its arguments, each with its column.

Source: MethodSCRIPT manual v1.8, chapter 3: one command a line, arguments separated by blanks, ``#`` starts a
comment, optional arguments are written ``name(argument ...)``, indentation is free.
"""

import re
from typing import NamedTuple

from .methodscript_errors import Code, ScriptFault

NAME = re.compile(r"[a-z_][a-z0-9_]*")

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+)
      | (?P<comment>\#.*)
      | (?P<text>f?"[^"]*")
      | (?P<optional>[a-z_][a-z0-9_]*)\((?P<inner>[^()"\#]*)\)
      | (?P<word>[-+A-Za-z0-9_\[\].:<>=!&|]+)""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """One argument: a word or a quoted text; or an optional argument, whose own arguments are ``inner``."""

    text: str
    column: int
    inner: "tuple[Token, ...] | None" = None


def tokens(line: str, first_column: int = 1) -> tuple[Token, ...]:
    """The words of a line without blanks and comment.

    Raises:
        ScriptFault: 4004 at the first character that cannot stand there.
    """
    found: list[Token] = []
    place = 0
    while place < len(line):
        match = _TOKEN.match(line, place)
        if match is None:
            raise ScriptFault(Code.UNEXPECTED_CHARACTER, first_column + place)
        column = first_column + place
        if match["optional"] is not None:
            inner = tokens(match["inner"], first_column + match.start("inner"))
            found.append(Token(match["optional"], column, inner))
        elif match["blank"] is None and match["comment"] is None:
            found.append(Token(match[0], column))
        place = match.end()
    return tuple(found)
