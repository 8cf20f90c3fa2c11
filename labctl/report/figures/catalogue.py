"""The figures by name, and how one is written to a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from labctl.errors import UserError
from labctl.report.figures import cycles, half_cycles, lives, nyquist, resistances, temperature, voltammogram
from labctl.report.figures.style import STYLE
from labctl.report.figures.subject import Layout, Subject

ENDINGS = (".png", ".svg", ".pdf")
_DOTS_PER_INCH = 300
_NO_DATE = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}
"""The same run gives the same file."""

Draw = Callable[[Sequence[Subject], Layout], Figure]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of figure.

    Attributes:
        name: by which a person asks for it.
        shows: what is on it, in a few words.
        draw: from one or more runs and a layout; raises ``NothingToDraw`` if a run has nothing to draw.
    """

    name: str
    shows: str
    draw: Draw


FIGURES = {
    kind.name: kind
    for kind in (
        Kind("voltage-profile", "voltage of the first cycles against time", lives.voltage_profile),
        Kind("voltage", "voltage of the whole life against time, and what stop rules decided", lives.voltage),
        Kind("comparison", "the lives of several cells, one above the other on the same axes", lives.voltage),
        Kind("overpotential", "median overpotential by cycle", cycles.overpotential),
        Kind("capacity", "capacity and coulombic efficiency by cycle", cycles.capacity),
        Kind("profiles", "charge and discharge profiles of chosen cycles", half_cycles.profiles),
        Kind("dqdv", "differential capacity of chosen cycles", half_cycles.differential),
        Kind("nyquist", "series of spectra, the small ones in an inset", nyquist.nyquist),
        Kind("resistances", "ohmic, SEI and charge-transfer resistance by cycle", resistances.resistances),
        Kind("relaxation-times", "distributions of relaxation times (DRT)", resistances.distributions),
        Kind("temperature", "temperature beside the cell against time", temperature.temperature),
        Kind("cv", "cyclic voltammograms", voltammogram.voltammograms),
    )
}
_ALSO = {"drt": "relaxation-times", "dq-dv": "dqdv", "cyclic-voltammetry": "cv"}


def kind_of_figure(name: str) -> Kind:
    """The kind with this name.

    Raises:
        UserError: there is none; it says which there are.
    """
    wanted = name.lower().replace("_", "-")
    kind = FIGURES.get(_ALSO.get(wanted, wanted))
    if kind is None:
        raise UserError(f"--figure {name}: there is no such figure; there are {', '.join(FIGURES)}")
    return kind


def write(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the path's ending.

    Raises:
        UserError: another ending, or the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"{path}: a figure ends in {', '.join(ENDINGS)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rc_context(STYLE | {"svg.hashsalt": path.stem}):
            figure.savefig(path, dpi=_DOTS_PER_INCH, metadata=_NO_DATE[ending])
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None


def as_svg(figure: Figure, salt: str, labelled_by: str) -> str:
    """A figure as an ``<svg>`` element to be put into a page, its background left transparent.

    Args:
        figure: the figure.
        salt: unlike that of every other figure of the page, since it goes into the names by which parts refer to
            one another.
        labelled_by: id of the element that says what is to be seen.
    """
    text = StringIO()
    with rc_context(STYLE | {"svg.hashsalt": salt}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = text.getvalue().replace('<g id="', f'<g id="{salt}-')
    return f'<svg role="img" aria-labelledby="{labelled_by}" ' + drawn[drawn.index("<svg ") + len("<svg ") :]
