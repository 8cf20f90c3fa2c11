"""What no reader lets pass: readings that cannot have been measured, times that cannot be.

A fault is told in one line: file, line, what is wrong. Nothing is repaired: a time column that goes backward once may
be wrong everywhere.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.battery_data import Column
from labctl.errors import DataError

YEAR_S = 365.25 * 86400.0
LONGEST_S = 10 * YEAR_S  # Assumed: no test of one cell lasts longer; in hours times 3600, half a year does
OVERFLOW = 1e6  # V or A; instruments report 9.9e37 for a reading that failed


def check_readings(name: str, columns: Mapping[str, Column], first_line: int = 2, word: str = "line") -> None:
    """Refuse what is not finite, or is an overflow.

    Args:
        name: the file's.
        columns: what was measured, by its name.
        first_line: where the first row is in the file.
        word: what a row is called there.

    Raises:
        DataError: where, and what is wrong.
    """
    for what, column in columns.items():
        wrong = np.flatnonzero(~np.isfinite(column))
        if wrong.size:
            where = f"{word} {wrong[0] + first_line}"
            raise DataError(f"{name}: {where}: the {what} is {column[wrong[0]]}{_and_others(wrong)}")
        wrong = np.flatnonzero(np.abs(column) >= OVERFLOW)
        if wrong.size:
            where, value = f"{word} {wrong[0] + first_line}", f"{column[wrong[0]]:.3g}"
            raise DataError(
                f"{name}: {where}: the {what} of {value} is an overflow, not a reading{_and_others(wrong)}"
            )


def check_time(name: str, time_s: Column, first_line: int = 2, word: str = "line") -> None:
    """Refuse a time that is not finite, goes back, or is not in seconds; the arguments are ``check_readings``'.

    Raises:
        DataError: where, and what is wrong.
    """
    wrong = np.flatnonzero(~np.isfinite(time_s))
    if wrong.size:
        where = f"{word} {wrong[0] + first_line}"
        raise DataError(f"{name}: {where}: the test time is {time_s[wrong[0]]}{_and_others(wrong)}")
    backward = np.flatnonzero(np.diff(time_s) < 0)
    if backward.size:
        k = backward[0]
        raise DataError(
            f"{name}: {word} {k + 1 + first_line}: the time goes back from {time_s[k]:g} s to {time_s[k + 1]:g} s"
            f"{_and_others(backward)}"
        )
    duration_s = time_s[-1] - time_s[0] if len(time_s) else 0.0
    if duration_s > LONGEST_S:
        interval_h = np.median(np.diff(time_s)) / 3600
        raise DataError(
            f"{name}: the time column spans {duration_s / YEAR_S:.1f} years with {interval_h:.3g} h between readings: "
            "it is not in seconds"
        )


def _and_others(wrong: NDArray[np.intp]) -> str:
    return "" if len(wrong) == 1 else f" (and {len(wrong) - 1} more such)"
