"""The present state of all stations, merged from their feeds, and what has happened lately, for whoever looks.

Theory of operation. Messages of a feed change the state at once; four times a second everything that has changed is
made into frames, numbered in one sequence and written as JSON once, whatever the number of viewers. A viewer knows
the number of the last frame it was given. If the frames since are still here, it is given these; if not, those that
are remembered longer (cycles, spectra, events, stations) and the present state of each channel that has changed
since. Nobody keeps a queue for a viewer, so a slow one costs nothing and loses nothing but samples.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import NamedTuple

from labctl.telemetry.feed import Feed
from labctl.telemetry.messages import (
    ChannelState,
    Cycle,
    Event,
    Message,
    Samples,
    Severity,
    SpectrumTaken,
    StationStatus,
    encode,
)

TICK_S = 0.25
RECENT = 8
"""Frames of states, and of samples, that are kept: two seconds."""

REMEMBERED = 5000
"""Frames of everything else."""

GREETED_WITH = 100
"""So many of the latest events that say more than routine are given to a new viewer."""

_NOT_ROUTINE = ("acknowledged", "run_ended")

Key = tuple[str, str]


class Frame(NamedTuple):
    """What viewers are given at once.

    Attributes:
        number: in the sequence of all frames.
        event: the name of the event.
        data: JSON; of samples empty.
        samples: the batches, from which each viewer is given those it wants.
    """

    number: int
    event: str
    data: bytes
    samples: tuple[Samples, ...] = ()


class _Known(NamedTuple):
    """A state as it is written, and the frame that it was written in."""

    data: bytes
    number: int


class Live:
    """The present state.

    Args:
        feeds: where it comes from.
    """

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = feeds
        self._number = 0
        self.epoch = secrets.token_hex(4)
        self._states: dict[Key, _Known] = {}
        self._stations: dict[str, _Known] = {}
        self._changed: dict[Key, ChannelState] = {}
        self._samples: list[Samples] = []
        self._recent_states = _Kept(RECENT)
        self._recent_samples = _Kept(RECENT)
        self._remembered = _Kept(REMEMBERED)
        self._greeting: deque[Frame] = deque(maxlen=GREETED_WITH)
        self._ticked = asyncio.Event()
        self.closed = False
        self.cells: dict[Key, ChannelState] = {}
        self.stations: dict[str, StationStatus] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the feeds."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._follow(feed)) for feed in self._feeds]
            tasks.append(group.create_task(self._tick_on()))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _follow(self, feed: Feed) -> None:
        async with aclosing(feed.messages()) as messages:
            async for message in messages:
                self.take(message)

    async def _tick_on(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()

    # --- what comes in -----------------------------------------------------------------------------------------

    def take(self, message: Message) -> None:
        """Take in a message."""
        match message:
            case ChannelState():
                key = (message.station, message.channel)
                self._changed[key] = self.cells[key] = message
            case Samples():
                self._samples.append(message)
                del self._samples[:-100]  # between two ticks there are a few
            case StationStatus():
                self._station(message)
            case Cycle():
                self._remember("cycle", encode(message))
            case SpectrumTaken():
                self._remember("spectrum", encode(message))
            case Event():
                frame = self._remember("event", encode(message))
                if message.severity is not Severity.INFO or message.kind in _NOT_ROUTINE:
                    self._greeting.append(frame)

    def _station(self, status: StationStatus) -> None:
        name = status.station
        before, self.stations[name] = self.stations.get(name), status
        if before is None or replace(before, updated_unix_second=status.updated_unix_second) != status:
            self._remember("station", encode(status))
        self._stations[name] = _Known(encode(status), self._number)
        for key in [key for key in self.cells if key[0] == name and status.channels]:
            if key[1] not in status.channels:  # the station file has changed
                for known in (self.cells, self._changed, self._states):
                    known.pop(key, None)

    def _remember(self, event: str, data: bytes) -> Frame:
        self._number += 1
        frame = Frame(self._number, event, data)
        self._remembered.add(frame)
        return frame

    def tick(self) -> None:
        """Make frames of what has changed since the last one, and wake the viewers."""
        if self._changed:
            self._number += 1
            written = {key: _Known(encode(state), self._number) for key, state in self._changed.items()}
            self._states.update(written)
            data = _channels(known.data for known in written.values())
            self._recent_states.add(Frame(self._number, "state", data))
            self._changed.clear()
        if self._samples:
            self._number += 1
            self._recent_samples.add(Frame(self._number, "samples", b"", tuple(self._samples)))
            self._samples.clear()
        self._ticked.set()
        self._ticked = asyncio.Event()

    # --- what viewers are given --------------------------------------------------------------------------------

    async def ticked(self) -> None:
        """Wait for the next tick."""
        await self._ticked.wait()

    def close(self) -> None:
        """Let every viewer go."""
        self.closed = True
        self._ticked.set()

    def snapshot(self) -> list[Frame]:
        """Everything as it is: the latest events, the stations, and one frame with the states of all channels."""
        stations = [Frame(self._number, "station", known.data) for known in self._stations.values()]
        return [*self._greeting, *stations, self._states_since(0)]

    def since(self, number: int) -> list[Frame]:
        """What a viewer has to be given who has seen everything up to a frame."""
        if number > self._number or number < self._remembered.lost:
            return self.snapshot()
        frames = self._remembered.since(number) + self._recent_samples.since(number)
        if number < self._recent_states.lost:
            frames.append(self._states_since(number))
        else:
            frames += self._recent_states.since(number)
        return sorted(frames, key=lambda frame: frame.number)

    def _states_since(self, number: int) -> Frame:
        changed = (known.data for known in self._states.values() if known.number > number)
        return Frame(self._number, "state", _channels(changed))

    def as_document(self) -> bytes:
        """All stations and channels, as JSON."""
        self.tick()
        stations = b",".join(known.data for known in self._stations.values())
        states = b",".join(known.data for known in self._states.values())
        return b'{"stations":[%s],"channels":[%s]}' % (stations, states)

    def cell_on(self, station: str, channel: str) -> ChannelState | None:
        """The state of a channel."""
        return self.cells.get((station, channel))


class _Kept:
    """The latest frames of a kind.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self.frames: deque[Frame] = deque(maxlen=most)
        self.lost = 0

    def add(self, frame: Frame) -> None:
        """Keep one more, and note the number of the one that is lost for it."""
        if len(self.frames) == self.frames.maxlen:
            self.lost = self.frames[0].number
        self.frames.append(frame)

    def since(self, number: int) -> list[Frame]:
        """Those after a number."""
        if not self.frames or self.frames[-1].number <= number:
            return []
        return [frame for frame in self.frames if frame.number > number]


def _channels(states: Iterable[bytes]) -> bytes:
    return b'{"channels":[%s]}' % b",".join(states)


def batches(samples: Sequence[Samples], wanted: frozenset[str] | None) -> bytes:
    """The samples of the channels that a viewer wants (``station/channel``; None: all), as JSON; empty if none."""
    chosen = []
    for batch in samples:
        if wanted is not None:
            kept = {name: c for name, c in batch.channels.items() if f"{batch.station}/{name}" in wanted}
            batch = replace(batch, channels=kept)
        if batch.channels:
            chosen.append(encode(batch))
    return b'{"batches":[%s]}' % b",".join(chosen) if chosen else b""
