"""What labctl wants to know of every protocol and other languages leave open: limits, and an end for each step.

Everything that is filled in is reported. Nothing stands in for a safety window: a person has to give it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labctl.errors import UserError
from labctl.exchange.protocols.decimals import quantity
from labctl.exchange.protocols.protocol_text import Givens, Item
from labctl.exchange.protocols.report import Report
from labctl.units import Dimension, QuantityError, parse

LONGEST = "24 h"
"""Of a step that nothing limits, as in PyBaMM."""
_MARGIN = 0.001  # of the safety window: a cut-off just inside


@dataclass(frozen=True, slots=True)
class Window:
    """The safety window: V, V, and a magnitude in A as text."""

    low_V: float
    high_V: float
    current: str

    def safety(self) -> dict[str, Any]:
        """As it is written."""
        return {"voltage": [quantity(self.low_V, "V"), quantity(self.high_V, "V")], "current": self.current}


def window(
    low_V: float | None, high_V: float | None, current: str | None, givens: Givens, origin: str
) -> Window:
    """The window that the file or else the person gives.

    Raises:
        UserError: neither does.
    """
    if givens.voltage is not None:
        low_V, high_V = (_volts(text) for text in givens.voltage)
    current = givens.current or current
    if low_V is None or high_V is None or current is None:
        missing = " and ".join(
            option
            for option, absent in (
                ("--safety-voltage 'LOW, HIGH'", low_V is None or high_V is None),
                ("--safety-current MAXIMUM", current is None),
            )
            if absent
        )
        raise UserError(f"{origin}: has no safety window, and labctl runs nothing without: give {missing}")
    return Window(low_V, high_V, current)


def galvanostatic_ends(
    place: str, charging: bool, voltage: str | None, time: str | None, limits: Window, report: Report
) -> dict[str, str]:
    """What ends a step at constant current: a voltage ahead and a time."""
    if voltage is None:
        inset_V = _MARGIN * (limits.high_V - limits.low_V)
        edge_V = limits.high_V - inset_V if charging else limits.low_V + inset_V
        voltage = quantity(float(f"{edge_V:.6g}"), "V")
        report.added.append(f"{place}.until.voltage: {voltage}, just inside the safety window")
    return {"voltage": voltage, "time": time or _longest(place, report)}


def potentiostatic_ends(place: str, current: str | None, time: str | None, report: Report) -> dict[str, str]:
    """What ends a step at constant voltage: a current, if there is one, and a time."""
    return ({} if current is None else {"current": current}) | {"time": time or _longest(place, report)}


def record_short_steps(items: Sequence[Item], every: str, report: Report, place: str = "steps") -> None:
    """Let a step that is over before the next sample would be due record at its end."""
    for k, item in enumerate(items):
        record_short_steps(item.get("steps", ()), every, report, f"{place}[{k}].steps")
        for kind, step in item.items():
            time = step.get("until", {}).get("time") if isinstance(step, dict) else None
            if time is None or "record" in step or _seconds(time) >= _seconds(every):
                continue
            step["record"] = {"every": time}
            report.added.append(f"{place}[{k}].{kind}.record.every: {time}, because it lasts no longer")


def _seconds(text: str) -> float:
    try:
        return parse(text, Dimension.TIME).value
    except QuantityError:
        return math.inf  # said when the protocol is checked


def _longest(place: str, report: Report) -> str:
    report.added.append(f"{place}.until.time: {LONGEST}")
    return LONGEST


def _volts(text: str) -> float:
    try:
        return parse(text, Dimension.VOLTAGE).value
    except QuantityError as error:
        raise UserError(f"--safety-voltage {text}: {error}") from error
