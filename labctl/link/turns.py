"""Turns at a port that is talked to on the event loop: one job after another, and what must go first goes first."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from labctl.clock import TurnClock
from labctl.errors import Superseded

T = TypeVar("T")


class PortTurns:
    """What ``PortThread`` is for a thread, on the event loop: the jobs of one port, none of which may block.

    Args:
        name: for the tasks.
        clock: the time in which jobs live; interrupted when a job has to make way.
    """

    def __init__(self, name: str, clock: TurnClock) -> None:
        self._name = name
        self._clock = clock
        self._turn = asyncio.Lock()
        self._dropped = 0
        self._first = False

    async def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Carry out a coroutine when it is its turn."""
        async with self._one_turn():
            return await make()

    async def call_first(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Carry out a coroutine before anything else.

        What runs is interrupted, what waits is dropped (both with Superseded), and nothing stops this one: not even a
        cancellation of whoever waits for it.
        """
        self._dropped += 1
        if not self._first:
            self._clock.interrupt()
        doing = asyncio.ensure_future(self._go_first(make))
        doing.set_name(self._name)
        doing.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(doing)

    async def stream(self, make: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """Iterate; the turn lasts until the end, or until whoever iterates leaves."""
        async with self._one_turn(), aclosing(make()) as items:
            async for item in items:
                yield item

    async def close(self) -> None:
        """There is no thread to end."""

    async def _go_first(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with self._turn:
            self._first = True
            self._clock.resume()
            try:
                return await make()
            finally:
                self._first = False

    @asynccontextmanager
    async def _one_turn(self) -> AsyncIterator[None]:
        known = self._dropped
        async with self._turn:
            if known != self._dropped:
                raise Superseded("something else went first")
            yield
