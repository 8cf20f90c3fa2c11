"""``labctl check``: the plan that a protocol makes, and what an instrument cannot hold of it."""

import sys

import typer

from labctl.cli import options


def check(
    protocol: options.Protocol,
    station: options.Station = None,
    channel: options.ChannelName = None,
    driver: options.DriverName = None,
    analyser: options.Analyser = None,
    temperature: options.Temperature = None,
    without: options.Without = None,
    json: options.Json = False,
) -> None:
    """Show the plan: steps, duration, charge, rows, spectra; and what the instrument cannot hold. Sends nothing."""
    from labctl.cli.choose import choose_channel
    from labctl.cli.output import print_json
    from labctl.protocol import all_problems, estimate, load
    from labctl.protocol.refusals import refusals
    from labctl.report.plan_text import plan_lines
    from labctl.station.limits import beyond_channel
    from labctl.station.thermometers import beyond_thermometer

    if found := all_problems(protocol):
        print("\n".join(f"labctl: {error}" for error in found), file=sys.stderr)
        raise typer.Exit(2)
    plan = load(protocol, without=without or ())
    cell = "unconnected" if station is None else None
    spec = choose_channel(plan, station, channel, driver, None, cell, analyser, None, temperature)
    traits = spec.traits()
    problems = [
        *refusals(plan, traits, spec.check_step()),
        *beyond_channel(plan, spec.limits, spec.name),
        *beyond_thermometer(plan, spec.thermometer, spec.name),
    ]
    if json:
        print_json({"plan": plan, "estimate": estimate(plan), "instrument": traits, "refusals": problems})
    else:
        print("\n".join(plan_lines(plan)))
        print(
            f"\n{spec.driver} ({traits.model}): "
            + ("can hold all of it" if not problems else "cannot hold this:")
        )
        for problem in problems:
            print(f"  {problem}")
        for held in traits.holds:
            print(f"  holds by itself: {held}")
    if problems:
        raise typer.Exit(2)
