"""Where a keeper comes from: a child process of one's own, or one that listens for many."""

import asyncio
import os
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from labctl.keeper.peer import Peer

_FD = 3


class Keepers(Protocol):
    """Makes connections to keepers."""

    async def start(self) -> Peer:
        """A connection to a keeper that has no channel yet.

        Raises:
            OSError: there is none, and none can be started.
        """
        ...

    def end(self, peer: Peer) -> None:
        """Kill a keeper that does not answer: then the system closes its ports, and another can open them."""
        ...


class ChildKeepers:
    """Starts a keeper for each connection, in a session of its own: neither Ctrl-C nor our death reaches it.

    Args:
        driver: name of the driver that it is going to need.
        journal: the file it writes to; None: nothing is kept.
    """

    def __init__(self, driver: str, journal: Path | None) -> None:
        self._arguments = ["--driver", driver]
        if journal is not None:
            self._arguments += ["--journal", str(journal)]
        self._children: set[int] = set()

    async def start(self) -> Peer:
        """Start a keeper."""
        self._reap()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            pid = self._spawn(theirs)
        peer = await _connected(ours)
        peer.pid = pid
        return peer

    def end(self, peer: Peer) -> None:
        """Kill it."""
        if peer.pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(peer.pid, signal.SIGKILL)

    def _spawn(self, connection: socket.socket) -> int:
        """The process; it keeps our standard error, so that it can be loud."""
        command = [sys.executable, "-m", "labctl.keeper", "--fd", str(_FD), *self._arguments]
        pid = os.posix_spawn(
            sys.executable,
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, connection.fileno(), _FD),
            ],
            setsid=True,
        )
        self._children.add(pid)
        return pid

    def _reap(self) -> None:
        """Forget those that have ended."""
        for pid in list(self._children):
            with suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    continue
            self._children.discard(pid)


class ListeningKeeper:
    """A keeper that serves many channels at a UNIX socket.

    Args:
        path: of the socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def start(self) -> Peer:
        """Connect."""
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(ours, str(self._path))
        except OSError:
            ours.close()
            raise
        credentials = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        peer = await _connected(ours)
        peer.pid = struct.unpack("3i", credentials)[0]
        return peer

    def end(self, peer: Peer) -> None:
        """Kill it: a keeper that does not answer keeps nobody's circuit."""
        with suppress(ProcessLookupError):
            os.kill(peer.pid, signal.SIGKILL)


async def _connected(connection: socket.socket) -> Peer:
    peer = Peer()
    await asyncio.get_running_loop().create_connection(lambda: peer.frames, sock=connection)
    return peer
