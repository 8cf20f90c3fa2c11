"""Whether a spectrum can belong to a cell that was linear, causal and at rest while it was measured (Lin-KK).

A sum of RC elements with fixed time constants obeys the Kramers-Kronig relations, and can follow any spectrum that
does. It is linear in its resistances, so it is fitted in one step, without a guess. What it cannot follow is noise,
drift during the sweep, or an amplitude too large. How many elements: more are added until resistances of both signs
cancel each other, that is, until noise is followed (mu criterion).

A drift that is slow against every period looks like a slightly different cell at each frequency, and passes: a
spectrum whose charge transfer grows by a tenth during the sweep leaves residuals of only 0.3 %. To see drift, repeat
a frequency.

Source: B. A. Boukamp, J. Electrochem. Soc. 142 (1995) 1885; M. Schoenleber, D. Klotz, E. Ivers-Tiffee,
Electrochimica Acta 131 (2014) 20.
"""

from dataclasses import dataclass

import numpy as np

from labctl.analysis.arrays import LEAST_POINTS, Column, Impedance

MU_LIMIT = 0.85
"""As Schoenleber et al. propose."""

LEAST_PER_DECADE = 3.0
"""Elements that are always there. Assumed: with fewer, mu can be small because the fit is still bad."""

VALID_RMS_PERCENT, VALID_WORST_PERCENT = 1.0, 3.0
"""Assumed: the usual demand, residuals of 1 %; a single point may be three times as far off."""


@dataclass(frozen=True, slots=True)
class Validity:
    """How a spectrum stands the test.

    Attributes:
        elements: number of RC elements.
        mu: 1 while no resistance is negative; small when noise is followed.
        real_percent, imaginary_percent: measured minus fitted, in percent of |Z|, at each frequency.
        rms_percent: root mean square of the complex residual.
        worst_percent, worst_Hz: the largest complex residual, and where.
        valid: within both limits above.
    """

    elements: int
    mu: float
    real_percent: Column
    imaginary_percent: Column
    rms_percent: float
    worst_percent: float
    worst_Hz: float
    valid: bool


def lin_kk(frequency_Hz: Column, impedance_ohm: Impedance) -> Validity:
    """Test a spectrum.

    Args:
        frequency_Hz: shape (n,), n at least 6.
        impedance_ohm: shape (n,).

    Raises:
        ValueError: there are fewer points.
    """
    if len(frequency_Hz) < LEAST_POINTS:
        raise ValueError(f"Lin-KK needs {LEAST_POINTS} points, not {len(frequency_Hz)}")
    decades = float(np.log10(frequency_Hz.max() / frequency_Hz.min()))
    most = len(frequency_Hz) - 2
    elements = min(max(round(LEAST_PER_DECADE * decades), 3), most)
    while True:
        residual, resistances = _fit(frequency_Hz, impedance_ohm, elements)
        mu = _mu(resistances)
        if mu < MU_LIMIT or elements == most:
            return _validity(frequency_Hz, residual, elements, mu)
        elements += 1


def _fit(frequency_Hz: Column, impedance_ohm: Impedance, elements: int) -> tuple[Impedance, Column]:
    """Relative residuals, and the resistances of the RC elements."""
    s = 2j * np.pi * frequency_Hz
    omega = np.abs(s)
    taus = np.geomspace(1.0 / omega.max(), 1.0 / omega.min(), elements)
    columns = 1.0 / (1.0 + np.outer(s, taus))
    # R0, a cable's inductance, and a capacitance for what goes on below the lowest frequency.
    others = np.column_stack([np.ones_like(s), s / omega.max(), omega.min() / s])
    matrix = np.hstack([columns, others]) / np.abs(impedance_ohm)[:, None]
    target = impedance_ohm / np.abs(impedance_ohm)
    solved = np.linalg.lstsq(
        np.vstack([matrix.real, matrix.imag]), np.concatenate([target.real, target.imag]), rcond=None
    )[0]
    return target - matrix @ solved, solved[:elements]


def _mu(resistances: Column) -> float:
    positive = float(resistances[resistances >= 0.0].sum())
    return 1.0 + float(resistances[resistances < 0.0].sum()) / positive if positive > 0.0 else 0.0


def _validity(frequency_Hz: Column, residual: Impedance, elements: int, mu: float) -> Validity:
    size = 100.0 * np.abs(residual)
    rms = float(np.sqrt(np.mean(size**2)))
    worst = int(size.argmax())
    return Validity(
        elements=elements,
        mu=mu,
        real_percent=100.0 * residual.real,
        imaginary_percent=100.0 * residual.imag,
        rms_percent=rms,
        worst_percent=float(size[worst]),
        worst_Hz=float(frequency_Hz[worst]),
        valid=rms <= VALID_RMS_PERCENT and float(size[worst]) <= VALID_WORST_PERCENT,
    )
