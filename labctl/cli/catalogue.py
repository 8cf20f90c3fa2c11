"""``labctl drivers``, ``labctl protocols`` and ``labctl protocol``: what is there to choose from."""

import typer

from labctl.cli import options, protocol_exchange

protocol_app = typer.Typer(help="The protocol language.", no_args_is_help=True, rich_markup_mode=None)
protocol_app.command("import")(protocol_exchange.import_)
protocol_app.command("export")(protocol_exchange.export)


def drivers(json: options.Json = False) -> None:
    """List the installed drivers and what their instruments can hold; thermometers and chambers last."""
    from labctl import plugins
    from labctl.cli.output import print_json
    from labctl.units import show_celsius

    found = [plugins.driver(name) for name in plugins.names("drivers")]
    beside = [plugins.auxiliary(name) for name in plugins.names("auxiliaries")]
    if json:
        listed: list[object] = [{"name": d.name, "summary": d.summary, "models": d.traits} for d in found]
        listed += [
            {"name": d.name, "summary": d.summary, "range_K": d.range_K, "settings": d.settings}
            for d in beside
        ]
        print_json(listed)
        return
    for driver in found:
        print(f"{driver.name}: {driver.summary}")
        for model, traits in driver.traits.items():
            impedance = traits.impedance
            eis = f"EIS {impedance.low_Hz:g} Hz .. {impedance.high_Hz:g} Hz" if impedance else "no EIS"
            pace = "runs steps by itself" if traits.autonomous else "paced by this computer"
            print(f"  {model}: {traits.voltage_max_V:g} V, {traits.current_max_A:g} A, {eis}, {pace}")
    for auxiliary in beside:
        print(f"{auxiliary.name}: {auxiliary.summary}")
        if auxiliary.range_K is None:
            print("  thermometer")
        else:
            print(f"  holds {' to '.join(show_celsius(limit_K) for limit_K in auxiliary.range_K)}")


def protocols(json: options.Json = False) -> None:
    """List the bundled protocols."""
    from labctl.cli.output import print_json
    from labctl.protocol import bundled

    found = bundled()
    if json:
        print_json([{"name": name, "path": str(path), "summary": summary} for name, path, summary in found])
        return
    for name, _, summary in found:
        print(f"{name}: {summary}")


@protocol_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of protocol files, for editors."""
    from labctl.cli.output import print_json
    from labctl.protocol import json_schema

    print_json(json_schema())


@protocol_app.callback()
def _group() -> None:
    """The protocol language."""
