"""``labctl notices``: read a notices file, try it, and tell people from a station or a broker."""

from typing import Annotated

import typer

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
