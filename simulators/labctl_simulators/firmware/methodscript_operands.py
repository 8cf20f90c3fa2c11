"""Turns the arguments of a MethodSCRIPT command into operands, refusing what cannot be one while loading."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .methodscript_errors import Code, ScriptFault
from .methodscript_machine import Machine
from .methodscript_potentiostat import Potentiostat
from .methodscript_source import NAME, Token
from .methodscript_values import literal_value
from .methodscript_variables import Array, Checked, Element, Operand, Target, Variable

# Assumed: the manual gives no figures; they bound what a hostile script can take.
NAME_LENGTH = 32
NAMES = 512
ARRAY_ELEMENTS = 65_536

_ELEMENT = re.compile(r"([a-z_][a-z0-9_]*)\[([^\[\]]+)\]")
_VARTYPE = re.compile(r"[a-j][a-z]")

Check = Callable[[Potentiostat, float], None]


@dataclass(slots=True)
class Bench:
    """What commands are built on: the machine that runs them, the front end they act on, the declared names."""

    machine: Machine
    front: Potentiostat
    names: dict[str, Variable | Array] = field(default_factory=dict)
    measuring: bool = False  # the line being read stands inside a measurement loop

    def named(self, name: str, column: int) -> Variable | Array:
        """The declared variable or array; 4004 if this is no name, 420B if it is not declared."""
        if NAME.fullmatch(name) is None:
            raise ScriptFault(Code.UNEXPECTED_CHARACTER, column)
        if name not in self.names:
            raise ScriptFault(Code.NOT_DECLARED, column)
        return self.names[name]

    def declare(self, token: Token, what: Variable | Array) -> None:
        """Take a new name."""
        if NAME.fullmatch(token.text) is None:
            raise ScriptFault(Code.NAME_INVALID, token.column)
        if len(token.text) > NAME_LENGTH:
            raise ScriptFault(Code.NAME_TOO_LONG, token.column)
        if token.text in self.names:
            raise ScriptFault(Code.VARIABLE_EXISTS, token.column)
        if len(self.names) >= NAMES:
            raise ScriptFault(Code.MEMORY_FULL, token.column)
        self.names[token.text] = what

    def target(self, token: Token) -> Target:
        """A variable or an element of an array."""
        if is_literal(token):
            raise ScriptFault(Code.LITERAL_NOT_ALLOWED, token.column)
        if "[" in token.text:
            return self._element(token)
        found = self.named(token.text, token.column)
        if isinstance(found, Array):
            raise ScriptFault(Code.ARRAY_NOT_ALLOWED, token.column)
        return found

    def number(self, token: Token, check: Check | None = None) -> Operand:
        """A literal, checked at once, or a variable, checked whenever it is read."""
        if not is_literal(token):
            target = self.target(token)
            return Checked(target, partial(check, self.front)) if check else target
        value = literal_value(token.text, token.column)
        if check:
            try:
                check(self.front, value)
            except ScriptFault as fault:
                raise ScriptFault(fault.code, token.column) from None
        return Variable(value)

    def _element(self, token: Token) -> Element:
        match = _ELEMENT.fullmatch(token.text)
        if match is None:
            raise ScriptFault(Code.ARRAY_ACCESS_MALFORMED, token.column)
        found = self.named(match[1], token.column)
        if not isinstance(found, Array):
            raise ScriptFault(Code.ARRAY_ACCESS_MALFORMED, token.column)
        index = self.number(Token(match[2], token.column + match.start(2)))
        return Element(found, index)


Parameter = Callable[[Bench, Token], Any]


def is_literal(token: Token) -> bool:
    """True if the word can only be a number."""
    return token.text[0] in "+-0123456789"


def number(check: Check | None = None) -> Parameter:
    """Parameter that takes a literal or a variable."""

    def read(bench: Bench, token: Token) -> Operand:
        return bench.number(token, check)

    return read


def target(bench: Bench, token: Token) -> Target:
    """Parameter that takes a variable to write."""
    return bench.target(token)


def array(bench: Bench, token: Token) -> Array:
    """Parameter that takes a whole array."""
    found = bench.named(token.text, token.column)
    if isinstance(found, Variable):
        raise ScriptFault(Code.VARIABLE_NOT_ALLOWED, token.column)
    return found


def literal(bench: Bench, token: Token) -> float:
    """Parameter that takes a literal only."""
    if not is_literal(token):
        raise ScriptFault(Code.VARIABLE_NOT_ALLOWED, token.column)
    return literal_value(token.text, token.column)


def whole(bench: Bench, token: Token) -> int:
    """Parameter that takes a literal without a fraction (``6`` or ``6i``); 0007 for another."""
    value = literal(bench, token)
    if value != int(value):
        raise ScriptFault(Code.ARGUMENT_UNEXPECTED, token.column)
    return int(value)


def vartype(bench: Bench, token: Token) -> str:
    """Parameter that takes the two letters of a variable type."""
    if _VARTYPE.fullmatch(token.text) is None:
        raise ScriptFault(Code.VARTYPE_INVALID, token.column)
    return token.text


def one_of(code: Code, *types: str) -> Parameter:
    """Parameter that takes one of these variable types; ``code`` for another."""

    def read(bench: Bench, token: Token) -> str:
        found = vartype(bench, token)
        if found not in types:
            raise ScriptFault(code, token.column)
        return found

    return read


def word(bench: Bench, token: Token) -> Token:
    """Parameter that the command reads by itself."""
    return token


def text(bench: Bench, token: Token) -> list[str | Operand]:
    """Parameter that takes ``"text"``, or ``f"text {variable}"`` with variables in it."""
    if not token.text.endswith('"') or len(token.text) < 2:
        raise ScriptFault(Code.UNEXPECTED_CHARACTER, token.column)
    if token.text.startswith('"'):
        return [token.text[1:-1]]
    parts: list[str | Operand] = []
    content, place = token.text[2:-1], token.column + 2
    while content:
        plain, brace, rest = content.partition("{")
        parts.append(plain)
        if brace:
            inside, closed, rest_after = rest.partition("}")
            if not closed:
                raise ScriptFault(Code.BRACE_NOT_CLOSED, place + len(plain))
            parts.append(bench.target(Token(inside, place + len(plain) + 1)))
            place += len(plain) + len(inside) + 2
            rest = rest_after
        content = rest
    return parts


def positive(front: Potentiostat, value: float) -> None:
    """4204 unless above zero."""
    if not value > 0.0:
        raise ScriptFault(Code.NOT_POSITIVE)


def not_negative(front: Potentiostat, value: float) -> None:
    """4200 if below zero."""
    if not value >= 0.0:
        raise ScriptFault(Code.NEGATIVE)


def potential(front: Potentiostat, value: float) -> None:
    """000F beyond the potentials of the instrument."""
    front.check_potential(value)


def current(front: Potentiostat, value: float) -> None:
    """4205 beyond the currents of the instrument."""
    front.check_current(value)


def frequency(front: Potentiostat, value: float) -> None:
    """0011 outside the frequencies of the instrument."""
    if not 0.0 < value <= front.model.frequency_limit_Hz:
        raise ScriptFault(Code.FREQUENCY_INVALID)


def amplitude_V(front: Potentiostat, value: float) -> None:
    """0012 outside the amplitudes of the instrument."""
    if not 0.0 < value <= front.model.amplitude_limit_V:
        raise ScriptFault(Code.AMPLITUDE_INVALID)


def amplitude_A(front: Potentiostat, value: float) -> None:
    """0012 outside the currents of the instrument."""
    if not 0.0 < value <= front.model.current_limit_A:
        raise ScriptFault(Code.AMPLITUDE_INVALID)


def count(front: Potentiostat, value: float) -> None:
    """4204 below one, 4205 above what a loop can have; a fraction is cut off."""
    if not value >= 1.0:
        raise ScriptFault(Code.NOT_POSITIVE)
    if value > ARRAY_ELEMENTS:
        raise ScriptFault(Code.OUT_OF_BOUNDS)


def size(front: Potentiostat, value: float) -> None:
    """4204 below one, 000B above the memory for arrays; a fraction is cut off."""
    if not value >= 1.0:
        raise ScriptFault(Code.NOT_POSITIVE)
    if value > ARRAY_ELEMENTS:
        raise ScriptFault(Code.MEMORY_FULL)
