"""``labctl scan``: what is connected, and which driver fits."""

from typing import Annotated

import typer

from labctl.cli import options


def scan(
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at", metavar="PLACE", help="Look there too: HOST, HOST:PORT, a VISA resource, a serial line."
        ),
    ] = None,
    ask: Annotated[
        str | None,
        typer.Option(
            "--ask",
            metavar="DRIVER",
            help="Let this driver talk to serial lines that USB takes for its instruments, and to those of --at. "
            "An instrument that measures may be interrupted.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Find instruments on USB, GPIB, serial lines and the network, in about two seconds. Changes none of them."""
    import asyncio

    from labctl.cli.output import print_json
    from labctl.station.scan import scan as look

    found = asyncio.run(look(at or (), ask))
    if json:
        print_json(found)
        return
    for one in found:
        fits = f"driver: {' or '.join(one.drivers)}" if one.drivers else ""
        print("; ".join(filter(None, (f"{one.resource}: {one.who}".rstrip(": "), fits, one.note))))
    if not found:
        print("nothing is connected that tells its name; --at HOST looks at one place")
