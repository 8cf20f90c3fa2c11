"""A port whose reads block the thread that owns it, in slices, so that the thread can be interrupted."""

from abc import ABC, abstractmethod

from labctl.clock import ThreadClock
from labctl.errors import LinkLost

SLICE_S = 0.05  # on the wall: not later than this an interruption is noticed


class BlockingPort(ABC):
    """What the blocking kinds of port share: slices, interruption, and one kind of loss.

    Its methods never suspend. A subclass supplies four calls that block, and names the exceptions by which they
    tell that the port is gone.

    Args:
        name: for messages.
        clock: the time of the thread that owns the port.
    """

    losses: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, name: str, clock: ThreadClock) -> None:
        self.name = name
        self._clock = clock
        self._slice_s = SLICE_S

    async def open(self) -> None:
        """Open, or open again after a loss; input from before is gone.

        Raises:
            LinkLost: it cannot be opened.
            Superseded: the thread is to do something else first.
        """
        await self.close()
        self._clock.check()
        try:
            self._open()
        except self.losses as error:
            self._close()
            raise LinkLost(f"the port cannot be opened: {error}", self.name) from error

    async def write(self, data: bytes) -> None:
        """Hand all bytes over.

        Raises:
            LinkLost: the port is gone.
            Superseded: the thread is to do something else first; nothing was written.
        """
        self._clock.check()
        try:
            self._write(data)
        except self.losses as error:
            raise LinkLost(f"writing failed: {error}", self.name, _text(data)) from error

    async def read(self, until_s: float) -> bytes:
        """Return what has come; wait for it until ``until_s`` on the clock, then return ``b""``.

        Raises:
            LinkLost: the port is gone.
            Superseded: the thread is to do something else first.
        """
        clock = self._clock
        while True:
            clock.check()
            left_s = (until_s - clock.now()) / clock.speed
            try:
                data = self._poll(min(max(left_s, 0.0), self._slice_s))
            except self.losses as error:
                raise LinkLost(f"reading failed: {error}", self.name) from error
            if data or left_s <= 0.0:
                return data

    async def close(self) -> None:
        """Close; idempotent."""
        self._close()

    @abstractmethod
    def _open(self) -> None: ...

    @abstractmethod
    def _write(self, data: bytes) -> None: ...

    @abstractmethod
    def _poll(self, wait_s: float) -> bytes:
        """What has come, waiting at most about ``wait_s`` on the wall for it; 0.0: do not wait."""

    @abstractmethod
    def _close(self) -> None:
        """Close, whatever state it is in; raises nothing."""


def _text(data: bytes) -> str:
    return data.decode("ascii", "replace").strip()
