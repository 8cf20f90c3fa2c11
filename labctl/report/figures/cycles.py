"""Figures by cycle: capacity with coulombic efficiency, and overpotential."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from labctl.analysis.arrays import Column
from labctl.errors import NothingToDraw
from labctl.report.figures.style import BLUE, GREEN, VERMILLION, page, series_colour, series_line
from labctl.report.figures.subject import Layout, Subject

_MOST_MARKERS = 60


def overpotential(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """Median overpotential of every half-cycle: of one run by direction, of several on one logarithmic axis."""
    with page(layout.width_in, layout.height(0.48), layout.headline) as figure:
        axes = figure.add_subplot()
        if len(subjects) == 1:
            _by_direction(axes, subjects[0])
        for place, subject in enumerate(subjects if len(subjects) > 1 else ()):
            for sign in (1, -1):
                label = subject.label if sign > 0 else None
                cycle, level_mV = _overpotential_mV(subject, sign)
                axes.plot(cycle, level_mV, series_line(place), color=series_colour(place), label=label)
        axes.set(xlabel="cycle", ylabel="median overpotential / mV")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(subjects) > 1:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        else:
            axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        figure.legend(loc="outside lower center", ncols=3 if layout.width_in < 5.0 else 5)
    return figure


def capacity(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """Charge and discharge capacity, and coulombic efficiency, by cycle; of several runs the discharge."""
    with page(layout.width_in, layout.height(0.62), layout.headline) as figure:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        for place, subject in enumerate(subjects):
            cycle, charge_C, discharge_C = _charges(subject)
            colour = series_colour(place)
            discharge, unit = subject.capacity(discharge_C, layout.per)
            if len(subjects) == 1:
                charge, _ = subject.capacity(charge_C, layout.per)
                _dots(axes, cycle, charge, VERMILLION, "charge", "none")
                _dots(axes, cycle, discharge, BLUE, "discharge", "full")
                axes.legend()
            else:
                _dots(axes, cycle, discharge, colour, subject.label, "full")
                axes.legend(title="discharge", title_fontsize=7)
            with np.errstate(divide="ignore", invalid="ignore"):
                efficiency = np.where(charge_C > 0.0, discharge_C / charge_C, np.nan)
            _dots(below, cycle, efficiency, GREEN if len(subjects) == 1 else colour, None, "full")
        axes.set_ylabel(f"capacity / {unit}")
        axes.set_ylim(bottom=0.0)
        below.set(xlabel="cycle", ylabel="coulombic\nefficiency")
        _efficiency_scale(below)
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _by_direction(axes: Axes, subject: Subject) -> None:
    """Charge and discharge of one run."""
    for sign, label, marker, colour in ((1, "charge", "o", BLUE), (-1, "discharge", "s", VERMILLION)):
        cycle, level_mV = _overpotential_mV(subject, sign)
        axes.plot(
            cycle,
            level_mV,
            marker=marker,
            markersize=2.5,
            linewidth=0.7,
            markevery=max(len(cycle) // _MOST_MARKERS, 1),
            fillstyle="full" if sign > 0 else "none",
            color=colour,
            label=label,
        )


def _dots(axes: Axes, cycle: Column, values: Column, colour: str, label: str | None, fill: str) -> None:
    size = 3.0 if len(cycle) <= 100 else 1.5
    axes.plot(
        cycle,
        values,
        "o",
        color=colour,
        label=label,
        markersize=size,
        markeredgewidth=0.6,
        fillstyle=fill,
    )


def _efficiency_scale(axes: Axes) -> None:
    """From where nearly all cycles lie to a little above 1; a first or last cycle far off does not flatten the rest."""
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines()])
    values = values[np.isfinite(values)]
    if values.size:
        low, high = np.percentile(values, [2.0, 98.0])
        margin = max(0.15 * (high - low), 0.01)
        axes.set_ylim(max(min(low, 1.0) - margin, 0.0), min(max(high, 1.0) + margin, 2.0))
    axes.axhline(1.0, color="0.7", linewidth=0.5, zorder=0)


def _overpotential_mV(subject: Subject, sign: int) -> tuple[Column, Column]:
    """Cycle and level of the half-cycles in one direction."""
    known = [
        (half_cycle.cycle, 1e3 * half_cycle.overpotential_median_V)
        for half_cycle in subject.half_cycles
        if half_cycle.sign == sign and half_cycle.overpotential_median_V is not None
    ]
    if not known:
        raise NothingToDraw(
            f"run {subject.run.run_id} has no overpotentials: no half-cycle is finished, or its protocol does not "
            "say the cell's equilibrium_voltage"
        )
    cycle, level = np.array(known, dtype=float).T
    return cycle, level


def _charges(subject: Subject) -> tuple[Column, Column, Column]:
    """Cycle, charge and discharge of the cycles of which both halves are complete, C."""
    passed: dict[int, dict[int, float]] = {}
    for half_cycle in subject.half_cycles:
        if half_cycle.complete:
            sums = passed.setdefault(half_cycle.cycle, {1: 0.0, -1: 0.0})
            sums[half_cycle.sign] += half_cycle.charge_C
    if not passed:
        raise NothingToDraw(f"run {subject.run.run_id} has no complete half-cycle")
    cycle = np.array(sorted(passed), dtype=float)
    charge = np.array([passed[int(number)][1] for number in cycle])
    return cycle, charge, np.array([passed[int(number)][-1] for number in cycle])
