"""MethodSCRIPT commands that compute: variables, arrays, arithmetic on floats and on 32-bit integers.

Source: MethodSCRIPT manual v1.8, sections on variables and arithmetic. Assumed: operands of different kinds are
refused (4207) rather than converted, as PalmSens' own scripts convert with ``int_to_float`` first.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from .methodscript_errors import Code, ScriptFault
from .methodscript_machine import Instruction
from .methodscript_operands import ARRAY_ELEMENTS, Bench
from .methodscript_source import Token
from .methodscript_variables import Array, Element, Operand, Target, Variable

_INT32 = 1 << 31

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "&": lambda left, right: bool(_bits(left) & _bits(right)),
    "|": lambda left, right: bool(_bits(left) | _bits(right)),
}


def declare_variable(bench: Bench, name: Token) -> None:
    """``var x``: nothing to do when it runs; the script's start resets it."""
    bench.declare(name, Variable())


def declare_array(bench: Bench, name: Token, length: Operand) -> Instruction:
    """``array a n``: the length may be a variable, so memory is taken when the line runs."""
    array = Array()
    bench.declare(name, array)

    def step() -> None:
        others = sum(len(other.elements) for other in bench.names.values() if isinstance(other, Array))
        wanted = int(length.value)
        if others - len(array.elements) + wanted > ARRAY_ELEMENTS:
            raise ScriptFault(Code.MEMORY_FULL)
        array.allocate(wanted)

    return step


def store(bench: Bench, target: Target, value: float, vartype: str) -> Instruction:
    """``store_var x literal type``."""

    def step() -> None:
        target.value, target.vartype, target.metadata = value, vartype, ""

    return step


def copy(bench: Bench, source: Target, target: Target) -> Instruction:
    """``copy_var from to``: value, type and metadata."""

    def step() -> None:
        target.value, target.vartype, target.metadata = source.value, source.vartype, source.metadata

    return step


def array_get(bench: Bench, source: Array, index: Operand, target: Target) -> Instruction:
    """``array_get a i x``, the older way to write ``copy_var a[i] x``."""
    return copy(bench, Element(source, index), target)


def array_set(bench: Bench, array: Array, index: Operand, source: Target) -> Instruction:
    """``array_set a i x``, the older way to write ``copy_var x a[i]``."""
    return copy(bench, source, Element(array, index))


def alter_vartype(bench: Bench, target: Target, vartype: str) -> Instruction:
    """``alter_vartype x type``."""

    def step() -> None:
        target.vartype = vartype

    return step


def arithmetic(
    on_floats: Callable[[float, float], float], on_integers: Callable[[int, int], int]
) -> Callable[[Bench, Target, Operand], Instruction]:
    """A command ``name_var target operand`` whose result replaces the target's value."""

    def build(bench: Bench, target: Target, operand: Operand) -> Instruction:
        def step() -> None:
            left, right = target.value, operand.value
            if type(left) is float and type(right) is float:
                target.value = _finite(on_floats, left, right)
            elif type(left) is int and type(right) is int:
                target.value = _in_32_bits(on_integers, left, right)
            else:
                raise ScriptFault(Code.DATATYPE_INVALID)

        return step

    return build


def on_integers_only(function: Callable[[int, int], int]) -> Callable[[Bench, Target, Operand], Instruction]:
    """A bitwise command ``bit_name_var target operand``."""

    def refuse(left: float, right: float) -> float:
        raise ScriptFault(Code.DATATYPE_INVALID)

    return arithmetic(refuse, function)


def invert_bits(bench: Bench, target: Target) -> Instruction:
    """``bit_inv_var x``."""

    def step() -> None:
        target.value = ~_bits(target.value)

    return step


def logarithm(bench: Bench, target: Target) -> Instruction:
    """``log_var x``: natural logarithm; 0010 if there is none."""

    def step() -> None:
        if not target.value > 0.0:
            raise ScriptFault(Code.NOT_FINITE)
        target.value = math.log(target.value)

    return step


def int_to_float(bench: Bench, target: Target) -> Instruction:
    """``int_to_float x``."""

    def step() -> None:
        target.value = float(target.value)

    return step


def float_to_int(bench: Bench, target: Target) -> Instruction:
    """``float_to_int x``: towards zero."""

    def step() -> None:
        target.value = _in_32_bits(lambda value, _: int(value), target.value, 0)

    return step


def mean(bench: Bench, array: Array, target: Target) -> Instruction:
    """``mean a x``: average of all elements, with the type of the first."""

    def step() -> None:
        elements = array.elements
        if not elements:
            raise ScriptFault(Code.INDEX_OUT_OF_BOUNDS)
        target.value = sum(element.value for element in elements) / len(elements)
        target.vartype, target.metadata = elements[0].vartype, ""

    return step


def quotient(left: int, right: int) -> int:
    """Integer division towards zero."""
    result = abs(left) // abs(right)
    return result if (left < 0) == (right < 0) else -result


def remainder(left: int, right: int) -> int:
    """What ``quotient`` leaves; has the sign of ``left``."""
    return left - right * quotient(left, right)


def integer_power(left: int, right: int) -> int:
    """Power of integers; 4037 before the result becomes long, 4207 if it is none."""
    if right < 0:
        raise ScriptFault(Code.DATATYPE_INVALID)
    if abs(left) > 1 and right > 31:
        raise ScriptFault(Code.OVERFLOW)
    return int(left**right)


def shift_left(left: int, right: int) -> int:
    """Bits shifted to the left within 32."""
    return (left << _places(right)) & 0xFFFFFFFF


def shift_right(left: int, right: int) -> int:
    """Bits shifted to the right within 32."""
    return (left & 0xFFFFFFFF) >> _places(right)


def _places(value: int) -> int:
    if not 0 <= value <= 32:
        raise ScriptFault(Code.OUT_OF_BOUNDS)
    return value


def _bits(value: float) -> int:
    if type(value) is not int:
        raise ScriptFault(Code.DATATYPE_INVALID)
    return value


def _finite(function: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        value = function(left, right)
    except ZeroDivisionError:
        raise ScriptFault(Code.DIVIDED_BY_ZERO) from None
    except (ValueError, OverflowError):
        raise ScriptFault(Code.NOT_FINITE) from None
    if value - value != 0.0:
        raise ScriptFault(Code.NOT_FINITE)
    return value


def _in_32_bits(function: Callable[[int, int], int], left: float, right: float) -> int:
    try:
        value = function(left, right)  # type: ignore[arg-type]
    except ZeroDivisionError:
        raise ScriptFault(Code.DIVIDED_BY_ZERO) from None
    if not -_INT32 <= value < 2 * _INT32:
        raise ScriptFault(Code.OVERFLOW)
    return value
