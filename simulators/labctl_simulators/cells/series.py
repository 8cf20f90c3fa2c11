"""The arcs of a whole cell in series: a film and the charge transfer of two surfaces, relaxing or settled."""

import math
from typing import Protocol

from labctl_simulators.cells.arcs import TAFEL_V, ChargeTransferArc, FilmArc


class Surface(Protocol):
    """What charge transfer needs to know of an electrode."""

    exchange_A: float
    """Exchange current, A."""

    def capacitance_F(self) -> float:
        """Double-layer capacitance, F."""
        ...


class SeriesArcs:
    """A film and two charge transfers that carry one current.

    After a change of the load the arcs carry state and relax, each step in closed form; once they are settled
    they follow their surfaces and carry none: the voltage is R_film i + (2RT/F) sum asinh(i / 2 i0). The
    film's resistance is an argument throughout, because it belongs to the ageing of the cell.

    Attributes:
        current_A: The current which flows, positive where the terminals' is.
        age_s: Time since the load changed, s.
        settled: Whether the arcs carry no state.
    """

    __slots__ = ("_film", "_first", "_second", "_transfers", "age_s", "current_A", "settled")

    def __init__(
        self, film: FilmArc, first: Surface, second: Surface, exponents: tuple[float, float]
    ) -> None:
        self._film = film
        self._first = first
        self._second = second
        self._transfers = (
            (first, ChargeTransferArc(exponents[0])),
            (second, ChargeTransferArc(exponents[1])),
        )
        self.current_A = 0.0
        self.age_s = 0.0
        self.settled = True

    def disturb(self) -> None:
        """The load changes: the arcs begin to carry state, that of the current which flowed until now."""
        self.age_s = 0.0
        if self.settled:
            self.settled = False
            self._film.settle(self.current_A)
            for surface, arc in self._transfers:
                arc.settle(self.current_A, surface.exchange_A)

    def relax(self, duration_s: float, current_A: float, film_ohm: float) -> float:
        """Let ``duration_s`` pass at a constant current, the surfaces being as they are at the end; volts."""
        self.current_A = current_A
        self.age_s += duration_s
        if not self.settled:
            self.settled = self.age_s > self._settling_s(current_A)
        if self.settled:
            return self.settled_V(current_A, film_ohm)
        return self._relaxed_V(duration_s, current_A, film_ohm, keep=True)

    def voltage_after_V(self, duration_s: float, current_A: float, film_ohm: float) -> float:
        """Voltage after ``duration_s`` more at a constant current (infinity: settled). Changes nothing."""
        if self.settled or duration_s == math.inf:
            return self.settled_V(current_A, film_ohm)
        return self._relaxed_V(duration_s, current_A, film_ohm, keep=False)

    def settled_V(self, current_A: float, film_ohm: float) -> float:
        """Voltage long after the load has changed, V."""
        half_A = 0.5 * current_A
        transfer = math.asinh(half_A / self._first.exchange_A) + math.asinh(half_A / self._second.exchange_A)
        return film_ohm * current_A + TAFEL_V * transfer

    def impedance_ohm(self, omega: float, bias_A: float, film_ohm: float) -> complex:
        """Small-signal impedance, ohm, about the state settled at ``bias_A``; ``omega`` in rad/s."""
        impedance = film_ohm * self._film.impedance(omega)
        for surface, arc in self._transfers:
            impedance += arc.impedance_ohm(omega, bias_A, surface.exchange_A, surface.capacitance_F())
        return impedance

    def _relaxed_V(self, duration_s: float, current_A: float, film_ohm: float, *, keep: bool) -> float:
        """Voltage over the arcs after ``duration_s``, with the surfaces as they are; ``keep`` makes it so."""
        currents_A = self._film.after(duration_s, current_A)
        total_V = film_ohm * self._film.mean_current_A(currents_A)
        if keep:
            self._film.currents_A = currents_A
        for surface, arc in self._transfers:
            states = arc.after(duration_s, current_A, surface.exchange_A, surface.capacitance_F())
            total_V += arc.overpotential_V(states)
            if keep:
                arc.states = states
        return total_V

    def _settling_s(self, current_A: float) -> float:
        transfers = (
            arc.settling_s(current_A, surface.exchange_A, surface.capacitance_F())
            for surface, arc in self._transfers
        )
        return max(self._film.settling_s(), *transfers)
