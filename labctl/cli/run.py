"""``labctl run``: one plan on one channel, watched while it runs."""

from typing import Annotated

import typer

from labctl.cli import options


def run(
    protocol: options.Protocol,
    station: options.Station = None,
    channel: options.ChannelName = None,
    driver: options.DriverName = None,
    resource: options.Resource = None,
    cell: options.CellText = None,
    analyser: options.Analyser = None,
    analyser_resource: options.AnalyserResource = None,
    temperature: options.Temperature = None,
    db: options.Database = "",
    speed: Annotated[
        str | None,
        typer.Option(
            "--speed",
            metavar="max|N",
            help="How many times faster than real time; for simulated instruments only. "
            "Default: max in this process, 1 for a resource.",
            show_default=False,
        ),
    ] = None,
    watchdog: options.Watchdog = None,
    without: options.Without = None,
    no_stop_rules: Annotated[
        bool, typer.Option("--no-stop-rules", help="Run to the plan's end, whatever the cell does.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the cell, for the records.", show_default=False),
    ] = None,
    unattended: Annotated[
        bool,
        typer.Option(
            "--unattended",
            help="Nobody will be there: refuse unless something opens the circuit without labctl.",
        ),
    ] = False,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Run a protocol on a cell. Without a station, on a simulated instrument with the protocol's simulated cell.

    Ctrl-C once ends the run after the present step, twice opens the circuit at once.
    """
    from dataclasses import replace

    from labctl.cli.attend import attend
    from labctl.cli.choose import choose_channel
    from labctl.protocol import load

    plan = load(protocol, cell={"name": name} if name else None, without=without or ())
    if no_stop_rules:
        plan = replace(plan, rules=())
    spec = choose_channel(
        plan, station, channel, driver, resource, cell, analyser, analyser_resource, temperature
    )
    if watchdog is not None:
        spec = replace(spec, watchdog_s=options.watchdog_s(watchdog))
    database, times_real = options.database_url(db), options.speed_number(speed)
    raise typer.Exit(attend(plan, spec, database, times_real, seed, unattended=unattended, json=json))
