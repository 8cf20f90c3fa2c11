"""``labctl runs`` and ``show``: what has been measured."""

from typing import TYPE_CHECKING

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.report.summary import Summary


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
        print("\n".join([*run_lines(found), *_keepers_words(found)]))


def _keepers_words(found: "Summary") -> list[str]:
    """What the keeper did with the circuit of a run whose own process could not write that down."""
    from pathlib import Path

    from labctl.keeper.journal import last_words
    from labctl.store.records import RunState

    notes = [event.data["journal"] for event in found.events if event.kind == "keeper" and event.data]
    if found.run.state not in (RunState.INTERRUPTED, RunState.UNSAFE) or not notes:
        return []
    journal = str(notes[-1])
    words = last_words(Path(journal), found.run.process_id, found.run.channel) if journal else []
    return [
        "",
        f"the keeper's last words ({journal or 'it kept no journal'})",
        *(f"  {line}" for line in words),
    ]
