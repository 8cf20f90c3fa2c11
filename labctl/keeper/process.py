"""The keeper as a process: serves one inherited connection, or everyone who may open its socket."""

import asyncio
import os
import signal
import socket
from asyncio import TaskGroup
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labctl.keeper.journal import Journal
from labctl.keeper.session import Session

TOLD_TO_END = "the keeper was told to end"


async def serve_one(connection: socket.socket, journal: Journal) -> None:
    """Serve the engine at the other end of a connection; return when its circuit is open and it is gone."""

    def alone() -> None:
        journal.flush()
        _leave_the_terminal()

    session = Session(journal, alone)
    await asyncio.get_running_loop().create_connection(lambda: session.frames, sock=connection)
    with _on_signals(lambda: session.end(TOLD_TO_END)):
        await session.serve()


async def serve_many(path: Path, journal: Journal) -> None:
    """Serve engines at a UNIX socket that only its owner can open, one channel a connection, until told to end."""
    sessions: set[Session] = set()
    told = asyncio.Event()

    def connected() -> asyncio.Protocol:
        session = Session(journal, lambda: None)
        group.create_task(serve(session))
        return session.frames

    async def serve(session: Session) -> None:
        sessions.add(session)
        try:
            await session.serve()
        except Exception as error:  # noqa: BLE001  a bug met in one channel: its circuit is open, the others go on
            journal.note("-", "bug", f"{type(error).__name__}: {error}", loud=True)
        finally:
            sessions.discard(session)

    async with TaskGroup() as group:
        server = await asyncio.get_running_loop().create_unix_server(connected, sock=_private_socket(path))
        with _on_signals(told.set):
            await told.wait()
            server.close()
            for session in sessions:
                session.end(TOLD_TO_END)
    _remove(path)


def _private_socket(path: Path) -> socket.socket:
    """A listening UNIX socket of mode 0600; a stale one of an earlier process is replaced.

    Raises:
        FileExistsError: somebody listens there, or it is something else.
    """
    if path.is_socket() and not _answers(path):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError as error:
        listening.close()
        raise FileExistsError(f"{path} is in use") from error
    finally:
        os.umask(before)
    return listening


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


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
