"""The keeper as a process: keeps a channel for every connection that an engine hands it."""

import asyncio
import os
import signal
import socket
from asyncio import TaskGroup
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labctl.keeper.blocked import watch_for_blocking
from labctl.keeper.journal import Journal
from labctl.keeper.session import Session

TOLD_TO_END = "the keeper was told to end"


async def serve(control: socket.socket, journal: Journal) -> None:
    """Serve every connection that comes through ``control``; return when it has ended and every circuit is open.

    One channel a connection. What goes wrong on one, a bug included, ends there.

    Args:
        control: gives one byte, and with it one end of a connection, for each channel.
        journal: where to write what is done.
    """
    control.setblocking(False)
    loop, over, sessions = asyncio.get_running_loop(), asyncio.Event(), set[Session]()

    def take() -> None:
        for connection in _handed_over(control):
            if connection is None:
                loop.remove_reader(control)
                over.set()
            else:
                group.create_task(keep(connection))

    async def keep(connection: socket.socket) -> None:
        session = Session(journal, alone)
        sessions.add(session)
        try:
            await loop.create_connection(lambda: session.frames, sock=connection)
            await session.serve()
        except Exception as error:  # noqa: BLE001  a bug met in one channel: its circuit is open, the others go on
            journal.note("-", "bug", f"{type(error).__name__}: {error}", loud=True)
        finally:
            sessions.discard(session)

    def alone() -> None:
        group.create_task(leave())

    async def leave() -> None:
        """A circuit is not open yet: go on trying, but let go of the terminal of an engine that is gone."""
        await over.wait()
        await asyncio.to_thread(journal.flush)
        _leave_the_terminal()

    def told() -> None:
        over.set()
        for session in sessions:
            session.end(TOLD_TO_END)

    with watch_for_blocking(journal), _on_signals(told):
        async with TaskGroup() as group:
            loop.add_reader(control, take)
            await over.wait()
            loop.remove_reader(control)


def _handed_over(control: socket.socket) -> Iterator[socket.socket | None]:
    """The connections that have come; None: the last, since the other end is gone."""
    while True:
        try:
            data, numbers, _, _ = socket.recv_fds(control, 1, 1)
        except BlockingIOError:
            return
        except ConnectionError:
            data, numbers = b"", []
        yield from (socket.socket(fileno=number) for number in numbers)
        if not data:
            yield None
            return


@contextmanager
def _on_signals(told: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _leave_the_terminal() -> None:
    """Nobody is to wait for the output of a process that only goes on trying to open a circuit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
