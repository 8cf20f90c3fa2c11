"""``labctl conformance``: an instrument on the bench, a resistor at it, and every promise of a channel checked."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from labctl.cli import options

_DOES_NOT_CONFORM = 4


def conformance(
    resource: Annotated[
        str, typer.Argument(metavar="RESOURCE", help="VISA resource or serial port.", show_default=False)
    ],
    driver: Annotated[str, typer.Option("--driver", metavar="NAME", help="Driver (labctl drivers).")],
    load: Annotated[
        str,
        typer.Option(
            "--load", metavar="resistor:OHM", help="The resistor at the terminals, in place of a cell."
        ),
    ],
    current: Annotated[
        str | None,
        typer.Option(
            "--current",
            metavar="I",
            help="Sent through it. Default: what gives 0.5 V, at most half of the range.",
            show_default=False,
        ),
    ] = None,
    accuracy: Annotated[
        float, typer.Option("--accuracy", metavar="PART", help="By which load and instrument may be off.")
    ] = 0.01,
    ask: Annotated[
        bool, typer.Option("--ask", help="Somebody is there: check what a pulled cable does, too.")
    ] = False,
    report: Annotated[
        str | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Where the report goes. Default: named for driver, instrument and day.",
            show_default=False,
        ),
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option("--speed", metavar="N", help="For simulated instruments only.", show_default=False),
    ] = None,
) -> None:
    """Check on hardware what the tests check on simulated instruments. No cell may be connected: a resistor is.

    Takes about a minute and a half. Exit code 0 if it conforms, 4 if not, 6 if the circuit is not confirmed open.
    """
    import asyncio
    from datetime import UTC, datetime
    from importlib.metadata import version

    from labctl import plugins
    from labctl.clock import LoopClock
    from labctl.errors import UserError
    from labctl.station.conformance import Finding, Load, Place, conform, current_for
    from labctl.station.conformance_report import file_name
    from labctl.station.conformance_report import report as report_text
    from labctl.station.connect import ChannelSpec, clock_for

    found_driver = plugins.driver(driver)
    traits = next(iter(found_driver.traits.values()))
    resistance_ohm = _resistance_ohm(load)
    if not 0.0 < accuracy < 0.5:
        raise UserError(f"--accuracy {accuracy}: give a part, for example 0.01")
    current_A = current_for(resistance_ohm, traits) if current is None else _current_A(current)
    clock = clock_for(ChannelSpec("bench", driver, resource), options.speed_number(speed or "1"))
    assert isinstance(clock, LoopClock)

    def told(finding: Finding) -> None:
        print(
            f"{finding.outcome:9} {finding.promise}",
            *(finding.found and [finding.found]),
            sep=": ",
            flush=True,
        )

    found = asyncio.run(
        conform(
            *(Place(found_driver, resource), Load(resistance_ohm, current_A, accuracy), clock),
            attendant=_AtTheBench() if ask else None,
            told=told,
        )
    )
    when = datetime.now(UTC)
    path = Path(report or file_name(found, when))
    path.write_text(report_text(found, when, version("labctl-cycler")), encoding="utf-8")
    print(f"{found.identity} {found.verdict}; the report is in {path}")
    if not found.conforms:
        raise typer.Exit(_DOES_NOT_CONFORM)


class _AtTheBench:
    """The person who reads the screen."""

    def say(self, text: str) -> None:
        print(f"PLEASE {text}", flush=True)

    async def done(self, question: str) -> None:
        import asyncio

        print(f"PLEASE {question}, then press Enter", flush=True)
        await asyncio.to_thread(sys.stdin.readline)


def _resistance_ohm(text: str) -> float:
    from labctl.errors import UserError

    kind, _, size = text.partition(":")
    try:
        resistance_ohm = float(size)
    except ValueError:
        resistance_ohm = 0.0
    if kind != "resistor" or not 0.0 < resistance_ohm < 1e9:
        raise UserError(f"--load {text}: give resistor: and its ohms, for example resistor:100")
    return resistance_ohm


def _current_A(text: str) -> float:
    from labctl.errors import UserError
    from labctl.units import Dimension, QuantityError, parse

    try:
        current_A = parse(text, Dimension.CURRENT).value
    except QuantityError as error:
        raise UserError(f"--current {text}: {error}") from error
    if current_A <= 0.0:
        raise UserError(f"--current {text}: give a positive current, both signs are tried")
    return current_A
