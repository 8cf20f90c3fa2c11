"""Impedance sweeps: what is asked for, and the points that come back."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from labctl.instrument.step import SafetyLimits


class ImpedanceMode(StrEnum):
    """What is modulated."""

    POTENTIOSTATIC = "potentiostatic"  # PEIS
    GALVANOSTATIC = "galvanostatic"  # GEIS


@dataclass(frozen=True, slots=True)
class ImpedanceSpec:
    """One sweep from high to low frequency about a bias.

    Attributes:
        mode: PEIS or GEIS.
        amplitude: zero-to-peak; V for PEIS, A for GEIS.
        bias: V for PEIS (None: the open-circuit voltage measured right before), A for GEIS.
        high_Hz, low_Hz: first and last frequency.
        points_per_decade: spacing, at least 1.
        safety: the window around the sweep.
    """

    mode: ImpedanceMode
    amplitude: float
    bias: float | None
    high_Hz: float
    low_Hz: float
    points_per_decade: int
    safety: SafetyLimits

    def frequencies_Hz(self) -> list[float]:
        """Logarithmic grid, both ends included, from high to low."""
        count = self.point_count()
        if count == 1:
            return [self.high_Hz]
        ratio = math.log(self.low_Hz / self.high_Hz) / (count - 1)
        return [self.high_Hz * math.exp(ratio * k) for k in range(count)]

    def point_count(self) -> int:
        """Number of frequencies."""
        return round(math.log10(self.high_Hz / self.low_Hz) * self.points_per_decade) + 1


class ImpedancePoint(NamedTuple):
    """One frequency of a sweep.

    Attributes:
        time_s: experiment time at which the point was finished.
        frequency_Hz: of the modulation.
        real_ohm, imaginary_ohm: Z' and Z''; a capacitive cell has Z'' < 0.
        status: the instrument's status bits, 0 when all is well.
    """

    time_s: float
    frequency_Hz: float
    real_ohm: float
    imaginary_ohm: float
    status: int = 0


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A finished sweep, points from high to low frequency.

    Attributes:
        temperature_K: beside the cell meanwhile; None: no thermometer stands there.
    """

    spec: ImpedanceSpec
    cycle: int
    started_s: float
    points: tuple[ImpedancePoint, ...]
    temperature_K: float | None = None

    def total_ohm(self) -> float:
        """Magnitude of the impedance at the lowest frequency: the cell's total impedance."""
        last = self.points[-1]
        return math.hypot(last.real_ohm, last.imaginary_ohm)
