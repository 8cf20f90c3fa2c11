"""The spectra of a run in order: are they valid, what are their arcs, and where do these jump from one to the next.

Each fit begins at the one before it and at the usual beginnings, so that it follows what changes slowly and still
finds what changed at once. A jump is told, not smoothed: the cell may have done it, or the fit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labctl.analysis.arrays import LEAST_POINTS, Column, Impedance
from labctl.analysis.circuit_fit import Estimate
from labctl.analysis.kramers_kronig import Validity, lin_kk
from labctl.analysis.spectrum_fit import ARCS, SpectrumFit, fit_spectrum
from labctl.instrument.impedance import Spectrum

JUMP_RESISTANCE, JUMP_TIME = 2.0, 5.0
"""Factors between neighbours from which a change is a jump. Assumed."""

MISFIT_PERCENT, MISFIT_FACTOR = 2.0, 3.0
"""A circuit misses the data if its residual exceeds 2 % and three times what Lin-KK leaves. Assumed."""

GAS_CONSTANT_J_MOL_K = 8.314462618
FARADAY_C_MOL = 96485.33212
"""CODATA 2018, exact."""
ROOM_TEMPERATURE_K = 298.15
"""Assumed where no temperature was recorded."""


@dataclass(frozen=True, slots=True)
class SpectrumFigures:
    """What is read out of one spectrum.

    Attributes:
        cycle: after which it was measured.
        started_s: experiment time.
        points, flagged: how many there are; how many the instrument flagged, which are left out of what follows.
        total_ohm: |Z| at the lowest frequency.
        validity: Lin-KK; None with too few points.
        fit: arcs and their confidence; None with too few points.
        remarks: what a person must know before quoting the numbers.
        temperature_K: beside the cell; None if nobody measured it: then figures assume room temperature.
    """

    cycle: int
    started_s: float
    points: int
    flagged: int
    total_ohm: float
    validity: Validity | None
    fit: SpectrumFit | None
    remarks: tuple[str, ...]
    temperature_K: float | None = None

    @property
    def exchange_current_A(self) -> Estimate | None:
        """Of one electrode, if the cell has two alike; None if charge transfer is not resolved."""
        resistance = self.fit.charge_transfer_ohm if self.fit else None
        return (
            None
            if resistance is None
            else exchange_current(resistance, self.temperature_K or ROOM_TEMPERATURE_K)
        )


def exchange_current(charge_transfer_ohm: Estimate, temperature_K: float = ROOM_TEMPERATURE_K) -> Estimate:
    """Exchange current i0 of each of two like electrodes whose charge transfer is R_ct together: 2RT / (F R_ct), A.

    Linearised Butler-Volmer of a one-electron reaction. Of electrodes that are not quite alike it is the harmonic mean.

    Source: A. J. Bard, L. R. Faulkner, Electrochemical Methods, 2nd ed. (2001), eq. 3.4.13.
    """
    volts = 2.0 * GAS_CONSTANT_J_MOL_K * temperature_K / FARADAY_C_MOL
    value, low, high = charge_transfer_ohm
    return Estimate(volts / value, volts / high, volts / low)


def measured(spectrum: Spectrum) -> tuple[Column, Impedance]:
    """Frequency in Hz and Z in ohm of the points that the instrument did not flag; an exact 0 ohm is no reading."""
    good = [p for p in spectrum.points if p.status == 0 and (p.real_ohm or p.imaginary_ohm)]
    frequency_Hz = np.array([point.frequency_Hz for point in good])
    return frequency_Hz, np.array([complex(point.real_ohm, point.imaginary_ohm) for point in good])


def validity(spectrum: Spectrum) -> Validity | None:
    """Lin-KK of the points that the instrument did not flag; None if they are too few."""
    frequency_Hz, impedance_ohm = measured(spectrum)
    return lin_kk(frequency_Hz, impedance_ohm) if len(frequency_Hz) >= LEAST_POINTS else None


def series_figures(spectra: Sequence[Spectrum]) -> list[SpectrumFigures]:
    """The figures of spectra that were measured one after the other on one cell."""
    figures: list[SpectrumFigures] = []
    before: SpectrumFit | None = None
    for spectrum in spectra:
        frequency_Hz, impedance_ohm = measured(spectrum)
        fit = fit_spectrum(frequency_Hz, impedance_ohm, before)
        tested = validity(spectrum)
        flagged = len(spectrum.points) - len(frequency_Hz)
        figures.append(
            SpectrumFigures(
                cycle=spectrum.cycle,
                started_s=spectrum.started_s,
                points=len(spectrum.points),
                flagged=flagged,
                total_ohm=spectrum.total_ohm(),
                validity=tested,
                fit=fit,
                remarks=(*_flags(flagged), *_misfit(tested, fit), *jumps(before, fit)),
                temperature_K=spectrum.temperature_K,
            )
        )
        before = fit or before
    return figures


def jumps(before: SpectrumFit | None, after: SpectrumFit | None) -> tuple[str, ...]:
    """What changed at once between two neighbours, in words."""
    if before is None or after is None:
        return ()
    if len(before.arcs) != len(after.arcs):
        return (f"jump: {len(before.arcs)} arcs in the spectrum before, {len(after.arcs)} here",)
    names = ARCS if len(after.arcs) == 2 else ("arc",)
    found = []
    for name, old, new in zip(names, before.arcs, after.arcs, strict=False):
        if old.doubt or new.doubt:
            continue
        for what, was, now, limit in (
            ("resistance", old.resistance_ohm.value, new.resistance_ohm.value, JUMP_RESISTANCE),
            ("time constant", old.time_constant_s.value, new.time_constant_s.value, JUMP_TIME),
        ):
            if abs(math.log(now / was)) > math.log(limit):
                found.append(f"jump: {what} of {name} is {now / was:.3g} times that of the spectrum before")
    return tuple(found)


def _flags(flagged: int) -> tuple[str, ...]:
    return (f"{flagged} points that the instrument flagged are left out",) if flagged else ()


def _misfit(tested: Validity | None, fit: SpectrumFit | None) -> tuple[str, ...]:
    if tested is None or fit is None:
        return ()
    residual = 100.0 * fit.best.residual
    if residual <= max(MISFIT_PERCENT, MISFIT_FACTOR * tested.rms_percent):
        return ()
    return (
        f"the circuit misses the data by {residual:.2g} %, Lin-KK only by {tested.rms_percent:.2g} %: "
        "there is more in this spectrum than these arcs",
    )
