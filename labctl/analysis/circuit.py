"""The equivalent circuit of a cell: a resistance, depressed arcs in series, and optionally diffusion and a cable.

::

    Z(w) = R0 + sum over k of R_k / (1 + (j w tau_k)^a_k)  [+ A / sqrt(j w)]  [+ j w L]

An arc is a resistance parallel to a constant phase element, ``R || CPE`` with ``Q = tau^a / R``; a = 1 is a capacitor.
A is the coefficient of semi-infinite (Warburg) diffusion, L the inductance of cables and cell.

Resistances, time constants, A and L are positive over many decades: the parameters of a circuit are their natural
logarithms, exponents as they are. Signs: capacitive Z'' < 0.

Source: M. E. Orazem, B. Tribollet, Electrochemical Impedance Spectroscopy, 2nd ed. (2017), ch. 14 (CPE) and 11.
"""

from dataclasses import dataclass

import numpy as np

from labctl.analysis.arrays import Column, Impedance

LEAST_EXPONENT, MOST_EXPONENT = 0.5, 1.0
"""Of an arc. Assumed: below 0.5 a depressed arc is no longer one process with one time constant."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """Which elements are there, in the order of their parameters: R0, then (R, tau, a) of each arc, A, L."""

    arcs: int
    diffusion: bool = False
    inductance: bool = False

    def __str__(self) -> str:
        names = ["R0", *["(R||CPE)"] * self.arcs]
        return " + ".join([*names, *["W"] * self.diffusion, *["L"] * self.inductance])

    @property
    def size(self) -> int:
        """Number of parameters."""
        return 1 + 3 * self.arcs + self.diffusion + self.inductance

    def impedance(self, parameters: Column, frequency_Hz: Column) -> Impedance:
        """Z in ohm at each frequency."""
        return self.with_slopes(parameters, frequency_Hz)[0]

    def with_slopes(self, parameters: Column, frequency_Hz: Column) -> tuple[Impedance, Impedance]:
        """Z, shape (n,), and its derivatives to the parameters, shape (n, size)."""
        s = (2j * np.pi * frequency_Hz).astype(np.complex128)
        slopes = np.empty((len(s), self.size), dtype=np.complex128)
        slopes[:, 0] = np.exp(parameters[0])
        total = slopes[:, 0].copy()
        for first in range(1, 1 + 3 * self.arcs, 3):
            resistance, tau = np.exp(parameters[first : first + 2])
            exponent = parameters[first + 2]
            log_s_tau = np.log(s * tau)
            power = np.exp(exponent * log_s_tau)
            arc = resistance / (1.0 + power)
            down = -arc * power / (1.0 + power)
            slopes[:, first] = arc
            slopes[:, first + 1] = exponent * down
            slopes[:, first + 2] = log_s_tau * down
            total += arc
        # Diffusion and inductance are straight lines in their coefficient: the slope to its logarithm is the term.
        last = 1 + 3 * self.arcs
        if self.diffusion:
            slopes[:, last] = np.exp(parameters[last]) / np.sqrt(s)
            total += slopes[:, last]
        if self.inductance:
            slopes[:, -1] = np.exp(parameters[-1]) * s
            total += slopes[:, -1]
        return total, slopes


def arcs_in_order(parameters: Column, circuit: Circuit) -> Column:
    """The same parameters with the arcs in the order of their time constants, the fastest first."""
    ordered = parameters.copy()
    arcs = ordered[1 : 1 + 3 * circuit.arcs].reshape(-1, 3)
    arcs[:] = arcs[np.argsort(arcs[:, 1])]
    return ordered
