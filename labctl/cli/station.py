"""``labctl serve``, ``station check``, ``submit``, ``queue`` and the verbs: a station of many channels."""

import os
import sys
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import broker_options, options

if TYPE_CHECKING:
    from labctl.station.broker import Broker
    from labctl.station.companion import Companion
    from labctl.station.inspection import Beside, Finding

station_app = typer.Typer(help="Station files.", no_args_is_help=True, rich_markup_mode=None)

StationFile = Annotated[
    str,
    typer.Argument(metavar="FILE", help="A station file, or the name of a bundled one.", show_default=False),
]
Served = Annotated[
    str | None,
    typer.Option(
        "--station",
        metavar="NAME",
        help="A station that is served: its name or file. Default: the only one.",
        show_default=False,
    ),
]
Target = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="Number of a run, a channel, or an entry of the queue (q7).", show_default=False
    ),
]


@station_app.callback()
def _group() -> None:
    """Station files."""


@station_app.command("check")
def check(file: StationFile, json: options.Json = False) -> None:
    """Compare a station file with what is connected: ask every instrument who it is. Switches nothing."""
    import asyncio

    from labctl.cli.exits import INSTRUMENT
    from labctl.cli.output import print_json
    from labctl.station.file import load_station
    from labctl.station.inspection import inspect, inspect_beside

    station = load_station(file)
    findings = asyncio.run(inspect(station))
    beside = asyncio.run(inspect_beside(station))
    if json:
        print_json([*findings, *beside])
    else:
        print(f"station {station.name}: {len(findings)} channels")
        for finding in findings:
            print("  " + _line(finding))
        for found in beside:
            print("  " + _line_beside(found))
    if any(finding.problem for finding in findings) or any(found.problem for found in beside):
        raise typer.Exit(INSTRUMENT)


def _line(finding: "Finding") -> str:
    from labctl.units import show

    spec, limits = finding.spec, finding.spec.limits
    where = spec.resource or f"simulated {spec.cell}"
    allowed = "no limits but the instrument's"
    if limits is not None:
        window = f"{show(limits.voltage_min_V, 'V')} .. {show(limits.voltage_max_V, 'V')}"
        allowed = f"{window}, {show(limits.current_max_A, 'A')}"
    found = finding.problem or f"{finding.identity}"
    mark = "WRONG" if finding.problem else "ok"
    return f"{spec.name:<12} {mark:<6} {spec.driver:<17} {where:<34} {allowed:<28} {found}"


def _line_beside(found: "Beside") -> str:
    from labctl.units import show_celsius

    spec = found.spec
    shown = ", ".join(
        f"{sensor} {show_celsius(found.sensors_K[sensor]) if sensor in found.sensors_K else 'shows nothing'}"
        for sensor in spec.sensors()
    )
    mark = "WRONG" if found.problem else "ok"
    where = spec.resource or "simulated"
    return f"{spec.name:<12} {mark:<6} {spec.driver:<17} {where:<34} {found.problem or f'{found.identity}: {shown}'}"


def serve(
    station: Annotated[
        str,
        typer.Option(
            "--station",
            metavar="FILE",
            help="A station file, or the name of a bundled one (simulated-8).",
            show_default=False,
        ),
    ],
    db: options.Database = "",
    speed: Annotated[
        float,
        typer.Option(
            "--speed", metavar="N", help="How many times faster than real time; for simulated instruments."
        ),
    ] = 1.0,
    seed: options.Seed = 0,
    mqtt: broker_options.Url = None,
    mqtt_user: broker_options.User = "",
    mqtt_password_file: broker_options.PasswordFile = None,
    mqtt_ca: broker_options.Ca = None,
    mqtt_certificate: broker_options.Certificate = None,
    mqtt_key: broker_options.Key = None,
    dashboard: Annotated[
        str | None,
        typer.Option(
            "--dashboard",
            metavar="[HOST:]PORT",
            help="Serve the dashboard for browsers too; TLS and a token go into the station file.",
            show_default=False,
        ),
    ] = None,
    notices: Annotated[
        str | None,
        typer.Option(
            "--notices",
            metavar="FILE",
            help="Tell people, by the rules of a notices file.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Serve a station: all its channels at once, a queue for each, until Ctrl-C or SIGTERM opens every circuit."""
    import asyncio

    from labctl.cli.dashboard import listen_on, showing
    from labctl.cli.notices import telling
    from labctl.errors import UserError
    from labctl.station.daemon import serve as serve_station
    from labctl.station.file import load_station

    if not 0.0 < speed < 1e7:
        raise UserError(f"--speed {speed}: give a positive number, how many times faster than real time")
    served, database = load_station(station), options.database_url(db)
    broker = served.mqtt
    if mqtt is not None:
        broker = broker_options.broker(
            mqtt, mqtt_user, mqtt_password_file, mqtt_ca, mqtt_certificate, mqtt_key
        )
    companions = [] if broker is None else [publishing(served.name, broker)]
    if (listen := listen_on(dashboard, served.dashboard)) is not None:
        companions.append(showing(served.name, listen))
    if notices is not None:
        companions.append(telling(served.name, notices))
    os.environ["LABCTL_DB"] = database  # for the companions: a command line can be read by everybody
    asyncio.run(serve_station(served, database, speed, seed, _say, companions))


def publishing(station: str, broker: "Broker") -> "Companion":
    """What publishes a station at a broker."""
    from labctl.station.companion import Companion

    command = [sys.executable, "-m", "labctl.cli.main", "telemetry", "publish", "--accompany"]
    return Companion("mqtt", (*command, f"--station={station}", *broker_options.arguments(broker)))


def _say(channel: str, sentence: str) -> None:
    now = datetime.now().astimezone().strftime("%H:%M:%S")
    with suppress(OSError):  # a log on a full disk must not end what it tells of
        print(f"{now} {channel + ': ' if channel else ''}{sentence}", file=sys.stderr, flush=True)


def submit(
    protocol: options.Protocol,
    channel: Annotated[
        str, typer.Option("--channel", metavar="CH", help="Which channel of the station.", show_default=False)
    ],
    cell: Annotated[
        str | None,
        typer.Option("--cell", metavar="NAME", help="Name of the cell, for the records.", show_default=False),
    ] = None,
    without: options.Without = None,
    unattended: Annotated[
        bool,
        typer.Option(
            "--unattended",
            help="Nobody will be there: refuse unless something opens the circuit without labctl.",
        ),
    ] = False,
    station: Served = None,
    json: options.Json = False,
) -> None:
    """Put a run at the end of a channel's queue."""
    from labctl.cli.output import duration, print_json
    from labctl.protocol import load
    from labctl.protocol.plan_text import plan_to_text
    from labctl.station.client import StationClient

    plan = load(protocol, cell={"name": cell} if cell else None, without=without or ())
    with StationClient(station) as client:
        answer = client.ask("submit", channel=channel, plan=plan_to_text(plan), unattended=unattended)
    if json:
        print_json(answer)
        return
    when = "begins now"
    if answer["before"]:
        when = f"{answer['before']} before it, the channel is {answer['channel_state']}"
    print(
        f"{answer['entry']}: {answer['protocol']} on channel {channel}, "
        f"cell {answer['cell'] or 'without a name'}, at most {duration(answer['expected_s'])}; {when}"
    )


def queue(station: Served = None, json: options.Json = False) -> None:
    """List what runs on a station, what is held, and what waits."""
    from labctl.cli.output import print_json
    from labctl.station.client import StationClient

    with StationClient(station) as client:
        entries = client.ask("queue")
        name = client.station
    if json:
        print_json(entries)
        return
    if not entries:
        print(f"station {name}: the queue is empty")
        return
    print(f"{'entry':<6}  {'channel':<10}  {'state':<8}  {'run':>5}  {'cell':<20}  {'protocol':<24}  reason")
    for entry in entries:
        print(
            f"{entry['entry']:<6}  {entry['channel']:<10}  {entry['state']:<8}  {entry['run_id'] or '-':>5}  "
            f"{entry['cell'] or '-':<20.20}  {entry['protocol']:<24.24}  {entry['reason'] or ''}"
        )


def pause(run: Target, station: Served = None) -> None:
    """Open the circuit and wait: labctl resume goes on with the same half-cycle."""
    _ask("pause", run, station)


def skip(run: Target, station: Served = None) -> None:
    """End the present step and go on with the plan; or give up a run that is held, and go on with the queue."""
    _ask("skip", run, station)


def stop(run: Target, station: Served = None) -> None:
    """End a run after its present step; or take an entry off the queue."""
    _ask("stop", run, station)


def abort(run: Target, station: Served = None) -> None:
    """Open the circuit at once and end the run; or take an entry off the queue."""
    _ask("abort", run, station)


def _ask(verb: str, target: str, station: str | None) -> None:
    from labctl.station.client import StationClient

    with StationClient(station) as client:
        print(client.ask(verb, target=target))
