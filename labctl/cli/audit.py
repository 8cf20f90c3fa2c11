"""``labctl audit``: has anything been changed since it was written, and who had which circuit closed and opened."""

from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.audit.findings import Report

app = typer.Typer(
    help="The chain of events: what was decided and switched, sealed against later changes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

CHANGED = 7
"""The exit code of a database that is not as it was written."""

_MOST_FINDINGS = 20


@app.callback()
def _group() -> None:
    """The chain of events."""


@app.command("head")
def head(db: options.Database = "", json: options.Json = False) -> None:
    """Print the head of the chain. Kept elsewhere, it proves later that nothing before it was changed."""
    from labctl.audit.log import head as read_head
    from labctl.cli.output import print_json

    found = read_head(options.database_url(db))
    if json:
        print_json({"number": found.number, "sha256": found.sha256})
    else:
        print(found)


@app.command("log")
def log(run: options.RunReference, db: options.Database = "", json: options.Json = False) -> None:
    """Print every record of a run: each decision, each closing and opening of the circuit, by whom and why."""
    from labctl.audit.log import records
    from labctl.cli.output import print_json
    from labctl.store.reader import Reader

    url = options.database_url(db)
    found = records(url, Reader(url).run(run).run_id)
    if json:
        print_json(found)
        return
    for record in found:
        print(
            f"{record.place.number:>6}  {record.time_s / 3600.0:>10.4f} h  {record.kind:<18} "
            f"{record.author}: {record.message}"
        )


@app.command("verify")
def verify(
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="NUMBER:SHA256",
            help="A head that was kept elsewhere (labctl audit head, or a run's summary).",
            show_default=False,
        ),
    ] = None,
    records_only: Annotated[
        bool, typer.Option("--records-only", help="Leave out samples and spectra, which take longest.")
    ] = False,
    db: options.Database = "",
    json: options.Json = False,
) -> None:
    """Compare a database with what was written into it. Without a head, a chain that was cut or redone passes."""
    from labctl.audit.verify import verify as compare
    from labctl.cli.output import print_json

    report = compare(options.database_url(db), head, records_only=records_only)
    if json:
        print_json(
            {
                "intact": report.intact,
                "head": {"number": report.head.number, "sha256": report.head.sha256},
                "asked": report.asked,
                "records": report.records,
                "rows": report.rows,
                "samples": report.samples,
                "findings": report.findings,
            }
        )
    else:
        _print(report, records_only)
    if not report.intact:
        raise typer.Exit(CHANGED)


def _print(report: "Report", records_only: bool) -> None:
    for finding in report.findings[:_MOST_FINDINGS]:
        print(finding)
    if len(report.findings) > _MOST_FINDINGS:
        print(f"and {len(report.findings) - _MOST_FINDINGS} more (--json lists all)")
    what = f"{report.records} records, {report.rows} rows"
    what += ", samples not looked at" if records_only else f", {report.samples} samples"
    print(f"{what}: {'as they were written' if report.intact else 'NOT as they were written'}")
    if report.asked is None:
        print(f"head {report.head}; compare it with one that was kept elsewhere: --head NUMBER:SHA256")
