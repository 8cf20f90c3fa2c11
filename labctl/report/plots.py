"""The pictures of a run that make a first look, as PNG and SVG."""

from pathlib import Path

from labctl.errors import NothingToDraw
from labctl.report.figures.catalogue import FIGURES, write
from labctl.report.figures.style import headline
from labctl.report.figures.subject import Layout, Subject
from labctl.store.reader import Reader
from labctl.store.records import RunRecord

FIRST_LOOK = ("voltage", "overpotential", "nyquist", "resistances", "relaxation-times")


def plot_run(reader: Reader, run: RunRecord, stem: Path) -> list[Path]:
    """Draw a run; returns the files written, ``STEM-voltage.png`` and so on.

    A picture for which the run has no data (no spectrum, no overpotential) is left out.
    """
    subject, layout = Subject(reader, run), Layout(headline=headline(run))
    written = []
    for name in FIRST_LOOK:
        try:
            figure = FIGURES[name].draw([subject], layout)
        except NothingToDraw:
            continue
        for ending in ("png", "svg"):
            path = stem.with_name(f"{stem.name}-{name}.{ending}")
            write(figure, path)
            written.append(path)
    return written
