"""``labctl export`` and ``labctl import``: runs to and from other people's tools."""

from typing import Annotated

import typer

from labctl.cli import options


def export(
    run: options.RunReference,
    db: options.Database = "",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="bdf-csv, bdf-parquet, half-cycles, spectra, pyprobe, cellpy, eclab, protocol, ro-crate; again for "
            "more. Default: the first four.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="DIRECTORY", help="Default: export-run-N.", show_default=False),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(
            "--licence",
            metavar="LICENCE",
            help="Under which the data may be used, for the RO-Crate: CC-BY-4.0, or a URL.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Export one run as files that other tools load: Battery Data Format, PyProBE, cellpy, EC-Lab text, RO-Crate."""
    from pathlib import Path

    from labctl.cli.output import print_json
    from labctl.exchange.export import export_run
    from labctl.store.reader import Reader

    reader = Reader(options.database_url(db))
    found = reader.run(run)
    directory = Path(out or f"export-run-{found.run_id}")
    written = export_run(reader, found, directory, formats or (), licence)
    if json:
        print_json([str(path) for path in written])
    else:
        print("\n".join(f"wrote {path}" for path in written))


def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Battery Data Format (.csv, .parquet), EC-Lab text (.mpt) or Neware (.ndax).",
            show_default=False,
        ),
    ],
    db: options.Database = "",
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the cell, for the records.", show_default=False),
    ] = None,
    area: Annotated[
        str | None,
        typer.Option("--area", metavar="AREA", help="Of its electrode: '0.283 cm2'.", show_default=False),
    ] = None,
    nominal_capacity: Annotated[
        str | None,
        typer.Option("--nominal-capacity", metavar="CAPACITY", help="'1.5 mAh'.", show_default=False),
    ] = None,
    equilibrium_voltage: Annotated[
        str | None,
        typer.Option(
            "--equilibrium-voltage",
            metavar="VOLTAGE",
            help="What the cell shows without current: '0 V' for a symmetric cell; overpotentials need it.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Import a recorded file as a run, for show, plot, analyse, export and rules replay."""
    from labctl.cli.output import print_json
    from labctl.exchange.import_run import import_file
    from labctl.exchange.imported_cell import cell_from_words

    cell = cell_from_words(name, area, nominal_capacity, equilibrium_voltage)
    url = options.database_url(db)
    imported = import_file(file, url, cell)
    if json:
        print_json(imported)
    else:
        print(imported.as_text(url))
