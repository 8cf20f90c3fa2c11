"""When a process that accompanies a station is to end: a signal, or the end of its standard input."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_NICE = 5
"""Less urgent than what holds the cells."""


@asynccontextmanager
async def told_to_end(*, with_input: bool) -> AsyncIterator[asyncio.Event]:
    """Set once the process is told to end.

    Args:
        with_input: standard input is a pipe from the station's process: the two end together.
    """
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    if not with_input:
        yield told
        return
    os.nice(_NICE)
    loop.add_reader(sys.stdin, _look, told, loop)
    try:
        yield told
    finally:
        loop.remove_reader(sys.stdin)


def _look(told: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin)
        told.set()
