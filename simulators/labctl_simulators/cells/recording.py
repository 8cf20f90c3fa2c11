"""Reads time, voltage and current from a CSV file in the Battery Data Format: all that a replayed cell needs.

Comma-separated, the columns found by preferred label or machine name. ``labctl export RUN --format bdf-csv`` writes
such a file of any run, imported ones included.

Source: Battery Data Format 1.3, Battery Data Alliance.
"""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LABELS = (
    ("Test Time / s", "test_time_second"),
    ("Voltage / V", "voltage_volt"),
    ("Current / A", "current_ampere"),
)


@dataclass(frozen=True, slots=True)
class Readings:
    """Columns of equal length; positive current charges the cell."""

    times_s: list[float]
    voltages_V: list[float]
    currents_A: list[float]


def read_recording(path: Path) -> Readings:
    """Read a file.

    Raises:
        ValueError: it is missing, lacks a column or readings, or holds what is not a number; time that goes back.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(file)
    except OSError as error:
        raise ValueError(f"the recording cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(
            "the recording is not a text file: replay plays the Battery Data Format as CSV"
        ) from None
    except csv.Error as error:
        raise ValueError(f"the recording is not a CSV file: {error}") from None


def _read(lines: Iterable[str]) -> Readings:
    rows = csv.reader(lines)
    header = [label.strip() for label in next(rows, [])]
    places = [next((header.index(label) for label in labels if label in header), None) for labels in _LABELS]
    for place, labels in zip(places, _LABELS, strict=True):
        if place is None:
            raise ValueError(f"the recording has no column {labels[0]!r}")
    columns: tuple[list[float], list[float], list[float]] = ([], [], [])
    for row in rows:
        if not row:
            continue
        for place, column in zip(places, columns, strict=True):
            column.append(_number(row, place or 0, rows.line_num))
        if len(columns[0]) > 1 and columns[0][-1] < columns[0][-2]:
            raise ValueError(f"line {rows.line_num} of the recording: the time goes back")
    if not columns[0]:
        raise ValueError("the recording holds no readings")
    return Readings(*columns)


def _number(row: list[str], place: int, line: int) -> float:
    text = row[place] if place < len(row) else ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"line {line} of the recording: {text[:40]!r} is not a number")
    return value
