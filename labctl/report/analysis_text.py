"""The figures of a run as lines for a person and as a document for machines."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from labctl.analysis.circuit_fit import Estimate
from labctl.analysis.curve_shape import Plateau
from labctl.analysis.cycle_figures import CycleRow, HalfCycleRow
from labctl.analysis.run_figures import RunFigures
from labctl.analysis.spectrum_fit import Arc, SpectrumFit
from labctl.analysis.spectrum_series import SpectrumFigures
from labctl.store.records import RunRecord

_MOST_CYCLES = 20


def analysis_lines(run: RunRecord, figures: RunFigures) -> list[str]:
    """Everything ``labctl analyse`` prints."""
    return [
        f"run {run.run_id}: {run.protocol}, {run.state}",
        "",
        *_spectra(figures.spectra, symmetric=_is_symmetric(run)),
        "",
        *_cycles(figures),
    ]


def analysis_document(run: RunRecord, figures: RunFigures) -> dict[str, Any]:
    """For machines: all half-cycles, cycles and spectra."""
    return {
        "run": run.run_id,
        "protocol": run.protocol,
        "half_cycles": [_half_cycle_document(row) for row in figures.half_cycles],
        "cycles": figures.cycles,
        "spectra": [_spectrum_document(s, symmetric=_is_symmetric(run)) for s in figures.spectra],
    }


def _is_symmetric(run: RunRecord) -> bool:
    """Two like electrodes show no voltage at rest."""
    return run.cell.equilibrium_voltage_V == 0.0


def _spectra(spectra: Sequence[SpectrumFigures], *, symmetric: bool) -> Iterator[str]:
    if not spectra:
        yield "no spectra"
        return
    yield "resistances in ohm with 95 % confidence; |Z| at the lowest frequency; residual of the Lin-KK test"
    yield (
        f"{'after cycle':>11}  {'|Z|':>9}  {'Lin-KK':<13}{'R0':<20}{'R_SEI':<20}{'R_ct':<20}"
        f"{'i0' if symmetric else ''}"
    )
    for spectrum in spectra:
        fit = spectrum.fit
        cells = [_estimate(e) for e in (fit.ohmic_ohm, fit.sei_ohm, fit.charge_transfer_ohm)] if fit else []
        current = spectrum.exchange_current_A if symmetric else None
        line = f"{spectrum.cycle:>11}  {spectrum.total_ohm:>9.4g}  {_validity(spectrum):<13}"
        line += "".join(f"{cell:<20}" for cell in cells)
        yield f"{line}{f'{current.value * 1e6:.3g} uA' if current else ''}".rstrip()
        for remark in (_verdict(fit), *spectrum.remarks):
            if remark:
                yield f"{'':>13}{remark}"


def _verdict(fit: SpectrumFit | None) -> str:
    """Left out where all is well, so that what is not stands out."""
    if fit is None:
        return "too few points to fit"
    verdict = fit.verdict()
    return "" if verdict == "two arcs" else verdict


def _validity(spectrum: SpectrumFigures) -> str:
    if spectrum.validity is None:
        return "not tested"
    return f"{spectrum.validity.rms_percent:.2f} % {'ok' if spectrum.validity.valid else 'FAILS'}"


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not resolved"
    return f"{estimate.value:.4g} ({_half_width(estimate)})"


def _half_width(estimate: Estimate) -> str:
    return f"\N{PLUS-MINUS SIGN}{50.0 * (estimate.high - estimate.low) / estimate.value:.2g} %"


def _cycles(figures: RunFigures) -> Iterator[str]:
    if not figures.cycles:
        yield "no cycles"
        return
    yield "capacities in mAh, voltages in mV; two columns are charge and discharge"
    yield (
        f"{'cycle':>5}  {'charge':>9}  {'discharge':>9}  {'efficiency':>10}  "
        f"{'median overpot.':>17}  {'at the end':>17}  {'nucleation spike':>17}   plateaus"
    )
    rows = {(row.cycle, row.sign): row for row in figures.half_cycles}
    shown = _chosen(figures.cycles)
    for cycle in shown:
        pair = [rows[cycle.cycle, sign] for sign in (1, -1) if (cycle.cycle, sign) in rows]
        levels = " / ".join(_levels(row.plateaus) for row in pair)
        yield (
            f"{cycle.cycle:>5}  {cycle.charge_C / 3.6:>9.4g}  {cycle.discharge_C / 3.6:>9.4g}  "
            f"{_share(cycle.coulombic_efficiency):>10}  "
            f"{_pair(row.overpotential.median_V if row.overpotential else None for row in pair)}  "
            f"{_pair(row.overpotential.end_V if row.overpotential else None for row in pair)}  "
            f"{_pair(row.spike.height_V if row.spike else None for row in pair)}   {levels}"
        )
    if len(shown) < len(figures.cycles):
        yield f"({len(shown)} of {len(figures.cycles)} cycles; all of them, and more figures, with --json)"


def _pair(voltages_V: Iterable[float | None]) -> str:
    """Two columns in millivolt, the second empty while only one half-cycle is there."""
    cells = [f"{'-' if v is None else format(1e3 * v, '.1f'):>8}" for v in voltages_V]
    return " ".join([*cells, " " * 8][:2])


def _levels(found: Sequence[Plateau]) -> str:
    return ", ".join(f"{1e3 * plateau.level_V:.1f}" for plateau in found) or "none"


def _chosen(cycles: Sequence[CycleRow]) -> Sequence[CycleRow]:
    """First, last, and evenly between."""
    if len(cycles) <= _MOST_CYCLES:
        return cycles
    last = len(cycles) - 1
    return [cycles[round(k * last / (_MOST_CYCLES - 1))] for k in range(_MOST_CYCLES)]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.5f}"


def _half_cycle_document(row: HalfCycleRow) -> dict[str, Any]:
    return {
        "cycle": row.cycle,
        "sign": row.sign,
        "complete": row.complete,
        "charge_C": row.charge_C,
        "energy_J": row.energy_J,
        "mean_voltage_V": row.mean_voltage_V,
        "overpotential": row.overpotential,
        "nucleation_spike": row.spike._asdict() if row.spike else None,
        "plateaus": [plateau._asdict() for plateau in row.plateaus],
    }


def _spectrum_document(spectrum: SpectrumFigures, *, symmetric: bool) -> dict[str, Any]:
    fit, validity = spectrum.fit, spectrum.validity
    return {
        "cycle": spectrum.cycle,
        "time_s": spectrum.started_s,
        "points": spectrum.points,
        "flagged": spectrum.flagged,
        "total_ohm": spectrum.total_ohm,
        "lin_kk": validity,
        "circuit": str(fit.best.circuit) if fit else None,
        "verdict": fit.verdict() if fit else "too few points to fit",
        "fit_residual_percent": 100.0 * fit.best.residual if fit else None,
        "aicc": {str(circuit): tried.aicc for circuit, tried in fit.fits.items()} if fit else {},
        "r0_ohm": _estimate_document(fit.ohmic_ohm if fit else None),
        "r_sei_ohm": _estimate_document(fit.sei_ohm if fit else None),
        "r_ct_ohm": _estimate_document(fit.charge_transfer_ohm if fit else None),
        "exchange_current_A": _estimate_document(spectrum.exchange_current_A if symmetric else None),
        "arcs": [_arc_document(arc) for arc in fit.arcs] if fit else [],
        "remarks": list(spectrum.remarks),
    }


def _arc_document(arc: Arc) -> dict[str, Any]:
    return {
        "resistance_ohm": _estimate_document(arc.resistance_ohm),
        "time_constant_s": _estimate_document(arc.time_constant_s),
        "exponent": arc.exponent,
        "apex_Hz": arc.apex_Hz,
        "capacitance_F": arc.capacitance_F,
        "doubt": arc.doubt or None,
    }


def _estimate_document(estimate: Estimate | None) -> dict[str, float] | None:
    """None stands for "not resolved"."""
    return estimate._asdict() if estimate else None
