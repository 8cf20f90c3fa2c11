"""Peaks of a cyclic voltammogram: where oxidation and reduction run fastest, and how far apart they are."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from labctl.analysis.arrays import Column

LEAST_PROMINENCE = 0.05
"""Of the range of the current in its sweep. Assumed: less is noise or a shoulder."""

SMOOTHING_V = 3e-3
"""Width over which the current is averaged before peaks are looked for. Assumed: far below the width of a peak of one
electron, 90 mV."""


class Peak(NamedTuple):
    """One peak of one sweep.

    Attributes:
        direction: +1 in a sweep to higher voltage (oxidation), -1 in one to lower (reduction).
        voltage_V, current_A: where it stands.
        prominence_A: height over the higher of the two minima beside it, a magnitude.
    """

    direction: int
    voltage_V: float
    current_A: float
    prominence_A: float


def sweeps(voltage_V: Column, least_V: float = 0.02) -> list[slice]:
    """The parts of a voltammogram between reversals of the voltage.

    Args:
        voltage_V: shape (n,), as set or as measured.
        least_V: a reversal by less is noise.
    """
    turns, extreme, direction = [0], 0, 0
    for index, value in enumerate(voltage_V):
        if direction == 0:
            if abs(value - voltage_V[0]) >= least_V:
                direction, extreme = (1 if value > voltage_V[0] else -1), index
        elif (value - voltage_V[extreme]) * direction >= 0.0:
            extreme = index
        elif (voltage_V[extreme] - value) * direction >= least_V:
            turns.append(extreme)
            direction, extreme = -direction, index
    turns.append(len(voltage_V) - 1)
    return [slice(first, last + 1) for first, last in pairwise(turns) if last > first]


def peaks(voltage_V: Column, current_A: Column) -> list[Peak]:
    """Oxidation peaks of the rising sweeps and reduction peaks of the falling ones, in the order of time.

    Args:
        voltage_V: shape (n,).
        current_A: shape (n,), positive for oxidation.
    """
    return [peak for part in sweeps(voltage_V) for peak in _peaks_of_sweep(voltage_V[part], current_A[part])]


def _peaks_of_sweep(voltage_V: Column, current_A: Column) -> list[Peak]:
    from scipy.signal import find_peaks

    direction = 1 if voltage_V[-1] > voltage_V[0] else -1
    spacing_V = abs(float(voltage_V[-1] - voltage_V[0])) / len(voltage_V)
    half = round(0.5 * SMOOTHING_V / spacing_V) if spacing_V > 0.0 else 0
    smooth = np.convolve(
        np.pad(direction * current_A, half, mode="edge"), np.full(2 * half + 1, 1.0 / (2 * half + 1)), "valid"
    )
    found, properties = find_peaks(smooth, prominence=LEAST_PROMINENCE * float(np.ptp(smooth)))
    return [
        Peak(direction, float(voltage_V[k]), direction * float(smooth[k]), float(prominence))
        for k, prominence in zip(found, properties["prominences"], strict=True)
    ]
