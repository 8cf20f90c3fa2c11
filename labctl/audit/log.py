"""Reads the chain of events as it stands: its head, and its records in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from labctl.errors import DataError
from labctl.store import chain, database, schema, tables
from labctl.store.chain import Head
from labctl.store.rows import json_from


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the chain.

    Attributes:
        place: its number in the chain and its hash.
        run_id: the run it belongs to.
        kind, author, message: what happened, who had it done, why.
        time_s, unix_time_s: since the run's start, and on the calendar.
        data: the numbers behind it.
    """

    place: Head
    run_id: int
    kind: str
    author: str
    message: str
    time_s: float
    unix_time_s: float
    data: dict[str, Any] | None


def head(url: str | Path, run_id: int | None = None) -> Head:
    """The last record of a database, or of one of its runs: what to keep elsewhere.

    Raises:
        DataError: the database cannot be read, or nothing is recorded of that run.
    """
    event = tables.event.c
    with reading(url) as connection:
        if run_id is None:
            return chain.read_head(connection)
        query = select(event.chain_number, event.sha256).where(event.run_id == run_id)
        row = connection.execute(query.order_by(event.event_id.desc()).limit(1)).one_or_none()
    if row is None:
        raise DataError(f"{url}: nothing is recorded of run {run_id}")
    return Head(row.chain_number, row.sha256)


def records(url: str | Path, run_id: int) -> list[Record]:
    """All records of one run, in order.

    Raises:
        DataError: the database cannot be read.
    """
    event = tables.event.c
    with reading(url) as connection:
        rows = connection.execute(
            select(tables.event).where(event.run_id == run_id).order_by(event.event_id)
        ).all()
    return [
        Record(
            Head(row.chain_number, row.sha256),
            row.run_id,
            row.kind,
            row.author,
            row.message,
            row.test_time_second,
            row.unix_time_second,
            json_from(row.data),
        )
        for row in rows
    ]


@contextmanager
def reading(url: str | Path) -> Iterator[Connection]:
    """A connection to a database of this schema; each query is a short transaction of its own.

    Raises:
        DataError: it cannot be read.
    """
    address = database.locate(url)
    engine = database.open_for_reading(address)
    with database.reading(address), engine.connect() as connection:
        schema.check(connection, address)
        yield connection
