"""Parameters of SCPI commands: each kind turns one token into a value, or says what is wrong with it.

Numbers, booleans, strings in either quote, keywords and the words MIN, MAX, DEF: 2461 Reference Manual pp. 5-4, 5-5.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class ScpiError(Exception):
    """An entry for the instrument's error queue: the code and the manual's words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}, {message}")
        self.code = code
        self.message = message


MISSING_PARAMETER = (-109, "Missing parameter")
PARAMETER_NOT_ALLOWED = (-108, "Parameter not allowed")
DATA_TYPE = (-104, "Data type error")
UNDEFINED_HEADER = (-113, "Undefined header")
OUT_OF_RANGE = (-222, "Parameter data out of range")
INPUT_OVERRUN = (-363, "Input buffer overrun")


class Parameter(Protocol):
    """One kind of parameter."""

    @property
    def required(self) -> bool:
        """Whether leaving it out is a mistake."""
        ...

    @property
    def repeats(self) -> bool:
        """Whether it takes all tokens that are left, as a tuple."""
        ...

    @property
    def default(self) -> Any:
        """The value of an optional one that is left out."""
        ...

    def parse(self, token: str, position: int) -> Any:
        """The value of a token that is the ``position``-th parameter, counted from 1."""
        ...


_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_PRESETS = {"MIN": "MIN", "MINIMUM": "MIN", "MAX": "MAX", "MAXIMUM": "MAX", "DEF": "DEF", "DEFAULT": "DEF"}


def _invalid_name(position: int) -> ScpiError:
    """The 2461 manual prints 1133 for parameter 4 (p. 6-161). Assumed: 1130 to 1132 are parameters 1 to 3."""
    return ScpiError(1129 + position, f"Parameter {position}, Syntax error, expected valid name parameters")


@dataclass(frozen=True, slots=True)
class Number:
    """A finite decimal number; with ``presets`` also the words MIN, MAX and DEF (passed on as ``str``)."""

    required: bool = True
    presets: bool = False
    whole: bool = False
    words: tuple[str, ...] = ()
    default: Any = None
    repeats: bool = False

    def parse(self, token: str, position: int) -> float | int | str:
        """Read the number; a word that is not allowed here is a data type error."""
        if _NUMBER.match(token):
            value = float(token)
            if not math.isfinite(value):
                raise ScpiError(*OUT_OF_RANGE)
            return round(value) if self.whole else value
        word = token.upper()
        if self.presets and word in _PRESETS:
            return _PRESETS[word]
        if word in self.words:
            return word
        raise ScpiError(*DATA_TYPE)


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean: 0, 1, OFF, ON."""

    required: bool = True
    default: Any = None
    repeats: bool = False

    def parse(self, token: str, position: int) -> bool:
        """Read the boolean."""
        try:
            return {"0": False, "1": True, "OFF": False, "ON": True}[token.upper()]
        except KeyError:
            raise _invalid_name(position) from None


def keyword_forms(keyword: str) -> tuple[str, str]:
    """Short and long form in upper case of a keyword in the manual's spelling: CURRent, LIM1, LIMit1."""
    match = re.fullmatch(r"([A-Z]+)([a-z]*)([0-9]*)", keyword)
    if match is None:
        raise ValueError(f"not a keyword in the manual's spelling: {keyword!r}")
    short, rest, digits = match.groups()
    return short + digits, (short + rest.upper()) + digits


class Word:
    """One of some keywords in the manual's spelling; the value is the short form in upper case."""

    def __init__(
        self, *keywords: str, required: bool = True, repeats: bool = False, default: Any = None
    ) -> None:
        self.required = required
        self.repeats = repeats
        self.default = default
        self._forms = {form: keyword_forms(k)[0] for k in keywords for form in keyword_forms(k)}

    def parse(self, token: str, position: int) -> str:
        """Read the keyword."""
        try:
            return self._forms[token.upper()]
        except KeyError:
            raise _invalid_name(position) from None


PRESET = Word("MINimum", "MAXimum", "DEFault", required=False)
"""The optional parameter of a query: ``:SOUR:CURR:VLIM? MAX``."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string in matching single or double quotes."""

    required: bool = True
    default: Any = None
    repeats: bool = False

    def parse(self, token: str, position: int) -> str:
        """Take the quotes off."""
        if len(token) >= 2 and token[0] in "'\"" and token[-1] == token[0]:
            return token[1:-1]
        raise ScpiError(*DATA_TYPE)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Everything that follows, unread: for commands whose first parameter says what the others are."""

    required: bool = False
    default: Any = None
    repeats: bool = True

    def parse(self, token: str, position: int) -> str:
        """The text as it stands."""
        return token


def read_arguments(tokens: Sequence[str], parameters: Sequence[Parameter]) -> tuple[Any, ...]:
    """Read the parameters of one command."""
    values: list[Any] = []
    for position, parameter in enumerate(parameters, start=1):
        if parameter.repeats:
            rest = enumerate(tokens[position - 1 :], position)
            return (*values, tuple(parameter.parse(token, n) for n, token in rest))
        token = tokens[position - 1] if position <= len(tokens) else ""
        if token:
            values.append(parameter.parse(token, position))
        elif parameter.required:
            raise ScpiError(*MISSING_PARAMETER)
        else:
            values.append(parameter.default)
    if len(tokens) > len(parameters):
        raise ScpiError(*PARAMETER_NOT_ALLOWED)
    return tuple(values)
