"""Reads a drive cycle from a CSV file: times, and a current, a power or a C-rate, each held until the next time."""

import csv
import hashlib
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from labctl.instrument.course import Profile

LARGEST_FILE = 2_000_000  # bytes
MOST_ROWS = 100_000

_SCALE = {"current_A": 1.0, "current_mA": 1e-3, "power_W": 1.0, "power_mW": 1e-3, "rate_C": 1.0}
_TIME = "time_s"
_COLUMNS = f"{_TIME} and one of {', '.join(_SCALE)}"


class ProfileError(ValueError):
    """What is wrong with a file, in words."""


def read_profile(path: Path, name: str, rate_A: Callable[[], float]) -> Profile:
    """The profile of a file.

    The first row begins it, and each value is held until the time of the next row; the last row ends it, so its value
    is not used.

    Args:
        path: where it is.
        name: as the protocol calls it.
        rate_A: the current of 1C on this cell, for a file of C-rates.

    Raises:
        ProfileError: it cannot be read, or says something else.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ProfileError(f"{name} is larger than {LARGEST_FILE / 1e6:g} MB")
        content = path.read_bytes()
        rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProfileError(f"{name} cannot be read: {error}") from error
    header = [word.strip() for word in rows[0]] if rows else []
    kind = next((word for word in header if word in _SCALE), None)
    if sorted(header) != sorted((_TIME, str(kind))):
        raise ProfileError(f"{name} begins with {','.join(header)[:60]!r}, not with the columns {_COLUMNS}")
    scale = _SCALE[str(kind)] * (rate_A() if kind == "rate_C" else 1.0)
    times_s, values = _columns(rows, name, header.index(_TIME))
    return Profile(
        ends_s=tuple(times_s[1:]),
        values=tuple(scale * value for value in values[:-1]),
        powers=str(kind).startswith("power"),
        file=name,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _columns(rows: list[list[str]], name: str, time_column: int) -> tuple[list[float], list[float]]:
    numbered = [(number, row) for number, row in enumerate(rows[1:], start=2) if row]
    if not 2 <= len(numbered) <= MOST_ROWS:
        raise ProfileError(f"{name} has {len(numbered)} rows; 2 to {MOST_ROWS} are possible")
    times_s, values = [], []
    for number, row in numbered:
        try:
            pair = [float(text) for text in row]
        except ValueError:
            pair = []
        if len(pair) != 2 or not all(map(math.isfinite, pair)):
            raise ProfileError(f"{name}, line {number}: {','.join(row)[:60]!r} is not a time and a value")
        times_s.append(pair[time_column])
        values.append(pair[1 - time_column])
    if times_s[0] != 0.0:
        raise ProfileError(f"{name}, line {numbered[0][0]}: it has to begin at 0 s, not at {times_s[0]:g} s")
    for (number, _), (before_s, after_s) in zip(numbered[1:], pairwise(times_s), strict=True):
        if not after_s > before_s:
            raise ProfileError(f"{name}, line {number}: {after_s:g} s does not come after {before_s:g} s")
    return times_s, values
