"""Slips of the pen in quantities: what is wrong with a text, and what would be right."""

import difflib
import re
import unicodedata

from labctl.units.dimension import UNITS, Dimension

LONGEST_TEXT = 60
_EXOTIC_LETTERS = {
    letter for units in UNITS.values() for unit in units for letter in unit if not letter.isascii()
}


class QuantityError(ValueError):
    """A text that is not the quantity asked for.

    Attributes:
        problem: what is wrong.
        remedy: what would be right.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


def refuse_odd_text(text: str, accepted: tuple[Dimension, ...]) -> None:
    """Refuse what no quantity can contain, before it is taken apart.

    Raises:
        QuantityError: empty, too long, two signs, or letters that only look like ordinary ones.
    """
    if not text.strip():
        raise QuantityError("no value", wanted(accepted))
    if len(text) > LONGEST_TEXT:
        raise QuantityError(f"{text[:20]!r}... is too long for a quantity", wanted(accepted))
    for letter in text:
        if letter == "\u00b1":
            raise QuantityError(f"{text!r} has two signs", "write one step with + (charging) and one with -")
        if letter == "\u2212":
            raise QuantityError(f"{text!r} has a typographic minus", "write the ordinary '-'")
        if not (letter.isprintable() and letter.isascii()) and letter not in _EXOTIC_LETTERS:
            name = unicodedata.name(letter, "a control character").lower()
            raise QuantityError(
                f"{text!r} contains {name} (U+{ord(letter):04X})", "write ordinary digits and letters"
            )


def not_a_number(text: str, accepted: tuple[Dimension, ...]) -> QuantityError:
    """The error for a text that does not begin with a number as labctl wants it."""
    example = wanted(accepted)
    digits = text.lstrip("+-")
    for pattern, problem, remedy in (
        (r"\.?(nan|inf|infinity)\b.*", "is not a finite number", example),
        (r"[0-9]+,[0-9].*", "has a decimal comma", f"write {text.replace(',', '.', 1)}"),
        (r"[0-9]+_.*", "has an underscore among its digits", f"write {text.replace('_', '')}"),
        (r"0[xXoObB].*", "is not a decimal number", example),
        (r"0[0-9].*", "has a leading zero", f"write {text.replace(digits, digits.lstrip('0') or '0')}"),
        (r"[0-9]+:[0-9].*", "could be hours or minutes", "write a time as 12 h 30 min"),
        (r"\.[0-9].*", "lacks a digit before the point", f"write {text.replace('.', '0.', 1)}"),
        (r"[0-9]+\.(\D.*)?", "lacks a digit after the point", f"write {text.replace('.', '', 1)}"),
        (r"(true|false|yes|no|on|off|null|~)", "is a word, not a quantity", example),
    ):
        if re.fullmatch(pattern, digits, re.IGNORECASE | re.ASCII):
            return QuantityError(f"{text!r} {problem}", remedy)
    return QuantityError(f"{text!r} is not a number with a unit", example)


def unknown_unit(text: str, number: str, unit: str, accepted: tuple[Dimension, ...]) -> QuantityError:
    """The error for a number whose unit is not one of the accepted dimensions."""
    for dimension, units in UNITS.items():
        if unit in units:
            return QuantityError(
                f"{text!r} is {_article(dimension.title)} {dimension.title}", wanted(accepted)
            )
    spellings = [spelling for dimension in accepted for spelling in UNITS[dimension]]
    folded = {_fold(spelling): spelling for spelling in reversed(spellings)}
    near = folded.get(_fold(unit)) or next(iter(difflib.get_close_matches(unit, spellings, 1, 0.6)), None)
    remedy = f"did you mean {number} {near}?" if near else wanted(accepted)
    return QuantityError(f"{text!r}: unknown unit {unit!r}", remedy)


def _fold(unit: str) -> str:
    """What a unit looks like to somebody who ignores case, powers and spaces."""
    ascii_only = unicodedata.normalize("NFKD", unit).lower().replace("\u03bc", "u").replace("\u03c9", "ohm")
    return re.sub(r"[^a-z0-9/%]", "", ascii_only)


def wanted(accepted: tuple[Dimension, ...]) -> str:
    """What would have been right, with an example for each accepted dimension."""
    if not accepted:
        return "write a plain number such as 2 or 0.05"
    *others, last = [dimension.example for dimension in accepted]
    if others:
        return f"write, for example, {', '.join(others)} or {last}"
    return f"write {_article(accepted[0].title)} {accepted[0].title} such as {last}"


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
