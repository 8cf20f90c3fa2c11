"""``labctl simulate``: a simulated instrument with a simulated cell, for labctl or anybody else's program."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli import options

if TYPE_CHECKING:
    import asyncio


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
    analyser: Annotated[
        str | None,
        typer.Option(
            "--analyser",
            metavar="NAME",
            help="Serve an analyser at the same cell too (keysight-e4980a), at the next port.",
            show_default=False,
        ),
    ] = None,
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
    """Serve a simulated instrument. The first line printed names the VISA resource to connect to.

    An instrument with two ports prints two lines, the second for its second port.
    """
    import asyncio

    from labctl import plugins
    from labctl.errors import UserError

    if (tcp is None) == (not pty):
        raise UserError("give either --tcp HOST:PORT or --pty")
    if not 0.0 < speed < 1e7:
        raise UserError(f"--speed {speed}: give a positive number")
    if gpib is not None and tcp is None:
        raise UserError("--gpib ADDRESS goes with --tcp HOST:PORT, where the gateway listens")
    if chaos and analyser:
        raise UserError("--chaos happens to an instrument that is alone at its cell: leave --analyser out")
    devices: tuple[Any, ...]
    if chaos:
        devices = (plugins.troubled_simulator(instrument, cell, seed, chaos),)
    elif analyser:
        devices = plugins.simulated_pair(instrument, analyser, cell, seed)
    else:
        devices = (plugins.simulator(instrument, cell, seed),)
    serve = plugins.attachment("pty" if tcp is None else "tcp" if gpib is None else "prologix")
    where = _address(tcp) if tcp is not None else {}
    if gpib is not None:
        where["address"] = gpib
    try:
        asyncio.run(_serve_all(serve, devices, speed, where))
    except OSError as error:
        raise UserError(f"cannot listen on {tcp or 'a pseudo-terminal'}: {error.strerror}") from error


async def _serve_all(
    serve: Callable[..., Any], devices: tuple[Any, ...], speed: float, where: dict[str, Any]
) -> None:
    """Serve each until cancelled; the first at the port that was asked for, the others at those that follow."""
    import asyncio

    announced: list[str] = []
    try:
        async with asyncio.TaskGroup() as group:
            for device in devices:
                listening = asyncio.Event()
                here = where | {"port": where["port"] + len(announced)} if where.get("port") else where
                ready = _announcer(announced, listening)
                group.create_task(serve(device, speed=speed, ready=ready, **here))
                await listening.wait()  # so that they are announced in their order
    except ExceptionGroup as several:
        raise several.exceptions[0] from None


def _announcer(announced: list[str], listening: "asyncio.Event") -> Callable[[str], None]:
    def announce(resource: str) -> None:
        print(f"ready {resource}", flush=True)
        announced.append(resource)
        listening.set()

    return announce


def _address(text: str) -> dict[str, str | int]:
    from labctl.errors import UserError

    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UserError(f"--tcp {text}: give HOST:PORT, for example 127.0.0.1:5025")
    return {"host": host, "port": int(port)}
