"""The rows of a station's queue, written in the writing thread like everything else."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from labctl.store import tables


class EntryState(StrEnum):
    """How a place in the queue stands."""

    QUEUED = "queued"
    RUNNING = "running"  # its run goes on, or its process was killed
    HELD = "held"  # the channel waits for a person
    DONE = "done"  # its run is over, and the channel has gone on
    REMOVED = "removed"  # by a person, before it became a run


OPEN = (EntryState.QUEUED, EntryState.RUNNING, EntryState.HELD)
"""Those that a channel still has to do with."""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One place in the queue of a channel.

    Attributes:
        command_id: by which it was submitted.
        station, channel: where.
        plan_text: the plan, as bound, in JSON.
        unattended: nobody will be there.
        author: who submitted it.
        submitted_unix_s: when, by the clock on the wall.
        state, reason: how it stands, and why.
        run_id: the run that it became; None before.
        entry_id: its number; 0 before it is stored.
    """

    command_id: str
    station: str
    channel: str
    plan_text: str
    unattended: bool
    author: str
    submitted_unix_s: float
    state: EntryState = EntryState.QUEUED
    reason: str | None = None
    run_id: int | None = None
    entry_id: int = 0


def add(connection: Connection, row: EntryRow) -> EntryRow:
    """Store a new entry; returns it as it is stored. One of the same command is not stored twice."""
    entry = tables.queue_entry.c
    known = connection.execute(
        select(tables.queue_entry).where(entry.command_id == row.command_id)
    ).one_or_none()
    if known is not None:
        return _entry_row(known)
    added = insert(tables.queue_entry).values(
        command_id=row.command_id,
        station=row.station,
        channel=row.channel,
        plan=row.plan_text,
        unattended=row.unattended,
        state=row.state,
        reason=row.reason,
        run_id=row.run_id,
        author=row.author,
        submitted_unix_time_second=row.submitted_unix_s,
    )
    return replace(row, entry_id=connection.execute(added.returning(entry.entry_id)).scalar_one())


def change(
    connection: Connection, entry_id: int, state: EntryState, reason: str | None, run_id: int | None
) -> None:
    """Store how an entry stands."""
    connection.execute(
        update(tables.queue_entry)
        .where(tables.queue_entry.c.entry_id == entry_id)
        .values(state=state, reason=reason, run_id=run_id)
    )


def open_entries(connection: Connection, station: str) -> list[EntryRow]:
    """The entries of a station that are not over, in the order of submission."""
    entry = tables.queue_entry.c
    query = select(tables.queue_entry).where(entry.station == station, entry.state.in_(OPEN))
    return [_entry_row(row) for row in connection.execute(query.order_by(entry.entry_id)).all()]


def _entry_row(row: Row[Any]) -> EntryRow:
    return EntryRow(
        command_id=row.command_id,
        station=row.station,
        channel=row.channel,
        plan_text=row.plan,
        unattended=row.unattended,
        author=row.author,
        submitted_unix_s=row.submitted_unix_time_second,
        state=EntryState(row.state),
        reason=row.reason,
        run_id=row.run_id,
        entry_id=row.entry_id,
    )
