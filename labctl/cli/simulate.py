"""``labctl simulate``: a simulated instrument with a simulated cell, for labctl or anybody else's program."""

from typing import Annotated

import typer

from labctl.cli import options


def simulate(
    instrument: Annotated[
        str, typer.Argument(help="keithley-2450, palmsens-emstat4, ...", show_default=False)
    ],
    cell: Annotated[
        str, typer.Option("--cell", metavar="CELL", help="na50k50, resistor:100, rc, ...")
    ] = "resistor:100",
    tcp: Annotated[
        str | None,
        typer.Option(
            "--tcp",
            metavar="HOST:PORT",
            help="Listen on a TCP socket; port 0 picks a free one.",
            show_default=False,
        ),
    ] = None,
    gpib: Annotated[
        int | None,
        typer.Option(
            "--gpib",
            metavar="ADDRESS",
            min=0,
            max=30,
            help="With --tcp: behind a Prologix-like GPIB gateway, at this address.",
            show_default=False,
        ),
    ] = None,
    pty: Annotated[bool, typer.Option("--pty", help="Make a pseudo-terminal, like a serial port.")] = False,
    speed: Annotated[
        float, typer.Option("--speed", metavar="N", help="The cell lives N times faster.")
    ] = 1.0,
    seed: options.Seed = 0,
    chaos: Annotated[
        str,
        typer.Option(
            "--chaos",
            metavar="FAULTS",
            help="What goes wrong, for example late=0.02,mute@30+5,off_ignored=always; see docs/faults.md.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Serve a simulated instrument. The first line printed names the VISA resource to connect to."""
    import asyncio

    from labctl import plugins
    from labctl.errors import UserError

    if (tcp is None) == (not pty):
        raise UserError("give either --tcp HOST:PORT or --pty")
    if not 0.0 < speed < 1e7:
        raise UserError(f"--speed {speed}: give a positive number")
    if chaos:
        device = plugins.troubled_simulator(instrument, cell, seed, chaos)
    else:
        device = plugins.simulator(instrument, cell, seed)
    if gpib is not None and tcp is None:
        raise UserError("--gpib ADDRESS goes with --tcp HOST:PORT, where the gateway listens")
    serve = plugins.attachment("pty" if tcp is None else "tcp" if gpib is None else "prologix")
    where = _address(tcp) if tcp is not None else {}
    if gpib is not None:
        where["address"] = gpib
    try:
        asyncio.run(serve(device, speed=speed, ready=_announce, **where))
    except OSError as error:
        raise UserError(f"cannot listen on {tcp or 'a pseudo-terminal'}: {error.strerror}") from error


def _announce(resource: str) -> None:
    print(f"ready {resource}", flush=True)


def _address(text: str) -> dict[str, str | int]:
    from labctl.errors import UserError

    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UserError(f"--tcp {text}: give HOST:PORT, for example 127.0.0.1:5025")
    return {"host": host, "port": int(port)}
