"""How every picture looks: type, lines, colours."""

from labctl.store.records import RunRecord

STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "svg.fonttype": "none",
    "legend.frameon": False,
    "text.parse_math": False,  # a cell's name is no formula
}
BLUE, VERMILLION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
"""Okabe and Ito's palette, safe for the colour-blind."""


def title(run: RunRecord) -> str:
    """What a picture is headed with."""
    return f"run {run.run_id}: {run.protocol}" + (f", {run.cell.name}" if run.cell.name else "")
