"""An intercalation host at rest and in a hurry: its open-circuit curve, and diffusion in its particles.

Sources: M. Verbrugge, D. Baker, B. Koch, X. Xiao, W. Gu, J. Electrochem. Soc. 164 (2017) E3243, for the curve
as a sum of galleries; J. Crank, The Mathematics of Diffusion, 2nd ed. (1975), section 6.3, for the sphere.
"""

import math
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Gallery(NamedTuple):
    """Like sites, which empty about one potential: a plateau of the open-circuit curve."""

    potential_V: float
    share: float
    """Sites per formula unit."""
    width_V: float
    """RT/F (25.7 mV) for sites that do not know of each other, less where they order or a phase changes."""


Galleries = tuple[Gallery, ...]

_COLUMNS = 2048
_ROWS = 64
_LOWEST_V, _HIGHEST_V = 0.8, 5.2


class OpenCircuitCurve:
    """Potential of a host that holds two kinds of ions, by content and by the second kind's fraction.

    At equilibrium each pure host holds x(E) = sum share / (1 + exp((E - E0) / width)) ions a formula unit. A
    fraction k of the second kind makes a mixture of domains at one potential:
    x(E) = (1 - k) x_first(E) + k x_second(E), so that plateaus neither move nor blur but give way to others.
    The inverse E(x, k), tabulated once and interpolated linearly in both, *is* the model. Beyond an empty or a
    full host it goes on as steeply as at its end, so that an absurd charge gives an absurd, finite potential.
    """

    __slots__ = ("_table",)

    def __init__(self, first: Galleries, second: Galleries) -> None:
        self._table = _tabulated(first, second)

    def potential_V(self, content: float, fraction: float) -> float:
        """Potential, V, at ``content`` ions a formula unit (any number) and the second kind's fraction (0..1)."""
        column = min(max(int(content * _COLUMNS), 0), _COLUMNS - 1)
        along = content * _COLUMNS - column
        row = min(int(fraction * _ROWS), _ROWS - 1)
        upper, lower = self._table[row], self._table[row + 1]
        first_V = upper[column] + along * (upper[column + 1] - upper[column])
        second_V = lower[column] + along * (lower[column + 1] - lower[column])
        return first_V + (fraction * _ROWS - row) * (second_V - first_V)

    def slope_V(self, content: float, fraction: float) -> float:
        """Derivative of the potential by the content, V; below zero."""
        column = min(max(int(content * _COLUMNS), 0), _COLUMNS - 1)
        ends_V = [self.potential_V((column + end) / _COLUMNS, fraction) for end in (0, 1)]
        return (ends_V[1] - ends_V[0]) * _COLUMNS


@lru_cache(maxsize=8)
def _tabulated(first: Galleries, second: Galleries) -> list[list[float]]:
    potentials_V = np.linspace(_HIGHEST_V, _LOWEST_V, 20001)

    def content(galleries: Galleries) -> np.ndarray:
        held = np.zeros_like(potentials_V)
        for potential_V, share, width_V in galleries:
            held += share / (1.0 + np.exp((potentials_V - potential_V) / width_V))
        return held

    contents = np.linspace(0.0, 1.0, _COLUMNS + 1)
    pure = content(first), content(second)
    fractions = [row / _ROWS for row in range(_ROWS + 1)]
    mixed = [(1.0 - fraction) * pure[0] + fraction * pure[1] for fraction in fractions]
    return [np.interp(contents, held, potentials_V).tolist() for held in mixed]


class Relaxation(NamedTuple):
    """One element of a ladder: its gain and its time constant in units of the diffusion time R^2 / D."""

    gain: float
    span: float


def _sphere() -> tuple[Relaxation, ...]:
    """How far the surface of a sphere runs ahead of its mean while ions enter at a steady rate.

    Exactly, sum 2/(3 l^2) over the roots of tan l = l, each with the time constant 1/l^2: 1/15 in all. The
    roots are taken together two by two, four by four and so on, and the last element takes the rest.
    """

    def root(index: int) -> float:
        guess = (index + 0.5) * math.pi
        for _ in range(4):
            guess = (index + 0.5) * math.pi - math.atan(1.0 / guess)
        return guess

    elements, edges = [], [1, 2, 3, 5, 9, 17, 33, 65]
    for begin, end in pairwise(edges):
        spans = [root(index) ** -2 for index in range(begin, end)]
        elements.append(Relaxation(sum(spans) * 2.0 / 3.0, sum(span**2 for span in spans) / sum(spans)))
    rest = 1.0 / 15.0 - sum(element.gain for element in elements)
    return (*elements, Relaxation(rest, root(edges[-1] * 3 // 2) ** -2))


SPHERE = _sphere()
