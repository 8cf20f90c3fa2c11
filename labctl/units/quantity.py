"""Reads one quantity of text; what is not exactly right is refused, never guessed."""

import itertools
import re
from dataclasses import dataclass
from fractions import Fraction

from labctl.units.dimension import CELSIUS_ZERO_K, HOUR, SECONDS, UNITS, Dimension
from labctl.units.slips import (
    LONGEST_TEXT,
    QuantityError,
    not_a_number,
    refuse_odd_text,
    unknown_unit,
    wanted,
)

_UNSIGNED = r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?"
_NUMBER = re.compile(rf"[+-]?{_UNSIGNED}")
_NUMBER_UNIT = re.compile(rf"([+-]?{_UNSIGNED})(?![eExXoObB][+-]?[0-9])(?: *([^\W\d_].*|[%\u00b0].*))?")
_FRACTIONAL_RATE = re.compile(rf"([+-]?)C/({_UNSIGNED})")
_DURATION_PART = re.compile(rf"({_UNSIGNED}) ?(d|h|min|m|s) ?")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A finite number that keeps its unit.

    Attributes:
        value: in ``dimension.si_unit``.
        dimension: what is measured.
        text: as the person wrote it.
    """

    value: float
    dimension: Dimension
    text: str

    def si(self, dimension: Dimension) -> float:
        """The SI value, for a caller who says which dimension it expects.

        Raises:
            TypeError: the quantity is something else.
        """
        if dimension is not self.dimension:
            raise TypeError(f"{self.text!r} is given as {self.dimension.title}, not as {dimension.title}")
        return self.value

    def __str__(self) -> str:
        return self.text


def parse(text: str, *accepted: Dimension) -> Quantity:
    """Read a quantity that has to be of one of the ``accepted`` dimensions.

    Args:
        text: ``0.4 mA/cm2``, ``-C/5``, ``1h30m``; a number and its unit, ASCII digits only.
        accepted: the dimensions that would do, the most usual first.

    Raises:
        QuantityError: anything else; nothing is guessed, rounded or clipped.
    """
    refuse_odd_text(text, accepted)
    if Dimension.RATE in accepted and (rate := _FRACTIONAL_RATE.fullmatch(text)):
        divisor = Fraction(rate[2])
        if not divisor:
            raise QuantityError(f"{text!r} divides by zero", "write a C-rate as C/5 or 0.2C")
        return _checked(Fraction(f"{rate[1]}1") / divisor / HOUR, Dimension.RATE, text)
    if Dimension.TIME in accepted and (seconds := _compound_duration_s(text)) is not None:
        return _checked(seconds, Dimension.TIME, text)
    match = _NUMBER_UNIT.fullmatch(text)
    if match is None:
        raise not_a_number(text, accepted)
    number, unit = Fraction(match[1]), match[2]
    if unit is None:
        raise QuantityError(f"{text!r} has no unit", wanted(accepted))
    if match[1].startswith("-") and not number:
        raise QuantityError(f"{text!r} is a negative zero", f"write 0 {unit}")
    for dimension in accepted:
        if unit in UNITS[dimension]:
            return _checked(_to_si(number, unit, dimension), dimension, text)
    raise unknown_unit(text, match[1], unit, accepted)


def parse_number(text: str) -> float:
    """Read a number that has no unit: ``2``, ``0.05``, ``1e-3``.

    Raises:
        QuantityError: anything else.
    """
    refuse_odd_text(text, ())
    if _NUMBER.fullmatch(text) is None:
        raise not_a_number(text, ())
    value = Fraction(text)
    if abs(value) > 10**12 or 0 < abs(value) < Fraction(1, 10**12) or (not value and text.startswith("-")):
        raise QuantityError(f"{text!r} is out of range", wanted(()))
    return float(value)


def parse_count(text: str, lowest: int, highest: int) -> int:
    """Read a whole number from ``lowest`` to ``highest``.

    Raises:
        QuantityError: anything else.
    """
    remedy = f"write a whole number from {lowest} to {highest}"
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,11})", text) is None:
        raise QuantityError(f"{text[:LONGEST_TEXT]!r} is not a whole number", remedy)
    if not lowest <= int(text) <= highest:
        raise QuantityError(f"{text} is out of range", remedy)
    return int(text)


def _to_si(number: Fraction, unit: str, dimension: Dimension) -> Fraction:
    value = number * UNITS[dimension][unit]
    return value + CELSIUS_ZERO_K if unit in ("degC", "\u00b0C") else value


def _compound_duration_s(text: str) -> Fraction | None:
    """Seconds in ``1h30m`` or ``2 h 30 min``; None if the text is no compound of falling units."""
    position, total, parts = 0, Fraction(0), []
    while match := _DURATION_PART.match(text, position):
        unit = "min" if match[2] == "m" else match[2]
        parts.append(SECONDS[unit])
        total += Fraction(match[1]) * SECONDS[unit]
        position = match.end()
    falling = all(earlier > later for earlier, later in itertools.pairwise(parts))
    complete = position == len(text) and not text.endswith(" ")
    return total if complete and falling and len(parts) > 1 else None


def _checked(value: Fraction, dimension: Dimension, text: str) -> Quantity:
    remedy = f"check the number and its unit, as in {dimension.example}"
    if abs(value) > dimension.largest:
        raise QuantityError(f"{text!r} is beyond any {dimension.title} in a laboratory", remedy)
    if value and abs(value) < dimension.smallest:
        raise QuantityError(f"{text!r} is smaller than any {dimension.title} in a laboratory", remedy)
    return Quantity(float(value), dimension, text)
