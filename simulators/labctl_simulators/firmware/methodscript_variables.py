"""Variables of a running MethodSCRIPT: a value with its type and the metadata of its measurement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .methodscript_errors import Code, ScriptFault

UNTYPED = "aa"


class Operand(Protocol):
    """What a command reads: a literal, a variable or an element of an array."""

    @property
    def value(self) -> float:
        """Number in the unit of its type; an ``int`` if the script made it one."""
        ...


class Target(Operand, Protocol):
    """What a command also writes."""

    value: float
    vartype: str
    metadata: str


class Variable:
    """A variable or a literal. ``vartype`` is its two letters, ``metadata`` what a package appends to it."""

    __slots__ = ("metadata", "value", "vartype")

    def __init__(self, value: float = 0.0, vartype: str = UNTYPED) -> None:
        self.value = value
        self.vartype = vartype
        self.metadata = ""

    def reset(self) -> None:
        """Back to what a declaration gives: the float 0 without a type."""
        self.value, self.vartype, self.metadata = 0.0, UNTYPED, ""


class Array:
    """Variables by index from 0; ``allocate`` gives it its size, when the script declares it."""

    __slots__ = ("elements",)

    def __init__(self) -> None:
        self.elements: list[Variable] = []

    def allocate(self, size: int) -> None:
        """Take ``size`` fresh variables, dropping those of an earlier declaration."""
        self.elements = [Variable() for _ in range(size)]

    def reset(self) -> None:
        """Give the memory back."""
        self.elements = []


class Element:
    """One variable of an array, found anew at each use because its index may be a variable."""

    __slots__ = ("_array", "_index")

    def __init__(self, array: Array, index: Operand) -> None:
        self._array = array
        self._index = index

    def _variable(self) -> Variable:
        index = self._index.value
        if type(index) is not int:
            raise ScriptFault(Code.DATATYPE_INVALID)
        if not 0 <= index < len(self._array.elements):
            raise ScriptFault(Code.INDEX_OUT_OF_BOUNDS)
        return self._array.elements[index]

    @property
    def value(self) -> float:
        """Number in the element that the index selects."""
        return self._variable().value

    @value.setter
    def value(self, value: float) -> None:
        self._variable().value = value

    @property
    def vartype(self) -> str:
        """Two letters of the element's type."""
        return self._variable().vartype

    @vartype.setter
    def vartype(self, vartype: str) -> None:
        self._variable().vartype = vartype

    @property
    def metadata(self) -> str:
        """What a package appends to the element."""
        return self._variable().metadata

    @metadata.setter
    def metadata(self, metadata: str) -> None:
        self._variable().metadata = metadata


class Checked:
    """An operand whose bounds are checked whenever it is read, because a variable's value is known only then."""

    __slots__ = ("_check", "_operand")

    def __init__(self, operand: Operand, check: Callable[[float], None]) -> None:
        self._operand = operand
        self._check = check

    @property
    def value(self) -> float:
        """The operand's number, if the command may have it; else the check raises ``ScriptFault``."""
        value = self._operand.value
        self._check(value)
        return value
