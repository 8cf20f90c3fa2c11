"""How every figure looks: type, lines, colours, the width of a journal's column."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from labctl.invisible import visible
from labctl.store.records import RunRecord

INCH_MM = 25.4
SINGLE_COLUMN_IN, DOUBLE_COLUMN_IN = 3.5, 7.0
"""89 mm and 178 mm: what most journals' columns are wide."""

INK = "#1a1a1a"
"""Of text and axes."""

BLUE, VERMILLION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
"""Okabe and Ito's palette, safe for the colour-blind."""

LINE_STYLES = ("-", "--", "-.", ":")
"""Series differ in these as well, so that a print in black and white can be read."""

STYLE = {
    "font.size": 8,
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.borderaxespad": 0.3,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "errorbar.capsize": 1.5,
    "path.simplify": True,
    "svg.fonttype": "none",  # text stays text: it can be searched, edited, and read aloud
    "pdf.fonttype": 42,  # TrueType, as journals ask for
    "text.parse_math": False,  # a cell's name is no formula
}


@contextmanager
def page(width_in: float, height_in: float, headline: str = "") -> Iterator[Figure]:
    """An empty figure in the house style, while it is drawn on.

    Args:
        width_in, height_in: inches.
        headline: what it is headed with; empty for a figure that gets its caption elsewhere.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        if headline:
            figure.suptitle(headline, x=0.01, ha="left", fontsize=9)
        yield figure


def headline(run: RunRecord) -> str:
    """What the picture of a run is headed with where no caption says it."""
    named = f", {run.cell.name}" if run.cell.name else ""
    return visible(f"run {run.run_id}: {run.protocol}{named}")


def series_colour(place: int) -> str:
    """Of the series at this place, from 0."""
    return SERIES[place % len(SERIES)]


def series_line(place: int) -> str:
    """The line style of the series at this place, from 0."""
    return LINE_STYLES[place % len(LINE_STYLES)]


def shades(count: int) -> list[tuple[float, ...]]:
    """Colours for an ordered series, from dark to light but never as light as the paper."""
    from matplotlib import colormaps

    return [tuple(map(float, colormaps["viridis"](place))) for place in np.linspace(0.0, 0.8, count)]


def cycle_bar(figure: Figure, axes: Sequence[Axes], cycles: Sequence[int], label: str) -> None:
    """A colour bar with one step for each cycle: on a scale, neighbours would run into one another."""
    colours = ListedColormap(shades(len(cycles)))
    steps = BoundaryNorm(np.arange(len(cycles) + 1) - 0.5, len(cycles))
    bar = figure.colorbar(
        ScalarMappable(steps, colours), ax=list(axes), label=label, ticks=np.arange(len(cycles)), pad=0.02
    )
    bar.ax.set_yticklabels([str(cycle) for cycle in cycles])
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=0)
    bar.outline.set_visible(False)
