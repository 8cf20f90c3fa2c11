"""Reads runs, also while they are being written: strictly read-only, each query a short transaction of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Select, func, select

from labctl.errors import DataError
from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import ImpedancePoint
from labctl.protocol.plan import Plan
from labctl.protocol.plan_text import plan_from_text
from labctl.protocol.position import node_at
from labctl.store import database, liveness, schema, tables
from labctl.store.progress import VERSION, Seal, decode
from labctl.store.records import (
    CUT_OFF,
    Checkpoint,
    EventRecord,
    RunRecord,
    RunState,
    SpectrumRecord,
    StepRecord,
)
from labctl.store.rows import (
    cell_from,
    half_cycle_from,
    identity_from,
    json_from,
    point_from,
    spectrum_from,
)
from labctl.store.silence import Silence, silences
from labctl.store.trail import STORE

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

CHUNK_ROWS = 100_000
"""Samples in one query: a longer one would keep the writer from shortening its log."""


class Reader:
    """A database, open for reading.

    Args:
        url: a path or URL.

    Raises:
        DataError: it is missing, or cannot be read as a database of this labctl.
    """

    def __init__(self, url: str | Path) -> None:
        self._address = database.locate(url)
        self._engine = database.open_for_reading(self._address)
        with self._connect() as connection:
            schema.check(connection, self._address)

    def runs(self) -> list[RunRecord]:
        """All runs, the oldest first."""
        return [self._settled(row) for row in self._all(_runs())]

    def latest_runs(self, most: int, before: int | None = None, cell: str = "") -> list[RunRecord]:
        """So many runs, the newest first.

        Args:
            most: how many at most.
            before: only those of a smaller number.
            cell: part of the cell's name, in upper or lower case.
        """
        query = _runs().order_by(None).order_by(tables.run.c.run_id.desc()).limit(most)
        if before is not None:
            query = query.where(tables.run.c.run_id < before)
        if cell:
            query = query.where(tables.cell.c.name.icontains(cell, autoescape=True))
        return [self._settled(row) for row in self._all(query)]

    def run(self, reference: int | str = "last") -> RunRecord:
        """One run: its number, also as text, or ``last``.

        Raises:
            DataError: there is no such run.
        """
        name = str(reference)
        if name == "last":
            query = _runs().order_by(None).order_by(tables.run.c.run_id.desc()).limit(1)
        elif name.isascii() and name.isdecimal() and len(name) < 19:
            query = _runs().where(tables.run.c.run_id == int(name))
        else:
            raise DataError(f"{name!r} names no run: give its number, or 'last'")
        rows = self._all(query)
        if not rows:
            raise DataError(f"{self._address}: {self._missing(name)}")
        return self._settled(rows[0])

    def plan(self, run_id: int) -> Plan | None:
        """The plan as it was bound when the run was begun; None if it was not stored, or by a newer labctl.

        It is shown as the database has it; ``checkpoint`` proves it before a cell is cycled by it.
        """
        rows = self._all(select(tables.run.c.plan).where(tables.run.c.run_id == run_id))
        try:
            return plan_from_text(rows[0].plan) if rows and rows[0].plan is not None else None
        except (DataError, ValueError):
            return None

    def checkpoint(self, run_id: int) -> Checkpoint:
        """What it takes to go on with a run.

        Raises:
            DataError: it was not stored, was written by a newer labctl, or is damaged: cut, edited, or another run's.
        """
        run, progress = tables.run.c, tables.progress.c
        plans = self._all(
            select(run.plan, run.protocol_text, run.started_unix_time_second).where(run.run_id == run_id)
        )
        rows = self._all(select(tables.progress).where(progress.run_id == run_id))
        where = f"{self._address}: run {run_id} cannot be taken up"
        if not plans or plans[0].plan is None or not rows:
            raise DataError(f"{where}: how far it had come was not stored")
        (plan_row,), (row,) = plans, rows
        if row.version > VERSION:
            raise DataError(
                f"{where}: its progress was written by a newer labctl (format {row.version}; this one knows {VERSION})"
            )
        if Seal(run_id, plan_row.started_unix_time_second, plan_row.plan).over(row.data) != row.sha256:
            raise DataError(
                f"{where}: its plan or progress is damaged, or another run's (the hash does not fit)"
            )
        try:
            plan, found = plan_from_text(plan_row.plan), decode(row.data)
            if plan.text != plan_row.protocol_text:
                raise DataError("its protocol was edited in the database")
            if found.position is not None:
                node_at(plan, found.position)
        except (DataError, ValueError) as error:
            raise DataError(f"{where}: {error}") from error
        rebooted = not row.boot_id or row.boot_id != liveness.boot_id()
        silent_s = (
            liveness.unix_time_s() - row.written_unix_time_second
            if rebooted
            else liveness.boot_time_s() - row.boot_time_second
        )
        return Checkpoint(plan, found, max(silent_s, 0.0), rebooted)

    def samples(
        self,
        run_id: int,
        columns: Sequence[str] = ("test_time_second", "voltage_volt", "current_ampere"),
        *,
        start_s: float = float("-inf"),
        end_s: float = float("inf"),
    ) -> "dict[str, NDArray[float64]]":
        """Columns of ``sample`` as arrays, in the order of ``seq``; an absent temperature is NaN.

        Args:
            run_id: the run.
            columns: names as in the table.
            start_s, end_s: test time, both included.

        Raises:
            DataError: there is no such column.
        """
        import numpy as np  # here, because listing runs needs none of it

        sample = tables.sample.c
        if unknown := set(columns) - set(sample.keys()):
            raise DataError(
                f"samples have no {', '.join(sorted(unknown))}; they have {', '.join(sample.keys())}"
            )
        query = (
            select(sample.seq, *(sample[name] for name in columns))
            .where(sample.run_id == run_id, sample.test_time_second.between(start_s, end_s))
            .order_by(sample.seq)
            .limit(CHUNK_ROWS)
        )
        chunks = [np.empty((0, 1 + len(columns)))]
        seq = 0
        while True:
            with self._connect() as connection:
                values = chain.from_iterable(connection.execute(query.where(sample.seq > seq)))
                # By way of objects, since that turns NULL into NaN.
                flat = np.fromiter(values, dtype=object).astype(np.float64)
            if not flat.size:
                break
            chunks.append(flat.reshape(-1, 1 + len(columns)))
            seq = int(chunks[-1][-1, 0])
        table = np.concatenate(chunks)
        return {name: np.ascontiguousarray(table[:, n]) for n, name in enumerate(columns, start=1)}

    def temperatures_K(self, run_id: int) -> tuple[float, float] | None:
        """The lowest and the highest temperature of a run's samples; None if none carries one."""
        kelvin = tables.sample.c.temperature_kelvin
        low, high = func.min(kelvin).label("low_K"), func.max(kelvin).label("high_K")
        query = select(low, high).where(tables.sample.c.run_id == run_id)
        (row,) = self._all(query)
        return None if row.low_K is None else (row.low_K, row.high_K)

    def steps(self, run_id: int) -> list[StepRecord]:
        """The executed steps, in order; the last may still be going on."""
        step = tables.step.c
        return [
            StepRecord(
                step_id=row.step_id,
                cycle=row.cycle,
                path=row.path,
                kind=row.kind,
                start_s=row.start_time_second,
                end_s=row.end_time_second,
                end_reason=row.end_reason,
                charge_C=row.charge_coulomb,
                energy_J=row.energy_joule,
            )
            for row in self._all(select(tables.step).where(step.run_id == run_id).order_by(step.step_id))
        ]

    def half_cycles(self, run_id: int) -> list[HalfCycle]:
        """The finished half-cycles, in order."""
        column = tables.half_cycle.c
        query = select(tables.half_cycle).where(column.run_id == run_id).order_by(column.half_cycle_id)
        return [half_cycle_from(row) for row in self._all(query)]

    def spectra(self, run_id: int) -> list[SpectrumRecord]:
        """The finished sweeps with their points, in order."""
        spectrum, point = tables.spectrum.c, tables.impedance_point.c
        rows = self._all(
            select(tables.spectrum).where(spectrum.run_id == run_id).order_by(spectrum.spectrum_id)
        )
        points: dict[int, list[ImpedancePoint]] = {row.spectrum_id: [] for row in rows}
        for row in self._all(
            select(tables.impedance_point)
            .where(point.run_id == run_id, point.spectrum_id <= max(points, default=0))
            .order_by(point.spectrum_id, point.point)
        ):
            points[row.spectrum_id].append(point_from(row))
        return [
            SpectrumRecord(
                row.spectrum_id,
                row.step_id,
                spectrum_from(row, tuple(points[row.spectrum_id])),
                json_from(row.quality),
            )
            for row in rows
        ]

    def events(self, run_id: int) -> list[EventRecord]:
        """What was decided, tagged or noticed, in order; what the store itself wrote for the audit is left out."""
        event = tables.event.c
        query = select(tables.event).where(event.run_id == run_id, event.author != STORE)
        return [
            EventRecord(
                event_id=row.event_id,
                kind=row.kind,
                time_s=row.test_time_second,
                unix_time_s=row.unix_time_second,
                author=row.author,
                message=row.message,
                data=json_from(row.data),
            )
            for row in self._all(query.order_by(event.event_id))
        ]

    def silences(self, run_id: int) -> list[Silence]:
        """When it was without samples: interruptions, pauses, sweeps."""
        with self._connect() as connection:
            return silences(connection, run_id)

    def _all(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with self._connect() as connection:
            return connection.execute(query).all()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with database.reading(self._address), self._engine.connect() as connection:
            yield connection

    def _missing(self, name: str) -> str:
        last = self._all(select(func.max(tables.run.c.run_id)))[0][0]
        return f"there is no run {name}; the last is {last}" if last else "holds no runs"

    def _settled(self, row: Row[Any]) -> RunRecord:
        """The record of a row, in which a run that nobody writes any more is not said to be running."""
        if row.state == RunState.RUNNING and not self._is_alive(row):
            # Its writer may have finished it after the row was read: what is written then is final.
            (row,) = self._all(_runs().where(tables.run.c.run_id == row.run_id))
            if row.state == RunState.RUNNING:
                return _record(row, cut_off=True)
        return _record(row)

    def _is_alive(self, row: Row[Any]) -> bool:
        return liveness.is_being_written(self._address.path, row.run_id, row.last_written_unix_time_second)


def _runs() -> Select[Any]:
    """Runs with their cells, how many samples they have, and the last of these."""
    run, cell, sample = tables.run, tables.cell, tables.sample
    last_seq = (
        select(func.max(sample.c.seq)).where(sample.c.run_id == run.c.run_id).correlate(run).scalar_subquery()
    )
    last_sample = (sample.c.run_id == run.c.run_id) & (sample.c.seq == last_seq)
    return (
        select(
            run,
            *(column for column in cell.c if column.name != "cell_id"),
            func.coalesce(sample.c.seq, 0).label("sample_count"),
            sample.c.test_time_second.label("last_sample_second"),
            sample.c.unix_time_second.label("last_sample_unix_second"),
        )
        .join(cell)
        .outerjoin(sample, last_sample)
        .order_by(run.c.run_id)
    )


def _record(row: Row[Any], *, cut_off: bool = False) -> RunRecord:
    return RunRecord(
        run_id=row.run_id,
        cell_id=row.cell_id,
        cell=cell_from(row),
        protocol=row.protocol,
        protocol_text=row.protocol_text,
        protocol_sha256=row.protocol_sha256,
        channel=row.channel,
        driver=row.driver,
        resource=row.resource,
        identity=identity_from(row),
        software_version=row.software_version,
        seed=row.seed,
        speed=row.speed,
        state=RunState.INTERRUPTED if cut_off else RunState(row.state),
        end_reason=CUT_OFF if cut_off else row.end_reason,
        started_unix_s=row.started_unix_time_second,
        ended_unix_s=(
            row.last_sample_unix_second or row.started_unix_time_second
            if cut_off
            else row.ended_unix_time_second
        ),
        last_written_unix_s=row.last_written_unix_time_second,
        host=row.host,
        process_id=row.process_id,
        sample_count=row.sample_count,
        last_sample_s=row.last_sample_second,
    )
