"""Cyclic voltammograms: current against voltage of every voltage scan, and of several cells on one another."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure

from labctl.analysis.arrays import Column
from labctl.errors import NothingToDraw
from labctl.report.figures.style import page, series_colour, series_line
from labctl.report.figures.subject import Layout, Subject
from labctl.report.thinning import envelope

_SCANS = ("cyclic_voltammetry", "voltage_scan")
_DRAWN_POINTS = 3000


def voltammograms(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """Current against voltage of every voltage scan, named by the cycles that the cell had before it."""
    with page(layout.width_in, layout.height(0.68), layout.headline) as figure:
        axes = figure.add_subplot()
        place = 0
        for subject in subjects:
            size, unit = subject.divisor(layout.per)
            for label, voltage_V, current_A in scans(subject):
                kept = envelope(current_A, _DRAWN_POINTS)
                axes.plot(
                    voltage_V[kept],
                    1e3 * current_A[kept] / size,
                    series_line(place),
                    color=series_colour(place),
                    label=label if len(subjects) == 1 else f"{subject.label}, {label}",
                )
                place += 1
        axes.axhline(0.0, color="0.7", linewidth=0.5, zorder=0)
        axes.set(xlabel="cell voltage / V", ylabel=f"current / mA{unit}")
        figure.legend(loc="outside lower center", ncols=1 if layout.width_in < 5.0 else 3)
    return figure


def scans(subject: Subject) -> Iterator[tuple[str, Column, Column]]:
    """Each voltage scan of a run: when it was done, its voltages in V, its currents in A.

    Raises:
        NothingToDraw: there is none.
    """
    _, voltage_V, current_A, step = subject.samples
    found = False
    for record in subject.steps:
        if record.kind not in _SCANS:
            continue
        inside = step == record.step_id
        if np.count_nonzero(inside) > 2:
            found = True
            yield _when(subject, record.start_s), voltage_V[inside], current_A[inside]
    if not found:
        raise NothingToDraw(f"run {subject.run.run_id} has no voltage scan ({' or '.join(_SCANS)})")


def _when(subject: Subject, start_s: float) -> str:
    before = max((half.cycle for half in subject.half_cycles if half.end_s <= start_s + 1e-6), default=0)
    return f"after {before} cycles" if before else "as made"
