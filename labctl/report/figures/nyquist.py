"""Nyquist plots: a series of spectra at one scale, and in an inset what is too small at that scale to be seen."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from labctl.analysis.arrays import Impedance
from labctl.analysis.spectrum_series import measured
from labctl.errors import NothingToDraw
from labctl.report.figures.style import cycle_bar, page, shades
from labctl.report.figures.subject import Layout, Subject

_INSET_FROM = 4.0
"""An inset is drawn if between two spectra, in the order of their size, there lies at least this factor. Assumed."""

Numbered = tuple[int, Impedance]
"""After which cycle, and impedance in ohm."""

Colour = tuple[float, ...]

_INSET_SIDE = 0.6
"""Width of the inset in parts of that of the axes."""

_INSET_GAP = 0.2
"""Between the points and the inset, for its labels; in parts of the same."""

_TALLEST_IN = 4.5
_LABELS_IN = 1.25

_FLATTEST = 0.35
"""Height of the axes in parts of their width, at least."""


def nyquist(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """-Z'' against Z' of the measured cycles, one ohm as long on both axes; one panel a run."""
    count = len(subjects)
    drawn = [_series(subject, layout.cycles) for subject in subjects]
    with page(layout.width_in, layout.height_in or _height_in(drawn, layout), layout.headline) as figure:
        panels = figure.subplots(1, count, squeeze=False)[0]
        for axes, subject, series in zip(panels, subjects, drawn, strict=True):
            cycles = sorted({cycle for cycle, _ in series})
            colours = dict(zip(cycles, shades(len(cycles)), strict=True))
            _draw(axes, series, colours)
            if small := _too_small(series):
                _draw_inset(axes, small, colours)
            if count > 1:
                axes.set_title(subject.label, loc="left")
            cycle_bar(figure, [axes], cycles, "after cycle")
    return figure


def _height_in(drawn: Sequence[Sequence[Numbered]], layout: Layout) -> float:
    """As high as the axes become, at one ohm for one ohm, in what the labels leave of the width."""
    ratios = []
    for series in drawn:
        reach, top = _extent(series)
        small = _too_small(series)
        inset = _INSET_GAP + _INSET_SIDE * _extent(small)[1] / _extent(small)[0] if small else 0.0
        ratios.append(top / reach + inset)
    width_in = layout.width_in / len(drawn) - _LABELS_IN
    return min(max(max(ratios) * width_in + 0.6, 1.6), _TALLEST_IN) + (0.2 if layout.headline else 0.0)


def _draw_inset(axes: Axes, series: Sequence[Numbered], colours: dict[int, Colour]) -> None:
    """The small ones, in the upper left, above all points: the axes are made as much higher as that takes."""
    width, (own_width, own_height) = axes.get_xlim()[1], _extent(series)
    bottom, side = axes.get_ylim()[1] + _INSET_GAP * width, _INSET_SIDE * width
    height = side * own_height / own_width
    axes.set_ylim(top=bottom + height)
    inset = axes.inset_axes((0.18 * width, bottom, side, height), transform=axes.transData)
    _draw(inset, series, colours)
    inset.tick_params(labelsize=6)
    inset.xaxis.label.set_fontsize(6)
    inset.yaxis.label.set_fontsize(6)


def _series(subject: Subject, wanted: Sequence[int]) -> list[Numbered]:
    """Cycle and impedance of the spectra that are wanted, in the order of time."""
    all_of_them = [(spectrum.cycle, measured(spectrum)[1]) for spectrum in subject.spectra]
    series = [(cycle, z) for cycle, z in all_of_them if z.size and (not wanted or cycle in wanted)]
    if not series:
        there = ", ".join(str(cycle) for cycle, z in all_of_them if z.size)
        raise NothingToDraw(
            f"run {subject.run.run_id} has "
            + (f"no spectrum after these cycles; it has them after {there}" if there else "no spectra")
        )
    return series


def _reach(impedance_ohm: Impedance) -> float:
    return float(max(impedance_ohm.real.max(), (-impedance_ohm.imag).max(), 1e-9))


def _too_small(series: Sequence[Numbered]) -> list[Numbered]:
    """The spectra below the widest gap between sizes, if it is wide."""
    ordered = sorted(series, key=lambda item: _reach(item[1]))
    sizes = np.log([_reach(z) for _, z in ordered])
    gaps = np.diff(sizes)
    if not gaps.size or sizes[-1] - sizes[0] < np.log(_INSET_FROM):
        return []
    # Without one wide gap, those are small that reach less than a quarter of the way.
    below = int(np.argmax(gaps)) + 1
    if gaps.max() < np.log(_INSET_FROM):
        below = int(np.sum(sizes < sizes[-1] - np.log(_INSET_FROM)))
    kept = {id(z) for _, z in ordered[:below]}
    return [item for item in series if id(item[1]) in kept]


def _extent(series: Sequence[Numbered]) -> tuple[float, float]:
    """How far the axes go, ohm: Z' and -Z''."""
    reach = 1.06 * max(_reach(z) for _, z in series)
    return reach, max(1.1 * max(float((-z.imag).max()) for _, z in series), _FLATTEST * reach)


def _draw(axes: Axes, series: Sequence[Numbered], colours: dict[int, Colour]) -> None:
    for cycle, z in series:
        axes.plot(
            z.real, -z.imag, "o-", color=colours[cycle], markersize=1.8, linewidth=0.6, label=f"{cycle}"
        )
    (reach, top), lowest = _extent(series), min(float((-z.imag).min()) for _, z in series)
    axes.set(xlim=(0.0, reach), ylim=(min(0.0, lowest), top), aspect="equal", adjustable="box")
    unit, scale = (
        ("k\N{GREEK CAPITAL LETTER OMEGA}", 1e3) if reach > 2e3 else ("\N{GREEK CAPITAL LETTER OMEGA}", 1.0)
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(lambda value, _: f"{value / scale:g}")
    axes.set(xlabel=f"Z' / {unit}", ylabel=f"\N{MINUS SIGN}Z'' / {unit}")
