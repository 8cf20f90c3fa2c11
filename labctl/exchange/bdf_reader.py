"""Reads time, voltage and current from files in the Battery Data Format, and refuses what cannot be true.

Columns are found by their preferred labels ("Test Time / s") or machine names ("test_time_second") of BDF 1.3; other
columns are left alone. A fault is told in one line: file, line, what is wrong. Nothing is repaired: a time column
that goes backward once may be wrong everywhere.

Source: Battery Data Format 1.3, Battery Data Alliance.
"""

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.battery_data import BatteryData, Column
from labctl.errors import DataError

TIME, VOLTAGE, CURRENT, CYCLE = "test time", "voltage", "current", "cycle count"
LABELS = {
    TIME: ("Test Time / s", "test_time_second"),
    VOLTAGE: ("Voltage / V", "voltage_volt"),
    CURRENT: ("Current / A", "current_ampere"),
    CYCLE: ("Cycle Count / 1", "cycle_count"),
}
REQUIRED = (TIME, VOLTAGE, CURRENT)
YEAR_S = 365.25 * 86400.0
LONGEST_S = 10 * YEAR_S  # Assumed: no test of one cell lasts longer; in hours times 3600, half a year does
OVERFLOW = 1e6  # V or A; instruments report 9.9e37 for a reading that failed


def read_battery_data(path: str | Path) -> BatteryData:
    """Read a BDF file: CSV (comma, semicolon or tab), or Parquet by its suffix.

    Raises:
        DataError: it is missing, is not such a table, lacks a column, or holds what cannot have been measured.
    """
    path = Path(path)
    table = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    name = path.name
    _check_readings(name, table)
    _check_time(name, table[TIME])
    cycle = table.get(CYCLE)
    counted = None if cycle is None or not np.isfinite(cycle).all() else cycle.astype(np.int64)
    return BatteryData(name, table[TIME], table[VOLTAGE], table[CURRENT], counted)


def _read_csv(path: Path) -> dict[str, Column]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path.name}: is not a text file") from None
    delimiter = max(",;\t", key=header.count)
    wanted = _find_columns(
        path.name, next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])
    )
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of a table without rows
            columns = np.loadtxt(
                path,
                delimiter=delimiter,
                skiprows=1,
                usecols=list(wanted.values()),
                unpack=True,
                ndmin=2,
                quotechar='"',
                comments=None,
                encoding="utf-8-sig",
            )
    except UnicodeDecodeError:
        raise DataError(f"{path.name}: is not a text file") from None
    except (ValueError, IndexError):
        raise DataError(_first_bad_cell(path, delimiter, wanted)) from None
    if columns.size == 0:
        raise DataError(f"{path.name}: holds no readings")
    return dict(zip(wanted, columns, strict=True))


def _read_parquet(path: Path) -> dict[str, Column]:
    try:
        import polars
    except ImportError:
        raise DataError("reading Parquet needs polars: pip install 'labctl-cycler[export]'") from None
    try:
        frame: Any = polars.read_parquet(path)
    except (OSError, polars.exceptions.PolarsError) as error:
        raise DataError(f"{path.name}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    wanted = _find_columns(path.name, frame.columns)
    if not len(frame):
        raise DataError(f"{path.name}: holds no readings")
    return {what: frame[:, index].cast(polars.Float64).to_numpy() for what, index in wanted.items()}


def _find_columns(name: str, header: Sequence[str]) -> dict[str, int]:
    """Where each column is."""
    present = [label.strip() for label in header]
    wanted: dict[str, int] = {}
    for what, labels in LABELS.items():
        places = [k for k, label in enumerate(present) if label in labels]
        if len(places) > 1:
            raise DataError(f"{name}: has {len(places)} columns for the {what}")
        if places:
            wanted[what] = places[0]
    missing = [what for what in REQUIRED if what not in wanted]
    if missing:
        needed = ", ".join(f"{what} ({' or '.join(map(repr, LABELS[what]))})" for what in missing)
        found = ", ".join(map(repr, present[:12])) + (" ..." if len(present) > 12 else "")
        raise DataError(f"{name}: has no column for the {needed}; it has {found or 'none at all'}")
    return wanted


def _first_bad_cell(path: Path, delimiter: str, wanted: dict[str, int]) -> str:
    """One line about the first cell that is not a number."""
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        reader = csv.reader(file, delimiter=delimiter)
        next(reader)
        for row in reader:
            for what, index in wanted.items() if row else ():
                text = row[index] if index < len(row) else ""
                try:
                    float(text)
                except ValueError:
                    said = f"{text[:40]!r} is not a number" if text else "is missing"
                    return f"{path.name}: line {reader.line_num}: the {what} {said}"
    return f"{path.name}: cannot be read as a table of numbers"


def _check_readings(name: str, table: dict[str, Column]) -> None:
    for what in REQUIRED:
        column = table[what]
        wrong = np.flatnonzero(~np.isfinite(column))
        if wrong.size:
            raise DataError(
                f"{name}: {_line(wrong[0])}: the {what} is {column[wrong[0]]}{_and_others(wrong)}"
            )
        wrong = np.flatnonzero(np.abs(column) >= OVERFLOW) if what != TIME else wrong
        if wrong.size:
            value = f"{column[wrong[0]]:.3g}"
            raise DataError(
                f"{name}: {_line(wrong[0])}: the {what} of {value} is an overflow, not a reading{_and_others(wrong)}"
            )


def _check_time(name: str, time_s: Column) -> None:
    backward = np.flatnonzero(np.diff(time_s) < 0)
    if backward.size:
        k = backward[0]
        raise DataError(
            f"{name}: {_line(k + 1)}: the time goes back from {time_s[k]:g} s to {time_s[k + 1]:g} s"
            f"{_and_others(backward)}"
        )
    duration_s = time_s[-1] - time_s[0]
    if duration_s > LONGEST_S:
        interval_h = np.median(np.diff(time_s)) / 3600
        raise DataError(
            f"{name}: the time column spans {duration_s / YEAR_S:.1f} years with {interval_h:.3g} h between readings: "
            "it is not in seconds"
        )


def _line(index: int) -> str:
    """Where a row is in the file, its header being line 1."""
    return f"line {index + 2}"


def _and_others(wrong: NDArray[np.intp]) -> str:
    return "" if len(wrong) == 1 else f" (and {len(wrong) - 1} more such)"
