"""What an E4980A can set and how well it measures: grids, times, accuracy.

Source: E4980A/E4980AL Data Sheet 5989-4435EN. Assumed: the figures, since its tables were not at hand.
"""

import math
from bisect import bisect_right
from typing import NamedTuple


class Aperture(NamedTuple):
    """:APER."""

    word: str
    averages: int


ALC_V = (3e-3, 1.0)
ALC_A = (50e-6, 10e-3)
"""Levels that the automatic level control regulates, rms."""

SMALLEST_HZ = 20.0
_KNOTS_HZ = (20.0, 100.0, 1e3, 1e4, 1e5, 1e6, 2e6)
_TIMES_S = {
    "LONG": (0.48, 0.30, 0.24, 0.23, 0.22, 0.22, 0.22),
    "MED": (0.38, 0.18, 0.11, 0.092, 0.089, 0.088, 0.088),
    "SHOR": (0.33, 0.10, 0.020, 0.0077, 0.0057, 0.0056, 0.0056),
}


def measurement_time_s(frequency_Hz: float, aperture: Aperture) -> float:
    """How long a measurement takes: between the frequencies of the table, in a straight line in their logarithms."""
    times_s = _TIMES_S[aperture.word]
    place = min(max(bisect_right(_KNOTS_HZ, frequency_Hz) - 1, 0), len(_KNOTS_HZ) - 2)
    below_Hz, above_Hz = _KNOTS_HZ[place], _KNOTS_HZ[place + 1]
    part = math.log(frequency_Hz / below_Hz) / math.log(above_Hz / below_Hz)
    return (times_s[place] + part * (times_s[place + 1] - times_s[place])) * aperture.averages


def accuracy(modulus_ohm: float, signal_V: float, aperture: Aperture) -> float:
    """Relative accuracy: basic, worse for a small signal, and worse far from 100 ohm."""
    basic = 1e-3 if aperture.word == "SHOR" else 5e-4
    if signal_V < 0.3:
        basic *= 2.0
    if signal_V < 0.05:
        basic *= 0.05 / signal_V
    return basic * (1.0 + 1e-3 / modulus_ohm * 100.0 + modulus_ohm * 1e-7)


def frequency_on_grid(frequency_Hz: float) -> float:
    """Four digits: 0.01 Hz below 100 Hz, 0.1 Hz below 1 kHz, ... 1 kHz above 1 MHz."""
    spacing_Hz = 10.0 ** (math.floor(math.log10(frequency_Hz)) - 3)
    return round(frequency_Hz / spacing_Hz) * spacing_Hz


def level_on_grid(level: float, knots: tuple[tuple[float, float], ...]) -> float:
    """To the resolution that holds up to the first knot not below it."""
    step = next((spacing for end, spacing in knots if level <= end), knots[-1][1])
    return round(level / step) * step


VOLTAGE_GRID = ((0.2, 100e-6), (0.5, 200e-6), (1.0, 500e-6), (2.0, 1e-3), (20.0, 10e-3))
CURRENT_GRID = ((2e-3, 1e-6), (5e-3, 2e-6), (10e-3, 5e-6), (20e-3, 10e-6), (100e-3, 100e-6))
BIAS_GRID = ((5.0, 100e-6), (10.0, 1e-3), (20.0, 2e-3), (40.0, 5e-3))
