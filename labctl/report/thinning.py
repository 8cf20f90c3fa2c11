"""Fewer points for the same picture: spikes stay, and no line is drawn where nothing was measured."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def envelope(values: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Indices, in order, of at most ``most`` points that draw the same line as all.

    Args:
        values: shape (n,).
        most: at least 4.

    Returns:
        Indices into ``values``: all of them if they are few, else first, last, and the extremes of equal stretches.
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    stretches = (most - 2) // 2
    edges = np.linspace(0, count, stretches + 1).astype(np.intp)
    kept = {0, count - 1}
    for start, end in pairwise(edges):
        part = values[start:end]
        kept.update((start + int(part.argmin()), start + int(part.argmax())))
    return np.array(sorted(kept), dtype=np.intp)


_SAME_S = 1e-3
"""Times of samples and of steps that differ by less are the same: both are sums of floats."""


def breaks(
    time_s: NDArray[np.float64], silences: Sequence[tuple[float, float]], shortest_s: float
) -> NDArray[np.intp]:
    """Where a line against time has to be broken.

    Args:
        time_s: of its points, rising, shape (n,).
        silences: from when to when nothing was measured, s.
        shortest_s: silences that are shorter would not be seen.

    Returns:
        Indices of the points before which the line begins anew, rising, from 1 to n - 1: those right after a silence
        in which no point lies.
    """
    seen = np.array([one for one in silences if one[1] - one[0] > max(shortest_s, _SAME_S)]).reshape(-1, 2)
    after = np.searchsorted(time_s, seen[:, 0] + _SAME_S, "right")
    inside = (after > 0) & (after < len(time_s))
    after, end_s = after[inside], seen[inside, 1]
    return np.unique(after[time_s[after] >= end_s - _SAME_S])
