"""Fewer points for the same picture: the smallest and the largest of each stretch are kept, so spikes stay."""

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
