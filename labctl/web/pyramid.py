"""The extremes of a run's samples, in levels: what a plot of any width needs, without reading millions of rows.

The lowest level has the smallest and largest value of each stretch of ``STRETCH`` samples; each further level joins
``FACTOR`` of the level below. Samples are only ever added at the end. Memory: some 4 bytes a sample.
"""

from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

STRETCH = 16
FACTOR = 4
LEVELS = 6

_FORMAT = 1


class Extremes(NamedTuple):
    """Stretches of samples, in order.

    Attributes:
        first_s, last_s: time of their first and last samples, shape (n,).
        low, high: the smallest and largest value of each column, shape (n, columns).
        rises: whether the smallest came before the largest, shape (n, columns).
    """

    first_s: Column
    last_s: Column
    low: Column
    high: Column
    rises: NDArray[np.bool_]

    def joined(self, starts: NDArray[np.intp]) -> "Extremes":
        """Stretches joined into longer ones.

        Args:
            starts: index of the first of each, growing, from 0.
        """
        low = np.minimum.reduceat(self.low, starts)
        high = np.maximum.reduceat(self.high, starts)
        lengths = np.diff(starts, append=len(self.low))
        place = np.arange(len(self.low))[:, None]
        never = len(self.low)
        low_at = np.minimum.reduceat(np.where(self.low == np.repeat(low, lengths, 0), place, never), starts)
        high_at = np.minimum.reduceat(
            np.where(self.high == np.repeat(high, lengths, 0), place, never), starts
        )
        # Both in one of the stretches joined: in the order that this one has.
        columns = np.arange(self.low.shape[1])
        rises = np.where(low_at == high_at, self.rises[low_at, columns], low_at < high_at)
        return Extremes(self.first_s[starts], np.maximum.reduceat(self.last_s, starts), low, high, rises)

    def part(self, start: int, end: int) -> "Extremes":
        """Some of them."""
        return Extremes._make(column[start:end] for column in self)


def of_samples(time_s: Column, values: Column) -> Extremes:
    """Samples as stretches of one sample each; ``values`` of shape (n, columns)."""
    return Extremes(time_s, time_s, values, values, np.ones(values.shape, dtype=np.bool_))


class Pyramid:
    """The extremes of one run.

    Args:
        columns: how many values a sample has.
    """

    def __init__(self, columns: int) -> None:
        self.samples = 0
        self._levels = [_Level(columns) for _ in range(LEVELS)]
        self._time_s = np.empty(0)
        self._values = np.empty((0, columns))

    @property
    def whole(self) -> int:
        """Samples that are in stretches; those after them wait until they fill one."""
        return self.samples - len(self._time_s)

    @property
    def last_s(self) -> float | None:
        """Time of the last sample."""
        if len(self._time_s):
            return float(self._time_s[-1])
        lowest = self._levels[0].content
        return float(lowest.last_s[-1]) if len(lowest.last_s) else None

    @property
    def first_s(self) -> float | None:
        """Time of the first sample."""
        lowest = self._levels[0].content
        first_s = lowest.first_s if len(lowest.first_s) else self._time_s
        return float(first_s[0]) if len(first_s) else None

    def add(self, time_s: Column, values: Column) -> None:
        """Take in the samples that follow."""
        self.samples += len(time_s)
        self._time_s = np.concatenate((self._time_s, time_s))
        self._values = np.concatenate((self._values, values))
        whole = len(self._time_s) // STRETCH * STRETCH
        if whole:
            added = of_samples(self._time_s[:whole], self._values[:whole])
            self._levels[0].add(added.joined(np.arange(0, whole, STRETCH)))
            self._time_s, self._values = self._time_s[whole:].copy(), self._values[whole:].copy()
        for below, level in zip(self._levels, self._levels[1:], strict=False):
            done = level.count * FACTOR
            new = (below.count - done) // FACTOR * FACTOR
            if new:
                level.add(below.content.part(done, done + new).joined(np.arange(0, new, FACTOR)))

    def between(self, start_s: float, end_s: float) -> tuple[int, int]:
        """A range of samples, counted from 1 and both included, that holds those of a window and few more."""
        lowest = self._levels[0].content
        before = int(np.searchsorted(lowest.last_s, start_s, "left"))
        after = int(np.searchsorted(lowest.first_s, end_s, "right"))
        return before * STRETCH + 1, self.samples if after == len(lowest.first_s) else after * STRETCH

    def window(self, start_s: float, end_s: float, least: int) -> Extremes | None:
        """The stretches of a window, of the coarsest level that has at least so many; None if none has."""
        for level in reversed(self._levels):
            content = level.content
            start = int(np.searchsorted(content.last_s, start_s, "left"))
            end = int(np.searchsorted(content.first_s, end_s, "right"))
            if end - start >= least:
                return self._with_rest(level, content.part(start, end), end_s, end == level.count)
        return None

    def _with_rest(self, level: "_Level", found: Extremes, end_s: float, at_end: bool) -> Extremes:
        """Also what is not yet in a stretch of this level, if the window goes that far."""
        if not at_end:
            return found
        place = self._levels.index(level)
        parts, covered = [found], level.count * FACTOR
        for below in reversed(self._levels[:place]):
            parts.append(below.content.part(covered, below.count))
            covered = below.count * FACTOR
        parts.append(of_samples(self._time_s, self._values))
        joined = Extremes._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
        return joined.part(0, int(np.searchsorted(joined.first_s, end_s, "right")))

    # --- kept in a file ----------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all."""
        lowest = self._levels[0].content
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            np.savez(file, format=np.array(_FORMAT), samples=np.array(self.whole), **lowest._asdict())
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path, columns: int) -> "Pyramid":
        """From a file; an empty one if there is none, or none that can be read."""
        pyramid = cls(columns)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                lowest = Extremes._make(kept[name] for name in Extremes._fields)
                fits = int(kept["format"]) == _FORMAT and lowest.low.shape[1] == columns
                samples = int(kept["samples"])
        except (OSError, ValueError, KeyError, EOFError, IndexError, BadZipFile):
            return pyramid
        if fits and len(lowest.low) * STRETCH == samples:
            pyramid._levels[0].add(lowest)
            pyramid.add(np.empty(0), np.empty((0, columns)))
            pyramid.samples = samples
        return pyramid


class _Level:
    """Columns that grow at their end."""

    def __init__(self, columns: int) -> None:
        self.count = 0
        wide = np.empty((64, columns))
        self._room = Extremes(
            np.empty(64), np.empty(64), wide, wide.copy(), np.empty((64, columns), dtype=np.bool_)
        )

    @property
    def content(self) -> Extremes:
        """All of them."""
        return self._room.part(0, self.count)

    def add(self, more: Extremes) -> None:
        """Add at the end."""
        needed = self.count + len(more.first_s)
        if needed > len(self._room.first_s):
            size = max(needed, 2 * len(self._room.first_s))
            self._room = Extremes._make(_enlarged(column, size) for column in self._room)
        for column, added in zip(self._room, more, strict=True):
            column[self.count : needed] = added
        self.count = needed


def _enlarged(column: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    larger = np.empty((size, *column.shape[1:]), dtype=column.dtype)
    larger[: len(column)] = column
    return larger
