"""``labctl plot`` and ``report``: what has been measured, as figures and as one page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.report.figures.catalogue import Kind
    from labctl.report.figures.subject import Layout, Subject

Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN...",
        help="Number of a run, or 'last'; or FILE:NUMBER of another database (FILE alone: its last run).",
        show_default=False,
    ),
]


def plot(
    runs: Runs = None,
    figure: Annotated[
        str | None,
        typer.Option("--figure", metavar="NAME", help="One figure; see --list.", show_default=False),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="With --figure the file, .png, .svg or .pdf. Without, where to write, without ending. "
            "Default: run-N.",
            show_default=False,
        ),
    ] = None,
    width: Annotated[
        str,
        typer.Option(
            "--width", metavar="WIDTH", help="Of a journal's column: single (89 mm), double, 3.5 in, 120 mm."
        ),
    ] = "double",
    height: Annotated[
        str | None,
        typer.Option(
            "--height", metavar="HEIGHT", help="Default: what suits the figure.", show_default=False
        ),
    ] = None,
    cycles: Annotated[
        str | None,
        typer.Option(
            "--cycles", metavar="1,5,20", help="Which cycles. Default: a few of them.", show_default=False
        ),
    ] = None,
    per: Annotated[
        str, typer.Option("--per", metavar="cell|area|mass", help="What capacity and current are divided by.")
    ] = "cell",
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="TEXT", help="What a run is called; once for each run.", show_default=False
        ),
    ] = None,
    list_figures: Annotated[bool, typer.Option("--list", help="Tell which figures there are.")] = False,
    db: options.Database = "",
    json: options.Json = False,
) -> None:
    """Plot runs: a first look at each as PNG and SVG, or one figure as a paper wants it.

    For example: labctl plot 1 2 --figure comparison --width single --out fig2b.pdf.
    """
    from labctl.errors import UserError
    from labctl.report.figures.catalogue import FIGURES, kind_of_figure

    if list_figures:
        print("\n".join(f"{kind.name:<18} {kind.shows}" for kind in FIGURES.values()))
        return
    if not runs:
        raise UserError("which run? Give its number, or 'last' (labctl runs lists them)")
    subjects = _subjects(runs, label or [], db)
    if figure is None:
        written = _first_look(subjects, out)
    else:
        kind = kind_of_figure(figure)
        written = [_one_figure(kind, subjects, _layout(width, height, cycles, per), out)]
    _tell(written, json=json)


def report(
    run: options.RunReference,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="Default: run-N.html.", show_default=False),
    ] = None,
    db: options.Database = "",
    json: options.Json = False,
) -> None:
    """Write one run as one page: what was done, to what, why it stopped, figures, tables, hashes. Needs no network."""
    from labctl.report.page import write_report

    url, reference = _place(run, db)
    path = Path(out) if out else None
    _tell([write_report(url, reference, path)], json=json)


def _tell(written: list[Path], *, json: bool) -> None:
    from labctl.cli.output import print_json

    if json:
        print_json([str(path) for path in written])
    else:
        print("\n".join(f"wrote {path}" for path in written))


def _subjects(runs: list[str], labels: list[str], db: str) -> "list[Subject]":
    from labctl.errors import UserError
    from labctl.report.figures.subject import Subject
    from labctl.store.reader import Reader

    if labels and len(labels) != len(runs):
        raise UserError(f"--label: give one for each run, {len(runs)} of them, not {len(labels)}")
    subjects = []
    for place, text in enumerate(runs):
        url, reference = _place(text, db)
        reader = Reader(url)
        subjects.append(Subject(reader, reader.run(reference), labels[place] if labels else ""))
    return subjects


def _place(text: str, db: str) -> tuple[str, str]:
    """Database and run that a person means by ``3``, ``last``, ``other.sqlite`` or ``other.sqlite:3``."""
    if text == "last" or text.isdecimal():
        return options.database_url(db), text
    file, colon, number = text.rpartition(":")
    if colon and (number == "last" or number.isdecimal()):
        return file, number
    if Path(text).exists() or "://" in text:
        return text, "last"
    return options.database_url(db), text  # which refuses it in its own words


def _first_look(subjects: "list[Subject]", out: str | None) -> list[Path]:
    from labctl.report.plots import plot_run

    written = []
    for subject in subjects:
        number = subject.run.run_id
        stem = Path(out or f"run-{number}")
        if out and len(subjects) > 1:
            stem = stem.with_name(f"{stem.name}-{number}")
        written += plot_run(subject.reader, subject.run, stem)
    return written


def _one_figure(kind: "Kind", subjects: "list[Subject]", layout: "Layout", out: str | None) -> Path:
    from labctl.report.figures.catalogue import write

    numbers = "-".join(str(subject.run.run_id) for subject in subjects)
    path = Path(out or f"run-{numbers}-{kind.name}.png")
    write(kind.draw(subjects, layout), path)
    return path


def _layout(width: str, height: str | None, cycles: str | None, per: str) -> "Layout":
    from labctl.errors import UserError
    from labctl.report.figures.style import DOUBLE_COLUMN_IN, SINGLE_COLUMN_IN
    from labctl.report.figures.subject import Layout, Per

    columns = {"single": SINGLE_COLUMN_IN, "double": DOUBLE_COLUMN_IN}
    if per not in list(Per):
        raise UserError(f"--per {per}: give {', '.join(Per)}")
    return Layout(
        width_in=columns[width] if width in columns else _inches("--width", width),
        height_in=None if height is None else _inches("--height", height),
        cycles=_numbers(cycles),
        per=Per(per),
    )


def _inches(option: str, text: str) -> float:
    from labctl.errors import UserError
    from labctl.report.figures.style import INCH_MM
    from labctl.units import Dimension, QuantityError, parse

    number, unit = text[:-2].strip(), text[-2:]
    try:
        # Journals say inches, which are no unit of anything else here.
        length_in = (
            parse(f"{number} mm", Dimension.LENGTH).value * 1e3
            if unit == "in"
            else parse(text, Dimension.LENGTH).value * 1e3 / INCH_MM
        )
    except QuantityError as error:
        raise UserError(f"{option} {text}: {error}; or single, double, 3.5 in") from error
    if not 1.0 <= length_in <= 40.0:
        raise UserError(f"{option} {text}: a figure is between 1 in and 40 in")
    return length_in


def _numbers(text: str | None) -> tuple[int, ...]:
    from labctl.errors import UserError

    if text is None:
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 9 and int(part) > 0 for part in parts):
        raise UserError(f"--cycles {text}: give numbers of cycles, as in 1,5,20")
    return tuple(int(part) for part in parts)
