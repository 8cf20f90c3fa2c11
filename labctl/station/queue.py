"""The queue of a station: what is to be run on which channel, first in the database, then in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from labctl.errors import DataError, StationError
from labctl.protocol.plan import Plan
from labctl.protocol.plan_text import plan_from_text, plan_to_text
from labctl.store import queue as table
from labctl.store.queue import EntryRow, EntryState
from labctl.store.records import RunState
from labctl.store.store import Store

T = TypeVar("T")

STARTED_ANEW = "labctl was started anew: nothing is energised before a person says so"


@dataclass(frozen=True, slots=True)
class Entry:
    """One place in the queue.

    Attributes:
        row: as stored.
        plan: what is to be run; None if it can no longer be read.
    """

    row: EntryRow
    plan: Plan | None

    def __str__(self) -> str:
        return f"q{self.row.entry_id}"

    @property
    def state(self) -> EntryState:
        """How it stands."""
        return self.row.state

    @property
    def cell(self) -> str:
        """The name of its cell; empty if it has none."""
        return self.plan.cell.name if self.plan is not None else ""

    @property
    def protocol(self) -> str:
        """The name of its protocol."""
        return self.plan.protocol if self.plan is not None else "a plan that cannot be read"


class Queue:
    """The open entries of one station, in the order of submission.

    A change is durable before anything follows from it.

    Args:
        store: where they are kept.
        station: its name.
    """

    def __init__(self, store: Store, station: str) -> None:
        self._store = store
        self._station = station
        self._entries: dict[int, Entry] = {}
        self._changing = asyncio.Lock()
        self.changed: dict[str, asyncio.Event] = {}

    async def load(self, ended: Callable[[int], tuple[RunState, str]]) -> None:
        """Read what an earlier process left behind. What is not over waits for a person.

        Args:
            ended: tells how a run stands, and why.
        """
        rows = await self._write(partial(table.open_entries, station=self._station))
        for row in rows:
            self._put(Entry(row, _plan_of(row)))
        for channel in {row.channel for row in rows}:
            await self._take_over(channel, ended)

    async def _take_over(self, channel: str, ended: Callable[[int], tuple[RunState, str]]) -> None:
        first = self.first(channel)
        if first is not None and first.state is EntryState.RUNNING and first.row.run_id is not None:
            state, reason = ended(first.row.run_id)
            becomes = settled(state, others=len(self.of(channel)) > 1)
            await self.change(first, becomes, f"run {first.row.run_id} {state}: {reason}")
            first = self.first(channel)
        if first is not None and first.state is not EntryState.HELD:
            await self.change(first, EntryState.HELD, STARTED_ANEW)

    def of(self, channel: str | None = None) -> list[Entry]:
        """The open entries of a channel, or of all."""
        return [entry for entry in self._entries.values() if channel in (None, entry.row.channel)]

    def first(self, channel: str) -> Entry | None:
        """What a channel has to do with next, or does."""
        return next(iter(self.of(channel)), None)

    def find(self, entry_id: int) -> Entry | None:
        """The open entry of that number."""
        return self._entries.get(entry_id)

    async def submit(
        self, command_id: str, channel: str, plan: Plan, author: str, *, unattended: bool
    ) -> Entry:
        """Add an entry at the end of a channel's queue; the same command adds it once.

        Raises:
            StationError: the cell is on another channel, or the channel has another cell.
        """
        async with self._changing:
            self._refuse_wrong_cell(channel, plan.cell.name)
            now_s = datetime.now(UTC).timestamp()
            new = EntryRow(command_id, self._station, channel, plan_to_text(plan), unattended, author, now_s)
            row = await self._write(partial(table.add, row=new))
            if row.entry_id not in self._entries and row.state in table.OPEN:
                self._put(Entry(row, plan))
            return self._entries.get(row.entry_id, Entry(row, plan))

    async def change(
        self, entry: Entry, state: EntryState, reason: str | None = None, run_id: int | None = None
    ) -> Entry:
        """Change how an entry stands; one that is over leaves the queue.

        Raises:
            StationError: it stands otherwise by now than in ``entry``: somebody else was faster.
        """
        row = replace(entry.row, state=state, reason=reason, run_id=run_id or entry.row.run_id)
        async with self._changing:
            if self._entries.get(row.entry_id) is not entry:
                raise StationError(f"{entry} is not {entry.state} any more: look with labctl queue")
            await self._write(
                partial(table.change, entry_id=row.entry_id, state=state, reason=reason, run_id=row.run_id)
            )
            changed = Entry(row, entry.plan)
            if state in table.OPEN:
                self._put(changed)
            else:
                del self._entries[row.entry_id]
        self._ring(row.channel)
        return changed

    def _refuse_wrong_cell(self, channel: str, cell: str) -> None:
        """One cell is on one channel, and a channel has one cell, until its queue is empty."""
        for entry in self._entries.values():
            other = entry.row.channel
            if cell and entry.cell == cell and other != channel:
                raise StationError(
                    f"cell {cell} is on channel {other} ({entry}, {entry.state}), not on {channel}"
                )
            if other == channel and entry.cell != cell:
                raise StationError(
                    f"channel {channel} has {_called(entry.cell)} on it ({entry}, {entry.state}), not {_called(cell)}: "
                    "wait until its queue is empty, or take the entry off it"
                )

    def _put(self, entry: Entry) -> None:
        self._entries[entry.row.entry_id] = entry
        self._ring(entry.row.channel)

    def _ring(self, channel: str) -> None:
        if channel in self.changed:
            self.changed[channel].set()

    async def _write(self, write: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._store.submit(write))


def settled(state: RunState, *, others: bool) -> EntryState:
    """How the entry of a run stands that is over.

    What a person or a rule has ended is over, but nothing else is begun on the cell before a person says so. What
    failed is for a person to look at first.

    Args:
        state: how the run ended.
        others: further entries wait for the channel.
    """
    if state is RunState.FINISHED:
        return EntryState.DONE
    ended_on_purpose = state in (RunState.ENDED, RunState.STOPPED)
    return EntryState.DONE if ended_on_purpose and not others else EntryState.HELD


def _plan_of(row: EntryRow) -> Plan | None:
    try:
        return plan_from_text(row.plan_text)
    except DataError:
        return None


def _called(cell: str) -> str:
    return f"cell {cell}" if cell else "a cell without a name"
