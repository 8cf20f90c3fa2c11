"""``labctl telemetry`` and ``labctl broker``: what stations say, where it goes, and a broker for the bench."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import broker_options, options
from labctl.cli.station import Served

if TYPE_CHECKING:
    from labctl.station.broker import Broker
    from labctl.telemetry.feed import Feed

telemetry_app = typer.Typer(
    help="What stations say: live, over MQTT.", no_args_is_help=True, rich_markup_mode=None
)

_NO_BROKER = "--mqtt is missing: give the URL of a broker, as in mqtts://broker.lab.example"


@telemetry_app.callback()
def _group() -> None:
    """What stations say: live, over MQTT."""


@telemetry_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of all messages."""
    from labctl.cli.output import print_json
    from labctl.telemetry.messages import schema

    print_json(schema())


@telemetry_app.command("watch")
def watch(
    station: Served = None,
    mqtt: broker_options.Url = None,
    mqtt_user: broker_options.User = "",
    mqtt_password_file: broker_options.PasswordFile = None,
    mqtt_ca: broker_options.Ca = None,
    mqtt_certificate: broker_options.Certificate = None,
    mqtt_key: broker_options.Key = None,
) -> None:
    """Print every message of a station, one JSON document a line; with --mqtt of all stations that publish there."""
    import asyncio

    from labctl.station.client import StationClient
    from labctl.telemetry.local_feed import LocalFeed
    from labctl.telemetry.mqtt_feed import MqttFeed

    feed: Feed
    if mqtt is not None:
        broker = broker_options.broker(
            mqtt, mqtt_user, mqtt_password_file, mqtt_ca, mqtt_certificate, mqtt_key
        )
        feed = MqttFeed(broker, station)
    else:
        with StationClient(station) as client:
            feed = LocalFeed(client.station)
    asyncio.run(_print_all(feed))


async def _print_all(feed: "Feed") -> None:
    from contextlib import aclosing

    from labctl.telemetry.messages import encode

    async with aclosing(feed.messages()) as messages:
        async for message in messages:
            print(encode(message).decode(), flush=True)


@telemetry_app.command("publish")
def publish(
    station: Annotated[
        str,
        typer.Option("--station", metavar="NAME", help="A station that is served here.", show_default=False),
    ],
    db: options.Database = "",
    mqtt: broker_options.Url = None,
    mqtt_user: broker_options.User = "",
    mqtt_password_file: broker_options.PasswordFile = None,
    mqtt_ca: broker_options.Ca = None,
    mqtt_certificate: broker_options.Certificate = None,
    mqtt_key: broker_options.Key = None,
    confirm: Annotated[
        bool,
        typer.Option(help="Believe in a delivery when the broker has handed it back, not when it says so."),
    ] = True,
    command_key: Annotated[
        Path | None,
        typer.Option(
            "--command-key",
            metavar="FILE",
            help="Take commands that are signed with the key in this file, of mode 0600.",
            show_default=False,
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow", metavar="VERB", help="Which commands. Default: pause, stop, abort.", show_default=False
        ),
    ] = None,
    accompany: Annotated[
        bool, typer.Option("--accompany", help="End when standard input does.", hidden=True)
    ] = False,
) -> None:
    """Publish a station at a broker until Ctrl-C. labctl serve does this by itself, given a broker."""
    import asyncio
    from dataclasses import replace

    from labctl.errors import UserError
    from labctl.station.broker import COMMANDS, HARMLESS

    if mqtt is None:
        raise UserError(_NO_BROKER)
    broker = broker_options.broker(mqtt, mqtt_user, mqtt_password_file, mqtt_ca, mqtt_certificate, mqtt_key)
    if unknown := set(allow or ()) - set(COMMANDS):
        raise UserError(f"--allow {', '.join(sorted(unknown))}: give any of {', '.join(COMMANDS)}")
    broker = replace(
        broker, confirm=confirm, command_key=command_key, allowed=tuple(allow) if allow else HARMLESS
    )
    asyncio.run(_publish(station, broker, options.database_url(db), accompany))


async def _publish(station: str, broker: "Broker", database: str, accompany: bool) -> None:
    from labctl.telemetry.ending import told_to_end
    from labctl.telemetry.publisher import Publisher

    def say(sentence: str) -> None:
        print(f"mqtt: {sentence}", file=sys.stderr, flush=True)

    async with told_to_end(with_input=accompany) as told:
        await Publisher(station, broker, database, say).run(told)


def broker(
    port: Annotated[int, typer.Option("--port", metavar="N", help="TCP port; 0: any that is free.")] = 1883,
    host: Annotated[
        str,
        typer.Option(
            "--host", metavar="ADDRESS", help="Address to listen at; it asks nobody for a password."
        ),
    ] = "127.0.0.1",
) -> None:
    """Run a small MQTT broker until Ctrl-C, for the bench and to try things out; in a lab use mosquitto or EMQX."""
    import asyncio

    from labctl.telemetry.embedded_broker import serve_broker

    def ready(url: str) -> None:
        print(f"ready {url}", flush=True)

    asyncio.run(serve_broker(host, port, ready))


def command(
    verb: Annotated[
        str, typer.Argument(metavar="VERB", help="pause, stop or abort; resume or skip where allowed.")
    ],
    run: Annotated[int, typer.Argument(metavar="RUN", help="Number of a run in progress.")],
    station: Annotated[
        str, typer.Option("--station", metavar="NAME", help="A station, anywhere.", show_default=False)
    ],
    key_file: Annotated[
        Path,
        typer.Option(
            "--key", metavar="FILE", help="File of mode 0600 with the station's key.", show_default=False
        ),
    ],
    mqtt: broker_options.Url = None,
    mqtt_user: broker_options.User = "",
    mqtt_password_file: broker_options.PasswordFile = None,
    mqtt_ca: broker_options.Ca = None,
    mqtt_certificate: broker_options.Certificate = None,
    mqtt_key: broker_options.Key = None,
) -> None:
    """Command a run at a station that takes commands over MQTT; prints its answer."""
    import asyncio

    from labctl.errors import UserError
    from labctl.telemetry.command import new
    from labctl.telemetry.connection import secret
    from labctl.telemetry.remote_hand import send

    if mqtt is None:
        raise UserError(_NO_BROKER)
    broker = broker_options.broker(mqtt, mqtt_user, mqtt_password_file, mqtt_ca, mqtt_certificate, mqtt_key)
    signed = new(station, run, verb, secret(key_file, "the key that commands are signed with"))
    print(asyncio.run(send(broker, signed)))
