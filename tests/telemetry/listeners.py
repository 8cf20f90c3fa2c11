"""Listens to a broker and publishes a station, for as long as a test needs it."""

import asyncio
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from labctl.station.broker import Broker
from labctl.telemetry.feed import Feed
from labctl.telemetry.messages import ChannelState, Message, Recorded, StationStatus
from labctl.telemetry.publisher import Publisher
from tests.telemetry.benches import STATION, Bench

M = TypeVar("M", bound=Message)


@dataclass
class Heard:
    """Everything a feed has said."""

    messages: list[Message] = field(default_factory=list)

    def of(self, kind: type[M]) -> list[M]:
        return [message for message in self.messages if isinstance(message, kind)]

    def recorded(self, run_id: int) -> list[int]:
        """Numbers of the events of a run, each where it came first."""
        found = (m.event_id for m in self.messages if isinstance(m, Recorded) and m.run_id == run_id)
        return list(dict.fromkeys(number for number in found if number is not None))

    @property
    def status(self) -> StationStatus | None:
        return next(reversed(self.of(StationStatus)), None)

    def online(self) -> bool:
        return self.status is not None and self.status.online

    def state(self, channel: str) -> ChannelState | None:
        return next((m for m in reversed(self.of(ChannelState)) if m.channel == channel), None)


@asynccontextmanager
async def hearing(feed: Feed) -> AsyncIterator[Heard]:
    heard = Heard()

    async def hear() -> None:
        async with aclosing(feed.messages()) as messages:
            async for message in messages:
                heard.messages.append(message)

    async with TaskGroup() as group:
        task = group.create_task(hear())
        try:
            yield heard
        finally:
            task.cancel()


@asynccontextmanager
async def publishing(bench: Bench, broker: Broker) -> AsyncIterator[list[str]]:
    """Publish a station; gives what is said of the telemetry."""
    said: list[str] = []
    told = asyncio.Event()
    async with TaskGroup() as group:
        group.create_task(Publisher(STATION, broker, bench.database, said.append).run(told))
        try:
            yield said
        finally:
            told.set()
