"""Where the fit of a circuit may begin: on a grid of time constants, with resistances by linear least squares.

With time constants and exponents held, the circuit is linear in its resistances. Trying all pairs of a grid costs
as much as a few steps of the fit that follows, and leaves no guess to a person.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.arrays import Column, Impedance
from labctl.analysis.circuit import Circuit

_PER_DECADE = 3
_BEYOND = 10.0
"""How far time constants may lie outside of the measured band. Assumed: a decade; beyond, an arc is a resistor or
nothing."""
_EXPONENT = 0.85
"""Assumed: a usual one; the fit finds its own."""


def starts(circuit: Circuit, frequency_Hz: Column, impedance_ohm: Impedance, most: int) -> list[Column]:
    """At most ``most`` parameter vectors, the most promising first, no two of them next to each other.

    Args:
        circuit: what is to be fitted.
        frequency_Hz, impedance_ohm: shape (n,).
        most: at least 1.
    """
    taus = _taus(frequency_Hz)
    columns, target = _weighted_columns(circuit, taus, frequency_Hz, impedance_ohm)
    choices = np.array(list(combinations(range(len(taus)), circuit.arcs)), dtype=np.intp)
    coefficients, misfit = _solve(columns, target, choices, len(taus))
    floor = 1e-4 * np.abs(impedance_ohm).min()
    scale = _scales(circuit, frequency_Hz, floor)
    found: list[Column] = []
    taken: list[NDArray[np.intp]] = []
    for k in np.argsort(misfit):
        if all(np.abs(choices[k] - other).max(initial=0) > 1 for other in taken) or not taken:
            taken.append(choices[k])
            logs = np.log(np.maximum(coefficients[k], scale))
            found.append(_parameters(circuit, logs, np.log(taus[choices[k]])))
        if len(found) == most:
            break
    return found


def tau_limits(frequency_Hz: Column) -> tuple[float, float]:
    """Shortest and longest time constant that is looked for, s."""
    omega = 2.0 * np.pi * frequency_Hz
    return 1.0 / (_BEYOND * float(omega.max())), _BEYOND / float(omega.min())


def _taus(frequency_Hz: Column) -> Column:
    shortest, longest = tau_limits(frequency_Hz)
    count = round(np.log10(longest / shortest) * _PER_DECADE) + 1
    return np.geomspace(shortest, longest, count)


def _weighted_columns(
    circuit: Circuit, taus: Column, frequency_Hz: Column, impedance_ohm: Impedance
) -> tuple[Column, Column]:
    """Columns of one ohm each: an arc for every tau, then R0, diffusion, inductance; and what they are to sum to."""
    s = 2j * np.pi * frequency_Hz
    terms = [1.0 / (1.0 + (s * tau) ** _EXPONENT) for tau in taus] + [np.ones_like(s)]
    terms += [1.0 / np.sqrt(s)] * circuit.diffusion + [s] * circuit.inductance
    weighted = np.array(terms) / np.abs(impedance_ohm)
    target = impedance_ohm / np.abs(impedance_ohm)
    return np.hstack([weighted.real, weighted.imag]), np.hstack([target.real, target.imag])


def _solve(
    columns: Column, target: Column, choices: NDArray[np.intp], first_other: int
) -> tuple[Column, Column]:
    """Coefficients and squared misfit of each choice, all at once; negative ones count as none."""
    others = np.arange(first_other, len(columns))
    chosen = np.hstack([choices, np.broadcast_to(others, (len(choices), len(others)))])
    gram, projected = columns @ columns.T, columns @ target
    # Scaled to unit length: ohm and henry differ by ten orders of magnitude.
    length = np.sqrt(np.diag(gram))
    gram, projected = gram / np.outer(length, length), projected / length
    matrices = gram[chosen[:, :, None], chosen[:, None, :]] + 1e-9 * np.eye(chosen.shape[1])
    solved = np.linalg.solve(matrices, projected[chosen][..., None])[..., 0]
    kept = np.maximum(solved, 0.0)
    misfit = (
        float(target @ target)
        - 2.0 * np.sum(kept * projected[chosen], axis=1)
        + np.einsum("ki,kij,kj->k", kept, matrices, kept)
    )
    return kept / length[chosen], misfit


def _scales(circuit: Circuit, frequency_Hz: Column, floor_ohm: float) -> Column:
    """The least coefficient of each element that a logarithm begins from, in the order arcs, R0, A, L."""
    omega = 2.0 * np.pi * frequency_Hz
    least = [floor_ohm] * (circuit.arcs + 1)
    least += [floor_ohm * float(np.sqrt(omega.min()))] * circuit.diffusion
    least += [floor_ohm / float(omega.max())] * circuit.inductance
    return np.array(least)


def _parameters(circuit: Circuit, logs: Column, log_taus: Column) -> Column:
    arcs = np.column_stack([logs[: circuit.arcs], log_taus, np.full(circuit.arcs, _EXPONENT)])
    return np.concatenate([[logs[circuit.arcs]], arcs.ravel(), logs[circuit.arcs + 1 :]])
