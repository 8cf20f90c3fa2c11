"""What passes in a half-cycle: profiles of charge and discharge, and the charge per volt."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from labctl.analysis.arrays import Column
from labctl.analysis.curve import Curve
from labctl.analysis.differential_capacity import differential_capacity
from labctl.errors import NothingToDraw
from labctl.report.figures.style import cycle_bar, page, shades
from labctl.report.figures.subject import Layout, Subject
from labctl.report.thinning import envelope

_DRAWN_POINTS = 1500
_BINS = 300
_SMOOTHING_BINS = 2.0
"""Of the range of the voltage. Assumed: fine enough for plateaus 50 mV apart in a window of 1.5 V."""

Colour = tuple[float, ...]
Draw = Callable[[Axes, Subject, Curve, Colour, Layout], None]


def profiles(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """Voltage against capacity, charge and discharge, of chosen cycles; one panel a run."""
    return _panels(subjects, layout, _draw_profile, "capacity", "cell voltage / V")


def differential(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """dQ/dV, charge upward and discharge downward, of chosen cycles; one panel a run."""
    return _panels(subjects, layout, _draw_differential, "voltage", "dQ/dV")


def _panels(subjects: Sequence[Subject], layout: Layout, draw: Draw, x: str, y: str) -> Figure:
    count = len(subjects)
    with page(layout.width_in, layout.height(0.75 / count if count > 1 else 0.62), layout.headline) as figure:
        panels = figure.subplots(1, count, sharey=True, squeeze=False)[0]
        for axes, subject in zip(panels, subjects, strict=True):
            chosen = subject.chosen(layout.cycles)
            colours = dict(zip(chosen, shades(len(chosen)), strict=True))
            for curve in subject.curves:
                if curve.cycle in colours and len(curve.time_s) > 2 and curve.charge_C > 0.0:
                    draw(axes, subject, curve, colours[curve.cycle], layout)
            if not axes.get_lines():
                raise NothingToDraw(f"run {subject.run.run_id}: in these cycles no charge passed")
            unit = subject.capacity(np.zeros(0), layout.per)[1]
            axes.set_xlabel(f"capacity / {unit}" if x == "capacity" else "cell voltage / V")
            axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            cycle_bar(figure, [axes], chosen, "cycle")
            if count > 1:
                axes.set_title(subject.label, loc="left")
        unit = subjects[0].capacity(np.zeros(0), layout.per)[1]
        panels[0].set_ylabel(
            y if x == "capacity" else f"dQ/dV / {unit} V\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ONE}"
        )
    return figure


def _draw_profile(axes: Axes, subject: Subject, curve: Curve, colour: Colour, layout: Layout) -> None:
    kept = envelope(curve.voltage_V, _DRAWN_POINTS)
    passed, _ = subject.capacity(curve.passed_C[kept], layout.per)
    axes.plot(passed, curve.voltage_V[kept], color=colour)


def _draw_differential(axes: Axes, subject: Subject, curve: Curve, colour: Colour, layout: Layout) -> None:
    step_V = _bin_V(curve.voltage_V)
    if step_V <= 0.0:
        return
    middle_V, density = differential_capacity(
        curve.passed_C, curve.voltage_V, step_V, _SMOOTHING_BINS * step_V
    )
    per_V, _ = subject.capacity(density, layout.per)
    axes.plot(middle_V, curve.sign * per_V, color=colour)


def _bin_V(voltage_V: Column) -> float:
    """Width of a bin, V: a share of the range in which nearly all readings lie, so that a spike does not set it."""
    low, high = np.percentile(voltage_V, [1.0, 99.0])
    return float(high - low) / _BINS
