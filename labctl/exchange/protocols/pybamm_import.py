"""PyBaMM's experiment strings as a labctl protocol.

A file is a JSON list of strings, in which a list is a cycle, or text with a string a line. Equal cycles in a row
become a loop.

Source: PyBaMM 25, pybamm.step.string.
"""

import json
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from labctl.errors import UserError
from labctl.exchange.protocols.filling import (
    Window,
    galvanostatic_ends,
    potentiostatic_ends,
    record_short_steps,
    window,
)
from labctl.exchange.protocols.protocol_text import Givens, Item, protocol_text
from labctl.exchange.protocols.report import Report, Translation
from labctl.invisible import visible

PERIOD = "1 min"
"""Of PyBaMM's strings that name none."""

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_STEP = re.compile(
    r"(?P<what>Charge|Discharge|Hold|Rest)(?: at (?P<value>\S+(?: [A-Za-z]+)?))?"
    rf"(?: for (?P<time>{_NUMBER} [a-z]+))?(?:(?: or)? until (?P<until>\S+(?: [A-Za-z]+)?))?"
    rf"(?: \((?P<period>{_NUMBER} [a-z]+) period\))?"
)
_ELECTRIC = re.compile(rf"(?:C/(?P<divisor>{_NUMBER})|(?P<value>-?{_NUMBER}) ?(?P<unit>C|m?A|m?V|m?W|Ohm))")
_TIMES = dict.fromkeys(("s", "sec", "second"), "s") | dict.fromkeys(("m", "min", "minute"), "min")
_TIMES |= dict.fromkeys(("h", "hr", "hour"), "h")
_DRIVEN = {
    "A": ("constant_current", "current"),
    "C": ("constant_current", "current"),
    "W": ("constant_power", "power"),
    "Ohm": ("constant_resistance", "resistance"),
}
"""What a unit makes of a step, and the key under which it stands."""


def from_pybamm(text: str, origin: str, givens: Givens) -> Translation:
    """Translate experiment strings.

    Args:
        text: JSON or one string a line.
        origin: the file's name.
        givens: what a person says besides; the safety window is not in the strings.

    Raises:
        UserError: a string is not understood, or it is no protocol that labctl would run.
    """
    report = Report()
    limits = window(None, None, None, givens, origin)
    steps = _Strings(limits, report, origin)
    items = list(steps.items(_entries(text, origin)))
    every = givens.every or (steps.periods[0] if len(set(steps.periods)) == 1 else PERIOD)
    if givens.every is None and every == PERIOD:
        report.added.append(f"record.every: {PERIOD}, as in PyBaMM")
    for item in items:
        _drop_usual_period(item, every)
    record_short_steps(items, every, report)
    parts = {
        "protocol": givens.name,
        "cell": {"nominal_capacity": givens.nominal_capacity} if givens.nominal_capacity else None,
        "safety": limits.safety(),
        "record": {"every": every},
        "steps": items,
    }
    return Translation(protocol_text(origin, parts), report)


def _entries(text: str, origin: str) -> list[Any]:
    """Strings, and lists of strings."""
    if not text.lstrip().startswith(("[", "{")):
        return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        given = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{origin}: is not JSON: {error}") from None
    if not isinstance(given, list) or not given:
        raise UserError(f"{origin}: is no list of experiment strings")
    return given


class _Strings:
    """Translates the strings of one file; ``periods`` are those that they record with."""

    def __init__(self, limits: Window, report: Report, origin: str) -> None:
        self._limits = limits
        self._report = report
        self._origin = origin
        self.periods: list[str] = []

    def items(self, entries: list[Any]) -> Iterator[Item]:
        """The steps; equal cycles in a row as a loop."""
        number = 0
        for cycle, group in groupby(entries):
            count = len(list(group))
            if not isinstance(cycle, list):
                for k in range(count):
                    yield self._item(cycle, number + k + 1)
            else:
                yield {"loop": count, "steps": [self._item(text, number + 1) for text in cycle]}
            number += count

    def _item(self, text: Any, number: int) -> Item:
        place = f"string {number}"
        match = _STEP.fullmatch(" ".join(text.split())) if isinstance(text, str) else None
        if match is None:
            said = visible(repr(text))[:80]
            raise UserError(
                f"{self._origin}: {place}: {said} is not understood; labctl reads 'Discharge at C/10 for 10 hours or "
                "until 3.3 V', 'Charge at 1 mA until 4.1 V', 'Hold at 4.1 V until 50 mA', 'Rest for 1 hour'"
            )
        item = self._translated(match, place)
        period = self._time(match["period"], place) if match["period"] else PERIOD
        self.periods.append(period)
        if match["period"]:
            next(iter(item.values()))["record"] = {"every": period}
        return item

    def _translated(self, match: re.Match[str], place: str) -> Item:
        time = None if match["time"] is None else self._time(match["time"], place)
        what = match["what"]
        if what == "Rest":
            if time is None or match["value"] or match["until"]:
                raise UserError(f"{self._origin}: {place}: a rest is 'Rest for 1 hour'")
            return {"rest": {"until": {"time": time}}}
        value, unit = self._electric(match["value"], place)
        end, end_unit = (None, "") if match["until"] is None else self._electric(match["until"], place)
        if time is None and end is None:
            raise UserError(f"{self._origin}: {place}: {match[0]!r} has no end: 'for 1 hour', 'until 4.1 V'")
        if what == "Hold":
            if unit != "V" or end_unit not in ("", "A", "C"):
                raise UserError(f"{self._origin}: {place}: a hold is 'Hold at 4.1 V until 50 mA'")
            ends = potentiostatic_ends(place, end, time, self._report)
            return {"constant_voltage": {"voltage": value, "until": ends}}
        charging = what == "Charge"
        if unit not in _DRIVEN or end_unit not in ("", "V") or (charging and unit == "Ohm"):
            raise UserError(
                f"{self._origin}: {place}: labctl reads currents, C-rates, powers and discharges through a resistance "
                f"that end at a voltage, not {match[0]!r}"
            )
        ends = galvanostatic_ends(place, charging, end, time, self._limits, self._report)
        kind, key = _DRIVEN[unit]
        signed = value if charging or unit == "Ohm" else f"-{value}"
        return {kind: {key: signed, "until": ends}}

    def _time(self, text: str, place: str) -> str:
        number, unit = text.split(" ")
        known = _TIMES.get(unit) or _TIMES.get(unit.removesuffix("s"))
        if known is None:
            raise UserError(f"{self._origin}: {place}: {text!r} is no time")
        return f"{number} {known}"

    def _electric(self, text: str | None, place: str) -> tuple[str, str]:
        """A quantity as labctl writes it, and its unit without the prefix."""
        match = _ELECTRIC.fullmatch(text or "")
        if match is None:
            raise UserError(
                f"{self._origin}: {place}: {(text or '')[:40]!r} is no current, C-rate or voltage"
            )
        if match["divisor"]:
            return f"C/{match['divisor']}", "C"
        if match["unit"] == "C":
            return f"{match['value']}C", "C"
        return f"{match['value']} {match['unit']}", match["unit"].removeprefix("m")


def _drop_usual_period(item: Item, every: str) -> None:
    """A step that records as the protocol does need not say so."""
    for inner in item.get("steps", []):
        _drop_usual_period(inner, every)
    for step in item.values():
        if isinstance(step, dict) and step.get("record") == {"every": every}:
            del step["record"]
