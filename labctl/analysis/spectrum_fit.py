"""What the arcs of a spectrum are: as many as the data support, each with its confidence, or "not resolved".

Six circuits are fitted: no arc, one or two, with and without diffusion. The simplest whose AICc lies within 10 of the
best is taken (Burnham, Anderson: a model 10 above the best has essentially no support): a second arc is never forced.
An arc then counts as resolved if its resistance is known within a factor of two and its apex, or nearly, was measured.

The faster of two arcs is called SEI, the slower charge transfer, as on metal anodes. Where there is only one, nobody
can say from the spectrum which it is: both are "not resolved", and the arc's resistance is that of both together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from labctl.analysis.arrays import LEAST_POINTS, Column, Impedance
from labctl.analysis.circuit import Circuit
from labctl.analysis.circuit_fit import CircuitFit, Estimate, can_be_fitted, fit_circuit

SUPPORT = 10.0
"""Difference of AICc. Burnham and Anderson (2002), sec. 2.6."""

KNOWN_WITHIN = 2.0
"""Factor within which a resolved arc's resistance is known with 95 % confidence. Assumed."""

BAND_MARGIN = 3.0
"""Factor by which an arc's apex may lie outside of the measured band. Assumed."""

ARCS = ("SEI", "charge transfer")


@dataclass(frozen=True, slots=True)
class Arc:
    """One depressed arc.

    Attributes:
        resistance_ohm, time_constant_s: with 95 % confidence.
        exponent: of the constant phase element, 1 for a capacitor.
        doubt: why it does not count as resolved; empty if it does.
    """

    resistance_ohm: Estimate
    time_constant_s: Estimate
    exponent: float
    doubt: str

    @property
    def apex_Hz(self) -> float:
        """Frequency at which -Z'' of the arc is largest."""
        return 1.0 / (2.0 * np.pi * self.time_constant_s.value)

    @property
    def capacitance_F(self) -> float:
        """Of the capacitor with the same apex, tau / R (Hsu, Mansfeld, Corrosion 57 (2001) 747)."""
        return self.time_constant_s.value / self.resistance_ohm.value


@dataclass(frozen=True, slots=True)
class SpectrumFit:
    """What was found in one spectrum.

    Attributes:
        best: the circuit that was chosen, with its parameters.
        ohmic_ohm: R0; None if the highest frequency does not reach it.
        arcs: the fastest first; at most two.
        fits: of every circuit that was tried; the series goes on from them.
    """

    best: CircuitFit
    ohmic_ohm: Estimate | None
    arcs: tuple[Arc, ...]
    fits: Mapping[Circuit, CircuitFit]

    @property
    def sei_ohm(self) -> Estimate | None:
        """Resistance of the faster of two arcs; None if not resolved."""
        return self._arc(0)

    @property
    def charge_transfer_ohm(self) -> Estimate | None:
        """Resistance of the slower of two arcs; None if not resolved."""
        return self._arc(1)

    @property
    def arcs_ohm(self) -> float:
        """Resistance of all arcs together."""
        return sum(arc.resistance_ohm.value for arc in self.arcs)

    def verdict(self) -> str:
        """One clause for a person."""
        match self.arcs:
            case ():
                return "no arc resolved"
            case (arc,):
                return (
                    f"one arc; a second is not resolved{f', and the one: {arc.doubt}' if arc.doubt else ''}"
                )
            case arcs:
                doubts = [f"{name}: {a.doubt}" for name, a in zip(ARCS, arcs, strict=True) if a.doubt]
                return "; ".join(doubts) or "two arcs"

    def _arc(self, place: int) -> Estimate | None:
        if len(self.arcs) < 2 or self.arcs[place].doubt:
            return None
        return self.arcs[place].resistance_ohm


def fit_spectrum(
    frequency_Hz: Column, impedance_ohm: Impedance, before: SpectrumFit | None = None
) -> SpectrumFit | None:
    """Fit a spectrum.

    Args:
        frequency_Hz: shape (n,), in any order.
        impedance_ohm: shape (n,), none of them 0.
        before: the fit of the spectrum before this one in a series: begun at besides the usual beginnings, and kept to
            if it is nearly as good, so that a series does not hop between equals.

    Returns:
        The fit; None if there are fewer than six points.
    """
    if len(frequency_Hz) < LEAST_POINTS:
        return None
    fits = _fit_every_circuit(frequency_Hz, impedance_ohm, before.fits if before else {})
    best = _simplest_supported(list(fits.values()))
    ohmic = best.estimate(0)
    arcs = tuple(_arc(best, place, frequency_Hz) for place in range(1, 1 + 3 * best.circuit.arcs, 3))
    # What of an arc above the band is R0 is decided by where the search for time constants ends, not by the data.
    cut_off = any(arc.apex_Hz > BAND_MARGIN * frequency_Hz.max() for arc in arcs)
    return SpectrumFit(
        best=best,
        ohmic_ohm=ohmic if ohmic.is_known_within(KNOWN_WITHIN) and not cut_off else None,
        arcs=arcs,
        fits=fits,
    )


def _fit_every_circuit(
    frequency_Hz: Column, impedance_ohm: Impedance, before: Mapping[Circuit, CircuitFit]
) -> dict[Circuit, CircuitFit]:
    # A cable shows at the highest frequency first.
    inductance = bool(impedance_ohm[np.argmax(frequency_Hz)].imag > 0.0)
    circuits = [Circuit(arcs, diffusion, inductance) for arcs, diffusion in product((0, 1, 2), (False, True))]
    return {
        circuit: fit_circuit(
            circuit, frequency_Hz, impedance_ohm, [before[circuit].parameters] if circuit in before else []
        )
        for circuit in circuits
        if can_be_fitted(circuit, len(frequency_Hz))
    }


def _simplest_supported(fits: Sequence[CircuitFit]) -> CircuitFit:
    least = min(fit.aicc for fit in fits)
    return min((fit for fit in fits if fit.aicc <= least + SUPPORT), key=lambda fit: fit.circuit.size)


def _arc(fit: CircuitFit, place: int, frequency_Hz: Column) -> Arc:
    resistance, tau = fit.estimate(place), fit.estimate(place + 1)
    apex_Hz = 1.0 / (2.0 * np.pi * tau.value)
    doubt = ""
    if apex_Hz > BAND_MARGIN * frequency_Hz.max() or apex_Hz < frequency_Hz.min() / BAND_MARGIN:
        doubt = f"apex at {apex_Hz:.2g} Hz, outside of what was measured"
    elif not resistance.is_known_within(KNOWN_WITHIN):
        doubt = f"resistance between {resistance.low:.2g} and {resistance.high:.2g} ohm"
    return Arc(resistance, tau, float(fit.parameters[place + 2]), doubt)
