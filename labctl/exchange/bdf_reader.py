"""Reads time, voltage and current from files in the Battery Data Format, and refuses what cannot be true.

Columns are found by their preferred labels ("Test Time / s") or machine names ("test_time_second") of BDF 1.3; other
columns are left alone.

Source: Battery Data Format 1.3, Battery Data Alliance.
"""

import csv
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labctl.analysis.battery_data import BatteryData, Column, Counts
from labctl.errors import DataError
from labctl.exchange.file_name import shown_name
from labctl.exchange.plausible import check_readings, check_time

TIME, VOLTAGE, CURRENT = "test time", "voltage", "current"
CYCLE, STEP, STEP_INDEX, UNIX_TIME = "cycle count", "step count", "step index", "unix time"
LABELS = {
    TIME: ("Test Time / s", "test_time_second"),
    VOLTAGE: ("Voltage / V", "voltage_volt"),
    CURRENT: ("Current / A", "current_ampere"),
    CYCLE: ("Cycle Count / 1", "cycle_count"),
    STEP: ("Step Count / 1", "step_count"),
    STEP_INDEX: ("Step Index / 1", "step_index"),
    UNIX_TIME: ("Unix Time / s", "unix_time_second"),
}
REQUIRED = (TIME, VOLTAGE, CURRENT)


def read_battery_data(path: str | Path) -> BatteryData:
    """Read a BDF file: CSV (comma, semicolon or tab), or Parquet by its suffix.

    Raises:
        DataError: it is missing, is not such a table, lacks a column, or holds what cannot have been measured.
    """
    path = Path(path)
    table = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    name = shown_name(path)
    check_readings(name, {VOLTAGE: table[VOLTAGE], CURRENT: table[CURRENT]})
    check_time(name, table[TIME])
    step = _counted(table, STEP)
    unix = table.get(UNIX_TIME)
    return BatteryData(
        name=name,
        time_s=table[TIME],
        voltage_V=table[VOLTAGE],
        current_A=table[CURRENT],
        cycle=_counted(table, CYCLE),
        step=_counted(table, STEP_INDEX) if step is None else step,
        started_unix_s=None if unix is None or not np.isfinite(unix[0]) else float(unix[0] - table[TIME][0]),
    )


def _counted(table: Mapping[str, Column], what: str) -> Counts | None:
    column = table.get(what)
    return None if column is None or not np.isfinite(column).all() else column.astype(np.int64)


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
