"""What the fits of the spectra say: resistances by cycle, and distributions of relaxation times."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

from labctl.analysis.arrays import LEAST_POINTS, Column, Impedance
from labctl.analysis.circuit_fit import Estimate
from labctl.analysis.relaxation_times import relaxation_times
from labctl.analysis.spectrum_series import SpectrumFigures, measured
from labctl.errors import NothingToDraw
from labctl.instrument.impedance import Spectrum
from labctl.report.figures.style import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    page,
    series_colour,
    series_line,
    shades,
)
from labctl.report.figures.subject import Layout, Subject

LEAST_PEAK = 0.02
"""Of the largest |Z|: a distribution without any peak as high is drawn at this scale."""


def resistances(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """Ohmic, SEI and charge-transfer resistance after each measured cycle; of several runs the total impedance.

    What is not resolved has no marker; the total impedance is drawn for every spectrum. Bars are 95 % confidence.
    """
    with page(layout.width_in, layout.height(0.55), layout.headline) as figure:
        axes = figure.add_subplot()
        for place, subject in enumerate(subjects):
            figures = [f for f in subject.series if not layout.cycles or f.cycle in layout.cycles]
            if not figures:
                raise NothingToDraw(
                    f"run {subject.run.run_id} has no spectra{' there' if layout.cycles else ''}"
                )
            if len(subjects) == 1:
                _components(axes, figures)
            else:
                _total(axes, figures, series_colour(place), series_line(place), subject.label)
        axes.set(xlabel="after cycle", ylabel="resistance / \N{GREEK CAPITAL LETTER OMEGA}", yscale="log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.05)
        if np.ptp(axes.dataLim.intervalx) == 0.0:
            axes.set_xlim(axes.dataLim.x0 - 2, axes.dataLim.x0 + 2)
        _whole_decades(axes)
        figure.legend(loc="outside lower center", ncols=5 if layout.width_in > 5.0 else 3)
    return figure


def distributions(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """Distributions of relaxation times, one above the other, each at the scale of its highest peak.

    They show how many processes there are before any circuit is chosen; only time constants that were measured are
    drawn. One panel a run.
    """
    drawn = [_usable(subject, layout.cycles) for subject in subjects]
    rows = max(map(len, drawn))
    height_in = layout.height_in or 1.3 + 0.3 * rows
    width_in = layout.width_in if len(subjects) > 1 else min(layout.width_in, 5.0)
    with page(width_in, height_in, layout.headline) as figure:
        panels = figure.subplots(1, len(subjects), squeeze=False)[0]
        for axes, subject, spectra in zip(panels, subjects, drawn, strict=True):
            _draw_distributions(axes, spectra)
            if len(subjects) > 1:
                axes.set_title(subject.label, loc="left")
        panels[0].set_ylabel("distribution")
    return figure


Measured = tuple[int, Column, Impedance]
"""After which cycle, frequency in Hz, impedance in ohm."""


def _usable(subject: Subject, wanted: Sequence[int]) -> list[Measured]:
    spectra: list[Spectrum] = [s for s in subject.spectra if not wanted or s.cycle in wanted]
    found = [(s.cycle, *measured(s)) for s in spectra]
    found = [item for item in found if len(item[1]) >= LEAST_POINTS]
    if not found:
        raise NothingToDraw(
            f"run {subject.run.run_id} has no spectrum of {LEAST_POINTS} points{' there' if wanted else ''}"
        )
    return found


def _draw_distributions(axes: Axes, spectra: Sequence[Measured]) -> None:
    for place, ((cycle, frequency_Hz, impedance_ohm), colour) in enumerate(
        zip(spectra, shades(len(spectra)), strict=True)
    ):
        tau_s, height = _distribution(frequency_Hz, impedance_ohm)
        axes.plot(tau_s, place + 1.6 * height, color=colour, linewidth=1.0)
        axes.annotate(
            f"{cycle}",
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    axes.annotate(
        "after cycle",
        (1.0, len(spectra) + 0.5),
        xycoords=("axes fraction", "data"),
        ha="center",
        fontsize=7,
    )
    axes.set(xlabel="time constant", xscale="log", yticks=[], ylim=(-0.4, len(spectra) + 1.0))
    axes.xaxis.set_major_formatter(EngFormatter(unit="s"))


def _distribution(frequency_Hz: Column, impedance_ohm: Impedance) -> tuple[Column, Column]:
    """Measured time constants, and the distribution over them in parts of its highest peak."""
    found = relaxation_times(frequency_Hz, impedance_ohm)
    omega = 2.0 * np.pi * frequency_Hz
    inside = (found.tau_s >= 1.0 / omega.max()) & (found.tau_s <= 1.0 / omega.min())
    gamma_ohm = found.gamma_ohm[inside]
    # Where nothing relaxes, noise is not blown up to a peak.
    least_ohm = LEAST_PEAK * float(np.abs(impedance_ohm).max())
    return found.tau_s[inside], gamma_ohm / max(float(gamma_ohm.max()), least_ohm)


def _components(axes: Axes, figures: Sequence[SpectrumFigures]) -> None:
    _total(axes, figures, GREY, "--", "|Z| at the lowest frequency")
    fitted = [(f.cycle, f.fit) for f in figures if f.fit is not None]
    for label, marker, colour, known in (
        ("charge transfer", "o", VERMILLION, [(c, fit.charge_transfer_ohm) for c, fit in fitted]),
        ("SEI", "s", BLUE, [(c, fit.sei_ohm) for c, fit in fitted]),
        ("ohmic", "^", GREEN, [(c, fit.ohmic_ohm) for c, fit in fitted]),
    ):
        _draw(axes, known, label, marker, colour)
    single = [(c, fit.arcs[0].resistance_ohm.value) for c, fit in fitted if len(fit.arcs) == 1]
    if single:
        axes.plot(
            *zip(*single, strict=True), "D", color=GREY, markersize=5, fillstyle="none", label="one arc"
        )


def _total(axes: Axes, figures: Sequence[SpectrumFigures], colour: str, line: str, label: str) -> None:
    axes.plot(
        [f.cycle for f in figures],
        [f.total_ohm for f in figures],
        color=colour,
        linestyle=line,
        marker=".",
        label=label,
    )


def _draw(
    axes: Axes, known: Sequence[tuple[int, Estimate | None]], label: str, marker: str, colour: str
) -> None:
    """Markers with error bars, joined where neighbours are both known."""
    cycles = [cycle for cycle, _ in known]
    values = np.array(
        [(e.value, e.value - e.low, e.high - e.value) if e else (np.nan,) * 3 for _, e in known]
    )
    if not known or np.isnan(values[:, 0]).all():
        return
    axes.errorbar(
        cycles,
        values[:, 0],
        yerr=values[:, 1:].T,
        marker=marker,
        linewidth=0.8,
        color=colour,
        label=label,
    )


def _whole_decades(axes: Axes) -> None:
    """Numbers that can be read off a logarithmic axis: at least one decade of it, marked at 1, 10, 100, 1 k."""
    low, high = np.log10(axes.get_ylim())
    axes.set_ylim(10.0 ** np.floor(low), 10.0 ** np.ceil(high))
    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.yaxis.set_minor_formatter(NullFormatter())
