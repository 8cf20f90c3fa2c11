"""``labctl new-driver``: the beginning of a driver package, which runs before a line of it is changed."""

from pathlib import Path
from typing import Annotated

import typer


def new_driver(
    name: Annotated[
        str,
        typer.Argument(metavar="VENDOR_MODEL", help="For example keithley_2450.", show_default=False),
    ],
    into: Annotated[str, typer.Option("--into", metavar="DIRECTORY", help="Where it is made.")] = ".",
) -> None:
    """Write a driver package: facts, transcript, codec, driver, simulated firmware, conformance, page.

    It is a working driver of an imaginary instrument; what is to be replaced is marked FILL IN. See docs/drivers.md.
    """
    from labctl.cli.skeleton import write_skeleton

    made = write_skeleton(name, Path(into))
    print(f"{made} has been made: every place that says FILL IN is yours, beginning with facts.md")
    print(f"  pip install --editable '{made}[dev]' && cd {made} && python -m pytest")
