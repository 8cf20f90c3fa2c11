"""Events as an outbox: which of a station's are to be delivered yet, and that they have been.

The place of an event in the chain orders the outbox. An event belongs to the station whose queue its run came from.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from labctl.store import tables

_event, _run, _entry = tables.event.c, tables.run.c, tables.queue_entry.c


def _of_station(station: str) -> Select[tuple[int]]:
    return select(_entry.run_id).where(_entry.station == station, _entry.run_id.is_not(None))


def head(connection: Connection) -> int:
    """The place of the last event of the database; 0 if there is none."""
    return connection.scalar(select(func.max(_event.chain_number))) or 0


def delivered(connection: Connection, station: str) -> int:
    """The place before the first event of a station that has not been delivered."""
    first = connection.scalar(
        select(func.min(_event.chain_number)).where(
            _event.published.is_(False), _event.run_id.in_(_of_station(station))
        )
    )
    return head(connection) if first is None else first - 1


def events_after(connection: Connection, station: str, place: int, most: int) -> Sequence[Row[Any]]:
    """The next events of a station, in the order of the chain, each with its ``channel`` and its ``cell``."""
    query = (
        select(tables.event, _run.channel, tables.cell.c.name.label("cell"))
        .join(tables.run, _run.run_id == _event.run_id)
        .join(tables.cell, tables.cell.c.cell_id == _run.cell_id)
        .where(_event.chain_number > place, _event.run_id.in_(_of_station(station)))
        .order_by(_event.chain_number)
        .limit(most)
    )
    return connection.execute(query).all()


def spectrum_points(connection: Connection, run_id: int, spectrum_id: int) -> Sequence[Row[Any]]:
    """The points of a spectrum, from high to low frequency."""
    point = tables.impedance_point
    query = select(point).where(point.c.run_id == run_id, point.c.spectrum_id == spectrum_id)
    return connection.execute(query.order_by(point.c.point)).all()


def mark_published(connection: Connection, station: str, after: int, upto: int) -> None:
    """Note that a station's events between two places in the chain have been delivered, the latter included."""
    between = _event.chain_number > after, _event.chain_number <= upto
    undelivered = update(tables.event).where(*between, _event.published.is_(False))
    connection.execute(undelivered.where(_event.run_id.in_(_of_station(station))).values(published=True))
