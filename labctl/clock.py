"""Time: one clock that everything which waits asks; virtual, real or scaled.

Experiment time is in seconds, monotonic, and starts at 0.0 when the clock is made. ``speed`` is how many of these
seconds pass in one second on the wall.
"""

import asyncio
import heapq
import threading
import time
from itertools import count
from typing import Protocol

from labctl.errors import Superseded

_LONG_S = 0.5
_GRID_S = 0.02  # on the wall: moments at which those who sleep for long are woken together


class Clock(Protocol):
    """What code that waits may ask."""

    speed: float

    def now(self) -> float:
        """Experiment time in s."""
        ...

    async def sleep_until(self, time_s: float) -> None:
        """Return when ``now() >= time_s``; at once if that has passed."""
        ...


class VirtualClock:
    """Time that jumps to the next thing that can happen.

    Those who live in this time join it. While any of them works, time stands still; when all of them sleep, it
    jumps to the earliest. Someone who waits for a thread (a database flush) therefore holds time, as it must be.
    A lone sleeper advances time without being suspended at all, which is what makes 250 h take seconds.
    """

    speed = 1.0

    def __init__(self) -> None:
        self._now = 0.0
        self._awake = 1
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> float:
        """Experiment time in s."""
        return self._now

    def join(self) -> None:
        """A further task lives in this time. The task that made the clock has joined already."""
        self._awake += 1

    def leave(self) -> None:
        """A task that joined is done."""
        self._awake -= 1
        self._wake_earliest()

    async def sleep_until(self, time_s: float) -> None:
        """Jump if nobody else is awake or due earlier, else be suspended until it is this sleeper's turn."""
        if time_s <= self._now:
            return
        if self._awake == 1 and (not self._sleepers or time_s < self._sleepers[0][0]):
            self._now = time_s
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (time_s, next(self._order), future))
        self._awake -= 1
        self._wake_earliest()
        try:
            await future
        except asyncio.CancelledError:
            if future.cancelled():  # nobody has counted this task as awake yet
                self._awake += 1
            raise

    def _wake_earliest(self) -> None:
        while self._awake == 0 and self._sleepers:
            time_s, _, future = heapq.heappop(self._sleepers)
            if future.cancelled():
                continue
            self._now = max(self._now, time_s)
            self._awake += 1
            future.set_result(None)


class LoopClock:
    """Real or scaled time on the event loop.

    Args:
        speed: experiment seconds per second on the wall.
        start: the computer's monotonic clock at experiment time 0.0, so that two processes can share one time; None:
            it is 0.0 s by now.
    """

    def __init__(self, speed: float = 1.0, start: float | None = None) -> None:
        self.speed = speed
        self.start = time.monotonic() if start is None else start

    def now(self) -> float:
        """Experiment time in s."""
        return (time.monotonic() - self.start) * self.speed

    async def sleep_until(self, time_s: float) -> None:
        """Sleep on the event loop."""
        while (left_s := time_s - self.now()) > 0:
            await asyncio.sleep(left_s / self.speed)

    def in_thread(self) -> "ThreadClock":
        """The same time, for a driver in the thread that owns its port."""
        return ThreadClock(self.speed, self.start)

    def in_turns(self) -> "TurnClock":
        """The same time, for a driver that shares the event loop with others, and can be interrupted."""
        return TurnClock(self.speed, self.start)


class TurnClock(LoopClock):
    """Real or scaled time on the event loop, of one driver that is interrupted when something must go first.

    What ``ThreadClock`` is for a thread: whoever sleeps, or waits for a port, is woken and refused. Only one waits at a
    time, since a port is talked to in turns. In real time, who sleeps for half a second or more is woken up to 20 ms
    late, together with others: most of what a reading a second costs is the waking of processes for it. A sample's time
    is that at which it was taken, and the way to an end that is foreseen is gone in shorter sleeps.
    """

    def __init__(self, speed: float, start: float) -> None:
        super().__init__(speed, start)
        self._interrupted = False
        self._waiter: asyncio.Future[None] | None = None

    async def sleep_until(self, time_s: float) -> None:
        """Sleep on the event loop.

        Raises:
            Superseded: something that must go first (opening the circuit) waits for its turn.
        """
        self.check()
        while (left_s := time_s - self.now()) > 0:
            wall_s = left_s / self.speed
            if wall_s >= _LONG_S and self.speed <= 1.0:
                wall_s += -(time.monotonic() + wall_s) % _GRID_S
            await self.wait(wall_s)

    async def wait(self, wall_s: float) -> None:
        """Return when woken, at the latest after some seconds on the wall.

        Raises:
            Superseded: as ``sleep_until``.
        """
        self.check()
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        timer = loop.call_later(wall_s, self.wake)
        try:
            await waiter
        finally:
            timer.cancel()
        self.check()

    def wake(self) -> None:
        """What is waited for may have come."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def check(self) -> None:
        """For whoever is about to send.

        Raises:
            Superseded: something that must go first waits for its turn.
        """
        if self._interrupted:
            raise Superseded("the turn is wanted for something that goes first")

    def interrupt(self) -> None:
        """Wake whoever waits; until ``resume`` every wait, and every ``check``, ends at once."""
        self._interrupted = True
        self.wake()

    def resume(self) -> None:
        """Wait normally again."""
        self._interrupted = False


class ThreadClock:
    """Real or scaled time inside a port's own thread: sleeping blocks, and can be interrupted from outside.

    Its awaits never suspend, so a driver's coroutine runs to its next sample with a plain ``send(None)``.
    """

    def __init__(self, speed: float, start: float) -> None:
        self.speed = speed
        self._start = start
        self._interrupt = threading.Event()

    def now(self) -> float:
        """Experiment time in s."""
        return (time.monotonic() - self._start) * self.speed

    async def sleep_until(self, time_s: float) -> None:
        """Block this thread.

        Raises:
            Superseded: something that must go first (opening the circuit) waits for the thread.
        """
        while (left_s := time_s - self.now()) > 0 or self._interrupt.is_set():
            if self._interrupt.wait(max(left_s, 0.0) / self.speed):
                raise Superseded("the wait was interrupted")

    def check(self) -> None:
        """For whoever blocks the thread in slices.

        Raises:
            Superseded: something that must go first waits for the thread.
        """
        if self._interrupt.is_set():
            raise Superseded("the thread is wanted for something that goes first")

    def pause(self, wall_s: float) -> None:
        """Block for some seconds on the wall.

        Raises:
            Superseded: as ``check``.
        """
        if self._interrupt.wait(wall_s):
            self.check()

    def interrupt(self) -> None:
        """Wake the sleeper; until ``resume`` every sleep, and every ``check``, ends at once."""
        self._interrupt.set()

    def resume(self) -> None:
        """Sleep normally again."""
        self._interrupt.clear()
