"""Server-sent events: what one viewer is given of the live state, at the pace at which it reads."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

from starlette.types import Receive, Scope, Send

from labctl.web.live import Frame, Live, batches
from labctl.web.problem import Problem

MOST_VIEWERS = 100
HEARTBEAT_S = 5.0
"""An event, not a comment: a page cannot see those, and has to tell silence from a lost connection."""

GIVEN_UP_AFTER_S = 30.0
"""A viewer that takes in nothing for so long is let go."""


class Viewers:
    """Those who look at present.

    Args:
        live: what they look at.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._count = 0

    def stream(self, last_event_id: str, samples: str | None) -> "Stream":
        """The answer to one more viewer.

        Args:
            last_event_id: what it was given last; empty: nothing.
            samples: channels whose samples it wants, ``station/channel`` by commas, or ``none``; None: all.

        Raises:
            Problem: there are too many.
        """
        if self._count >= MOST_VIEWERS:
            raise Problem(429, f"{MOST_VIEWERS} viewers look already", headers={"Retry-After": "30"})
        wanted = None if samples is None else frozenset(samples.split(","))
        return Stream(self, self._live, _number(last_event_id, self._live.epoch), wanted)

    def come(self) -> None:
        """Count one more."""
        self._count += 1

    def go(self) -> None:
        """Count one less."""
        self._count -= 1


class Stream:
    """An answer that goes on until the viewer leaves.

    Args:
        viewers: who is counted.
        live: what is shown.
        seen: the last frame the viewer has; None: none.
        wanted: channels whose samples it wants; None: all.
    """

    def __init__(self, viewers: Viewers, live: Live, seen: int | None, wanted: frozenset[str] | None) -> None:
        self._viewers = viewers
        self._live = live
        self._seen = seen
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the viewer is gone."""
        headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self._viewers.come()
        try:
            async with asyncio.TaskGroup() as group:
                leaving = group.create_task(_until_gone(receive))
                sending = group.create_task(self._send_all(send))
                await asyncio.wait((leaving, sending), return_when=asyncio.FIRST_COMPLETED)
                leaving.cancel()
                sending.cancel()
        except* (TimeoutError, OSError):
            pass  # it takes in nothing any more
        finally:
            self._viewers.go()

    async def _send_all(self, send: Send) -> None:
        async for chunk in self._chunks():
            async with asyncio.timeout(GIVEN_UP_AFTER_S):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunks(self) -> AsyncIterator[bytes]:
        live, sent_s = self._live, monotonic()
        frames = live.snapshot() if self._seen is None else live.since(self._seen)
        yield b"retry: 2000\n\n"
        while not live.closed:
            if text := self._text(frames):
                yield text
                sent_s = monotonic()
            elif monotonic() - sent_s > HEARTBEAT_S:
                yield b"event: alive\ndata: {}\n\n"
                sent_s = monotonic()
            await live.ticked()
            frames = live.since(self._seen or 0)

    def _text(self, frames: list[Frame]) -> bytes:
        lines = []
        for frame in frames:
            self._seen = frame.number
            if frame.event != "samples":
                tag = f"{self._live.epoch}-{frame.number}".encode()
                lines.append(b"event: %s\nid: %s\ndata: %s\n\n" % (frame.event.encode(), tag, frame.data))
            elif data := batches(frame.samples, self._wanted):
                lines.append(b"event: samples\ndata: %s\n\n" % data)
        return b"".join(lines)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _number(event_id: str, epoch: str) -> int | None:
    """The number in the id of an event; None if it is not of this process."""
    before, _, number = event_id.partition("-")
    if before != epoch or not (number.isascii() and number.isdecimal() and len(number) < 16):
        return None
    return int(number)
