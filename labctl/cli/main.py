"""The ``labctl`` command: its groups, and the one place where an error becomes a line and an exit code."""

import sys
from typing import Annotated

import typer

from labctl.cli import (
    analysis,
    audit,
    catalogue,
    check,
    conformance,
    dashboard,
    data,
    doctor,
    exchange,
    new_driver,
    notices,
    plot,
    resume,
    rules,
    run,
    safety,
    scan,
    simulate,
    station,
    telemetry,
    watch,
)

app = typer.Typer(
    name="labctl",
    epilog="Exit codes: 0 done, or stopped by a rule; 1 a bug; 2 wrong file or command line; 4 instrument or link; "
    "5 safety limit crossed; 6 circuit not confirmed open, look at the cell; 7 database; 130 ended by a person.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("safety")(safety.safety)
app.command("doctor")(doctor.doctor)
app.command("runs")(data.runs)
app.command("show")(data.show)
app.command("analyse")(analysis.analyse)
app.command("plot")(plot.plot)
app.command("report")(plot.report)
app.command("export")(exchange.export)
app.command("import")(exchange.import_)
app.command("scan")(scan.scan)
app.command("conformance")(conformance.conformance)
app.command("simulate")(simulate.simulate)
app.command("serve")(station.serve)
app.command("dashboard")(dashboard.dashboard)
app.command("submit")(station.submit)
app.command("queue")(station.queue)
app.command("watch")(watch.watch)
app.command("pause")(station.pause)
app.command("resume")(resume.resume)
app.command("skip")(station.skip)
app.command("stop")(station.stop)
app.command("abort")(station.abort)
app.command("broker")(telemetry.broker)
app.command("command")(telemetry.command)
app.command("drivers")(catalogue.drivers)
app.command("new-driver")(new_driver.new_driver)
app.command("protocols")(catalogue.protocols)
app.add_typer(catalogue.protocol_app, name="protocol")
app.add_typer(station.station_app, name="station")
app.add_typer(rules.app, name="rules")
app.add_typer(audit.app, name="audit")
app.add_typer(telemetry.telemetry_app, name="telemetry")
app.add_typer(notices.notices_app, name="notices")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"labctl {version('labctl-cycler')}")
        raise typer.Exit


@app.callback()
def _labctl(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Runs cycling protocols on electrochemical cells. Start with: labctl run na50k50-symmetric."""


def main() -> None:
    """Entry point of the command ``labctl``."""
    from labctl.cli.screen import make_inert
    from labctl.errors import LabctlError

    make_inert()
    try:
        app()
    except LabctlError as error:
        from labctl.cli.exits import code_of

        print(f"labctl: {error}", file=sys.stderr)
        sys.exit(code_of(error))
    except KeyboardInterrupt:
        print("labctl: ended by Ctrl-C", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001  the outermost edge: a bug becomes a line and a report
        from labctl.cli.bug_report import write_report

        print(
            f"labctl: a bug in labctl: {error!r}; what is known of it is in {write_report(error)}",
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
