"""A database that runs are written to: opening it, beginning runs, closing it."""

import os
import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, func, insert, select, update

from labctl.errors import DataError, LabctlError, StoreError
from labctl.instrument.channel import Identity
from labctl.protocol.plan import CellDescription, Plan
from labctl.protocol.plan_text import plan_to_text
from labctl.store import chain, database, liveness, long_log, room, schema, tables, trail
from labctl.store.batch import SampleInsert
from labctl.store.committer import Committer
from labctl.store.records import CUT_OFF, RunState
from labctl.store.rows import cell_row, identity_row
from labctl.store.seal import SampleSeal
from labctl.store.writer import Counts, RunWriter

T = TypeVar("T")


class Store:
    """A database, open for writing. Runs that a killed process left behind are marked as interrupted.

    Args:
        url: a path or URL; a file that does not exist is created.

    Raises:
        DataError: the database is another program's, or a newer labctl's.
        StoreError: it cannot be opened for writing.
    """

    def __init__(self, url: str | Path) -> None:
        self._address = database.locate(url)
        self._engine = database.open_for_writing(self._address)
        self._insert_samples = SampleInsert(self._engine.dialect)
        self._writers: list[RunWriter] = []
        with database.writing(self._address), self._engine.begin() as connection:
            schema.prepare(connection, self._address)
            _mark_interrupted(connection, self._address.path)
        self._committer = self._new_committer()

    @property
    def failure(self) -> StoreError | None:
        """Why no rows are taken any more, if they are not."""
        return self._committer.failure

    @property
    def shortage(self) -> str:
        """One clause on what to do about the disk; empty if it has room."""
        return room.shortage(self._address.path)

    @property
    def long_log(self) -> str:
        """A sentence on a log that grows because of a reader, and on who that may be; empty if it does not."""
        return long_log.long_log(self._address.path)

    @property
    def is_idle(self) -> bool:
        """Whether no run is being written."""
        return all(writer.closed for writer in self._writers)

    def reopen(self) -> None:
        """Take rows again after a failure, once no run is being written, on another connection.

        First, what was given before and after the failure is written: a run that ended because of it has its last
        samples and its end. Whatever fails changes nothing, and can be tried again.

        Raises:
            DataError: the database is another one by now.
            StoreError: it still takes no rows, or is damaged.
        """
        self._committer.close()
        if self._committer.is_stuck:
            self._committer.check()
        engine = database.open_for_writing(self._address)
        with database.writing(self._address):
            with engine.connect() as connection:
                database.mend(self._address, connection)
            with engine.begin() as connection:
                schema.prepare(connection, self._address)
                for batch in [batch for writer in self._writers for batch in writer.unwritten()]:
                    if not batch.is_stored(connection):
                        batch.write(connection)
                _mark_interrupted(connection, self._address.path)
        for writer in self._writers:
            writer.release()
        self._writers = []
        self._engine = engine
        self._committer = self._new_committer()

    def open_run(
        self,
        plan: Plan,
        *,
        identity: Identity,
        driver: str,
        resource: str,
        channel: str,
        seed: int | None,
        speed: float | None,
        started_unix_s: float,
        origin_s: float = 0.0,
    ) -> RunWriter:
        """Begin a run; its row is durable on return.

        Args:
            plan: what is going to be done; its cell is found again by its name and description.
            identity, driver, resource, channel: what the cell is connected to.
            seed: of the simulation; None on hardware.
            speed: experiment seconds in a second on the wall; None in virtual time.
            started_unix_s: the run's start on the calendar.
            origin_s: the run's start in experiment time; stored times count from here.

        Raises:
            StoreError: it could not be made durable.
        """
        plan_text = plan_to_text(plan)
        row = {
            "protocol": plan.protocol,
            "protocol_text": plan.text,
            "protocol_sha256": plan.sha256,
            "channel": channel,
            "driver": driver,
            "resource": resource,
            "software_version": version("labctl-cycler"),
            "seed": seed,
            "speed": speed,
            "state": RunState.RUNNING,
            "started_unix_time_second": started_unix_s,
            "last_written_unix_time_second": liveness.unix_time_s(),
            "host": socket.gethostname(),
            "boot_id": liveness.boot_id(),
            "process_id": os.getpid(),
            "plan": plan_text,
        } | identity_row(identity)

        locks: list[liveness.RunLock] = []

        def begin(connection: Connection) -> tuple[int, liveness.RunLock]:
            cell_id = _find_or_add_cell(connection, plan.cell)
            added = insert(tables.run).values(cell_id=cell_id, **row).returning(tables.run.c.run_id)
            run_id = connection.execute(added).scalar_one()
            numbers = {"run_id": run_id, "cell_id": cell_id}
            started = trail.run_started(row | numbers, {"cell_id": cell_id, **cell_row(plan.cell)}, plan)
            chain.append(connection, [started])
            # Held before the row can be seen: whoever sees a running run also finds its lock.
            locks.append(liveness.RunLock(self._address.path, run_id))
            return run_id, locks[0]

        try:
            run_id, lock = self._committer.submit(begin).result()
        except BaseException:
            for held in locks:
                held.release()
            raise
        return self._writer(
            run_id, lock, started_unix_s, origin_s, plan_text, Counts(events=1), SampleSeal(1)
        )

    def reopen_run(self, run_id: int, origin_s: float) -> RunWriter:
        """Go on writing a run; what is stored of it stays as it is until its writer is given something.

        Args:
            run_id: the run.
            origin_s: the run's start in experiment time.

        Raises:
            DataError: there is no such run.
            StoreError: another process writes it, or earlier work could not be made durable.
        """
        self._committer.check()
        run = tables.run.c
        known = select(run.started_unix_time_second, run.last_written_unix_time_second, run.state, run.plan)
        reading = database.open_for_reading(self._address)
        with database.reading(self._address), reading.connect() as connection:
            found = connection.execute(known.where(run.run_id == run_id)).one_or_none()
            if found is None:
                raise DataError(f"{self._address}: there is no run {run_id}")
            started_unix_s, written_unix_s, state, plan_text = found
            goes_on = state in (RunState.RUNNING, RunState.PAUSED)
            if goes_on and liveness.is_being_written(self._address.path, run_id, written_unix_s):
                raise StoreError(f"{self._address}: run {run_id} is being written by another process")
            lock = liveness.RunLock(self._address.path, run_id)
            counts = _counts(connection, run_id)
            unsealed = trail.remainder(connection, run_id)
            _, event_s = trail.last_event(connection, run_id)
        text = plan_text or ""
        return self._writer(run_id, lock, started_unix_s, origin_s, text, counts, unsealed, event_s)

    def submit(self, write: Callable[[Connection], T]) -> Future[T]:
        """Hand over other work, done in one transaction in the order of everything else; callable from any thread.

        Args:
            write: must not raise: an error ends all writing.

        Returns:
            A future of the work's result, done when that is durable.

        Raises:
            StoreError: earlier work could not be made durable, or the disk is stuck.
        """
        return self._committer.submit(write)

    def _writer(
        self,
        run_id: int,
        lock: liveness.RunLock,
        started_unix_s: float,
        origin_s: float,
        plan_text: str,
        counts: Counts,
        unsealed: SampleSeal,
        last_event_s: float = 0.0,
    ) -> RunWriter:
        writer = RunWriter(
            run_id,
            committer=self._committer,
            insert_samples=self._insert_samples,
            lock=lock,
            started_unix_s=started_unix_s,
            origin_s=origin_s,
            plan_text=plan_text,
            counts=counts,
            unsealed=unsealed,
            last_event_s=last_event_s,
        )
        kept = [other for other in self._writers if not other.closed or self.failure]
        self._writers = [*kept, writer]
        return writer

    def close(self) -> None:
        """Make everything durable and close; idempotent.

        Raises:
            StoreError: something could not be made durable.
        """
        with ExitStack() as last_to_first:
            last_to_first.callback(self._committer.check)
            last_to_first.callback(self._committer.close)
            for writer in self._writers:
                last_to_first.callback(writer.release)
                last_to_first.callback(writer.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_committer(self) -> Committer:
        return Committer(self._engine, str(self._address), self._durable, database.upkeep(self._address))

    def _durable(self) -> str:
        """After a failure: what a fresh connection finds of the runs being written."""
        try:
            reading = database.open_for_reading(self._address)
            with database.reading(self._address), reading.connect() as connection:
                found = [
                    f"run {writer.run_id} is in the database up to sample {_last_seq(connection, writer.run_id)}"
                    f" of {writer.seq}"
                    for writer in self._writers
                ]
        except LabctlError as error:
            return f"what is in the database could not be read ({error})"
        return "; ".join(found) or "no run was being written"


def _find_or_add_cell(connection: Connection, cell: CellDescription) -> int:
    """A named cell that was described in the same way is the same cell; one without a name is always another."""
    row = cell_row(cell)
    cell_id = tables.cell.c.cell_id
    if cell.name:
        same = (tables.cell.c[name].is_not_distinct_from(value) for name, value in row.items())
        found: int | None = connection.scalar(select(func.max(cell_id)).where(*same))
        if found is not None:
            return found
    added: int = connection.execute(insert(tables.cell).values(row).returning(cell_id)).scalar_one()
    return added


def _mark_interrupted(connection: Connection, database_path: Path | None) -> None:
    """Close the books of runs whose process was killed."""
    run, sample = tables.run.c, tables.sample.c
    last_written = run.last_written_unix_time_second
    running = select(run.run_id, last_written).where(run.state == RunState.RUNNING)
    for run_id, last_written_s in connection.execute(running).all():
        if liveness.is_being_written(database_path, run_id, last_written_s):
            continue
        last_sample = select(func.max(sample.unix_time_second)).where(sample.run_id == run_id)
        connection.execute(
            update(tables.run)
            .where(run.run_id == run_id)
            .values(
                state=RunState.INTERRUPTED,
                end_reason=CUT_OFF,
                ended_unix_time_second=func.coalesce(
                    last_sample.scalar_subquery(), run.started_unix_time_second
                ),
            )
        )
        trail.note_interruption(connection, run_id)
        liveness.clear(database_path, run_id)


def _last_seq(connection: Connection, run_id: int) -> int:
    seq = select(func.max(tables.sample.c.seq)).where(tables.sample.c.run_id == run_id)
    return connection.scalar(seq) or 0


def _counts(connection: Connection, run_id: int) -> Counts:
    """The numbers of a run's last rows."""
    numbered = (
        tables.sample.c.seq,
        tables.step.c.step_id,
        tables.half_cycle.c.half_cycle_id,
        tables.spectrum.c.spectrum_id,
        tables.event.c.event_id,
    )
    last = (select(func.max(number)).where(number.table.c.run_id == run_id) for number in numbered)
    return Counts(*(connection.scalar(query) or 0 for query in last))
