"""The one thread that owns a port, and the jobs that an event loop gives it."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import aclosing, suppress
from typing import Any, Generic, TypeVar

from labctl.clock import ThreadClock
from labctl.errors import Superseded

T = TypeVar("T")

_BATCH_S = 0.01  # on the wall: items that follow each other faster cross to the loop together
_MOST_WAITING = 10_000


class PortThread:
    """Carries out jobs, one after another, in the order in which they were given.

    A job is a coroutine that awaits only its port and its clock, which block here, so that it never suspends and one
    ``send(None)`` drives it to its end. The thread is started with the first job, and is a daemon: a library that hangs
    in it does not keep the program from ending.

    Args:
        name: for the thread.
        clock: the time inside the thread; interrupted when a job has to make way.
    """

    def __init__(self, name: str, clock: ThreadClock) -> None:
        self._name = name
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._present: _Job | None = None

    async def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Carry out a coroutine in the thread and return what it returns; cancelling interrupts it."""
        job = self._give(_Job(make))
        try:
            return await asyncio.wrap_future(job.outcome)
        finally:
            self._stop(job)

    async def call_first(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Carry out a coroutine before anything else.

        What runs is interrupted, what waits is dropped (both with Superseded), and nothing stops this one: not even a
        cancellation of whoever waits for it.
        """
        job = _Job(make, first=True)
        with self._changed:
            for dropped in [waiting for waiting in self._waiting if not waiting.first]:
                self._waiting.remove(dropped)
                dropped.drop()
            if self._present is not None and not self._present.first:
                self._clock.interrupt()
            self._give(job)
        return await asyncio.wrap_future(job.outcome)

    async def stream(self, make: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """Iterate in the thread and hand the items to the event loop.

        An item that comes after a pause arrives at once; items in quick succession arrive in batches. At most 10 000
        wait; then the thread waits too. Leaving early ends the iteration in the thread.
        """
        mailbox: _Mailbox[T] = _Mailbox(asyncio.get_running_loop(), self._clock)

        async def iterate() -> None:
            async with aclosing(make()) as items:
                async for item in items:
                    mailbox.put(item)

        job = _Job(iterate)
        job.outcome.add_done_callback(lambda _: mailbox.ring())
        self._give(job)
        try:
            while not job.outcome.done() or mailbox.items:
                await mailbox.wait()
                while mailbox.items:
                    yield mailbox.items.popleft()
            job.outcome.result()
        finally:
            self._stop(job)
            if not job.outcome.done():
                with suppress(Exception):  # whoever leaves early is not interested in how it ends
                    await asyncio.wrap_future(job.outcome)

    async def close(self) -> None:
        """End the thread when the jobs given so far are done; a later job starts it again."""
        thread = self._thread
        if thread is None:
            return
        last = self._give(_Job(_nothing, first=True, last=True))
        await asyncio.wrap_future(last.outcome)
        thread.join()
        self._thread = None

    def _give(self, job: "_Job") -> "_Job":
        with self._changed:
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()
        return job

    def _stop(self, job: "_Job") -> None:
        """Drop a job that waits, interrupt one that runs, let one that is done be."""
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                job.drop()
            elif self._present is job and not job.outcome.done():
                self._clock.interrupt()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._present = None
                while not self._waiting:
                    self._changed.wait()
                job = self._present = self._waiting.popleft()
                self._clock.resume()
            job.carry_out()
            if job.last:
                return


class _Job:
    """One coroutine to be carried out, and its outcome.

    Attributes:
        first: it goes before others, and nothing stops it.
        last: the thread ends with it.
    """

    def __init__(
        self, make: Callable[[], Coroutine[Any, Any, Any]], *, first: bool = False, last: bool = False
    ) -> None:
        self.first = first
        self.last = last
        self.outcome: Future[Any] = Future()
        self._make = make
        if first:
            self.outcome.set_running_or_notify_cancel()  # from here on it cannot be cancelled

    def drop(self) -> None:
        """It will not be carried out."""
        if self.outcome.set_running_or_notify_cancel():
            self.outcome.set_exception(Superseded("something else went first"))

    def carry_out(self) -> None:
        """Drive the coroutine to its end; it must not suspend."""
        if not (self.first or self.outcome.set_running_or_notify_cancel()):
            return
        try:
            coroutine = self._make()
            coroutine.send(None)
        except StopIteration as end:
            self.outcome.set_result(end.value)
        except BaseException as error:  # noqa: BLE001  the outermost edge of the thread: handed to whoever waits
            self.outcome.set_exception(error)
        else:
            coroutine.close()
            self.outcome.set_exception(
                RuntimeError("a driver awaited something else than its link and clock")
            )


class _Mailbox(Generic[T]):
    """Items on their way from the thread to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: ThreadClock) -> None:
        self.items: deque[T] = deque()
        self._loop = loop
        self._clock = clock
        self._rung = asyncio.Event()
        self._ringing = False

    def put(self, item: T) -> None:
        """In the thread: add an item, and ring unless that has been done a moment ago.

        Raises:
            Superseded: interrupted while the mailbox was full.
        """
        while len(self.items) >= _MOST_WAITING:
            self._clock.pause(_BATCH_S)
        self.items.append(item)
        if not self._ringing:
            self._ringing = True
            self.ring()

    def ring(self) -> None:
        """From any thread: wake the event loop."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self) -> None:
        """In the event loop: return when there is something, and let what follows gather for a moment."""
        await self._rung.wait()
        self._rung.clear()
        self._loop.call_later(_BATCH_S, self._listen)

    def _listen(self) -> None:
        self._ringing = False  # before looking, so that an item put in between rings by itself
        if self.items:
            self._ringing = True
            self._rung.set()


async def _nothing() -> None:
    pass
