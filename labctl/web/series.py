"""A curve as a browser is given it: at most so many points, no spike lost, in binary."""

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.web.pyramid import Column, Extremes

MAGIC = b"LSR1"

BREAK = np.nan
"""In every column of values between two segments: no line is drawn across."""


class Points(NamedTuple):
    """Points to draw; ``values`` of shape (n, columns)."""

    x: Column
    values: Column


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the points that belongs together; ``offset`` and ``length`` count points."""

    offset: int
    length: int
    cycle: int | None = None
    sign: int | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A curve; see ``SeriesHeader`` in openapi.yaml."""

    names: tuple[str, ...]
    points: Points
    exact: bool
    preliminary: bool
    samples: int
    first_second: float | None
    last_second: float | None
    segments: tuple[Segment, ...]

    def encoded(self) -> bytes:
        """The body of the answer."""
        header = {
            "columns": [{"name": name} for name in self.names],
            "length": len(self.points.x),
            "exact": self.exact,
            "preliminary": self.preliminary,
            "samples": self.samples,
            "first_second": self.first_second,
            "last_second": self.last_second,
            "segments": [asdict(segment) for segment in self.segments],
        }
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        columns = np.column_stack((self.points.x, self.points.values)).T
        return MAGIC + len(text).to_bytes(4, "little") + text + columns.astype("<f8").tobytes()


def envelope(found: Extremes, spans: int) -> Points:
    """The smallest and largest value in each of so many spans of equal length, in the order in which they came.

    Each is drawn at the first or last time in its span.
    """
    first_s, last_s = float(found.first_s[0]), float(found.last_s[-1])
    edges = np.linspace(first_s, last_s, spans + 1)[1:-1]
    places = np.searchsorted(edges, found.first_s, "right")
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    spanned = found.joined(starts)
    one = np.where(spanned.rises, spanned.low, spanned.high)
    other = np.where(spanned.rises, spanned.high, spanned.low)
    return Points(_alternating(spanned.first_s, spanned.last_s), _alternating(one, other))


def _alternating(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack((one, other), axis=1).reshape(-1, *one.shape[1:])


def joined(parts: list[Points], columns: int) -> Points:
    """Segments one after the other, with a break between."""
    if not parts:
        return Points(np.empty(0), np.empty((0, columns)))
    xs, values = [parts[0].x], [parts[0].values]
    for part in parts[1:]:
        xs += [np.full(1, BREAK), part.x]
        values += [np.full((1, columns), BREAK), part.values]
    return Points(np.concatenate(xs), np.concatenate(values))


def broken(found: Points, starts: NDArray[np.intp]) -> tuple[Points, tuple[Segment, ...]]:
    """A curve with a break before each of some points, at a time halfway to it, so that time still rises."""
    halfway = (found.x[starts - 1] + found.x[starts]) / 2.0
    shown = Points(np.insert(found.x, starts, halfway), np.insert(found.values, starts, BREAK, axis=0))
    edges = [0, *starts.tolist(), len(found.x)]
    segments = tuple(Segment(first + n, after - first) for n, (first, after) in enumerate(pairwise(edges)))
    return shown, segments
