"""Faults as a person writes them: ``late=0.02,mute@30+5,off_ignored=always``."""

import math
import re
from dataclasses import dataclass

from labctl_simulators.chaos.kinds import MEANINGS, Kind, When

_ITEM = re.compile(r"(?P<kind>\w+)(=(?P<value>[\w.+-]+?))?(@(?P<at>[\d.]+)(\+(?P<for>[\d.]+))?)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: what happens.
        value: a probability, a count (infinite: always) or a part, as the kind has it.
        at_s: not before this time of the instrument.
        for_s: for how long from then on, where that has a meaning.
    """

    kind: Kind
    value: float
    at_s: float = 0.0
    for_s: float = math.inf

    def acts_at(self, now_s: float) -> bool:
        """Whether ``now_s`` lies in its time."""
        return self.at_s <= now_s < self.at_s + self.for_s

    def __str__(self) -> str:
        """As ``parse`` reads it."""
        text = f"{self.kind}"
        if self.value != MEANINGS[self.kind].value:
            text += "=always" if self.value == math.inf else f"={self.value:g}"
        if self.at_s or self.for_s < math.inf:
            text += f"@{self.at_s!r}"
        return text if self.for_s == math.inf else f"{text}+{self.for_s!r}"


def parse(text: str) -> tuple[Fault, ...]:
    """Read a specification: items ``kind[=value][@time[+duration]]`` with commas between; times in s.

    Raises:
        ValueError: what is wrong with it, and what would be right.
    """
    return tuple(_parse_item(item.strip()) for item in text.split(",") if item.strip())


def _parse_item(item: str) -> Fault:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(
            f"{item!r}: write kind[=value][@time[+duration]], for example late=0.02 or mute@30+5"
        )
    try:
        kind = Kind(match["kind"])
    except ValueError:
        raise ValueError(f"no fault is called {match['kind']!r}; there are {', '.join(Kind)}") from None
    meaning = MEANINGS[kind]
    value = meaning.value if match["value"] is None else _value(match["value"], item)
    if meaning.when in (When.ANSWER, When.WRITE) and value > 1.0:
        raise ValueError(f"{item!r}: a probability is at most 1")
    at_s = float(match["at"] or 0.0)
    return Fault(kind, value, at_s, float(match["for"]) if match["for"] else math.inf)


def _value(text: str, item: str) -> float:
    if text == "always":
        return math.inf
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{item!r}: {text!r} is neither a number from 0 up nor 'always'")
    return value
