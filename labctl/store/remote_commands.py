"""Commands that came over a broker, as the database keeps them; each call is part of the caller's transaction."""

from sqlalchemy import Connection, insert, select, update

from labctl.store import tables
from labctl.store.liveness import unix_time_s

_table = tables.remote_command


def accept(connection: Connection, command_id: str, station: str, verb: str, target: str) -> str | None:
    """Take a command on, once.

    Returns:
        None if it is new; else what was answered to it, empty if that is not known.
    """
    known = connection.execute(select(_table.c.answer).where(_table.c.command_id == command_id)).one_or_none()
    if known is not None:
        return known.answer or ""
    _insert(connection, command_id, station, verb, target, accepted=True, answer=None, times=1)
    return None


def answered(connection: Connection, command_id: str, answer: str) -> None:
    """What was answered to a command."""
    connection.execute(update(_table).where(_table.c.command_id == command_id).values(answer=answer))


def refuse(connection: Connection, station: str, verb: str, target: str, reason: str, times: int) -> None:
    """Commands that were not carried out, and why."""
    _insert(connection, None, station, verb, target, accepted=False, answer=reason, times=times)


def _insert(
    connection: Connection,
    command_id: str | None,
    station: str,
    verb: str,
    target: str,
    *,
    accepted: bool,
    answer: str | None,
    times: int,
) -> None:
    connection.execute(
        insert(_table).values(
            command_id=command_id,
            station=station,
            verb=verb,
            target=target,
            received_unix_time_second=unix_time_s(),
            accepted=accepted,
            answer=answer,
            times=times,
        )
    )
