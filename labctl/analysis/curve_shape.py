"""The shape of a half-cycle on a metal electrode: a nucleation spike, then plateaus with steps between them, or none.

A plateau is a stretch of charge over which the voltage hardly moves compared with how it moves elsewhere in the same
half-cycle. So a steady climb, however slight, has none; a curve with a step has one before and one after it; and a
curve that does not move at all is one plateau. No level in volts is assumed, nor any number of plateaus.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.arrays import Column

GRID = 200
"""Cells of equal charge in which the curve is looked at."""

SLOPE_WINDOW = 0.10
"""Share of the charge over which a slope is taken; shorter wiggles are not seen."""

PLATEAU_SLOPE = 0.25
"""Slope on a plateau, at most, over the mean slope of the half-cycle. Assumed."""

LEAST_PLATEAU = 0.10
"""Share of the charge that a plateau takes at least. Assumed: less is a bend."""

FLAT_SHARE, FLAT_V = 0.02, 0.2e-3
"""A half-cycle that stays within 2 % of its level, or within 0.2 mV, is flat. Assumed."""

SPIKE_WITHIN, MINIMUM_WITHIN = 0.2, 0.5
"""Share of the charge within which a nucleation spike peaks, and within which its minimum follows. Assumed."""

LEAST_SPIKE = 0.05
"""Height of a spike over the minimum's level. Assumed: less is not told from a bend."""

SPIKE_REST = 0.05
"""Of its height, at which a spike counts as over. Assumed."""

LEAST_SAMPLES = 20


class NucleationSpike(NamedTuple):
    """The overshoot that begins a half-cycle while nuclei form.

    Attributes:
        height_V: peak above the minimum that follows.
        peak_V, peak_C: level at the peak, and charge passed by then.
        minimum_V, minimum_C: the same at the minimum.
    """

    height_V: float
    peak_V: float
    peak_C: float
    minimum_V: float
    minimum_C: float


class Plateau(NamedTuple):
    """A stretch of nearly constant voltage.

    Attributes:
        level_V: median voltage in the direction of the current.
        from_C, to_C: charge passed where it begins and ends.
    """

    level_V: float
    from_C: float
    to_C: float


def nucleation_spike(passed_C: Column, level_V: Column) -> NucleationSpike | None:
    """The spike that a half-cycle begins with; None if it begins without one.

    Args:
        passed_C: shape (n,), charge passed, never falling.
        level_V: shape (n,), voltage in the direction of the current.
    """
    if len(passed_C) < LEAST_SAMPLES or not passed_C[-1] > 0.0:
        return None
    early = np.searchsorted(passed_C, SPIKE_WITHIN * passed_C[-1], side="right")
    peak = int(np.argmax(level_V[:early]))
    until = np.searchsorted(passed_C, MINIMUM_WITHIN * passed_C[-1], side="right")
    minimum = peak + int(np.argmin(level_V[peak:until]))
    height_V = float(level_V[peak] - level_V[minimum])
    if height_V <= max(LEAST_SPIKE * abs(float(level_V[minimum])), FLAT_V):
        return None
    return NucleationSpike(
        height_V,
        float(level_V[peak]),
        float(passed_C[peak]),
        float(level_V[minimum]),
        float(passed_C[minimum]),
    )


def plateaus(passed_C: Column, level_V: Column) -> tuple[Plateau, ...]:
    """The plateaus of a half-cycle after its nucleation spike, in the order of charge; empty for a climb.

    Args:
        passed_C, level_V: as above.
    """
    if len(passed_C) < LEAST_SAMPLES or not passed_C[-1] > 0.0:
        return ()
    spike = nucleation_spike(passed_C, level_V)
    charge_C, level = _evenly(passed_C, level_V, _settled_C(passed_C, level_V, spike))
    spread_V = float(np.ptp(np.percentile(level, [2.0, 98.0])))
    if spread_V <= max(FLAT_SHARE * abs(float(np.median(level))), FLAT_V):
        return (Plateau(float(np.median(level)), float(charge_C[0]), float(charge_C[-1])),)
    slope = _slopes(charge_C, level)
    flat = np.abs(slope) <= PLATEAU_SLOPE * spread_V / (charge_C[-1] - charge_C[0])
    return tuple(
        Plateau(float(np.median(level[first:after])), float(charge_C[first]), float(charge_C[after - 1]))
        for first, after in _stretches(flat)
        if charge_C[after - 1] - charge_C[first] >= LEAST_PLATEAU * passed_C[-1]
    )


def _settled_C(passed_C: Column, level_V: Column, spike: NucleationSpike | None) -> float:
    """Where the spike has decayed; its minimum is too flat on a plateau to say where that begins."""
    if spike is None:
        return float(passed_C[0])
    decayed = (passed_C >= spike.peak_C) & (level_V <= spike.minimum_V + SPIKE_REST * spike.height_V)
    return float(passed_C[np.argmax(decayed)])


def _evenly(passed_C: Column, level_V: Column, from_C: float) -> tuple[Column, Column]:
    """Mean level in cells of equal charge, which takes out noise and uneven sampling; with the middles of the cells."""
    integral = np.concatenate([[0.0], np.cumsum(0.5 * (level_V[1:] + level_V[:-1]) * np.diff(passed_C))])
    edges = np.linspace(from_C, passed_C[-1], GRID + 1)
    level: Column = np.diff(np.interp(edges, passed_C, integral)) / np.diff(edges)
    return 0.5 * (edges[1:] + edges[:-1]), level


def _slopes(charge_C: Column, level_V: Column) -> Column:
    """Slope of the straight line through the neighbourhood of each grid point, V/C."""
    half = max(round(0.5 * SLOPE_WINDOW * len(charge_C)), 1)
    offsets = np.arange(-half, half + 1)
    padded = np.pad(level_V, half, mode="reflect", reflect_type="odd")
    step_C = charge_C[1] - charge_C[0]
    slopes: Column = np.correlate(padded, offsets / float(offsets @ offsets), mode="valid") / step_C
    return slopes


def _stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First index and index after the last of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(first), int(after)) for first, after in edges.reshape(-1, 2)]
