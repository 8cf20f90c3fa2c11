"""Where a keeper comes from: a process of its own, started when it is needed, that keeps many channels."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from labctl.keeper.peer import Peer

_FD = 3


class Keepers(Protocol):
    """Makes connections to a keeper."""

    def ready(self) -> None:
        """See to it that ``start`` will not have to wait.

        Raises:
            OSError: no keeper can be started.
        """
        ...

    async def start(self) -> Peer:
        """A connection to a keeper, about no channel yet.

        Raises:
            OSError: there is none, and none can be started.
        """
        ...

    def end(self, peer: Peer) -> None:
        """Kill a keeper that does not answer: then the system closes its ports, and another can open them."""
        ...


class KeeperProcess:
    """One keeper for many channels. It is started when it is needed, and again when it has died.

    It lives in a session of its own: neither Ctrl-C nor our death reaches it. When we are gone it opens what is closed,
    and ends. Each channel has a connection of its own, one end of which is handed over to it.

    Args:
        drivers: names of the drivers that it is going to need.
        journal: the file it writes to; None: nothing is kept.
        libraries: it is going to need more than plain sockets.
    """

    def __init__(self, drivers: Iterable[str], journal: Path | None, *, libraries: bool = False) -> None:
        self.pid = 0
        self._arguments = [argument for name in drivers for argument in ("--driver", name)]
        if libraries:
            self._arguments.append("--libraries")
        if journal is not None:
            self._arguments += ["--journal", str(journal)]
        self._control: socket.socket | None = None

    @property
    def control(self) -> socket.socket:
        """What connections are handed over through."""
        self.ready()
        assert self._control is not None
        return self._control

    def ready(self) -> None:
        """Start it, unless it lives."""
        if self._lives():
            return
        self.close()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._control.setblocking(False)  # a keeper that takes nothing is none
        with theirs:
            self.pid = self._spawn(theirs)

    async def start(self) -> Peer:
        """A connection to it."""
        self.ready()
        return await hand_over(self.control, self.pid)

    def end(self, peer: Peer) -> None:
        """Kill it, unless that has been done and another is in its place."""
        if peer.pid == self.pid and self._lives():
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """It is needed no more: it ends when every circuit is open."""
        if self._control is not None:
            self._control.close()
            self._control = None

    def _lives(self) -> bool:
        """Whether it has been started, and has not ended."""
        if self.pid:
            with suppress(ChildProcessError):
                if os.waitpid(self.pid, os.WNOHANG) == (0, 0):
                    return self._control is not None
        self.pid = 0
        return False

    def _spawn(self, connection: socket.socket) -> int:
        """The process; it keeps our standard error, so that it can be loud."""
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "labctl.keeper", "--fd", str(_FD), *self._arguments],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, connection.fileno(), _FD),
            ],
            setsid=True,
        )


async def hand_over(control: socket.socket, pid: int) -> Peer:
    """Connect to the keeper at the other end of ``control``.

    Raises:
        OSError: it takes nothing.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        try:
            socket.send_fds(control, [b"c"], [theirs.fileno()])
        except OSError:
            ours.close()
            raise
    peer = Peer(pid)
    await asyncio.get_running_loop().create_connection(lambda: peer.frames, sock=ours)
    return peer
