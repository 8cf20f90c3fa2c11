"""Enters into the audit log what a keeper did to a circuit by itself, while or because the engine could not."""

import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select

from labctl.engine import circuit
from labctl.errors import StoreError
from labctl.store import chain, liveness, tables, trail
from labctl.store.database import locate
from labctl.store.rows import json_from
from labctl.store.store import Store

AUTHOR = "keeper"
_KINDS = {"off": circuit.OPENED, "unsafe": circuit.UNKNOWN, "gave up": circuit.UNKNOWN}
_BEFORE_S = 1.0  # clocks on the wall are set: a line may seem to be a little older than its run

Line = Mapping[str, Any]


class KeeperRecord:
    """Reads the keepers' journal and enters what belongs into the chain of events: each line once.

    A line is known again by its keeper's process and monotonic time, which the event carries, so that nothing is
    entered twice whichever process enters it. What belongs to a run that is being written waits for that run's end.

    Args:
        store: open for writing.
        database: its URL or path.
        journal: the keepers'; None: they keep none.
    """

    def __init__(self, store: Store, database: str, journal: Path | None) -> None:
        self._store = store
        self._path = locate(database).path
        self._journal = journal
        self._one_at_a_time = threading.Lock()
        self._read = 0
        self._waiting: list[Line] = []

    def enter(self) -> None:
        """Enter what is not in the log yet; waits for the disk. What cannot be written is entered next time.

        May be called from several threads.
        """
        with self._one_at_a_time:
            self._waiting += self._new_lines()
            if self._waiting:
                with suppress(StoreError):
                    self._waiting = self._store.submit(self._write).result()

    def _new_lines(self) -> list[Line]:
        if self._journal is None:
            return []
        try:
            with self._journal.open("rb") as file:
                file.seek(self._read)
                whole, end, _ = file.read().rpartition(b"\n")
        except OSError:
            return []
        self._read += len(whole) + len(end)
        return [line for text in whole.split(b"\n") if (line := _own_decision(text)) is not None]

    def _write(self, connection: Connection) -> list[Line]:
        """Enter lines, within the caller's transaction; returns those that have to wait."""
        waiting = []
        for line in self._waiting:
            run = _run_of(connection, line)
            if run is None or _is_entered(connection, run.run_id, line):
                continue
            if liveness.is_being_written(self._path, run.run_id, run.last_written_unix_time_second):
                waiting.append(line)
            else:
                chain.append(connection, [_event(connection, run, line)])
        return waiting


def _own_decision(text: bytes) -> Line | None:
    """A line of the journal, if it tells of a circuit that the keeper by itself opened, or could not open."""
    if b'"by": "keeper"' not in text:
        return None
    try:
        line = json.loads(text)
    except ValueError:  # torn by a power cut
        return None
    return line if line["event"] in _KINDS else None


def _run_of(connection: Connection, line: Line) -> Row[Any] | None:
    """The run that the engine was writing on that channel: the last that began before."""
    run = tables.run.c
    query = select(tables.run).where(
        run.process_id == line["engine_pid"],
        run.channel == line["channel"],
        run.host == socket.gethostname(),
        run.started_unix_time_second <= line["unix_time_second"] + _BEFORE_S,
    )
    return connection.execute(query.order_by(run.run_id.desc()).limit(1)).one_or_none()


def _is_entered(connection: Connection, run_id: int, line: Line) -> bool:
    event = tables.event.c
    entered = connection.scalars(select(event.data).where(event.run_id == run_id, event.author == AUTHOR))
    return any(_mark(json_from(data) or {}) == _mark(line) for data in entered)


def _mark(line: Line) -> tuple[Any, Any]:
    return line.get("keeper_pid"), line.get("monotonic_second")


def _event(connection: Connection, run: Row[Any], line: Line) -> dict[str, Any]:
    number, _ = trail.last_event(connection, run.run_id)
    unix_s = line["unix_time_second"]
    test_s = (unix_s - run.started_unix_time_second) * (run.speed or 1.0)
    data = {name: line[name] for name in ("keeper_pid", "engine_pid", "monotonic_second")}
    times_s = (test_s, unix_s)
    return trail.event_row(
        run.run_id, number + 1, _KINDS[line["event"]], times_s, AUTHOR, line["reason"], data
    )
