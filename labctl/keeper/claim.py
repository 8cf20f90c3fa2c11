"""One owner for each port: a lock that ends with the process that holds it."""

import asyncio
import fcntl
import hashlib
import os
import tempfile
from pathlib import Path

from labctl.errors import StationError
from labctl.link.address import port_name

_PATIENCE_S = 2.0  # a keeper that is about to end may still be confirming that its circuit is open
_AGAIN_AFTER_S = 0.02


class Claim:
    """The exclusive right to talk to a resource, among the processes of one user on one computer.

    VISA does not give that: a TCP instrument may accept two clients, and mixes up their answers.

    Args:
        resource: as a person writes it.
        further: ports that are held with it.
    """

    def __init__(self, resource: str, *further: str) -> None:
        self._resources = (resource, *further)
        self._files: list[int] = []

    async def take(self, patience_s: float = _PATIENCE_S) -> None:
        """Take the lock, waiting a moment for another keeper to end.

        Args:
            patience_s: how long, on the wall.

        Raises:
            StationError: another process holds it.
        """
        until_s = asyncio.get_running_loop().time() + patience_s
        try:
            for resource in self._resources:
                await self._take(resource, until_s)
        except BaseException:
            self.drop()
            raise

    async def _take(self, resource: str, until_s: float) -> None:
        name = hashlib.sha256(port_name(resource).encode()).hexdigest()[:24]
        file = os.open(runtime_directory() / f"{name}.claim", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._files.append(file)
        loop = asyncio.get_running_loop()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if loop.time() >= until_s:
                    holder = os.pread(file, 32, 0).decode("ascii", "replace").strip()
                    raise StationError(
                        f"{resource} is in the hands of another labctl (process {holder}); nothing was sent"
                    ) from None
                await asyncio.sleep(_AGAIN_AFTER_S)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)

    def drop(self) -> None:
        """Give the right back; idempotent."""
        while self._files:
            os.close(self._files.pop())


def runtime_directory() -> Path:
    """Where locks and sockets live: a directory that only this user can enter.

    Raises:
        StationError: somebody else made it, or it cannot be made.
    """
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    path = base / f"labctl-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise StationError(f"{path}, for locks and sockets, cannot be made: {error.strerror}") from error
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise StationError(f"{path} is not a directory that only you can enter: remove it")
    return path
