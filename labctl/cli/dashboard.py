"""``labctl dashboard``: the dashboard of a station of this computer, or of all stations at a broker."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import broker_options, options

if TYPE_CHECKING:
    from labctl.station.broker import Broker
    from labctl.station.companion import Companion
    from labctl.station.listen import Listen
    from labctl.telemetry.feed import Feed
    from labctl.web.door import Door

Place = Annotated[
    str | None,
    typer.Option(
        "--listen",
        metavar="[HOST:]PORT",
        help="Where to listen. Default: 127.0.0.1:8420. Anything but loopback needs TLS and a token.",
        show_default=False,
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option("--certificate", metavar="FILE", help="Certificate for TLS, PEM.", show_default=False),
]
Key = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="Its private key, PEM.", show_default=False)
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="File of mode 0600 whose first line viewers have to give.",
        show_default=False,
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="NAME",
        help="A name by which browsers may call it, besides its address.",
        show_default=False,
    ),
]


def dashboard(
    station: Annotated[
        str | None,
        typer.Option(
            "--station",
            metavar="NAME",
            help="A station that is served here: its name or file. Default: the only one; with --mqtt: all.",
            show_default=False,
        ),
    ] = None,
    db: options.Database = "",
    listen: Place = None,
    certificate: Certificate = None,
    key: Key = None,
    token_file: TokenFile = None,
    allow_host: Names = None,
    mqtt: broker_options.Url = None,
    mqtt_user: broker_options.User = "",
    mqtt_password_file: broker_options.PasswordFile = None,
    mqtt_ca: broker_options.Ca = None,
    mqtt_certificate: broker_options.Certificate = None,
    mqtt_key: broker_options.Key = None,
    command_key: Annotated[
        Path | None,
        typer.Option(
            "--command-key",
            metavar="FILE",
            help="With --mqtt: file of mode 0600 with the key of stations that take signed commands.",
            show_default=False,
        ),
    ] = None,
    accompany: Annotated[
        bool, typer.Option("--accompany", help="End when standard input does.", hidden=True)
    ] = False,
) -> None:
    """Serve the dashboard for browsers, until Ctrl-C. labctl serve --dashboard does this by itself.

    With --mqtt it shows all stations that publish at a broker, and runs only if --db names their database.
    """
    import asyncio

    from labctl.station.listen import LOOPBACK, PORT, Listen, address_from
    from labctl.telemetry.local_feed import LocalFeed
    from labctl.telemetry.mqtt_feed import MqttFeed
    from labctl.web.door import LocalDoor

    host, port = address_from(listen) if listen is not None else (LOOPBACK, PORT)
    place = Listen(host, port, certificate, key, token_file, tuple(allow_host or ()))
    feed: Feed
    door: Door
    if mqtt is not None:
        broker = broker_options.broker(
            mqtt, mqtt_user, mqtt_password_file, mqtt_ca, mqtt_certificate, mqtt_key
        )
        feed, door, database = MqttFeed(broker, station), _door_at(broker, command_key), db or None
    else:
        name, database = served_here(station, db)
        feed, door = LocalFeed(name, database), LocalDoor([name])
    asyncio.run(_serve(place, feed, database, door, accompany))


def _door_at(broker: "Broker", command_key: Path | None) -> "Door":
    from labctl.telemetry.connection import secret
    from labctl.web.door import NoDoor
    from labctl.web.remote_door import RemoteDoor

    if command_key is None:
        return NoDoor("this dashboard only looks: give commands at the computer of the station")
    return RemoteDoor(broker, secret(command_key, "the key that commands are signed with"))


def served_here(station: str | None, db: str) -> tuple[str, str]:
    """The name of a station that is served on this computer, and its database.

    Raises:
        StationError: there is none, or several.
    """
    from labctl.station.client import StationClient

    with StationClient(station) as client:
        return client.station, db or client.ask("status")["database"]


async def _serve(listen: "Listen", feed: "Feed", database: str | None, door: "Door", accompany: bool) -> None:
    import os

    from platformdirs import user_cache_path

    from labctl.telemetry.ending import told_to_end
    from labctl.web.server import serve_dashboard

    def say(sentence: str) -> None:
        print(f"dashboard: {sentence}", file=sys.stderr, flush=True)

    cache = user_cache_path("labctl") / "curves"
    async with told_to_end(with_input=accompany) as told:
        await serve_dashboard(listen, [feed], database, door, os.getuid(), told, say, cache)


def listen_on(place: str | None, of_station: "Listen | None") -> "Listen | None":
    """Where a station's dashboard listens: what the command line says goes before the station file.

    Raises:
        UserError: it would be open to everybody.
    """
    from dataclasses import replace

    from labctl.station.listen import Listen, address_from

    found = of_station
    if place is not None:
        host, port = address_from(place)
        found = replace(of_station or Listen(), host=host, port=port)
    if found is not None:
        found.refuse_open()
        found.token()  # here, where a person reads what is wrong with it
    return found


def showing(station: str, listen: "Listen") -> "Companion":
    """What serves the dashboard of a station beside it."""
    from labctl.station.companion import Companion

    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    given = {"--certificate": listen.certificate, "--key": listen.key, "--token-file": listen.token_file}
    command = [sys.executable, "-m", "labctl.cli.main", "dashboard", "--accompany", f"--station={station}"]
    command += [f"--listen={host}:{listen.port}"]
    command += [f"{option}={value}" for option, value in given.items() if value is not None]
    return Companion("dashboard", (*command, *(f"--allow-host={name}" for name in listen.names)))
