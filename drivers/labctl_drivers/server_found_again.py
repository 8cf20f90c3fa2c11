"""A cycler's server that may be lost and found again, while the cycler goes on by itself."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from labctl.clock import Clock
from labctl.errors import CellStateUnknown, InstrumentError, LinkError
from labctl.link import Link

T = TypeVar("T")

_ATTEMPTS = 3  # to have one question answered by a server that can be found
_PICK_UPS = 30  # a second apart
_STOPS = 3


class ServerFoundAgain:
    """The way to a server, made anew whenever it is lost.

    Args:
        link: to the server.
        clock: the time of the driver.
        greet: introduces us on a new connection, and sees that the same server is at its other end.
    """

    def __init__(self, link: Link, clock: Clock, greet: Callable[[], Awaitable[None]]) -> None:
        self._link = link
        self._clock = clock
        self._greet = greet

    async def meet_again_if_lost(self) -> None:
        """A new connection where the present one cannot be trusted."""
        if self._link.poisoned:
            await self._meet_again()

    async def persistently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the server answers, although connections to it are lost.

        Raises:
            LinkError: it does not come back within half a minute.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return await ask()
            except LinkError as error:
                await self._pick_up(error)
        return await ask()

    async def make_safe(self, stop: Callable[[], Awaitable[None]]) -> None:
        """End the epoch and stop the channel, on a new connection if need be.

        Args:
            stop: stops the channel and reads back that it has stopped.

        Raises:
            CellStateUnknown: not confirmed after three tries.
        """
        self._link.fence.advance()
        problem = ""
        for _ in range(_STOPS):
            try:
                await self.meet_again_if_lost()
                await stop()
                return
            except (LinkError, InstrumentError) as error:
                problem = error.words
            self._link.poison()
        raise CellStateUnknown(problem, self._link.name, cell="unknown, look at the cycler")

    async def _pick_up(self, error: LinkError) -> None:
        for _ in range(_PICK_UPS):
            try:
                await self._meet_again()
                return
            except LinkError:
                await self._clock.sleep_until(self._clock.now() + self._clock.speed)
        raise error

    async def _meet_again(self) -> None:
        await self._link.resynchronise(0.0)
        await self._greet()
