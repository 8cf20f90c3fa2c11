"""``python -m labctl.keeper``: started by the engine with one end of a connection, or by hand with a socket's path."""

import argparse
import asyncio
import socket
from pathlib import Path

from labctl import plugins
from labctl.keeper.journal import Journal
from labctl.keeper.process import serve_many, serve_one


def main() -> None:
    """Serve until the connection ends, or until told to end."""
    parser = argparse.ArgumentParser(prog="python -m labctl.keeper", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--fd", type=int, help="an inherited connection to serve")
    where.add_argument("--listen", type=Path, help="path of the UNIX socket to serve")
    parser.add_argument("--journal", type=Path, help="file to note down what is done")
    parser.add_argument("--driver", help="a driver to load before it is needed")
    given = parser.parse_args()
    if given.driver:  # a keeper that stands by is to act at once when it is called
        plugins.driver(given.driver)
        from labctl.link import serial, visa  # noqa: F401
    journal = Journal(given.journal)
    try:
        if given.fd is not None:
            asyncio.run(serve_one(socket.socket(fileno=given.fd), journal))
        else:
            asyncio.run(serve_many(given.listen, journal))
    finally:
        journal.flush()


if __name__ == "__main__":
    main()
