"""Options that several commands share."""

from typing import Annotated

import typer

Protocol = Annotated[
    str,
    typer.Argument(
        help="A protocol file, or the name of a bundled one (labctl protocols).", show_default=False
    ),
]
Database = Annotated[
    str,
    typer.Option(
        "--db",
        metavar="URL",
        envvar="LABCTL_DB",
        help="Database: a file or an SQLAlchemy URL. Default: labctl.sqlite in the user's data directory.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
RunReference = Annotated[
    str, typer.Argument(metavar="RUN", help="Number of a run, or 'last'.", show_default=False)
]
Station = Annotated[
    str | None,
    typer.Option(
        "--station", metavar="FILE", help="Station file that names instruments.", show_default=False
    ),
]
ChannelName = Annotated[
    str | None,
    typer.Option("--channel", metavar="NAME", help="Which channel of the station.", show_default=False),
]
DriverName = Annotated[
    str | None,
    typer.Option(
        "--driver",
        metavar="NAME",
        help="Driver (labctl drivers), in place of a station file.",
        show_default=False,
    ),
]
Resource = Annotated[
    str | None,
    typer.Option(
        "--resource",
        metavar="ADDRESS",
        help="VISA resource or serial port of the instrument, with --driver.",
        show_default=False,
    ),
]
Analyser = Annotated[
    str | None,
    typer.Option(
        "--analyser",
        metavar="NAME",
        help="Driver of an analyser at the same cell, which measures impedance in place of the instrument.",
        show_default=False,
    ),
]
AnalyserResource = Annotated[
    str | None,
    typer.Option(
        "--analyser-resource",
        metavar="ADDRESS",
        help="VISA resource of the analyser, where the instrument has a --resource.",
        show_default=False,
    ),
]
Temperature = Annotated[
    str | None,
    typer.Option(
        "--temperature",
        metavar="DRIVER[@ADDRESS]",
        help="Thermometer or chamber beside the cell; without an address a simulated one.",
        show_default=False,
    ),
]
CellText = Annotated[
    str | None,
    typer.Option(
        "--cell", metavar="CELL", help="Simulated cell: na50k50, resistor:100, ... ", show_default=False
    ),
]
Watchdog = Annotated[
    str | None,
    typer.Option(
        "--watchdog",
        metavar="TIME",
        help="Arm the instrument's own watchdog, where it has one: within this time of silence it opens the circuit.",
        show_default=False,
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        "--without", metavar="KIND", help="Leave the steps of a kind out (impedance).", show_default=False
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of everything that is simulated.")]


def database_url(text: str) -> str:
    """The database a person means; an empty text is the default file, whose directory is made."""
    if text:
        return text
    from platformdirs import user_data_path

    return str(user_data_path("labctl", ensure_exists=True) / "labctl.sqlite")


def watchdog_s(text: str | None) -> float | None:
    """A time with its unit, in seconds.

    Raises:
        UserError: it is none.
    """
    from labctl.errors import UserError
    from labctl.units import Dimension, QuantityError, parse

    if text is None:
        return None
    try:
        return parse(text, Dimension.TIME).value
    except QuantityError as error:
        raise UserError(f"--watchdog {text}: {error}") from error


def speed_number(text: str | None) -> float | None:
    """``max`` is None, everything else a positive number.

    Raises:
        UserError: neither.
    """
    from labctl.errors import UserError

    if text is None or text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < 1e7:
        raise UserError(
            f"--speed {text}: give 'max' or a positive number, how many times faster than real time"
        )
    return speed
