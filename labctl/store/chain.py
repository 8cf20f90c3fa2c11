"""The chain of events: each carries a SHA-256 over itself and the one before, so that what was written stays written.

One chain runs through a database, in the order in which events were committed, whichever run or process they came
from. The record that is hashed is canonical JSON: an object of the columns named in ``RECORD``, keys sorted, no white
space, other than ASCII escaped, numbers as Python writes them. ``docs/audit.md`` shows it to those who verify by
themselves.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, insert, select, update

from labctl.errors import DataError
from labctl.store import tables

RECORD = (
    "author",
    "chain_number",
    "data",
    "event_id",
    "kind",
    "message",
    "previous_sha256",
    "run_id",
    "test_time_second",
    "unix_time_second",
)
"""What is hashed. ``published`` is not: telemetry sets it later."""

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class Head(NamedTuple):
    """The end of a chain, or any place in it.

    Attributes:
        number: of the record, counted from 1; 0 before the first.
        sha256: its hash.
    """

    number: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.number}:{self.sha256}"


START = Head(0, "0" * 64)
"""What the first record follows."""


def canonical(value: Any) -> bytes:
    """Canonical JSON of a value; NaN and infinity are refused with a ``ValueError``."""
    return _encode(value).encode("ascii")


def follow(head: Head, event: Mapping[str, Any]) -> Head:
    """The place of an event that comes right after ``head``; ``event`` holds the columns of its row."""
    record = {name: event[name] for name in RECORD if name in event} | {
        "chain_number": head.number + 1,
        "previous_sha256": head.sha256,
    }
    return Head(head.number + 1, hashlib.sha256(canonical(record)).hexdigest())


def begin(connection: Connection) -> None:
    """Put the head of an empty chain into a new database."""
    connection.execute(insert(tables.chain_head).values(chain_number=START.number, sha256=START.sha256))


def append(connection: Connection, events: Sequence[dict[str, Any]]) -> None:
    """Insert events at the end of the chain, within the caller's transaction.

    The head's row is locked until that transaction ends, so processes take turns; in SQLite the transaction itself
    already holds the only write lock.

    Raises:
        DataError: the database keeps no head, or several.
    """
    if not events:
        return
    head = _the_one(connection.execute(_kept_head().with_for_update()).all())
    for event in events:
        head = follow(head, event)
        event |= {"chain_number": head.number, "sha256": head.sha256}
    connection.execute(insert(tables.event), events)
    connection.execute(update(tables.chain_head).values(chain_number=head.number, sha256=head.sha256))


def read_head(connection: Connection) -> Head:
    """The end of the chain, as the database keeps it.

    Raises:
        DataError: it keeps none, or several.
    """
    return _the_one(connection.execute(_kept_head()).all())


def _kept_head() -> Select[tuple[int, str]]:
    return select(tables.chain_head.c.chain_number, tables.chain_head.c.sha256)


def _the_one(kept: Sequence[Row[tuple[int, str]]]) -> Head:
    if len(kept) != 1:
        raise DataError(
            f"the chain of events has {len(kept)} heads, not one: somebody has changed the database"
        )
    return Head(kept[0].chain_number, kept[0].sha256)
