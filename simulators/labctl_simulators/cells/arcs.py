"""Impedance arcs that also live in time: ladders of relaxations, one linear, one obeying Butler-Volmer.

A resistance R parallel to a constant-phase element of exponent p has the impedance R / (1 + (j w tau)^p). Its
distribution of relaxation times is known in closed form (the Cole-Cole function), so the arc is cut into
``ELEMENTS`` bins half a decade wide, each a plain R-C relaxation that carries the bin's share of R. The ladder
*is* the model, in time and in frequency alike. Against the constant-phase element it stands for it is exact at
both ends of the spectrum and off by less than 0.7 % of R in between, at any frequency, for 0.8 <= p <= 0.95;
only the phase far beyond the arc, where |Z| is under 1 % of R, turns from that of a CPE to that of a capacitor.

Source: K. S. Cole, R. H. Cole, J. Chem. Phys. 9 (1941) 341, for the arc and its distribution of times.
"""

import math
from itertools import pairwise
from typing import NamedTuple

FARADAY_C_MOL = 96485.33212
GAS_CONSTANT_J_MOL_K = 8.314462618
TEMPERATURE_K = 298.15
"""Assumed: the cells of the paper were cycled at room temperature."""

TAFEL_V = 2.0 * GAS_CONSTANT_J_MOL_K * TEMPERATURE_K / FARADAY_C_MOL
"""2RT/F, 51.4 mV: the slope of Butler-Volmer kinetics with symmetric transfer (alpha = 1/2)."""

ELEMENTS = 7
SETTLING = 20.0
"""After this many of the longest time constant, a ladder is as good as settled (exp(-20) = 2e-9)."""


class Ladder(NamedTuple):
    """Relaxations that make up one arc: their time constants relative to the middle one, their shares of R."""

    spans: tuple[float, ...]
    shares: tuple[float, ...]


def cole_cole_ladder(exponent: float) -> Ladder:
    """The ladder of an arc whose constant-phase element has this exponent (0.8 to 0.95; 1 is a capacitor)."""

    def below(log_time: float) -> float:
        """Share of R whose time constants lie below exp(log_time) times the middle one."""
        slope = math.tan(0.5 * math.pi * exponent) * math.tanh(0.5 * exponent * log_time)
        return 0.5 + math.atan(slope) / (math.pi * exponent)

    width = 0.5 * math.log(10.0)
    centres = [(index - ELEMENTS // 2) * width for index in range(ELEMENTS)]
    edges = [0.0, *(below(centre + 0.5 * width) for centre in centres[:-1]), 1.0]
    shares = (upper - lower for lower, upper in pairwise(edges))
    return Ladder(tuple(math.exp(centre) for centre in centres), tuple(shares))


class FilmArc:
    """A film of resistance R and fixed material time constant: v_k = R share_k u_k, tau_k du_k/dt = i - u_k.

    The state is the current u_k through each resistor. Time constants do not depend on R, because a film that
    thickens raises R as it lowers C.
    """

    __slots__ = ("_decays", "_duration_s", "_ladder", "_tau_s", "currents_A")

    def __init__(self, exponent: float, tau_s: float) -> None:
        self._ladder = cole_cole_ladder(exponent)
        self._tau_s = tau_s
        self._duration_s = 0.0
        self._decays = [1.0] * ELEMENTS
        self.currents_A = [0.0] * ELEMENTS

    def settle(self, current_A: float) -> None:
        """Take the state that a long time at ``current_A`` leads to."""
        self.currents_A = [current_A] * ELEMENTS

    def after(self, duration_s: float, current_A: float) -> list[float]:
        """The state after ``duration_s`` at constant current, exactly; changes nothing."""
        if duration_s != self._duration_s:
            self._duration_s = duration_s
            self._decays = [math.exp(-duration_s / (self._tau_s * span)) for span in self._ladder.spans]
        pairs = zip(self.currents_A, self._decays, strict=True)
        return [current_A + (held_A - current_A) * decay for held_A, decay in pairs]

    def mean_current_A(self, currents_A: list[float]) -> float:
        """The current which, times R, is the voltage over the film in this state."""
        return sum(share * held_A for share, held_A in zip(self._ladder.shares, currents_A, strict=True))

    def impedance(self, omega: float) -> complex:
        """Impedance in units of R at the angular frequency ``omega``, rad/s."""
        spans, shares = self._ladder
        step = 1j * omega * self._tau_s
        return sum((share / (1.0 + step * span) for span, share in zip(spans, shares, strict=True)), 0j)

    def settling_s(self) -> float:
        """How long after a change of current the film is settled, s."""
        return SETTLING * self._tau_s * self._ladder.spans[-1]


class ChargeTransferArc:
    """Charge transfer parallel to a double layer, dispersed into a ladder.

    The overpotential is the sum of share_k eta_k, where each eta_k obeys

        C span_k d(eta_k)/dt = i - 2 i0 sinh(F eta_k / 2RT).

    Settled, every eta_k is (2RT/F) asinh(i / 2 i0): Butler-Volmer kinetics with alpha = 1/2. Linearised about
    the current i, it is the arc of R = (2RT/F) / sqrt(i^2 + 4 i0^2) with time constants R C span_k; without
    bias R = RT / (F i0). With y = exp(F eta_k / 2RT) the equation is a Riccati equation with constant
    coefficients, so its solution at constant current is closed, exact and stable for any duration.
    """

    __slots__ = ("_ladder", "states")

    def __init__(self, exponent: float) -> None:
        self._ladder = cole_cole_ladder(exponent)
        self.states = [1.0] * ELEMENTS
        """exp(F eta_k / 2RT) of each element."""

    def settle(self, current_A: float, exchange_A: float) -> None:
        """Take the state that a long time at ``current_A`` leads to."""
        self.states = [math.exp(math.asinh(current_A / (2.0 * exchange_A)))] * ELEMENTS

    def after(
        self, duration_s: float, current_A: float, exchange_A: float, capacitance_F: float
    ) -> list[float]:
        """The state after ``duration_s`` at constant current, exactly; changes nothing."""
        rate = duration_s * math.hypot(current_A, 2.0 * exchange_A) / (TAFEL_V * capacitance_F)
        upper = math.exp(math.asinh(current_A / (2.0 * exchange_A)))
        lower = -1.0 / upper
        states = []
        for state, span in zip(self.states, self._ladder.spans, strict=True):
            distance = (state - upper) / (state - lower) * math.exp(-rate / span)
            states.append((upper - lower * distance) / (1.0 - distance))
        return states

    def overpotential_V(self, states: list[float]) -> float:
        """Overpotential in V of this state, signed as the current."""
        pairs = zip(self._ladder.shares, states, strict=True)
        return TAFEL_V * sum(share * math.log(state) for share, state in pairs)

    def impedance_ohm(
        self, omega: float, current_A: float, exchange_A: float, capacitance_F: float
    ) -> complex:
        """Small-signal impedance, ohm, about the settled state at ``current_A``; ``omega`` in rad/s."""
        spans, shares = self._ladder
        resistance_ohm = TAFEL_V / math.hypot(current_A, 2.0 * exchange_A)
        step = 1j * omega * resistance_ohm * capacitance_F
        total = sum((share / (1.0 + step * span) for span, share in zip(spans, shares, strict=True)), 0j)
        return resistance_ohm * total

    def settling_s(self, current_A: float, exchange_A: float, capacitance_F: float) -> float:
        """How long after a change of current to ``current_A`` the arc is settled, s."""
        tau_s = TAFEL_V * capacitance_F / math.hypot(current_A, 2.0 * exchange_A)
        return SETTLING * tau_s * self._ladder.spans[-1]
