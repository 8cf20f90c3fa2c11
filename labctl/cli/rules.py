"""``labctl rules``: would this rule have stopped it, when, and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.protocol.rule_spec import RuleSpec
    from labctl.rules.replay import Recording, Verdict

app = typer.Typer(help="Stop rules.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Stop rules."""


@app.command("replay")
def replay(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE_OR_RUN",
            help="A recorded file (BDF, .mpt, .ndax), the number of a run, or 'last'.",
            show_default=False,
        ),
    ],
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            metavar="NAME[:key=value,...]",
            help="A rule, as in overpotential_jump:factor=1.5; again for more. Default: every one that fits.",
            show_default=False,
        ),
    ] = None,
    equilibrium_voltage: Annotated[
        str | None,
        typer.Option(
            "--equilibrium-voltage",
            metavar="VOLTAGE",
            help="What a file's cell shows without current: '0 V' for a symmetric cell.",
            show_default=False,
        ),
    ] = None,
    db: options.Database = "",
    json: options.Json = False,
) -> None:
    """Run stop rules over a stored run or a file, and tell when each would have acted, and why."""
    from labctl.cli.output import print_json
    from labctl.rules.replay import replay as let_watch

    specs = [_spec(text) for text in rule] if rule else None
    recording = _recording(source, equilibrium_voltage, db)
    verdicts = let_watch(recording, specs)
    if json:
        print_json([_document(verdict) for verdict in verdicts])
        return
    hours = (recording.time_s[-1] - recording.time_s[0]) / 3600.0
    print(
        f"{recording.name}: {hours:.1f} h, {len(recording.half_cycles)} half-cycles, {len(recording.seq)} samples"
    )
    for verdict in verdicts:
        print(f"  {_line(verdict)}")


def _spec(text: str) -> "RuleSpec":
    from labctl.errors import UserError
    from labctl.protocol import parse_rule

    name, _, given = text.partition(":")
    parameters = {}
    for part in given.split(",") if given else ():
        key, equals, value = part.partition("=")
        if not equals:
            raise UserError(f"--rule {text}: {part!r} is not KEY=VALUE; write overpotential_jump:factor=1.5")
        parameters[key.strip()] = value.strip()
    return parse_rule(name, parameters)


def _recording(source: str, equilibrium_voltage: str | None, db: str) -> "Recording":
    from labctl.analysis.recordings import from_data, from_run
    from labctl.errors import UserError
    from labctl.exchange.reading import read_file
    from labctl.store.reader import Reader
    from labctl.units import Dimension, QuantityError, parse

    if source == "last" or source.isdecimal():
        reader = Reader(options.database_url(db))
        return from_run(reader, reader.run(source))
    try:
        known = None if equilibrium_voltage is None else parse(equilibrium_voltage, Dimension.VOLTAGE).value
    except QuantityError as error:
        raise UserError(f"--equilibrium-voltage {equilibrium_voltage}: {error}") from error
    return from_data(read_file(source), known)


def _line(verdict: "Verdict") -> str:
    decision = verdict.decision
    if decision is None:
        return f"{verdict.spec.name}: {verdict.remark or 'would not have acted'}"
    samples = (
        f", samples {decision.first_seq} to {decision.last_seq}" if decision.first_seq is not None else ""
    )
    return (
        f"{verdict.spec.name}: at {decision.time_s / 3600.0:.3f} h, cycle {decision.cycle}: {decision.reason} "
        f"(then {', '.join(decision.actions)}{samples})"
    )


def _document(verdict: "Verdict") -> dict[str, object]:
    return {
        "rule": verdict.spec.name,
        "spec": verdict.spec,
        "decision": verdict.decision,
        "remark": verdict.remark,
    }
