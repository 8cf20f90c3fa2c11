"""Reads EC-Lab text files (.mpt): time, voltage and current, and spectra.

A row with a frequency above zero is a point of a spectrum, every other row is a reading. EC-Lab and labctl agree that
a positive current is an oxidation at the working electrode, and disagree in units (mA) and in the sign of Im(Z).

Source: EC-Lab ASCII files of EC-Lab 11.16 and 11.18; "Nb header lines" counts the line with the columns' names.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from labctl.analysis.battery_data import BatteryData, Column, Counts
from labctl.errors import DataError
from labctl.exchange.eclab_spectra import Header, find_spectra
from labctl.exchange.file_name import shown_name
from labctl.exchange.plausible import check_readings, check_time

_FIRST_LINES = ("EC-Lab ASCII FILE", "BT-Lab ASCII FILE")
_MOST_HEADER_LINES = 10_000
_READINGS = {
    "time": {"time/s": 1.0},
    "voltage": {"Ewe/V": 1.0, "<Ewe>/V": 1.0, "Ecell/V": 1.0, "<Ecell>/V": 1.0},
    "current": {"I/mA": 1e-3, "<I>/mA": 1e-3, "I/A": 1.0, "<I>/A": 1.0},
}
_POINTS = {
    "frequency": {"freq/Hz": 1.0},
    "real part of the impedance": {"Re(Z)/Ohm": 1.0},
    "imaginary part of the impedance": {"-Im(Z)/Ohm": -1.0},
}
_CALENDAR = re.compile(r"Acquisition started on : (\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)")


def read_eclab(path: str | Path) -> BatteryData:
    """Read a file.

    Raises:
        DataError: it is missing, is no such file, or holds what cannot have been measured.
    """
    path = Path(path)
    name = shown_name(path)
    header, labels, rows = _split(path, name)
    table = _numbers(name, labels, rows, first_line=len(header) + 1)
    columns = {what: _first(table, choices) for what, choices in (_READINGS | _POINTS).items()}
    found = {what: column for what, column in columns.items() if column is not None}
    frequency_Hz = found.get("frequency")
    is_point = np.zeros(len(rows), dtype=bool) if frequency_Hz is None else frequency_Hz > 0.0
    _demand(name, found, labels, points=bool(is_point.any()), readings=not is_point.all())
    first_line = len(header) + 1
    time_s = found.get("time", np.zeros(len(rows)))
    check_time(name, time_s, first_line)
    check_readings(name, {what: found[what] for what in ("voltage", "current") if what in found}, first_line)
    readings = ~is_point
    step, cycle = _counts(table, "Ns"), _counts(table, "cycle number")
    text = "\n".join(header)
    return BatteryData(
        name=name,
        time_s=time_s[readings],
        voltage_V=found.get("voltage", time_s)[readings],
        current_A=found.get("current", time_s)[readings],
        cycle=None if cycle is None else cycle[readings],
        step=None if step is None else step[readings],
        started_unix_s=_started(text),
        spectra=tuple(find_spectra(name, Header.from_text(text), found, cycle, is_point)),
        made_by="EC-Lab",
    )


def _split(path: Path, name: str) -> tuple[list[str], list[str], list[str]]:
    """The header with the columns' names as its last line, those names, and the rows."""
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    lines = text.splitlines()
    if not lines or lines[0].strip() not in _FIRST_LINES:
        raise DataError(f"{name}: is no EC-Lab text file: its first line is not {_FIRST_LINES[0]!r}")
    count = re.fullmatch(r"Nb header lines : *(\d{1,5})\s*", lines[1] if len(lines) > 1 else "")
    if count is None or not 3 <= int(count[1]) <= min(len(lines), _MOST_HEADER_LINES):
        raise DataError(f"{name}: line 2: does not say how many lines of header there are")
    header = lines[: int(count[1])]
    rows = [line for line in lines[int(count[1]) :] if line.strip()]
    if not rows:
        raise DataError(f"{name}: holds no readings")
    return header, header[-1].rstrip("\t").split("\t"), rows


def _numbers(name: str, labels: list[str], rows: list[str], first_line: int) -> dict[str, Column]:
    """The columns that are needed, as numbers; a comma may be the decimal mark."""
    needed = {label for choices in (_READINGS | _POINTS).values() for label in choices} | {
        "Ns",
        "cycle number",
    }
    wanted = {label: k for k, label in enumerate(labels) if label in needed}
    values = np.empty((len(wanted), len(rows)))
    for n, row in enumerate(rows):
        cells = row.replace(",", ".").split("\t")
        for k, (label, place) in enumerate(wanted.items()):
            try:
                values[k, n] = float(cells[place])
            except (ValueError, IndexError):
                said = repr(cells[place][:40]) if place < len(cells) else "nothing"
                raise DataError(f"{name}: line {n + first_line}: {label}: {said} is not a number") from None
    return dict(zip(wanted, values, strict=True))


def _first(table: Mapping[str, Column], choices: Mapping[str, float]) -> Column | None:
    """The first of several columns that is there, in SI units and labctl's sign."""
    return next((table[label] * factor for label, factor in choices.items() if label in table), None)


def _demand(
    name: str, found: Mapping[str, Column], labels: list[str], *, points: bool, readings: bool
) -> None:
    missing = [
        (what, choices)
        for wanted, groups in ((readings, _READINGS), (points, _POINTS))
        for what, choices in groups.items()
        if wanted and what not in found
    ]
    if missing:
        what, choices = missing[0]
        has = ", ".join(map(repr, labels[:12])) + (" ..." if len(labels) > 12 else "")
        raise DataError(f"{name}: has no column for the {what} ({' or '.join(choices)}); it has {has}")


def _counts(table: Mapping[str, Column], label: str) -> Counts | None:
    column = table.get(label)
    return None if column is None or not np.isfinite(column).all() else column.astype(np.int64)


def _started(header: str) -> float | None:
    """Assumed: UTC, since the file does not say in which time zone it was made."""
    match = _CALENDAR.search(header)
    if match is None:
        return None
    for form in ("%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S"):
        try:
            return datetime.strptime(match[1], form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None
