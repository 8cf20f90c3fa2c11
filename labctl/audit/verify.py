"""The whole audit of a database: its chain, the rows that the chain copies, the samples that it seals."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from labctl.audit.copies import Copies
from labctl.audit.findings import Finding, Report
from labctl.audit.log import reading
from labctl.audit.seals import Seals, last_samples
from labctl.audit.walk import Walk
from labctl.errors import UserError
from labctl.store import tables
from labctl.store.chain import START, Head
from labctl.store.records import RunState
from labctl.store.rows import json_from
from labctl.store.trail import RUN_ADOPTED, RUN_ENDED, STORE

_CHUNK_RECORDS = 20_000

_HEAD = re.compile(r"(\d{1,18}:)?[0-9a-f]{64}")

_GOES_ON = (RunState.RUNNING, RunState.PAUSED)

Event = Mapping[str, Any]


def verify(url: str | Path, head: str | None = None, *, records_only: bool = False) -> Report:
    """Compare a database with what was written into it, also while it is being written to.

    Args:
        url: a path or URL.
        head: a published head that has to be in the chain, ``NUMBER:SHA256`` or the hash alone.
        records_only: leave out the samples and the points of spectra, which are most of a database.

    Raises:
        UserError: ``head`` is not one.
        DataError: the database cannot be read.
    """
    asked = None if head is None else _head(head)
    with reading(url) as connection:
        start = _start(connection)  # what is written from here on is not looked at
        walk, copies, seals = Walk(asked), Copies(), Seals(None if records_only else connection)
        unreadable = []
        for chunk in _chunks(connection, start.last_number):
            for event in chunk:
                if walk.take(event) and event["author"] == STORE:
                    try:
                        data = json_from(event["data"]) or {}
                        copies.take(data)
                        seals.take(event["run_id"], data)
                    except (KeyError, TypeError, ValueError):
                        unreadable.append(
                            Finding(f"record {event['chain_number']}", "its data are no record's")
                        )
            copies.compare(connection)
        findings = (
            *walk.findings(start.head),
            *unreadable,
            *_miscounted(start.events, walk.records),
            *copies.findings(connection, set(start.over)),
            *seals.findings(start.over if not records_only else {}),
            *_runs(connection, copies),
        )
    return Report(walk.head, asked, walk.records, copies.compared, seals.samples, findings)


class _Start(NamedTuple):
    """What the database holds when the audit begins.

    Attributes:
        over: the last sample of each run that nobody writes any more.
        head: as the database keeps it.
        last_number, events: the highest place in the chain, and how many events there are.
    """

    over: dict[int, int]
    head: Head
    last_number: int
    events: int


def _start(connection: Connection) -> _Start:
    run = tables.run.c
    over = connection.execute(select(run.run_id).where(run.state.not_in(_GOES_ON))).scalars()
    ends = last_samples(connection, set(over))  # before the head: whatever ended them is in the chain by then
    event, kept = tables.event.c, tables.chain_head.c
    heads, number, sha256, last, count = connection.execute(
        select(
            func.count(kept.chain_number),
            func.max(kept.chain_number),
            func.max(kept.sha256),
            select(func.max(event.chain_number)).scalar_subquery(),
            select(func.count()).select_from(tables.event).scalar_subquery(),
        )
    ).one()
    head = Head(number, sha256) if heads == 1 else START
    return _Start(ends, head, max(last or 0, head.number), count)


def _chunks(connection: Connection, last_number: int) -> Iterator[list[Event]]:
    """The events in the order of the chain."""
    number = tables.event.c.chain_number
    names = [column.name for column in tables.event.columns]
    query = select(tables.event).order_by(number).limit(_CHUNK_RECORDS)
    after = 0
    while rows := connection.execute(query.where(number > after, number <= last_number)).all():
        yield [dict(zip(names, row, strict=True)) for row in rows]
        after = rows[-1].chain_number


def _miscounted(events: int, walked: int) -> Iterator[Finding]:
    if events > walked:
        yield Finding("the chain", f"{events - walked} events have no place of their own in it")


def _runs(connection: Connection, copies: Copies) -> Iterator[Finding]:
    """Runs of whose beginning or end no record speaks."""
    run, event = tables.run.c, tables.event.c
    tells = event.kind.in_((RUN_ENDED, RUN_ADOPTED))
    ended = select(event.run_id).where(event.run_id == run.run_id, tells).exists()
    query = select(run.run_id, run.state, ended.label("ended"))
    for row in connection.execute(query.order_by(run.run_id)).all():
        where = f"run {row.run_id}"
        if not copies.knows_run(row.run_id):
            yield Finding(where, "no record speaks of its beginning")
        if row.state not in _GOES_ON and not row.ended:
            yield Finding(where, f"no record speaks of its end, yet it is {row.state}")


def _head(text: str) -> str:
    if not _HEAD.fullmatch(text):
        raise UserError(f"--head {text[:80]!r}: give a head as `labctl audit head` prints it, NUMBER:SHA256")
    return text
