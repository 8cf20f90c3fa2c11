"""Opening a circuit by every way there is, one after the other, until one of them is confirmed by read-back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from labctl.errors import CellStateUnknown, LabctlError

CONFIRMED_WITHIN_S = 3.0
NEXT_WAY_AFTER_S = 1.0
_AGAIN_AFTER_S = 0.25


class Way(NamedTuple):
    """One way to open the circuit.

    Attributes:
        name: for the journal.
        open: returns when the circuit is confirmed open, or raises a LabctlError.
        alone: needs the line that the way before uses, so that way has to have failed first.
    """

    name: str
    open: Callable[[], Awaitable[None]]
    alone: bool = False


class Escalation:
    """Tries ways from the mildest on; a way that neither confirms nor fails gets company after a second.

    Args:
        ways: the driver's own (OFF, again, reopened), a second session, what the instrument can trip by itself.
        note: called with a sentence when something has been tried, the first time it ends that way.
    """

    def __init__(self, ways: Sequence[Way], note: Callable[[str], None]) -> None:
        self._ways = ways
        self._note = note
        self._running: dict[asyncio.Future[None], str] = {}
        self._failures: dict[str, None] = {}  # a set that keeps the order

    async def confirmed(self, within_s: float = CONFIRMED_WITHIN_S) -> None:
        """Return when the circuit is confirmed open.

        Raises:
            CellStateUnknown: not within the time, through which all ways were tried again and again. What is still
                under way goes on.
        """
        until_s = _now() + within_s
        while not await self._pass(until_s):
            if _now() + _AGAIN_AFTER_S >= until_s:
                waited = [f"{name}: no answer yet" for name in self._running.values()]
                raise CellStateUnknown(
                    f"the circuit could not be confirmed open: {'; '.join([*self._failures, *waited])}",
                    cell="unknown, look at the instrument",
                )
            await asyncio.sleep(_AGAIN_AFTER_S)

    async def _pass(self, until_s: float) -> bool:
        """Try every way once; whether one of them confirmed."""
        for way in self._ways:
            if way.alone:
                if await self._one_confirms(until_s - _now()):
                    return True
                if self._running:
                    return False
            if way.name not in self._running.values():
                self._start(way)
            if await self._one_confirms(min(NEXT_WAY_AFTER_S, until_s - _now())):
                return True
        return await self._one_confirms(until_s - _now())

    def _start(self, way: Way) -> None:
        self._running[asyncio.ensure_future(way.open())] = way.name

    async def _one_confirms(self, within_s: float) -> bool:
        """Wait for what is under way: until one confirms, all have failed, or the time is over."""
        until_s = _now() + within_s
        while self._running:
            done, _ = await asyncio.wait(
                self._running, timeout=max(until_s - _now(), 0.0), return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                return False
            for future in done:
                name = self._running.pop(future)
                try:
                    future.result()
                except Exception as error:  # noqa: BLE001  a bug in one way must not keep the next from being tried
                    said = error.words if isinstance(error, LabctlError) else str(error)
                    if (failure := f"{name}: {said}") not in self._failures:
                        self._failures[failure] = None
                        self._note(f"{name} did not open the circuit: {error}")
                else:
                    self._note(f"the circuit is open, confirmed by read-back ({name})")
                    await self.abandon()
                    return True
        return False

    async def abandon(self) -> None:
        """Wait no longer for what is under way: it is confirmed, or it is too late for everything."""
        others, self._running = list(self._running), {}
        for future in others:
            future.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await future


def _now() -> float:
    return asyncio.get_running_loop().time()
