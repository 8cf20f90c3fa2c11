"""A channel for the event loop whose driver lives in the thread that owns its port."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TypeVar

from labctl.clock import LoopClock, ThreadClock
from labctl.errors import CellStateUnknown
from labctl.instrument.channel import Driver, Feeds, Identity, Inspects, Sample, TellsWhatItFound, Trips
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Step
from labctl.link.link import Link
from labctl.link.open import open_port
from labctl.link.port import Port
from labctl.link.thread import PortThread

T = TypeVar("T", Sample, ImpedancePoint)

_SAFE_WITHIN_S = 30.0


class ThreadedChannel:
    """An instrument at a VISA resource or serial line, as a channel of the event loop.

    The driver runs in the thread that owns the port, so that a step is paced without a hop between threads for every
    query; samples cross to the event loop. ``make_safe`` does not wait for its turn: it begins a new epoch, interrupts
    what runs in the thread, and goes before whatever waits.

    Args:
        driver: which driver.
        resource: a VISA resource string, or a serial line.
        clock: the time of the event loop.
        model: the model to expect; None takes any that the driver knows.
        options: further keywords of the driver.
        port: makes the port, for ports of another kind.
    """

    def __init__(
        self,
        driver: Driver,
        resource: str,
        clock: LoopClock,
        model: str | None = None,
        options: Mapping[str, object] | None = None,
        port: Callable[[str, ThreadClock, Driver], Port] = open_port,
    ) -> None:
        thread_clock = clock.in_thread()
        link = Link(port(resource, thread_clock, driver), thread_clock, driver.terminator)
        given = dict(options or {}) | ({} if model is None else {"model": model})
        self._channel = driver.open(link, thread_clock, **given)
        self._fence = link.fence
        self._thread = PortThread(resource, thread_clock)
        self._resource = resource
        self.traits = self._channel.traits
        self.step_began_s = clock.now()

    async def connect(self) -> Identity:
        """Identify the instrument and adopt its present state."""
        identity = await self._thread.call(self._channel.connect)
        self.traits = self._channel.traits
        return identity

    async def found_closed(self) -> bool | None:
        """Whether ``connect`` found the circuit closed; None: the driver cannot tell."""
        if not isinstance(self._channel, TellsWhatItFound):
            return None
        return await self._thread.call(self._channel.found_closed)

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step in the thread; leaving early ends it there."""
        return self._stream(lambda: self._channel.run(step), self._fence.epoch)

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Measure a spectrum in the thread; leaving early ends it there."""
        return self._stream(lambda: self._channel.sweep(spec), self._fence.epoch)

    async def make_safe(self) -> None:
        """Open the circuit; goes on in the thread even if whoever waits for it is cancelled.

        Raises:
            CellStateUnknown: it could not be confirmed open, or the thread does not come back.
        """
        self._fence.advance()
        try:
            async with asyncio.timeout(_SAFE_WITHIN_S):
                await self._thread.call_first(self._channel.make_safe)
        except TimeoutError:
            raise CellStateUnknown(
                f"its port has not answered to the program for {_SAFE_WITHIN_S:g} s", self._resource
            ) from None

    async def inspect(self) -> tuple[str, ...]:
        """What the instrument is set to, as read back; empty if the driver cannot tell."""
        if not isinstance(self._channel, Inspects):
            return ()
        return await self._thread.call(self._channel.inspect)

    def feed(self) -> None:
        """A control tick has been completed: a watchdog inside the instrument may be fed."""
        if isinstance(self._channel, Feeds):
            self._channel.feed()

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
        await self._thread.call_first(self._channel.trip)

    async def close(self) -> None:
        """Give the port back and end the thread."""
        await self._thread.call_first(self._channel.close)
        await self._thread.close()

    async def _stream(
        self, make: Callable[[], AsyncGenerator[T, None]], epoch: int
    ) -> AsyncGenerator[T, None]:
        def make_in_thread() -> AsyncGenerator[T, None]:
            items = make()
            self._fence.check(epoch)  # the driver took its epoch in ``make``: the same as this one
            return items

        items = self._thread.stream(make_in_thread)
        try:
            async for item in items:
                self.step_began_s = self._channel.step_began_s
                yield item
        finally:
            await items.aclose()
