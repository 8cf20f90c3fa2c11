"""Distribution of relaxation times: a picture of how many processes a spectrum holds, before any circuit is chosen.

::

    Z(w) = R0 + j w L + integral of gamma(ln tau) / (1 + j w tau) d ln tau,     gamma >= 0

Solved as non-negative least squares with a penalty on curvature (Tikhonov). Peaks stand at the time constants of
arcs, and the area of a peak is the resistance. How sharp a peak is follows from the penalty, not from the cell: count
peaks with it, take no numbers from it.

Source: T. H. Wan, M. Saccoccio, C. Chen, F. Ciucci, Electrochimica Acta 184 (2015) 483.
"""

from dataclasses import dataclass

import numpy as np

from labctl.analysis.arrays import Column, Impedance

PER_DECADE = 12
BEYOND_DECADES = 1.0
"""How far time constants go beyond the measured band, so that what lies outside of it does not pile up at its edge."""
SMOOTHING = 3e-5
"""Weight of the penalty against a relative error of one at every point. Assumed: at 0.4 % noise two arcs a decade
apart stay two, and one depressed arc stays one."""


@dataclass(frozen=True, slots=True)
class RelaxationTimes:
    """A distribution of relaxation times.

    Attributes:
        tau_s: shape (m,), rising, evenly spaced in the logarithm.
        gamma_ohm: shape (m,), resistance per unit of ln tau.
        ohmic_ohm: R0.
    """

    tau_s: Column
    gamma_ohm: Column
    ohmic_ohm: float

    def polarisation_ohm(self) -> float:
        """The area: resistance of everything that relaxes."""
        return float(self.gamma_ohm.sum() * np.log(self.tau_s[1] / self.tau_s[0]))


def relaxation_times(
    frequency_Hz: Column, impedance_ohm: Impedance, smoothing: float = SMOOTHING
) -> RelaxationTimes:
    """The distribution of one spectrum.

    Args:
        frequency_Hz: shape (n,), n at least 6.
        impedance_ohm: shape (n,), none of them 0.
        smoothing: positive; more makes peaks broader.
    """
    from scipy.optimize import nnls

    s = 2j * np.pi * frequency_Hz
    omega = np.abs(s)
    low, high = -np.log10(omega.max()) - BEYOND_DECADES, -np.log10(omega.min()) + BEYOND_DECADES
    tau_s = np.logspace(low, high, round((high - low) * PER_DECADE) + 1)
    step = float(np.log(tau_s[1] / tau_s[0]))
    modulus = np.abs(impedance_ohm)
    scale = float(np.median(modulus))
    columns = np.column_stack(
        [scale * step / (1.0 + np.outer(s, tau_s)), scale * np.ones_like(s), scale * s / omega.max()]
    )
    data, target = columns / modulus[:, None], impedance_ohm / modulus
    # Beyond both ends gamma is 0: else what relaxes too fast to be seen would be taken for R0, or R0 for it.
    curvature = np.zeros((len(tau_s), columns.shape[1]))
    for offset, weight in ((-1, 1.0), (0, -2.0), (1, 1.0)):
        curvature[:, : len(tau_s)] += np.diag(np.full(len(tau_s) - abs(offset), weight), offset)
    curvature *= np.sqrt(smoothing * len(s)) / step**2 * step**0.5
    solved, _ = nnls(
        np.vstack([data.real, data.imag, curvature]),
        np.concatenate([target.real, target.imag, np.zeros(len(curvature))]),
    )
    return RelaxationTimes(tau_s, scale * solved[: len(tau_s)], scale * float(solved[len(tau_s)]))
