"""One run as one page that needs nothing else: figures and all inside, nothing fetched, nothing executed."""

from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, Undefined
from markupsafe import Markup

from labctl.analysis.run_figures import run_figures
from labctl.audit.log import head
from labctl.errors import NothingToDraw, UserError
from labctl.invisible import visible
from labctl.report import page_tables
from labctl.report.figures.catalogue import FIGURES, as_svg
from labctl.report.figures.subject import Layout, Subject
from labctl.report.plan_text import plan_lines
from labctl.report.summary import summary
from labctl.store.reader import Reader

_WIDTH_IN = 6.0
_ONLY_WITH_AN_OPEN_CIRCUIT_VOLTAGE = ("dqdv",)
"""Left out where two like electrodes face each other: their plateaus are overpotentials."""
_ORDER = ("voltage", *(name for name in FIGURES if name not in ("voltage", "comparison")))
"""The whole life first. Side by side with others a run stands in no page of its own."""


class Picture(NamedTuple):
    """A figure in the page: its name, what it shows, and its ``<svg>`` element."""

    name: str
    caption: str
    svg: Markup


def write_report(database: str, reference: str, path: Path | None) -> Path:
    """Write the report of a run; returns the file, ``run-N.html`` unless another is given.

    Raises:
        DataError: there is no such database or run.
        UserError: the file cannot be written.
    """
    reader = Reader(database)
    run = reader.run(reference)
    path = path or Path(f"run-{run.run_id}.html")
    text = report_html(reader, database, run.run_id)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def report_html(reader: Reader, database: str, run_id: int) -> str:
    """The page as text; the same database gives the same page.

    Raises:
        DataError: the database cannot be read.
    """
    told = summary(database, run_id)
    run, figures, plan = told.run, run_figures(reader, told.run), reader.plan(run_id)
    return _template().render(
        run=run,
        why=page_tables.why(run),
        figures_of_merit=page_tables.in_short(told),
        facts=page_tables.facts(run, plan),
        plan_lines=plan_lines(plan) if plan else [],
        pictures=_pictures(Subject(reader, run)),
        cycles=page_tables.cycles(figures),
        spectra=page_tables.spectra(run, figures),
        events=page_tables.events(told),
        hashes={
            "protocol, SHA-256 of its text": run.protocol_sha256,
            "audit trail, last record of this run": str(head(database, run_id)),
        },
    )


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("labctl.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja")


def _shown(value: object) -> object:
    """What a name from outside holds of invisible characters is written out, before it is escaped."""
    return value if isinstance(value, Markup | Undefined) else visible(str(value))


def _pictures(subject: Subject) -> list[Picture]:
    """The figures for which the run has data, with their captions."""
    found = []
    left_out: tuple[str, ...] = ()
    if subject.run.cell.equilibrium_voltage_V == 0.0:
        left_out = _ONLY_WITH_AN_OPEN_CIRCUIT_VOLTAGE
    for kind in (FIGURES[name] for name in _ORDER if name not in left_out):
        try:
            figure = kind.draw([subject], Layout(width_in=_WIDTH_IN))
        except NothingToDraw:
            continue
        # What a person has named was escaped when it was drawn.
        svg = Markup(as_svg(figure, kind.name, labelled_by=f"of-{kind.name}"))
        found.append(Picture(kind.name, kind.shows[0].upper() + kind.shows[1:], svg))
    return found
