"""``labctl protocol import`` and ``labctl protocol export``: protocols from and for other people's tools."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.exchange.protocols.report import Translation

_Out = Annotated[
    str | None,
    typer.Option("--out", metavar="FILE", help="Default: standard output.", show_default=False),
]
_AcceptLoss = Annotated[
    bool, typer.Option("--accept-loss", help="Write it although something of it cannot be said.")
]


def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="unicycler's JSON, or PyBaMM experiment strings as a JSON list or one a line.",
            show_default=False,
        ),
    ],
    language: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="LANGUAGE", help="unicycler or pybamm, if it is not plain.", show_default=False
        ),
    ] = None,
    out: _Out = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="Of the protocol. Default: the file's.", show_default=False
        ),
    ] = None,
    safety_voltage: Annotated[
        str | None,
        typer.Option(
            "--safety-voltage",
            metavar="'LOW, HIGH'",
            help="The window around everything: '2.0 V, 4.4 V'.",
            show_default=False,
        ),
    ] = None,
    safety_current: Annotated[
        str | None,
        typer.Option(
            "--safety-current", metavar="CURRENT", help="Its largest magnitude.", show_default=False
        ),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="TIME", help="Longest time between samples.", show_default=False),
    ] = None,
    nominal_capacity: Annotated[
        str | None,
        typer.Option("--nominal-capacity", metavar="CAPACITY", help="For C-rates.", show_default=False),
    ] = None,
    accept_loss: _AcceptLoss = False,
) -> None:
    """Make a protocol of unicycler's JSON or PyBaMM experiment strings; tells what was lost, changed and added."""
    from labctl.exchange.protocols.files import protocol_name, read_text, two_voltages
    from labctl.exchange.protocols.protocol_text import Givens
    from labctl.exchange.protocols.translate import import_protocol

    givens = Givens(
        name=name or protocol_name(file),
        voltage=two_voltages(safety_voltage),
        current=safety_current,
        every=every,
        nominal_capacity=nominal_capacity,
    )
    text, origin = read_text(file)
    _deliver(import_protocol(text, origin, language, givens), out, accept_loss)


def export(
    protocol: options.Protocol,
    target: Annotated[
        str,
        typer.Option(
            "--to", metavar="LANGUAGE", help="unicycler, pybamm, neware or biologic.", show_default=False
        ),
    ],
    out: _Out = None,
    accept_loss: _AcceptLoss = False,
) -> None:
    """Write a protocol for another tool; what that cannot hold is named, and has to be accepted."""
    from labctl.exchange.protocols.translate import export_protocol
    from labctl.protocol import load

    _deliver(export_protocol(load(protocol), target), out, accept_loss)


def _deliver(made: "Translation", out: str | None, accept_loss: bool) -> None:
    from labctl.errors import UserError
    from labctl.exchange.protocols.files import write_text

    for line in made.report.lines():
        print(line, file=sys.stderr)
    if made.report.lost and not accept_loss:
        raise UserError("nothing was written, because of what would be lost; --accept-loss writes it without")
    if out is None:
        print(made.text, end="")
    else:
        write_text(out, made.text)
        print(f"wrote {out}")
