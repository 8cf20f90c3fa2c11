"""Reading buffers: what is kept of each reading, indices that go on counting, and how elements are written.

Indices count from 1 since the buffer was cleared. A buffer that fills once drops what comes after it is full; a
continuous one drops its oldest readings, and its first and last index move on. ``Assumed:`` that the indices of a
continuous buffer go on counting past its size (the manuals say only that they are the first and last index).
Elements: 2461 Reference Manual pp. 6-160 to 6-162.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

from labctl_simulators.firmware.scpi_parameters import OUT_OF_RANGE, ScpiError

POWER_ON = datetime(2026, 1, 1, tzinfo=UTC)
"""What the instrument's clock shows at 0 s. Assumed: any constant, so that the same run writes the same bytes."""
TOTAL_READINGS = 6_875_000
DEFAULT_SIZE = 100_000
SMALLEST_SIZE = 10


class Reading(NamedTuple):
    """One row of a buffer."""

    reading: float
    source: float
    relative_s: float
    """Since the first reading that was stored after the buffer was cleared."""
    time_s: float
    status: int
    unit: str
    source_status: int
    source_unit: str


class ReadingBuffer:
    """A ring of readings that is filled once or continuously."""

    def __init__(self, size: int, *, continuous: bool, logs: bool) -> None:
        self.size = size
        self.continuous = continuous
        self.logs = logs
        """Whether emptying and filling it is reported in the event log (:TRAC:LOG:STAT)."""
        self._rows: list[Reading] = []
        self.stored = 0
        self._first_time_s = 0.0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def start(self) -> int:
        """Index of the oldest reading; 0 when empty."""
        return self.stored - len(self._rows) + 1 if self._rows else 0

    @property
    def end(self) -> int:
        """Index of the newest reading; 0 when empty."""
        return self.stored

    @property
    def newest(self) -> Reading | None:
        """The last reading stored."""
        return self._rows[(self.stored - 1) % self.size] if self._rows else None

    def relative_s(self, time_s: float) -> float:
        """Seconds since the first reading; that reading itself sets the zero."""
        if not self.stored:
            self._first_time_s = time_s
        return time_s - self._first_time_s

    def store(self, row: Reading) -> bool:
        """Keep a reading; True when this one filled the buffer."""
        rows = self._rows
        if len(rows) < self.size:
            rows.append(row)
            self.stored += 1
            return len(rows) == self.size
        if self.continuous:
            rows[self.stored % self.size] = row
            self.stored += 1
        return False

    def clear(self) -> None:
        """Forget all readings; indices start from 1 again."""
        self._rows.clear()
        self.stored = 0

    def rows(self, first: int, last: int) -> Iterator[Reading]:
        """Readings by index, both ends included; an index that is not there is out of range."""
        if not self._rows or not self.start <= first <= last <= self.end:
            raise ScpiError(*OUT_OF_RANGE)
        return (self._rows[(index - 1) % self.size] for index in range(first, last + 1))


# ---- writing elements ----

ELEMENTS = (
    "READing",
    "SOURce",
    "RELative",
    "SEConds",
    "FRACtional",
    "TSTamp",
    "DATE",
    "TIME",
    "STATus",
    "SOURSTATus",
    "FORMatted",
    "SOURFORMatted",
    "UNIT",
    "SOURUNIT",
    "EXTRa",
)
MOST_ELEMENTS = 14
_NUMBERS = {"READ": 0, "SOUR": 1, "REL": 2, "STAT": 4, "SOURSTAT": 6}
_COLUMNS = _NUMBERS | {"UNIT": 5, "SOURUNIT": 7}
_IN_BINARY = ("READ", "SOUR", "REL")
_SYMBOLS = {"Volt": "V", "Ampere": "A", "Ohm": "Ohm"}


def _clock(row: Reading) -> datetime:
    return POWER_ON + timedelta(seconds=row.time_s)


def _formatted(value: float, unit: str) -> str:
    """Value and unit. Assumed: the display's digits and prefix are not imitated."""
    return f"{value:+.6E} {_SYMBOLS[unit]}"


_TEXTS: dict[str, Callable[[Reading], str]] = {
    "SEC": lambda row: str(int(POWER_ON.timestamp() + row.time_s)),
    "FRAC": lambda row: f"{row.time_s % 1.0:.9f}",
    "TST": lambda row: _clock(row).strftime("%m/%d/%Y %H:%M:%S.%f"),
    "DATE": lambda row: _clock(row).strftime("%m/%d/%Y"),
    "TIME": lambda row: _clock(row).strftime("%H:%M:%S"),
    "FORM": lambda row: _formatted(row.reading, row.unit),
    "SOURFORM": lambda row: _formatted(row.source, row.source_unit),
}


def number_format(precision: int) -> str:
    """The conversion of a float at :FORM:ASC:PREC ``precision``; 0 (automatic) is, Assumed, 7 digits."""
    return f"%.{(precision or 7) - 1}E"


def _conversion(name: str, precision: int) -> str:
    return "%d" if "STAT" in name else "%s" if "UNIT" in name else number_format(precision)


def row_writer(elements: tuple[str, ...], precision: int) -> Callable[[Reading], str]:
    """A function that writes the named elements of a row as ASCII, joined by commas."""
    if all(name in _COLUMNS for name in elements):
        template = ",".join(_conversion(name, precision) for name in elements)
        pick = itemgetter(*(_COLUMNS[name] for name in elements))
        return lambda row: template % pick(row)
    writers = [_TEXTS[name] if name in _TEXTS else row_writer((name,), precision) for name in elements]
    return lambda row: ",".join([write(row) for write in writers])


def binary_block(rows: Iterable[Reading], elements: tuple[str, ...], code: str) -> str:
    """``#0`` and the elements as IEEE 754 numbers, row by row; bytes as Latin-1 text."""
    indices = [_NUMBERS[name] for name in elements]
    values = [row[index] for row in rows for index in indices]
    return "#0" + struct.pack(f"{code[0]}{len(values)}{code[1]}", *values).decode("latin-1")


def check_elements(elements: tuple[str, ...], *, binary: bool) -> tuple[str, ...]:
    """The elements asked for, READing when none is named; refused when too many or not possible in binary."""
    if len(elements) > MOST_ELEMENTS:
        raise ScpiError(-108, "Parameter not allowed")
    if "EXTR" in elements or (binary and not set(elements) <= set(_IN_BINARY)):
        raise ScpiError(1133, "Parameter 4, Syntax error, expected valid name parameters")
    return elements or ("READ",)
