"""What is read out of one stored run for the experiment: overpotentials, shapes, collapses, capacities, scans."""

import math
import statistics
from collections import deque
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curve import Curve, curves
from labctl.analysis.cycle_figures import HalfCycleRow, half_cycle_row
from labctl.analysis.differential_capacity import differential_capacity
from labctl.analysis.recordings import from_run
from labctl.analysis.spectrum_series import SpectrumFigures, series_figures
from labctl.analysis.voltammetry import peaks
from labctl.half_cycle import HalfCycle
from labctl.report.figures.subject import Subject
from labctl.report.figures.voltammogram import scans
from labctl.rules.replay import Recording
from labctl.store.reader import Reader

PARTS = 50
HALF_CYCLE_S = 9000.0
TWICE_2RT_F_V = 4.0 * 8.314462618 * 298.15 / 96485.33212
CURRENT_A = 0.4e-3 * math.pi * 0.3**2

Levels = NDArray[np.float64]


class Life:
    """One run of the experiment, read once."""

    def __init__(self, database: Path) -> None:
        self.reader = Reader(database)
        self.run = self.reader.run(1)

    @cached_property
    def recording(self) -> Recording:
        """Its samples and half-cycles."""
        return from_run(self.reader, self.run)

    @cached_property
    def curves(self) -> list[Curve]:
        """Its half-cycles with their samples."""
        return list(curves(self.recording))

    @cached_property
    def half_cycles(self) -> list[HalfCycle]:
        """Its half-cycles as the engine summed them up."""
        return self.reader.half_cycles(1)

    @cached_property
    def spectra(self) -> dict[int, SpectrumFigures]:
        """What is read out of its spectra, by cycle."""
        found = series_figures([record.spectrum for record in self.reader.spectra(1)])
        return {figures.cycle: figures for figures in found}

    @property
    def cycles(self) -> int:
        """How many it had."""
        return max((half.cycle for half in self.half_cycles), default=0)

    def overpotential_V(self, cycle: int) -> float:
        """Median overpotential, mean of both directions; NaN if the cycle is missing."""
        known = [h.overpotential_median_V for h in self.half_cycles if h.cycle == cycle]
        return statistics.fmean(v for v in known if v is not None) if known else math.nan

    def discharged_mAh(self, cycle: int) -> float:
        """Charge given off in a cycle."""
        return sum(h.charge_C for h in self.half_cycles if h.cycle == cycle and h.sign < 0) / 3.6

    @cached_property
    def capacities(self) -> Levels:
        """Charge given off in each cycle, mAh; the first is cycle 1."""
        found = np.zeros(self.cycles)
        for half in self.half_cycles:
            if half.sign < 0:
                found[half.cycle - 1] += half.charge_C / 3.6
        return found

    def first_cycle_below(self, share: float, reference: int = 2) -> float:
        """First cycle that gives off less than this share of the reference cycle; infinite if none does."""
        below = np.flatnonzero(self.capacities[reference:] < share * self.capacities[reference - 1])
        return float(below[0] + reference + 1) if below.size else math.inf

    def total_ohm(self, cycle: int) -> float:
        """|Z| at the lowest frequency after a cycle; NaN without a spectrum."""
        return self.spectra[cycle].total_ohm if cycle in self.spectra else math.nan

    def share(self, cycles: Iterable[int], *, plateaus: int) -> float:
        """Of the half-cycles of these cycles: how many show a spike and as many plateaus, each above the one before."""
        wanted = set(cycles)
        rest_V = self.run.cell.equilibrium_voltage_V
        rows = [half_cycle_row(curve, rest_V) for curve in self.curves if curve.cycle in wanted]
        good = [row for row in rows if row.spike and len(row.plateaus) == plateaus and _rise(row)]
        return len(good) / len(rows) if rows else math.nan

    def decided_s(self, rule: str) -> float:
        """When a rule decided in this very run; NaN if it did not."""
        for event in self.reader.events(1):
            if event.kind == "decision" and (event.data or {}).get("rule") == rule:
                return event.time_s
        return math.nan

    def scan_peaks_V(self, direction: int) -> list[float]:
        """Where the last sweep of the last voltage scan in this direction peaks, V, rising."""
        *_, (_, voltage_V, current_A) = scans(Subject(self.reader, self.run))
        found = [peak for peak in peaks(voltage_V, current_A) if peak.direction == direction]
        high = max(abs(peak.current_A) for peak in found)
        places = sorted(peak.voltage_V for peak in found if abs(peak.current_A) > 0.5 * high)
        # Two sweeps in the same direction show each peak twice.
        return [v for v, before in zip(places, [-math.inf, *places], strict=False) if v - before > 0.05]

    def plateaus_V(self, cycle: int, sign: int) -> list[float]:
        """Where dQ/dV of a half-cycle has maxima of at least two fifths of its highest, V, rising."""
        (curve,) = [c for c in self.curves if c.cycle == cycle and c.sign == sign]
        voltage_V, density = differential_capacity(curve.passed_C, curve.voltage_V, 5e-3, 10e-3)
        inner = density[1:-1]
        at = np.flatnonzero((inner >= density[:-2]) & (inner > density[2:]) & (inner > 0.4 * density.max()))
        return [float(voltage_V[k + 1]) for k in at]


def _rise(row: HalfCycleRow) -> bool:
    levels = [plateau.level_V for plateau in row.plateaus]
    return levels == sorted(levels)


def doubled_s(life: Life, factor: float = 2.0) -> tuple[float, int]:
    """When the overpotential had doubled for good, and in which cycle; (inf, 0) if it never did.

    Counted from the cell's own earlier half-cycles in the same direction, at the same passed charge: the median of the
    last five, which follows a growth by at most 2 % a cycle (0.5 % of what is a quarter above it). Written from
    docs/stop_rules.md, apart from the rule that is measured by it.
    """
    past: dict[int, deque[Levels]] = {1: deque(maxlen=5), -1: deque(maxlen=5)}
    healthy: dict[int, Levels] = {}
    for curve in life.curves:
        whole_C = life.curves[0].charge_C
        part = np.minimum((PARTS * curve.passed_C / whole_C).astype(int), PARTS - 1)
        if curve.sign in healthy:
            limit = factor * _highest(healthy[curve.sign], 2)[part]
            beyond = (curve.level_V > limit) & (curve.passed_C > 0.05 * whole_C)
            lasting = np.flatnonzero(~beyond)
            first = lasting[-1] + 1 if lasting.size else 0
            if first < len(beyond) and curve.time_s[-1] - curve.time_s[first] > 120.0:
                return float(curve.time_s[first]), curve.cycle
        profile = np.array(
            [np.median(curve.level_V[part == k]) if (part == k).any() else np.nan for k in range(PARTS)]
        )
        past[curve.sign].append(profile)
        if len(past[curve.sign]) >= 3:
            healthy[curve.sign] = _followed(healthy.get(curve.sign), past[curve.sign])
    return math.inf, 0


def doubled_cycle_from_the_first(life: Life) -> float:
    """First cycle whose median overpotential is twice that of cycles 1 to 5; infinite if there is none."""
    base_V = statistics.median(life.overpotential_V(cycle) for cycle in range(1, 6))
    for half in life.half_cycles:
        if half.overpotential_median_V is not None and half.overpotential_median_V > 2.0 * base_V:
            return float(half.cycle)
    return math.inf


def shorted_s(life: Life) -> float:
    """When the voltage had collapsed for good; infinite if it never did.

    Counted as a fifth of what it was five cycles before, in the same direction and at the same passed charge.
    """
    base_V = statistics.median(life.overpotential_V(cycle) for cycle in range(2, 7))
    low = [(h.overpotential_median_V or 0.0) < 0.2 * base_V for h in life.half_cycles]
    if not any(low):
        return math.inf
    for place in (low.index(True) - 1, low.index(True)):
        curve, before = life.curves[place], life.curves[place - 10]
        above = np.flatnonzero(
            curve.level_V > 0.2 * np.interp(curve.passed_C, before.passed_C, before.level_V)
        )
        first = above[-1] + 1 if above.size else 0
        if first < len(curve.time_s):
            return float(curve.time_s[first])
    return math.inf


def _followed(before: Levels | None, profiles: Iterable[Levels]) -> Levels:
    """The level of a healthy half-cycle, after one more of them."""
    stack = np.array(profiles)
    level: Levels = np.nanmedian(stack, axis=0)
    if before is None:
        return level
    old = _highest(before, 1)
    share = np.where(stack[-1] > 1.25 * old, 0.005, 0.02)
    return np.minimum(level, old * (1.0 + share))


def _highest(levels: Levels, neighbours: int) -> Levels:
    """Of each part and so many to each side."""
    padded = np.pad(levels, neighbours, mode="edge")
    return np.max([padded[k : k + len(levels)] for k in range(2 * neighbours + 1)], axis=0)


def model_overpotential_V(life: Life, cycle: int) -> float:
    """What the spectrum after a cycle says of its overpotential: (R0 + R_SEI) i + 2 (2RT/F) asinh(i / 2 i0)."""
    figures = life.spectra[cycle]
    fit, exchange = figures.fit, figures.exchange_current_A
    if fit is None or exchange is None or fit.sei_ohm is None:
        return math.nan
    ohmic_ohm = (fit.ohmic_ohm.value if fit.ohmic_ohm else 0.0) + fit.sei_ohm.value
    return ohmic_ohm * CURRENT_A + TWICE_2RT_F_V * math.asinh(0.5 * CURRENT_A / exchange.value)
