"""``labctl notices``: read a notices file, try it, and tell people from a station or a broker."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import broker_options, options

if TYPE_CHECKING:
    from labctl.notices.service import Bookmark
    from labctl.notices.settings import Settings
    from labctl.station.companion import Companion
    from labctl.telemetry.feed import Feed

notices_app = typer.Typer(
    help="Who is told when something happens.", no_args_is_help=True, rich_markup_mode=None
)

File = Annotated[str, typer.Argument(metavar="FILE", help="A notices file.", show_default=False)]


@notices_app.callback()
def _group() -> None:
    """Who is told when something happens."""


@notices_app.command("check")
def check(file: File) -> None:
    """Read a notices file and say who would be told what. Tells nobody."""
    from labctl.notices.courier import service_for
    from labctl.notices.settings import load_settings

    settings = load_settings(file)
    for recipient in settings.recipients.values():
        service_for(recipient)
        quiet = recipient.quiet
        waits = f", only alarms {quiet.begins:%H:%M}-{quiet.ends:%H:%M}" if quiet else ""
        print(f"{recipient.name}: {recipient.url.partition(':')[0]}{waits}")
    for rule in settings.rules:
        kinds = ", ".join(rule.kinds) or "anything"
        repeat = f", again every {rule.repeat_s / 60.0:g} min until acknowledged" if rule.repeat_s else ""
        print(
            f"{kinds} from {rule.severity} up, stations {rule.stations}, channels {rule.channels}, "
            f"cells {rule.cells}: {', '.join(rule.to)}{repeat}"
        )


@notices_app.command("test")
def try_out(
    file: File,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="Only this recipient.", show_default=False)
    ] = None,
) -> None:
    """Send everybody a test notice, and say who can be reached."""
    from labctl.errors import UserError
    from labctl.notices.courier import service_for
    from labctl.notices.settings import load_settings

    settings = load_settings(file)
    if to is not None and to not in settings.recipients:
        raise UserError(f"{file}: no recipient is called {to!r}; there are {', '.join(settings.recipients)}")
    lost = []
    for recipient in settings.recipients.values():
        if to in (None, recipient.name):
            arrived = service_for(recipient).notify(
                body="This is a test. No cell is concerned.",
                title="labctl: a test notice",
                body_format="text",
            )
            print(f"{recipient.name}: {'delivered' if arrived else 'NOT delivered'}")
            lost += [] if arrived else [recipient.name]
    if lost:
        raise UserError(
            f"{', '.join(lost)}: the address did not take it; is it right, and can it be reached?"
        )


@notices_app.command("serve")
def serve(
    file: File,
    station: Annotated[
        str | None,
        typer.Option(
            "--station",
            metavar="NAME",
            help="A station that is served here. Default: the only one; with --mqtt: all.",
            show_default=False,
        ),
    ] = None,
    db: options.Database = "",
    mqtt: broker_options.Url = None,
    mqtt_user: broker_options.User = "",
    mqtt_password_file: broker_options.PasswordFile = None,
    mqtt_ca: broker_options.Ca = None,
    mqtt_certificate: broker_options.Certificate = None,
    mqtt_key: broker_options.Key = None,
    accompany: Annotated[
        bool, typer.Option("--accompany", help="End when standard input does.", hidden=True)
    ] = False,
) -> None:
    """Tell people until Ctrl-C. labctl serve --notices does this by itself.

    With --mqtt it tells of all stations that publish at a broker, and also when one falls silent.
    """
    import asyncio

    from platformdirs import user_state_path

    from labctl.cli.dashboard import served_here
    from labctl.notices.service import Bookmark
    from labctl.notices.settings import load_settings
    from labctl.telemetry.local_feed import LocalFeed
    from labctl.telemetry.mqtt_feed import MqttFeed

    settings = load_settings(file)
    feed: Feed
    if mqtt is not None:
        broker = broker_options.broker(
            mqtt, mqtt_user, mqtt_password_file, mqtt_ca, mqtt_certificate, mqtt_key
        )
        feed, bookmark = MqttFeed(broker, station), Bookmark(None)
    else:
        name, database = served_here(station, db)
        bookmark = Bookmark(user_state_path("labctl") / f"notices-{name}.place")
        feed = LocalFeed(name, database, bookmark.read())
    asyncio.run(_serve(feed, settings, bookmark, accompany))


async def _serve(feed: "Feed", settings: "Settings", bookmark: "Bookmark", accompany: bool) -> None:
    import asyncio

    from labctl.notices.service import serve_notices
    from labctl.telemetry.ending import told_to_end

    def say(sentence: str) -> None:
        print(f"notices: {sentence}", file=sys.stderr, flush=True)

    async with told_to_end(with_input=accompany) as told, asyncio.TaskGroup() as group:
        telling = group.create_task(serve_notices(feed, settings, say, bookmark))
        await told.wait()
        telling.cancel()


def telling(station: str, file: str) -> "Companion":
    """What tells people of a station.

    Raises:
        UserError: the file cannot be read, or an address in it cannot be used; better known before cells run.
    """
    from labctl.notices.courier import service_for
    from labctl.notices.settings import load_settings
    from labctl.station.companion import Companion

    for recipient in load_settings(file).recipients.values():
        service_for(recipient)
    command = [sys.executable, "-m", "labctl.cli.main", "notices", "serve", file, "--accompany"]
    return Companion("notices", (*command, f"--station={station}"))
