"""Everything the doctor looks at, in the order of a report."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from labctl.audit.log import reading
from labctl.doctor import leftovers, ports, software, storage, uptime
from labctl.doctor.broker import check_broker
from labctl.doctor.computer import Computer
from labctl.doctor.instruments import check_instrument
from labctl.doctor.line import Line, look, ok
from labctl.errors import LabctlError
from labctl.keeper.claim import runtime_directory
from labctl.protocol import estimate
from labctl.protocol.plan_text import plan_from_text
from labctl.station.file import Station
from labctl.store import database, tables
from labctl.store.queue import EntryState


async def examine(
    url: str, station: Station | None = None, computer: Computer = Computer(), runtime: Path | None = None
) -> list[Line]:
    """Look at everything.

    Args:
        url: of the database.
        station: whose ports and instruments to look at; None: none.
        computer: where.
        runtime: where sockets and locks of running processes are; None: this user's.
    """
    specs = list(station.channels.values()) if station is not None else []
    resources = [spec.resource for spec in specs if spec.resource]
    lines = [
        software.check_python(),
        software.check_dependencies(),
        software.check_sqlite(),
        *software.check_visa(resources),
        *_check_storage(url, computer),
        uptime.check_clock(computer),
        uptime.check_sleep(computer),
        *uptime.check_lid(computer),
        *uptime.check_updates(computer),
        *leftovers.check_database(url),
        *_check_leftovers(url, computer, runtime_directory() if runtime is None else runtime),
    ]
    for spec in specs:
        lines += ports.check_port(computer, spec.name, spec.resource)
    for spec in specs:
        lines += await check_instrument(spec)
    if station is None:
        lines.append(look("instruments", "not looked at", "name them with --station FILE"))
    lines.append(check_broker(None if station is None else station.mqtt))
    return [*lines, *_not_set_up()]


def _check_storage(url: str, computer: Computer) -> Iterator[Line]:
    path = database.locate(url).path
    if path is None:
        yield ok("disk", "the database is served by another program, which has its own")
        return
    directory = next(parent for parent in path.parents if parent.exists())
    yield storage.check_room(computer, directory, _queued_rows(url))
    yield storage.check_file_system(computer, directory)
    yield storage.check_log(path)


def _queued_rows(url: str) -> int:
    """Samples that the runs in the queue may write, at most."""
    entry = tables.queue_entry.c
    waiting = entry.state.in_((EntryState.QUEUED, EntryState.RUNNING, EntryState.HELD))
    try:
        with reading(url) as connection:
            plans = connection.execute(select(entry.plan).where(waiting)).scalars().all()
        return sum(estimate(plan_from_text(text)).rows_at_most for text in plans)
    except LabctlError:  # the check of the database tells
        return 0


def _check_leftovers(url: str, computer: Computer, runtime: Path) -> Iterator[Line]:
    path = database.locate(url).path
    if path is not None:
        yield from leftovers.check_locks(path.parent, (f"{path.name}.run-*.lock",))
    yield from leftovers.check_sockets(computer, runtime)


def _not_set_up() -> Iterator[Line]:
    yield look(
        "backups",
        "not set up",
        "copy the database to another disk: sqlite3 -readonly runs.db \"VACUUM INTO 'copy.db'\"",
    )
