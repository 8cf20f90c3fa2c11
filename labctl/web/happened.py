"""What has happened in all runs of a database, the newest first, and who looks after each of it."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from labctl.station.acknowledgement import KIND
from labctl.store import database, tables
from labctl.store.rows import json_from
from labctl.telemetry.messages import Event, Severity
from labctl.telemetry.recorded import event_of, kinds_from
from labctl.web.asked import EventsQuery
from labctl.web.documents import recorded_event

_event, _run, _entry = tables.event.c, tables.run.c, tables.queue_entry.c
_SEVERITIES = list(Severity)


class Happened:
    """The events of a database, read-only; each page is a short transaction.

    Args:
        url: path or URL.

    Raises:
        DataError: there is no such database.
    """

    def __init__(self, url: str) -> None:
        self._address = database.locate(url)
        self._engine = database.open_for_reading(self._address)

    def page(self, asked: EventsQuery) -> dict[str, Any]:
        """One page of what was asked for.

        How much an event asks of a person, and whether somebody looks after it, are in no column: rows are read
        until enough of them are wanted.

        Raises:
            DataError: the database cannot be read.
        """
        found: list[tuple[Event, str | None]] = []
        before, most = asked.before, asked.limit + 1
        with database.reading(self._address), self._engine.connect() as connection:
            while len(found) < most and (rows := _rows(connection, asked.severity, before, most)):
                authors = _acknowledged(connection, {row.run_id for row in rows})
                events = (event_of(row.station or "", row) for row in rows)
                found += _wanted(asked, ((event, authors.get(event.id)) for event in events))
                before = rows[-1].chain_number
        shown = found[: asked.limit]
        return {
            "events": [recorded_event(event, author) for event, author in shown],
            "next_before": shown[-1][0].seq if len(found) > asked.limit else None,
        }


def _rows(connection: Connection, severity: Severity, before: int | None, most: int) -> Sequence[Row[Any]]:
    station = select(func.max(_entry.station)).where(_entry.run_id == _event.run_id).correlate(tables.event)
    query = (
        select(
            tables.event,
            _run.channel,
            tables.cell.c.name.label("cell"),
            station.scalar_subquery().label("station"),
        )
        .join(tables.run, _run.run_id == _event.run_id)
        .join(tables.cell, tables.cell.c.cell_id == _run.cell_id)
        .order_by(_event.chain_number.desc())
        .limit(most)
    )
    if kinds := kinds_from(severity):
        query = query.where(_event.kind.in_(kinds))
    if before is not None:
        query = query.where(_event.chain_number < before)
    return connection.execute(query).all()


def _acknowledged(connection: Connection, runs: Iterable[int]) -> dict[str, str]:
    """Who looks after events of some runs, by their ids; who said so first."""
    query = (
        select(_event.author, _event.data)
        .where(_event.run_id.in_(runs), _event.kind == KIND)
        .order_by(_event.chain_number.desc())
    )
    return {str((json_from(row.data) or {}).get("id")): row.author for row in connection.execute(query)}


def _wanted(asked: EventsQuery, events: Iterable[tuple[Event, str | None]]) -> list[tuple[Event, str | None]]:
    least = _SEVERITIES.index(asked.severity)
    return [
        (event, author)
        for event, author in events
        if _SEVERITIES.index(event.severity) >= least and asked.acknowledged in (None, author is not None)
    ]
