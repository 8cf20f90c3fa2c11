"""Runs that are killed everywhere at once: a straight run, and its database as every kill would have left it.

A process can be killed at any moment, but what it leaves behind is what had been handed to the database: that happens
before a sample that no longer fits into a batch, and wherever the engine waits for its instrument. At each of these
points rows are made durable and the database is copied, as if the process ended there.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from labctl.engine.control import RunControl
from labctl.engine.outcome import RunEnd
from labctl.protocol import load
from labctl.protocol.plan import IfInterrupted
from labctl.station import launch as launching
from labctl.station.connect import ChannelSpec
from labctl.station.launch import Launch, launch
from labctl.station.resume import Resume, find, resume
from labctl.store.reader import Reader
from labctl.store.sqlite import load_dbapi
from labctl.store.store import Store
from labctl.store.writer import RunWriter

START_UNIX_S = 1_790_000_000.0


@dataclass
class Kills:
    """Copies of a database, one for each point at which the process could have been killed.

    Attributes:
        directory: where everything lies.
        straight: the database of the run that nobody killed.
        copies: the others, in the order of the kills.
        at: called at each point with its number; what it returns is kept in ``seen``.
    """

    directory: Path
    at: Callable[[Any], Any] = lambda run: None
    every: int = 1
    copies: list[Path] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)
    writer: RunWriter | None = None
    run: Any = None
    _count: int = 0

    @property
    def straight(self) -> Path:
        return self.directory / "straight.sqlite"

    def point(self) -> None:
        """The process could be killed here."""
        self._count += 1
        if self.writer is None or self._count % self.every:
            return
        self.writer.flush_blocking()
        copy = self.directory / f"killed-{len(self.copies)}.sqlite"
        with closing(connected(self.straight)) as source, closing(connected(copy)) as target:
            source.backup(target)
        self.copies.append(copy)
        self.seen.append(self.at(self.run))


class Watched:
    """A channel at which the process can be killed whenever the engine waits for it."""

    def __init__(self, channel: Any, kills: Kills) -> None:
        self._channel = channel
        self._kills = kills

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def run(self, step: Any) -> AsyncGenerator[Any, None]:
        return self._stream(self._channel.run(step))

    def sweep(self, spec: Any) -> AsyncGenerator[Any, None]:
        return self._stream(self._channel.sweep(spec))

    async def make_safe(self) -> None:
        self._kills.point()
        await self._channel.make_safe()
        self._kills.point()

    async def _stream(self, items: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        self._kills.point()
        async for item in items:
            yield item
            self._kills.point()


def straight_run(
    kills: Kills, protocol: Path | str, driver: str, cell: str, without: tuple[str, ...] = (), seed: int = 3
) -> RunEnd:
    """Carry a protocol out in memory, with a copy of the database at each point."""
    plan = load(protocol, without=without)
    spec = ChannelSpec("memory", driver, cell=cell)
    request = Launch(plan, spec, str(kills.straight), None, seed, START_UNIX_S)
    with pytest.MonkeyPatch.context() as patch:
        real_open, real_begin = launching.open_channel, Store.open_run

        def open_run(store: Store, *given: Any, **more: Any) -> RunWriter:
            kills.writer = real_begin(store, *given, **more)
            return kills.writer

        patch.setattr(launching, "open_channel", lambda *given: Watched(real_open(*given), kills))
        patch.setattr(Store, "open_run", open_run)

        def started(run: Any, *_: Any) -> None:
            kills.run = run

        _, end = asyncio.run(launch(request, RunControl(), started))
    kills.writer = None
    return end


def taken_up(
    database: Path,
    choice: IfInterrupted = IfInterrupted.CONTINUE,
    control: RunControl | None = None,
    **more: Any,
) -> RunEnd:
    """Take the only run of a database up, in memory."""
    found = find(str(database), "last")
    spec = replace(found.channel(), name="memory")
    request = Resume(found, spec, choice, "person", None, **more)
    _, end = asyncio.run(resume(request, control or RunControl()))
    return end


def half_cycles(database: Path) -> list[Any]:
    reader = Reader(database)
    return reader.half_cycles(1)


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(connected(database)) as connection:
        return connection.execute(query).fetchall()


def connected(database: Path) -> Any:
    """By the same SQLite as the store's: two in one process undo each other's locks."""
    return load_dbapi().connect(str(database))


def state_of(thing: Any) -> Iterator[Any]:
    """Everything that an object holds, in depth, as plain values that can be compared."""
    if isinstance(thing, str | int | float | bool | None):
        yield thing
    elif isinstance(thing, dict):
        for key in thing:
            yield str(key)
            yield from state_of(thing[key])
    elif hasattr(thing, "tolist"):
        yield from state_of(thing.tolist())
    elif isinstance(thing, list | tuple | set | frozenset) or hasattr(thing, "maxlen"):
        for member in thing:
            yield from state_of(member)
    else:
        yield type(thing).__name__
        names = [*getattr(thing, "__dict__", {}), *getattr(type(thing), "__slots__", ())]
        for name in sorted(names):
            yield name
            yield from state_of(getattr(thing, name))
