"""A channel whose driver is given its turns at a port by somebody else: a thread of its own, or the event loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from labctl.errors import CellStateUnknown
from labctl.instrument.channel import Channel, Feeds, Identity, Inspects, Sample, TellsWhatItFound, Trips
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Step
from labctl.link.fence import Fence

T = TypeVar("T", Sample, ImpedancePoint)
Outcome = TypeVar("Outcome")

_SAFE_WITHIN_S = 30.0


class Turns(Protocol):
    """Who gives jobs their turns at a port: ``PortThread``, ``PortTurns``."""

    async def call(self, make: Callable[[], Coroutine[Any, Any, Outcome]]) -> Outcome:
        """Carry out a job, one after the other."""
        ...

    async def call_first(self, make: Callable[[], Coroutine[Any, Any, Outcome]]) -> Outcome:
        """Carry out a job before anything else; what runs is interrupted."""
        ...

    def stream(self, make: Callable[[], AsyncGenerator[Outcome, None]]) -> AsyncGenerator[Outcome, None]:
        """Iterate; leaving early ends it."""
        ...

    async def close(self) -> None:
        """No further jobs come."""
        ...


class HeldChannel:
    """An instrument as a channel of the event loop, wherever its driver runs.

    ``make_safe`` does not wait for its turn: it begins a new epoch, interrupts what runs, and goes before what waits.

    Args:
        channel: of the driver; only ever called in a turn.
        fence: of its link.
        turns: who gives them.
        resource: where it is, for messages.
    """

    def __init__(self, channel: Channel, fence: Fence, turns: Turns, resource: str) -> None:
        self._channel = channel
        self._fed = channel if isinstance(channel, Feeds) else None
        self._fence = fence
        self._turns = turns
        self._resource = resource
        self.traits = channel.traits
        self.step_began_s = channel.step_began_s

    async def connect(self) -> Identity:
        """Identify the instrument and adopt its present state."""
        identity = await self._turns.call(self._channel.connect)
        self.traits = self._channel.traits
        return identity

    async def found_closed(self) -> bool | None:
        """Whether ``connect`` found the circuit closed; None: the driver cannot tell."""
        if not isinstance(self._channel, TellsWhatItFound):
            return None
        return await self._turns.call(self._channel.found_closed)

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; leaving early ends it."""
        return self._stream(lambda: self._channel.run(step), self._fence.epoch)

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Measure a spectrum; leaving early ends it."""
        return self._stream(lambda: self._channel.sweep(spec), self._fence.epoch)

    async def make_safe(self) -> None:
        """Open the circuit; goes on even if whoever waits for it is cancelled.

        Raises:
            CellStateUnknown: it could not be confirmed open, or the driver does not come back.
        """
        self._fence.advance()
        try:
            async with asyncio.timeout(_SAFE_WITHIN_S):
                await self._turns.call_first(self._channel.make_safe)
        except TimeoutError:
            raise CellStateUnknown(
                f"its port has not answered to the program for {_SAFE_WITHIN_S:g} s", self._resource
            ) from None

    async def inspect(self) -> tuple[str, ...]:
        """What the instrument is set to, as read back; empty if the driver cannot tell."""
        if not isinstance(self._channel, Inspects):
            return ()
        return await self._turns.call(self._channel.inspect)

    def feed(self) -> None:
        """A control tick has been completed: a watchdog inside the instrument may be fed."""
        if self._fed is not None:
            self._fed.feed()

    @property
    def trips(self) -> bool:
        """Whether the driver knows a last resort when ``make_safe`` has failed."""
        return isinstance(self._channel, Trips)

    async def trip(self) -> None:
        """The last resort, where the driver knows one.

        Raises:
            CellStateUnknown: the circuit could not be confirmed open this way either.
        """
        assert isinstance(self._channel, Trips)
        self._fence.advance()
        await self._turns.call_first(self._channel.trip)

    async def close(self) -> None:
        """Give the port back; no job follows."""
        await self._turns.call_first(self._channel.close)
        await self._turns.close()

    async def _stream(
        self, make: Callable[[], AsyncGenerator[T, None]], epoch: int
    ) -> AsyncGenerator[T, None]:
        def make_in_turn() -> AsyncGenerator[T, None]:
            items = make()
            self._fence.check(epoch)  # the driver took its epoch in ``make``: the same as this one
            return items

        items = self._turns.stream(make_in_turn)
        try:
            async for item in items:
                self.step_began_s = self._channel.step_began_s
                yield item
        finally:
            await items.aclose()
