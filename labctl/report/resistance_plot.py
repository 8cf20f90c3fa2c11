"""What the fits of the spectra say, as pictures: resistances by cycle, and distributions of relaxation times."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

from labctl.analysis.arrays import LEAST_POINTS, Column, Impedance
from labctl.analysis.circuit_fit import Estimate
from labctl.analysis.relaxation_times import relaxation_times
from labctl.analysis.spectrum_series import SpectrumFigures, measured
from labctl.instrument.impedance import Spectrum
from labctl.report.figure_style import BLUE, GREEN, GREY, STYLE, VERMILLION

LEAST_PEAK = 0.02
"""Of the largest |Z|: a distribution without any peak as high is drawn at this scale."""


def resistances(figures: Sequence[SpectrumFigures], title: str) -> Figure | None:
    """Ohmic, SEI and charge-transfer resistance after each measured cycle, with 95 % confidence.

    What is not resolved has no marker; the total impedance is drawn for every spectrum. None without a spectrum.
    """
    if not figures:
        return None
    with rc_context(STYLE):
        figure = Figure(figsize=(7.0, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(
            [f.cycle for f in figures],
            [f.total_ohm for f in figures],
            color=GREY,
            linewidth=1.0,
            linestyle="--",
            marker=".",
            label="|Z| at the lowest frequency",
        )
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
        axes.set(xlabel="after cycle", ylabel="resistance / ohm", yscale="log")
        axes.set_xlim(min(f.cycle for f in figures) - 2, max(f.cycle for f in figures) + 2)
        axes.set_title(title, loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _whole_decades(axes)
        figure.legend(loc="outside lower center", ncols=5)
    return figure


def distributions(spectra: Sequence[Spectrum], title: str) -> Figure | None:
    """Distributions of relaxation times, one above the other, each at the scale of its highest peak.

    They show how many processes there are before any circuit is chosen; only time constants that were measured are
    drawn. None without a usable spectrum.
    """
    usable = [(s.cycle, *measured(s)) for s in spectra]
    usable = [(cycle, frequency, z) for cycle, frequency, z in usable if len(frequency) >= LEAST_POINTS]
    if not usable:
        return None
    with rc_context(STYLE):
        figure = Figure(figsize=(5.0, 2.2 + 0.26 * len(usable)), layout="constrained")
        axes = figure.add_subplot()
        for place, (cycle, frequency_Hz, impedance_ohm) in enumerate(usable):
            tau_s, height = _distribution(frequency_Hz, impedance_ohm)
            axes.plot(tau_s, place + 1.6 * height, color=BLUE, linewidth=1.0)
            axes.annotate(
                f"{cycle}",
                (1.0, place),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes.annotate(
            "after cycle",
            (1.0, len(usable) + 0.4),
            xycoords=("axes fraction", "data"),
            ha="center",
            fontsize=8,
        )
        axes.set(
            xlabel="time constant",
            ylabel="distribution",
            xscale="log",
            yticks=[],
            ylim=(-0.4, len(usable) + 1.0),
        )
        axes.set_title(title, loc="left")
        axes.xaxis.set_major_formatter(EngFormatter(unit="s"))
    return figure


def _distribution(frequency_Hz: Column, impedance_ohm: Impedance) -> tuple[Column, Column]:
    """Measured time constants, and the distribution over them in parts of its highest peak."""
    found = relaxation_times(frequency_Hz, impedance_ohm)
    omega = 2.0 * np.pi * frequency_Hz
    inside = (found.tau_s >= 1.0 / omega.max()) & (found.tau_s <= 1.0 / omega.min())
    gamma_ohm = found.gamma_ohm[inside]
    # Where nothing relaxes, noise is not blown up to a peak.
    least_ohm = LEAST_PEAK * float(np.abs(impedance_ohm).max())
    return found.tau_s[inside], gamma_ohm / max(float(gamma_ohm.max()), least_ohm)


def _whole_decades(axes: Axes) -> None:
    """Numbers that can be read off a logarithmic axis: at least one decade of it, marked at 1, 10, 100, 1 k."""
    low, high = np.log10(axes.get_ylim())
    axes.set_ylim(10.0 ** np.floor(low), 10.0 ** np.ceil(high))
    axes.yaxis.set_major_formatter(EngFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())


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
        markersize=4,
        linewidth=0.8,
        capsize=2,
        color=colour,
        label=label,
    )
