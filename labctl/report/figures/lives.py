"""Voltage against time: the first cycles, the whole life of a cell, and several cells side by side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labctl.analysis.arrays import Column
from labctl.errors import NothingToDraw
from labctl.invisible import visible
from labctl.report.figures.style import VERMILLION, page, series_colour, series_line
from labctl.report.figures.subject import Layout, Subject
from labctl.report.thinning import breaks, envelope

_DRAWN_POINTS = 4000
_FIRST_CYCLES = 2


def voltage(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """The whole life: every sample's voltage against time, with what stop rules decided. One panel a run."""
    count = len(subjects)
    with page(layout.width_in, layout.height(0.15 + 0.33 * count), layout.headline) as figure:
        panels = figure.subplots(count, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for place, (axes, subject) in enumerate(zip(panels, subjects, strict=True)):
            _draw_life(axes, subject, series_colour(place))
            if count > 1:
                axes.set_title(subject.label, loc="left")
        panels[-1].set_xlabel("time / h")
        figure.supylabel("cell voltage / V", fontsize=8)
        panels[0].margins(x=0.01)
    return figure


def voltage_profile(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """The first cycles: voltage against the time since the current first flowed; several runs on one another."""
    with page(layout.width_in, layout.height(0.62), layout.headline) as figure:
        axes = figure.add_subplot()
        for place, subject in enumerate(subjects):
            for number, (time_h, voltage_V) in enumerate(_stretches(subject, layout.cycles)):
                axes.plot(
                    time_h,
                    voltage_V,
                    series_line(place),
                    color=series_colour(place),
                    label=subject.label if number == 0 else None,
                )
        if axes.dataLim.y0 < 0.0 < axes.dataLim.y1:
            axes.axhline(0.0, color="0.7", linewidth=0.5, zorder=0)
        axes.set(xlabel="time / h", ylabel="cell voltage / V")
        axes.margins(x=0.01)
        if len(subjects) > 1:
            axes.margins(y=0.14)
            axes.legend(loc="upper right", ncols=2)
    return figure


def _draw_life(axes: Axes, subject: Subject, colour: str) -> None:
    time_s, voltage_V, _, _ = subject.samples
    shown_s, shown_V = _line(subject, time_s, voltage_V)
    axes.plot(shown_s / 3600.0, shown_V, color=colour, linewidth=0.5)
    width_h = max(float(time_s[-1]) / 3600.0, 1e-9)
    for event in subject.decisions:
        time_h = event.time_s / 3600.0
        axes.axvline(time_h, color=VERMILLION, linewidth=0.9, linestyle="--")
        axes.annotate(
            visible(str((event.data or {}).get("rule", "decision"))).replace("_", " "),
            (time_h, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, 2),
            textcoords="offset points",
            color=VERMILLION,
            ha="right" if time_h > 0.2 * width_h else "left",  # above the plot, where it hides nothing
            va="bottom",
            fontsize=7,
        )


def _stretches(subject: Subject, wanted: Sequence[int]) -> list[tuple[Column, Column]]:
    """Time in h since the first of the cycles began, and voltage, of each half-cycle in these cycles."""
    chosen = set(subject.chosen(wanted or subject.cycles[:_FIRST_CYCLES]))
    parts = [curve for curve in subject.curves if curve.cycle in chosen]
    if not parts:
        raise NothingToDraw(f"run {subject.run.run_id} has no samples in these cycles")
    began_s = float(parts[0].time_s[0])
    lines = (_line(subject, part.time_s, part.voltage_V) for part in parts)
    return [((time_s - began_s) / 3600.0, voltage_V) for time_s, voltage_V in lines]


def _line(subject: Subject, time_s: Column, voltage_V: Column) -> tuple[Column, Column]:
    """The points of a line, thinned, and NaN where nothing was measured for so long that it would be seen."""
    kept = envelope(voltage_V, _DRAWN_POINTS)
    starts = breaks(time_s[kept], subject.silences, float(np.ptp(time_s)) / _DRAWN_POINTS)
    return np.insert(time_s[kept], starts, np.nan), np.insert(voltage_V[kept], starts, np.nan)
