"""Delivers the outbox to a broker: in order, at least once, and noted only when it is certain."""

import asyncio
from collections.abc import Awaitable, Callable

from aiomqtt import Client

from labctl.errors import DataError
from labctl.telemetry import topics
from labctl.telemetry.connection import ANSWER_S
from labctl.telemetry.messages import encode
from labctl.telemetry.recorded import Outbox, RecordedMessage

_LOOK_S = 0.5
_AT_ONCE = 100
_AGAIN_S = 20.0
"""How long to wait after something did not come back."""


class Courier:
    """Takes what a station has recorded to a broker, a batch at a time.

    Args:
        outbox: where it is taken from.
        confirm: believe in a delivery when the broker has handed it back (``back``), not when it has acknowledged it.
        note: told the place in the chain up to which all is delivered.
        trouble: told what is not delivered, and why; empty: all is.
    """

    def __init__(
        self,
        outbox: Outbox,
        confirm: bool,
        note: Callable[[int], Awaitable[object]],
        trouble: Callable[[str], Awaitable[object]],
    ) -> None:
        self._outbox = outbox
        self._confirm = confirm
        self._note = note
        self._trouble = trouble
        self._place: int | None = None
        self._noted = 0
        self._awaited: dict[int, RecordedMessage] = {}
        self._one_back = asyncio.Event()

    def back(self, place: int | None) -> None:
        """The broker has handed something back."""
        if place is not None and self._awaited.pop(place, None) is not None:
            self._one_back.set()

    async def deliver(self, client: Client) -> None:
        """Deliver until cancelled.

        Raises:
            MqttError: the connection broke; what was not certain is delivered again with the next one.
        """
        while True:
            batch = await self._next()
            if not batch:
                await asyncio.sleep(_LOOK_S)
                continue
            missing = await self._send(client, batch)
            await self._arrived(missing.seq - 1 if missing and missing.seq else batch[-1].seq)
            if missing is None:
                await self._trouble("")
            else:
                await self._trouble(
                    f"the broker acknowledges what is published under {topics.topic_of(missing)}, but does not hand it "
                    "back: its access list lets us not write there, or not read"
                )
                await asyncio.sleep(_AGAIN_S)

    async def _next(self) -> list[RecordedMessage]:
        try:
            if self._place is None:
                self._place = await self._outbox.delivered()
            return await self._outbox.after(self._place, _AT_ONCE)
        except DataError as error:
            await self._trouble(f"what is recorded cannot be read: {error}")
            return []

    async def _send(self, client: Client, batch: list[RecordedMessage]) -> RecordedMessage | None:
        """Publish a batch; returns the first message that is not known to have arrived."""
        self._awaited = {message.seq: message for message in batch if message.seq is not None}
        for message in batch:
            await client.publish(topics.topic_of(message), encode(message), qos=1)
        if self._confirm:
            await self._wait_for_all()
            return next(iter(self._awaited.values()), None)
        return None

    async def _wait_for_all(self) -> None:
        """Until everything is back, or nothing has come back for a while."""
        while self._awaited:
            self._one_back.clear()
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._one_back.wait()
            except TimeoutError:
                return

    async def _arrived(self, place: int | None) -> None:
        """Go on from there; the station writes it down."""
        if place is not None and place > self._noted:
            self._place = place
            if await self._note(place):
                self._noted = place
