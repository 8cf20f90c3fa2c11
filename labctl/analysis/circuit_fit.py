"""Fits one circuit to one spectrum, and says how well each parameter is known.

Residuals are weighted by the measured modulus, as an instrument's error is a share of what it measures; so an arc of
300 ohm in front of one of 70 kohm counts. Confidence is the usual linearisation: the inverse of J^T J times the
variance of the residuals, in logarithms, with Student's t.

Source: W. H. Press et al., Numerical Recipes, 3rd ed. (2007), ch. 15.4-15.6; K. P. Burnham, D. R. Anderson, Model
Selection and Multimodel Inference, 2nd ed. (2002), ch. 2 (AICc).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from labctl.analysis.arrays import Column, Impedance
from labctl.analysis.circuit import LEAST_EXPONENT, MOST_EXPONENT, Circuit, arcs_in_order
from labctl.analysis.circuit_starts import starts, tau_limits

STARTS = 4
MOST_EVALUATIONS = 60
AS_GOOD = 2.0
"""Difference of AICc between fits that are equally supported. Burnham and Anderson (2002), sec. 2.6."""

CONFIDENCE = 0.95
FINEST = 1e-4
"""Relative. Assumed: no spectrum is better than this, so that rounding is not taken for structure."""


class Estimate(NamedTuple):
    """A value with the limits between which it lies with 95 % confidence."""

    value: float
    low: float
    high: float

    def is_known_within(self, factor: float) -> bool:
        """Whether both limits lie within this factor of the value."""
        return self.high <= self.value * factor and self.low * factor >= self.value


@dataclass(frozen=True, slots=True)
class CircuitFit:
    """A circuit with the parameters that fit a spectrum best.

    Attributes:
        circuit: which elements.
        parameters: as in ``Circuit``, arcs in the order of their time constants.
        deviation: standard deviation of each parameter, of the same shape.
        t_factor: Student's t at 95 %.
        residual: root mean square of |Z_fit - Z| / |Z|.
        aicc: Akaike's criterion, corrected for few points; the smaller the better supported.
    """

    circuit: Circuit
    parameters: Column
    deviation: Column
    t_factor: float
    residual: float
    aicc: float

    def estimate(self, place: int) -> Estimate:
        """A parameter that is kept as a logarithm, with its confidence."""
        value = float(self.parameters[place])
        half = self.t_factor * float(self.deviation[place])
        return Estimate(_exp(value), _exp(value - half), _exp(value + half))


def can_be_fitted(circuit: Circuit, points: int) -> bool:
    """Whether there are enough points for AICc to be defined."""
    return 2 * points - (circuit.size + 1) - 1 > 0


def fit_circuit(
    circuit: Circuit, frequency_Hz: Column, impedance_ohm: Impedance, begin_at: Iterable[Column] = ()
) -> CircuitFit:
    """The best fit of a circuit, from several beginnings.

    Args:
        circuit: the elements.
        frequency_Hz: shape (n,), in any order; n such that ``can_be_fitted``.
        impedance_ohm: shape (n,), none of them 0.
        begin_at: parameters to begin at besides the usual ones, such as those of the spectrum before; what is found
            from them is kept unless another beginning leads to something better by more than ``AS_GOOD``.
    """
    from scipy.optimize import least_squares

    weight = 1.0 / np.abs(impedance_ohm)

    def residuals(parameters: Column) -> Column:
        return _stacked((circuit.impedance(parameters, frequency_Hz) - impedance_ohm) * weight)

    def jacobian(parameters: Column) -> Column:
        return _stacked(circuit.with_slopes(parameters, frequency_Hz)[1] * weight[:, None])

    low, high = _bounds(circuit, frequency_Hz, impedance_ohm)

    def fit_from(begin: Column) -> CircuitFit:
        inside = np.clip(begin, low + 1e-9, high - 1e-9)
        found = least_squares(residuals, inside, jacobian, (low, high), max_nfev=MOST_EVALUATIONS)
        return assess(circuit, arcs_in_order(found.x, circuit), frequency_Hz, impedance_ohm)

    continued = [fit_from(begin) for begin in begin_at]
    fresh = [fit_from(begin) for begin in starts(circuit, frequency_Hz, impedance_ohm, STARTS)]
    best = min(continued + fresh, key=_aicc_of)
    return next((fit for fit in continued if fit.aicc <= best.aicc + AS_GOOD), best)


def assess(
    circuit: Circuit, parameters: Column, frequency_Hz: Column, impedance_ohm: Impedance
) -> CircuitFit:
    """How well these parameters fit, and how well they are known."""
    from scipy.special import stdtrit

    weight = 1.0 / np.abs(impedance_ohm)
    fitted, slopes = circuit.with_slopes(parameters, frequency_Hz)
    residuals = _stacked((fitted - impedance_ohm) * weight)
    count, free = len(residuals), len(residuals) - circuit.size
    squares = float(residuals @ residuals) + count * FINEST**2
    variance = squares / free
    return CircuitFit(
        circuit=circuit,
        parameters=parameters,
        deviation=np.sqrt(variance * _inverse_diagonal(_stacked(slopes * weight[:, None]))),
        t_factor=float(stdtrit(free, 0.5 + 0.5 * CONFIDENCE)),
        residual=math.sqrt(2.0 * squares / count),
        aicc=_aicc(squares, count, circuit.size + 1),
    )


def _aicc_of(fit: CircuitFit) -> float:
    return fit.aicc


def _aicc(squares: float, count: int, parameters: int) -> float:
    """The variance of the residuals is one of the parameters."""
    return (
        count * math.log(squares / count)
        + 2.0 * parameters
        + 2.0 * parameters * (parameters + 1) / (count - parameters - 1)
    )


def _inverse_diagonal(jacobian: Column) -> Column:
    """Diagonal of (J^T J)^-1; a direction in which nothing changes gets a huge variance, not an error."""
    _, singular, rows = np.linalg.svd(jacobian, full_matrices=False)
    return np.asarray(((rows.T / np.maximum(singular, 1e-12 * singular[0])) ** 2).sum(axis=1))


def _bounds(circuit: Circuit, frequency_Hz: Column, impedance_ohm: Impedance) -> tuple[Column, Column]:
    """Wide enough that only what is not there comes to lie on them."""
    modulus = np.abs(impedance_ohm)
    ohms = math.log(1e-6 * modulus.min()), math.log(1e4 * modulus.max())
    taus = [math.log(tau) for tau in tau_limits(frequency_Hz)]
    omega = 2.0 * np.pi * frequency_Hz
    roots = 0.5 * math.log(omega.min()), 0.5 * math.log(omega.max())
    low = [ohms[0]] + [ohms[0], taus[0], LEAST_EXPONENT] * circuit.arcs
    high = [ohms[1]] + [ohms[1], taus[1], MOST_EXPONENT] * circuit.arcs
    if circuit.diffusion:
        low, high = [*low, ohms[0] + roots[0]], [*high, ohms[1] + roots[1]]
    if circuit.inductance:
        low, high = [*low, ohms[0] - 2.0 * roots[1]], [*high, ohms[1] - 2.0 * roots[0]]
    return np.array(low), np.array(high)


def _stacked(values: Impedance) -> Column:
    """Real parts above imaginary parts."""
    return np.concatenate([values.real, values.imag])


def _exp(logarithm: float) -> float:
    return math.exp(min(logarithm, 700.0))
