"""Temperature beside the cell against time."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from labctl.errors import NothingToDraw
from labctl.report.figures.style import page, series_colour, series_line
from labctl.report.figures.subject import Layout, Subject
from labctl.report.thinning import breaks, envelope

_DRAWN_POINTS = 4000
_CELSIUS_ZERO_K = 273.15
_LEAST_SPAN_K = 2.0  # so that the noise of a steady chamber does not fill the figure


def temperature(subjects: Sequence[Subject], layout: Layout) -> Figure:
    """Every sample's temperature against time; several runs on one another.

    Raises:
        NothingToDraw: no thermometer stood beside one of the cells.
    """
    with page(layout.width_in, layout.height(0.4), layout.headline) as figure:
        axes = figure.add_subplot()
        for place, subject in enumerate(subjects):
            time_s, _, _, _ = subject.samples
            shown_C = subject.temperature_K - _CELSIUS_ZERO_K
            known = ~np.isnan(shown_C)
            if not known.any():
                raise NothingToDraw(f"run {subject.run.run_id} had no thermometer beside its cell")
            time_s, shown_C = time_s[known], shown_C[known]
            kept = envelope(shown_C, _DRAWN_POINTS)
            starts = breaks(time_s[kept], subject.silences, float(np.ptp(time_s)) / _DRAWN_POINTS)
            axes.plot(
                np.insert(time_s[kept], starts, np.nan) / 3600.0,
                np.insert(shown_C[kept], starts, np.nan),
                series_line(place),
                color=series_colour(place),
                label=subject.label,
            )
        low_C, high_C = axes.get_ylim()
        missing_K = max(_LEAST_SPAN_K - (high_C - low_C), 0.0)
        axes.set_ylim(low_C - missing_K / 2, high_C + missing_K / 2)
        axes.set(xlabel="time / h", ylabel="temperature / \N{DEGREE SIGN}C")
        axes.margins(x=0.01)
        if len(subjects) > 1:
            axes.legend(loc="upper right", ncols=2)
    return figure
