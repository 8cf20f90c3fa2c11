"""What killed processes leave behind: runs without a writer, locks that nobody holds, sockets without a listener."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from labctl.audit.log import reading
from labctl.doctor.computer import Computer
from labctl.doctor.line import Line, look, ok, wrong
from labctl.errors import LabctlError
from labctl.store import database, liveness, tables
from labctl.store.records import RunState


def check_database(url: str) -> Iterator[Line]:
    """The database can be read, and each run that is marked as running has a process that writes it."""
    address = database.locate(url)
    if address.path is not None and not address.path.exists():
        yield ok("database", f"{address} will be made by the first run")
        return
    try:
        with reading(url) as connection:
            run, cell = tables.run.c, tables.cell
            query = select(
                run.run_id, run.channel, run.state, run.last_written_unix_time_second, cell.c.name
            ).join(cell)
            rows = connection.execute(query.order_by(run.run_id)).all()
    except LabctlError as error:
        yield wrong("database", str(error), "see docs/database.md")
        return
    yield ok("database", f"{address}, {len(rows)} runs")
    last_on = {row.channel: row.run_id for row in rows}
    for row in rows:
        where = f"run {row.run_id}, cell {row.name or 'without a name'}, channel {row.channel}"
        if row.state == RunState.RUNNING and not liveness.is_being_written(
            address.path, row.run_id, row.last_written_unix_time_second
        ):
            yield wrong(
                "run", f"{where}: its process is gone", "look at the cell and at its instrument first"
            )
        if row.state == RunState.UNSAFE and last_on[row.channel] == row.run_id:
            yield wrong("run", f"{where}: the circuit was never confirmed open", "look at the cell")


def check_locks(directory: Path, patterns: tuple[str, ...]) -> Iterator[Line]:
    """Lock files that no process holds. They hinder nobody: the next run takes them away."""
    left = [
        path.name for pattern in patterns for path in sorted(directory.glob(pattern)) if not is_held(path)
    ]
    if left:
        yield look(
            "locks", f"left by dead processes in {directory}: {', '.join(left)}", "the next run clears them"
        )


def is_held(path: Path) -> bool:
    """Whether a process holds the lock on a file; asking takes it for a moment, shared."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def check_sockets(computer: Computer, directory: Path) -> Iterator[Line]:
    """Sockets that nobody listens at; looked up with the kernel, no connection is made."""
    listening = {line.split()[-1] for line in computer.text("proc/net/unix").splitlines()[1:] if line.split()}
    dead = [path.name for path in sorted(directory.glob("*.sock")) if str(path) not in listening]
    if dead:
        yield look(
            "sockets",
            f"nobody listens at {', '.join(dead)} in {directory}",
            "labctl serve replaces its own; else remove",
        )
