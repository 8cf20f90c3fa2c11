"""Hardware in the loop: ``pytest --station FILE`` runs ``tests/hardware``, and nothing else, on a station's channels.

It stands here since pytest looks for options beside its configuration. A station file that lies elsewhere is given as
``--station=FILE``: pytest takes the directory of a path that follows a blank for the tests' own.
"""

from pathlib import Path

import pytest

HARDWARE = Path(__file__).parent / "tests" / "hardware"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The station, what is at its channels, and how fast they live."""
    group = parser.getgroup("hardware in the loop")
    group.addoption(
        "--station", metavar="FILE", help="run on the channels of a station file, a resistor at each"
    )
    group.addoption(
        "--channel", metavar="NAME", action="append", help="only on this channel; may be repeated"
    )
    group.addoption("--load", metavar="resistor:OHM", default="resistor:100", help="what is at each channel")
    group.addoption("--station-speed", metavar="N", type=float, default=1.0, help="for simulated instruments")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Hardware if it is asked for, and nothing else then."""
    if not collection_path.name.startswith("test_"):
        return None
    return (HARDWARE in collection_path.parents) != bool(config.getoption("--station")) or None
