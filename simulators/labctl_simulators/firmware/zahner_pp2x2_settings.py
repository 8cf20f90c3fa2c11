"""What can be set on the simulated Zahner potentiostats: each command with its default and its range.

Source: the methods of zahner_potentiostat 1.1.2 and what their descriptions say; sampling at 100 Hz at most.
Assumed: what a parameter is before it is set; that a value which is no number is out of range, too.
"""

import math
from dataclasses import dataclass
from datetime import datetime

from .zahner_pp2x2_models import Model

UNKNOWN, OUT_OF_RANGE, GLOBAL_LIMIT, NOT_IN_LIMITS, ABORTED, NOT_NOW = 27, 100, 1003, 1004, 1005, 1006

Value = float | str | bool


class Refused(Exception):
    """A command that is answered with an error number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True)
class Number:
    """A number within a range.

    Attributes:
        default: at the start.
        low, high: what is accepted.
        whole: an index.
    """

    default: float
    low: float
    high: float
    whole: bool = False

    def read(self, text: str) -> Value:
        """The value that a text means.

        Raises:
            Refused: it means none.
        """
        try:
            value = float(text)
        except ValueError:
            raise Refused(OUT_OF_RANGE) from None
        if not self.low <= value <= self.high or (self.whole and value % 1.0):
            raise Refused(OUT_OF_RANGE)
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words, in any case; ``values`` tells what each means."""

    default: Value
    values: dict[str, Value]

    def read(self, text: str) -> Value:
        """The value that a text means.

        Raises:
            Refused: it means none.
        """
        try:
            return self.values[text.strip().upper()]
        except KeyError:
            raise Refused(OUT_OF_RANGE) from None


_ON_OFF: dict[str, Value] = {"ON": True, "1": True, "OFF": False, "0": False}
_RELATION: dict[str, Value] = {"0": "0", "OCV": "OCV"}
_FAR = 1e9
_LONGEST_S = 3.2e7


def table(model: Model) -> dict[str, Number | Choice]:
    """Every setting of a model."""
    volt, ampere = model.voltage_max_V, model.current_max_A
    any_number = Number(0.0, -_FAR, _FAR)
    seconds = Number(0.0, 0.0, _LONGEST_S)
    last = len(model.shunts_A) - 1
    off, on = Choice(False, _ON_OFF), Choice(True, _ON_OFF)
    return {
        "SESO:COUP": Choice("pot", {"POT": "pot", "GAL": "gal"}),
        "SESO:STAT": off,
        "SESO:UREL": Choice("0", _RELATION),
        "SESO:UVAL": Number(0.0, -volt, volt),
        "SESO:IVAL": Number(0.0, -ampere, ampere),
        "SESO:VRNG": Number(volt, -volt, volt),
        "SESO:VRNG:IDX": Number(0.0, 0.0, 1.0, whole=True),
        "SESO:CRNG": Number(ampere, -ampere, ampere),
        "SESO:CRNG:IDX": Number(0.0, 0.0, last, whole=True),
        "SESO:CRNG:AUTO": on,
        "SESO:CRNG:AUTO:LLIM": Number(0.0, 0.0, last, whole=True),
        "SESO:CRNG:AUTO:ULIM": Number(last, 0.0, last, whole=True),
        "SESO:INTP": on,
        "SESO:BAND": Number(0.0, 0.0, 10.0, whole=True),
        "SESO:FILT": Number(1e3, 0.0, 1e6),
        "SESO:SFRQ": Number(10.0, 1e-4, 100.0),
        "SESO:UILT": seconds,
        "SESO:ULIM:STAT": off,
        "SESO:ULIM:MIN": any_number,
        "SESO:ULIM:MAX": any_number,
        "SESO:ILIM:STAT": off,
        "SESO:ILIM:MIN": any_number,
        "SESO:ILIM:MAX": any_number,
        "PARA:TIME": seconds,
        "PARA:TMAX": seconds,
        "PARA:TMIN": seconds,
        "PARA:UREL": Choice("0", _RELATION),
        "PARA:UVAL": Number(0.0, -volt, volt),
        "PARA:IVAL": Number(0.0, -ampere, ampere),
        "PARA:SCRA": any_number,
        "PARA:STEP": any_number,
        "PARA:UILT": seconds,
        "PARA:ULIM:STAT": off,
        "PARA:ULIM:MIN": any_number,
        "PARA:ULIM:MAX": any_number,
        "PARA:ILIM:STAT": off,
        "PARA:ILIM:MIN": any_number,
        "PARA:ILIM:MAX": any_number,
        "PARA:TOL:STAT": off,
        "PARA:TOL:ABS": any_number,
        "PARA:TOL:REL": any_number,
        "PARA:CHAR:STAT": off,
        "PARA:CHAR:MIN": any_number,
        "PARA:CHAR:MAX": any_number,
        "SYST:LINF": Number(50.0, 10.0, 400.0),
    }


class Settings:
    """The present value of every setting; a text is checked before it becomes one."""

    def __init__(self, model: Model) -> None:
        self._table = table(model)
        self._values: dict[str, Value] = {name: known.default for name, known in self._table.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._table

    def take(self, name: str, text: str) -> Value:
        """Set one.

        Raises:
            Refused: the text is no value of it.
        """
        value = self._values[name] = self._table[name].read(text)
        return value

    def put(self, name: str, value: Value) -> None:
        """Set one to what is known to be right."""
        self._values[name] = value

    def number(self, name: str) -> float:
        """A setting that is a number."""
        return float(self._values[name])

    def word(self, name: str) -> str:
        """A setting that is a word."""
        return str(self._values[name])

    def on(self, name: str) -> bool:
        """A setting that is on or off."""
        return bool(self._values[name])

    def window(self, name: str) -> tuple[float, float]:
        """The lower and upper limit of ``name``; endless while its check is off."""
        if not self.on(f"{name}:STAT"):
            return -math.inf, math.inf
        return self.number(f"{name}:MIN"), self.number(f"{name}:MAX")


def read_time(text: str) -> datetime:
    """A date and time as ``2026-01-31T12:00:00``.

    Raises:
        Refused: it is none.
    """
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError:
        raise Refused(OUT_OF_RANGE) from None
