"""``python -m labctl.keeper``: started by the engine, which hands it connections."""

import argparse
import asyncio
import socket
from pathlib import Path

from labctl import plugins
from labctl.keeper.journal import Journal
from labctl.keeper.process import serve


def main() -> None:
    """Serve until the engine is gone, or until told to end."""
    parser = argparse.ArgumentParser(prog="python -m labctl.keeper", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="where connections are handed over")
    parser.add_argument("--journal", type=Path, help="file to note down what is done")
    parser.add_argument(
        "--driver",
        action="append",
        default=[],
        help="a driver to load before it is needed; as often as need be",
    )
    parser.add_argument("--libraries", action="store_true", help="load those for VISA and serial lines, too")
    given = parser.parse_args()
    for name in given.driver:  # a keeper that stands by is to act at once when it is called
        plugins.driver(name)
    if given.libraries:
        from labctl.link import serial, visa  # noqa: F401
    journal = Journal(given.journal)
    try:
        asyncio.run(serve(socket.socket(fileno=given.fd), journal))
    finally:
        journal.flush()


if __name__ == "__main__":
    main()
