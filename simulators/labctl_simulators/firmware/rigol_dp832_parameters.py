"""Parameters of the DP800 series' commands: a channel that may be left out, a number in its range, ON or OFF."""

import re
from typing import TYPE_CHECKING

from labctl_simulators.firmware.scpi_parameters import (
    DATA_TYPE,
    MISSING_PARAMETER,
    OUT_OF_RANGE,
    PARAMETER_NOT_ALLOWED,
    Flag,
    Number,
    ScpiError,
)

if TYPE_CHECKING:
    from labctl_simulators.firmware.rigol_dp832 import Output
    from labctl_simulators.firmware.rigol_dp832 import RigolDp832 as Psu

Tail = tuple[str, ...]
"""What follows a header."""

_CHANNEL = re.compile(r"CH([0-9]{1,3})", re.IGNORECASE)


def named(psu: "Psu", tail: Tail) -> tuple["Output", Tail]:
    """The channel that is named first, or the selected one; and what follows."""
    match = _CHANNEL.fullmatch(tail[0]) if tail else None
    if match is None:
        return psu.outputs[psu.selected], tail
    return psu.outputs[index_of(psu, int(match[1]))], tail[1:]


def index_of(psu: "Psu", number: int) -> int:
    """Of a channel's number."""
    if not 1 <= number <= len(psu.outputs):
        raise ScpiError(*OUT_OF_RANGE)
    return number - 1


def only(tail: Tail) -> str:
    """The one parameter that there has to be."""
    if not tail:
        raise ScpiError(*MISSING_PARAMETER)
    if len(tail) > 1:
        raise ScpiError(*PARAMETER_NOT_ALLOWED)
    return tail[0]


def value_in(token: str, low: float, high: float, default: float) -> float:
    """A number in its range, or MIN, MAX, DEF."""
    value = Number(presets=True).parse(token, 1)
    if isinstance(value, str):
        return {"MIN": low, "MAX": high, "DEF": default}[value]
    if not low <= value <= high:
        raise ScpiError(*OUT_OF_RANGE)
    return value


def state(token: str) -> bool:
    """ON or OFF."""
    try:
        return Flag().parse(token, 1)
    except ScpiError:
        raise ScpiError(*DATA_TYPE) from None


def on_or_off(state: bool) -> str:
    """As it is answered."""
    return "ON" if state else "OFF"
