"""``labctl runs``, ``show``, ``plot`` and ``export``: what has been measured."""

from typing import Annotated

import typer

from labctl.cli import options


def runs(db: options.Database = "", json: options.Json = False) -> None:
    """List the runs of a database."""
    from labctl.cli.output import duration, print_json
    from labctl.store.reader import Reader

    found = Reader(options.database_url(db)).runs()
    if json:
        print_json(found)
        return
    print(f"{'run':>4}  {'state':<11}  {'cell':<20}  {'protocol':<24}  {'lasted':>9}  reason")
    for run in found:
        lasted = duration(run.last_sample_s or 0.0)
        print(
            f"{run.run_id:>4}  {run.state:<11}  {run.cell.name or '-':<20.20}  {run.protocol:<24.24}  "
            f"{lasted:>9}  {run.end_reason or ''}"
        )


def show(run: options.RunReference, db: options.Database = "", json: options.Json = False) -> None:
    """Show one run: why it ended, its half-cycles, spectra and events."""
    from labctl.cli.output import print_json
    from labctl.report.run_text import run_lines
    from labctl.report.summary import summary

    found = summary(options.database_url(db), run)
    if json:
        print_json(found.as_document())
    else:
        print("\n".join(run_lines(found)))


def plot(
    run: options.RunReference,
    db: options.Database = "",
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="Where to write, without ending. Default: run-N.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Plot one run: voltage against time, overpotential by cycle, Nyquist series; as PNG and SVG."""
    from pathlib import Path

    from labctl.cli.output import print_json
    from labctl.report.plots import plot_run
    from labctl.store.reader import Reader

    reader = Reader(options.database_url(db))
    found = reader.run(run)
    written = plot_run(reader, found, Path(out or f"run-{found.run_id}"))
    if json:
        print_json([str(path) for path in written])
    else:
        print("\n".join(f"wrote {path}" for path in written))


def export(
    run: options.RunReference,
    db: options.Database = "",
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="DIRECTORY", help="Default: export-run-N.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Export one run: Battery Data Format (CSV and Parquet), half-cycle table, spectra."""
    from pathlib import Path

    from labctl.cli.output import print_json
    from labctl.report.export import export_run
    from labctl.store.reader import Reader

    reader = Reader(options.database_url(db))
    found = reader.run(run)
    written = export_run(reader, found, Path(out or f"export-run-{found.run_id}"))
    if json:
        print_json([str(path) for path in written])
    else:
        print("\n".join(f"wrote {path}" for path in written))
