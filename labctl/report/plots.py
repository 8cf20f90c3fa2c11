"""The pictures of a run, as PNG and SVG: voltage against time, overpotential by cycle, and what its spectra say."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from labctl.analysis.spectrum_series import series_figures
from labctl.half_cycle import HalfCycle
from labctl.report.figure_style import BLUE, STYLE, VERMILLION, title
from labctl.report.resistance_plot import distributions, resistances
from labctl.report.thinning import envelope
from labctl.store.reader import Reader
from labctl.store.records import EventRecord, RunRecord, SpectrumRecord

_DRAWN_POINTS = 4000


def plot_run(reader: Reader, run: RunRecord, stem: Path) -> list[Path]:
    """Draw a run; returns the files written, ``STEM-voltage.png`` and so on.

    A picture for which the run has no data (no spectrum, no overpotential) is left out.
    """
    records = reader.spectra(run.run_id)
    spectra = [record.spectrum for record in records]
    figures = {
        "voltage": _voltage(reader, run),
        "overpotential": _overpotential(reader.half_cycles(run.run_id), run),
        "nyquist": _nyquist(records, run),
        "resistances": resistances(series_figures(spectra), title(run)),
        "relaxation-times": distributions(spectra, title(run)),
    }
    stem.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in figures.items():
        for ending in ("png", "svg") if figure is not None else ():
            path = stem.with_name(f"{stem.name}-{name}.{ending}")
            with rc_context(STYLE):
                figure.savefig(path, dpi=160)  # type: ignore[union-attr]
            written.append(path)
    return written


def _voltage(reader: Reader, run: RunRecord) -> Figure | None:
    columns = reader.samples(run.run_id)
    time_s = columns["test_time_second"]
    if not len(time_s):
        return None
    with rc_context(STYLE):
        figure = Figure(figsize=(7.0, 3.4), layout="constrained")
        axes = figure.add_subplot()
        kept = envelope(columns["voltage_volt"], _DRAWN_POINTS)
        axes.plot(time_s[kept] / 3600.0, columns["voltage_volt"][kept], color=BLUE, linewidth=0.6)
        axes.set(xlabel="time / h", ylabel="cell voltage / V")
        axes.set_title(title(run), loc="left")
        axes.margins(x=0.01)
        _mark_decisions(axes, reader.events(run.run_id))
    return figure


def _mark_decisions(axes: Axes, events: list[EventRecord]) -> None:
    """A dashed line where a rule decided, named above the plot, where it hides nothing."""
    for event in events:
        if event.kind != "decision":
            continue
        time_h = event.time_s / 3600.0
        axes.axvline(time_h, color=VERMILLION, linewidth=1.0, linestyle="--")
        axes.annotate(
            str((event.data or {}).get("rule", "decision")).replace("_", " "),
            (time_h, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, 3),
            textcoords="offset points",
            color=VERMILLION,
            ha="right",
            va="bottom",
            fontsize=8,
        )


def _overpotential(half_cycles: list[HalfCycle], run: RunRecord) -> Figure | None:
    known = [h for h in half_cycles if h.overpotential_median_V is not None]
    if not known:
        return None
    with rc_context(STYLE):
        figure = Figure(figsize=(7.0, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for sign, label, marker, colour in ((1, "charge", "o", BLUE), (-1, "discharge", "s", VERMILLION)):
            chosen = [h for h in known if h.sign == sign]
            axes.plot(
                [h.cycle for h in chosen],
                [(h.overpotential_median_V or 0.0) * 1e3 for h in chosen],
                marker=marker,
                markersize=3,
                linewidth=0.8,
                color=colour,
                label=label,
            )
        axes.set(xlabel="cycle", ylabel="median overpotential / mV")
        axes.set_title(title(run), loc="left")
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.legend()
    return figure


def _nyquist(spectra: list[SpectrumRecord], run: RunRecord) -> Figure | None:
    if not spectra:
        return None
    series = [
        (s.spectrum.cycle, np.array([(p.real_ohm, -p.imaginary_ohm) for p in s.spectrum.points]))
        for s in spectra
    ]
    cycles = sorted({cycle for cycle, _ in series})
    with rc_context(STYLE):
        figure = Figure(figsize=(7.4, 3.6), layout="constrained")
        whole, near = figure.subplots(1, 2)
        # One colour step per measured cycle: a linear or logarithmic scale would run neighbours into one another.
        edges = np.arange(len(cycles) + 1) - 0.5
        scale = ScalarMappable(BoundaryNorm(edges, 256), "viridis")
        colours = dict(zip(cycles, scale.to_rgba(np.arange(len(cycles))), strict=True))
        for axes in (whole, near):
            for cycle, points in series:
                axes.plot(points[:, 0], points[:, 1], ".-", color=colours[cycle], markersize=4, linewidth=0.7)
        _equal_scales(whole, np.vstack([points for _, points in series]))
        _equal_scales(near, min((points for _, points in series), key=np.max))
        whole.set_title("all spectra", fontsize=9)
        near.set_title("at the scale of the smallest", fontsize=9)
        bar = figure.colorbar(scale, ax=[whole, near], label="after cycle", ticks=np.arange(len(cycles)))
        bar.ax.set_yticklabels([str(cycle) for cycle in cycles])
        bar.ax.minorticks_off()
        figure.suptitle(title(run), fontsize=10)
    return figure


def _equal_scales(axes: Axes, points: NDArray[np.float64]) -> None:
    """One ohm is as long on both axes, so that a semicircle looks like one; in kiloohm where that reads better."""
    reach = 1.06 * max(float(points.max()), 1e-9)
    axes.set(
        xlim=(0.0, reach), ylim=(min(0.0, float(points[:, 1].min())), reach), aspect="equal", adjustable="box"
    )
    unit, scale = ("kohm", 1e3) if reach > 5e3 else ("ohm", 1.0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value / scale:g}")
    axes.set(xlabel=f"Z' / {unit}", ylabel=f"\N{MINUS SIGN}Z'' / {unit}")
