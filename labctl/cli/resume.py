"""``labctl resume``: an interrupted run goes on with the same half-cycle, and its charge is never passed twice.

A run in the hands of a station that is served is that station's to resume; any other is taken up here.
"""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.protocol.plan import IfInterrupted
    from labctl.station.connect import ChannelSpec
    from labctl.station.resume import Interrupted


def resume(
    run: options.RunReference,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            metavar="WORD",
            help="continue: pass what remains of the step; restart: begin the step again; abort: open the circuit and "
            "end the run. Left out: as the protocol says (if_interrupted), else a person is asked.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="FILE",
            help="Refuse unless this file is what the run was begun with.",
            show_default=False,
        ),
    ] = None,
    station: options.Station = None,
    channel: options.ChannelName = None,
    driver: options.DriverName = None,
    resource: options.Resource = None,
    cell: options.CellText = None,
    analyser: options.Analyser = None,
    analyser_resource: options.AnalyserResource = None,
    temperature: options.Temperature = None,
    opened_within: Annotated[
        str | None,
        typer.Option(
            "--opened-within",
            metavar="TIME",
            help="The circuit is known to have opened so soon after the last sample (0 s: power cut). Left out: what "
            "instrument and keeper tell, else until now.",
            show_default=False,
        ),
    ] = None,
    any_voltage: Annotated[
        bool,
        typer.Option(
            "--any-voltage",
            help="Go on whatever the open-circuit voltage is, within the safety window: you have looked at the cell.",
        ),
    ] = False,
    db: options.Database = "",
    speed: Annotated[
        str | None,
        typer.Option(
            "--speed", metavar="max|N", help="As for labctl run. Default: the run's own.", show_default=False
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Take up a run that was killed, paused or ended by a person, or that failed: the same half-cycle goes on.

    The circuit is opened, the same instrument has to answer, and the open-circuit voltage has to follow from the last
    reading. What may have passed unseen is counted as passed.
    """
    database = options.database_url(db)
    within_s = None if opened_within is None else _seconds(opened_within)
    if channel is driver is resource is cell is analyser is temperature is protocol is speed is None:
        wishes = {"policy": policy, "any_voltage": any_voltage, "opened_within_s": within_s}
        answer = _ask_station(run, station, database, wishes)
        if answer is not None:
            print(answer)
            return
    from labctl.cli.attend import watch_over
    from labctl.cli.display import Display
    from labctl.station.resume import Resume, find, refuse_other_channel
    from labctl.station.resume import resume as take_up

    found = find(database, run)
    if protocol is not None:
        _compare(found, protocol)
    spec = _channel(found, station, channel, driver, resource, cell, analyser, analyser_resource, temperature)
    refuse_other_channel(found, spec)
    request = Resume(
        interrupted=found,
        channel=spec,
        choice=_choice(found, policy),
        by="plan" if policy is None else "person",
        speed=found.run.speed if speed is None else options.speed_number(speed),
        any_voltage=any_voltage,
        opened_within_s=within_s,
    )
    raise typer.Exit(
        watch_over(
            lambda control, display: take_up(request, control, display.started, display.tell),
            Display(found.plan, spec, quiet=json),
            database,
            json=json,
        )
    )


def _ask_station(run: str, station: str | None, database: str, wishes: dict[str, Any]) -> str | None:
    """What a station that is served answers, if the run is in its hands; None: it is not."""
    from labctl.station.client import StationClient, served
    from labctl.store.database import locate

    for name in served(station):
        with StationClient(name) as client:
            same = station is not None or client.ask("status")["database"] == str(locate(database))
            for entry in client.ask("queue"):
                names = (entry["entry"], entry["channel"], str(entry["run_id"]) if same else None)
                if run in names:
                    return str(client.ask("resume", target=run, **wishes))
    return None


def _seconds(text: str) -> float:
    from labctl.errors import UserError
    from labctl.units import Dimension, QuantityError, parse

    try:
        return parse(text, Dimension.TIME).value
    except QuantityError as error:
        raise UserError(f"--opened-within {text}: {error}") from error


def _compare(found: "Interrupted", protocol: str) -> None:
    """The file's text has to be the run's; how it was bound is the run's own matter."""
    from labctl.protocol import load
    from labctl.station.resume import refuse_other_text

    refuse_other_text(found, load(protocol))


def _channel(
    found: "Interrupted",
    station: str | None,
    channel: str | None,
    driver: str | None,
    resource: str | None,
    cell: str | None,
    analyser: str | None,
    analyser_resource: str | None,
    temperature: str | None,
) -> "ChannelSpec":
    """The channel that the options name; without any, the one that the run was begun on."""
    from dataclasses import replace

    from labctl.cli.choose import analyser_beside, choose_channel, thermometer_beside

    if station is channel is driver is resource is cell is None:
        return replace(
            found.channel(),
            analyser=analyser_beside(analyser, analyser_resource),
            thermometer=thermometer_beside(temperature),
        )
    return choose_channel(
        found.plan, station, channel, driver, resource, cell, analyser, analyser_resource, temperature
    )


def _choice(found: "Interrupted", policy: str | None) -> "IfInterrupted":
    """What is to be done; a person at a terminal is asked, and a script gets one line that says what to give.

    Raises:
        UserError: it is for a person to say, and there is none.
    """
    from labctl.engine.choice import choose, question
    from labctl.errors import UserError
    from labctl.protocol.plan import IfInterrupted

    words = [str(word) for word in IfInterrupted]
    if policy is not None and policy not in words:
        raise UserError(f"--policy {policy}: give one of {', '.join(words)}")
    given = IfInterrupted.ASK if policy is None else IfInterrupted(policy)
    chosen = choose(found.run.state, found.plan, found.progress, given)
    if chosen is not IfInterrupted.ASK:
        return chosen
    line = question(found.run.run_id, found.plan, found.progress)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError(line)
    print(line, file=sys.stderr)
    answers = [word for word in words if word != "ask"]
    answer = typer.prompt(f"What now ({', '.join(answers)})", err=True).strip()
    if answer not in answers:
        raise UserError("nothing was done")
    return choose(found.run.state, found.plan, found.progress, IfInterrupted(answer))
