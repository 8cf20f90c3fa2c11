"""One scenario, carried out in virtual time by the whole stack: engine, driver, link, firmware, cell, database."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, event, select

from labctl import plugins
from labctl.clock import VirtualClock
from labctl.engine.control import RunControl
from labctl.engine.outcome import RunEnd
from labctl.engine.run import Run
from labctl.errors import LabctlError, StoreError
from labctl.instrument.channel import Channel
from labctl.link import Fence, Link
from labctl.link.memory import MemoryPort
from labctl.protocol.refusals import refusals
from labctl.rules import RuleSet
from labctl.store import database, tables
from labctl.store.store import Store
from labctl.store.writer import RunWriter
from labctl_simulators.chaos import ChaosDevice, Kind
from labctl_simulators.chaos.keithley_2450 import TroubledKeithley2450
from labctl_simulators.chaos.palmsens_emstat4 import TroubledEmStat4
from tests.faults.scenario import Scenario
from tests.faults.truth import CellHistory, LoggedPort, Reading, RecordingCell, WireLog, record_readings

_STARTED_UNIX_S = 1.7e9
_FLUSH_SAMPLES = 16
_LONGEST_S = 1e6
_AFTERWARDS_S = 300.0
_TROUBLED = {"keithley-2450": TroubledKeithley2450, "palmsens-emstat4": TroubledEmStat4}
# What is of this computer, this process, or this moment on the calendar, and what counts or chains all that is in a
# database.
_LEFT_OUT = frozenset(
    {
        "host",
        "boot_id",
        "process_id",
        "last_written_unix_time_second",
        "run_id",
        "cell_id",
        "spectrum_id",
        "chain_number",
        "sha256",
    }
)


@dataclass
class Outcome:
    """What came of a simulation, and the truth about it.

    Attributes:
        end: how the run ended; None: it could not be begun.
        error: why not, or what came out of the run besides its end.
        log: the wire.
        cell: the cell's life.
        readings: what the instrument's converters gave.
        device: the instrument, run on for some minutes after the end.
        ended_s: when the run was over.
        closed_at_end: whether the circuit was closed at that time.
        run: the row of the run, and of its steps, samples, half-cycles, events.
        acknowledged: number of samples that a flush has returned for.
        begun_s: when each step began that the engine told the record of, durable or not.
    """

    scenario: Scenario
    end: RunEnd | None
    error: BaseException | None
    log: WireLog
    cell: CellHistory
    readings: list[Reading]
    device: ChaosDevice
    ended_s: float
    closed_at_end: bool
    acknowledged: int = 0
    begun_s: list[float] = field(default_factory=list)
    run: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def database_sha256(self) -> str:
        """Same run, same hash."""
        digest = hashlib.sha256()
        for name, rows in [("run", [self.run]), *self.rows.items()]:
            for row in rows:
                kept = {key: value for key, value in row.items() if key not in _LEFT_OUT}
                if (
                    row.get("author") == "store"
                ):  # seals rows that are here themselves, under the numbers they have
                    del kept["data"]
                digest.update(f"{name} {kept!r}\n".encode())
        return digest.hexdigest()

    def injected(self) -> Counter[Kind]:
        """How many faults of each kind have happened."""
        return self.device.injected


class Laboratory:
    """A database in a folder, and simulations written into it.

    Args:
        folder: for the database.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "faults.sqlite"
        self._store: Store | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def simulate(self, scenario: Scenario) -> Outcome:
        """Carry a scenario out."""
        return asyncio.run(self._simulate(scenario))

    async def _simulate(self, scenario: Scenario) -> Outcome:
        clock = VirtualClock()
        cell = RecordingCell(plugins.cell(scenario.cell, scenario.seed))
        device = ChaosDevice(_TROUBLED[scenario.instrument], cell, scenario.seed, scenario.faults)
        device.instrument.run_until(0.0)
        drift = device.own_s(1.0)
        readings = record_readings(device, drift)
        log = WireLog(clock, _LONGEST_S)
        driver = plugins.driver(scenario.instrument)
        link = Link(
            MemoryPort(lambda: LoggedPort(device, log), clock, "simulated"),
            clock,
            driver.terminator,
            LoggedFence(log),
        )
        channel: Channel = driver.open(link, clock)
        end: RunEnd | None = None
        error: BaseException | None = None
        record: _Record | None = None
        try:
            assert not refusals(scenario.plan, channel.traits)
            identity = await channel.connect()
            record = self._open_run(scenario, identity)
            control = RunControl()
            run = Run(scenario.plan, channel, record, RuleSet(()), clock, control)
            end = await _attended(run, scenario, control, clock)
        except (Exception, asyncio.CancelledError) as failure:
            error = failure
        ended_s = clock.now()
        device.instrument.run_until(device.own_s(ended_s))
        closed = device.instrument.circuit_closed
        with suppress(LabctlError):
            await channel.close()
        device.instrument.run_until(device.own_s(ended_s + _AFTERWARDS_S))
        history = CellHistory(cell.stretches, drift)
        outcome = Outcome(scenario, end, error, log, history, readings, device, ended_s, closed)
        if record is not None:
            outcome.acknowledged = record.acknowledged
            outcome.begun_s = record.begun_s
            self._read(record, outcome)
        return outcome

    def _open_run(self, scenario: Scenario, identity: Any) -> "_Record":
        if self._store is None:
            self._store = Store(self._path)
        writer = self._store.open_run(
            scenario.plan,
            identity=identity,
            driver=scenario.instrument,
            resource="simulated",
            channel="1",
            seed=scenario.seed,
            speed=None,
            started_unix_s=_STARTED_UNIX_S,
        )
        return _Record(writer, self._store, scenario.commits)

    def _read(self, record: "_Record", outcome: Outcome) -> None:
        """Close the run, or after a failure of the disk the whole store, and read what is in the database."""
        try:
            record.close()
        except StoreError:
            self._close()
            self._store = Store(self._path)  # as after a start: books of runs that were cut off are closed
        address = database.locate(self._path)
        reading = database.open_for_reading(address)
        with reading.connect() as connection:
            outcome.run = next(_rows(connection, tables.run, record.run_id))
            for table in (
                tables.step,
                tables.sample,
                tables.half_cycle,
                tables.spectrum,
                tables.impedance_point,
                tables.event,
            ):
                outcome.rows[table.name] = list(_rows(connection, table, record.run_id))

    def _close(self) -> None:
        if self._store is not None:
            with suppress(StoreError):
                self._store.close()
        self._store = None


def _rows(connection: Connection, table: Any, run_id: int) -> Iterator[dict[str, Any]]:
    query = select(table).where(table.c.run_id == run_id).order_by(*table.primary_key.columns)
    for row in connection.execute(query):
        yield dict(row._mapping)


class LoggedFence(Fence):
    """Writes down when a new epoch begins."""

    def __init__(self, log: WireLog) -> None:
        super().__init__()
        self._log = log

    def advance(self) -> int:
        self._log.add("safe")
        return super().advance()


class _Record:
    """A run's writer that waits for the disk after some samples: what it then knows as durable must never be lost.

    So a failing disk is noticed at the same sample each time, whatever the threads do.
    """

    def __init__(self, writer: RunWriter, store: Store, commits: int | None) -> None:
        self._writer = writer
        self.acknowledged = 0
        self.begun_s: list[float] = []
        self._flushes_left = float("inf") if commits is None else commits
        self._engine = store._engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def begin_step(self, **step: Any) -> int:
        self.begun_s.append(step["start_s"])
        return self._writer.begin_step(**step)

    def sample(self, *reading: Any) -> None:
        self._writer.sample(*reading)
        if self._writer.seq % _FLUSH_SAMPLES == 0:
            self._flush()

    def _flush(self) -> None:
        self._flushes_left -= 1
        if self._flushes_left == 0:
            event.listen(self._engine, "commit", _disk_fails)
        self._writer.flush_blocking()
        self.acknowledged = self._writer.seq

    def close(self) -> None:
        self._writer.close()
        self.acknowledged = self._writer.seq


def _disk_fails(connection: Connection) -> None:
    raise OSError(5, "planted: input/output error")


async def _attended(run: Run, scenario: Scenario, control: RunControl, clock: VirtualClock) -> RunEnd:
    """Execute a run; meanwhile a person does what the scenario says."""
    if scenario.person is None:
        return await run.execute()
    deed, at_s = scenario.person
    clock.join()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_leaving(run.execute(), clock))
        person = group.create_task(_act(deed, at_s, control, running, clock))
        with suppress(asyncio.CancelledError):
            await asyncio.shield(running)
        person.cancel()
    clock.join()
    return running.result()


async def _leaving(execution: Any, clock: VirtualClock) -> RunEnd:
    try:
        return await execution  # type: ignore[no-any-return]
    finally:
        clock.leave()


async def _act(
    deed: str, at_s: float, control: RunControl, running: asyncio.Task[RunEnd], clock: VirtualClock
) -> None:
    try:
        await clock.sleep_until(at_s)
        match deed:
            case "stop":
                control.request_stop()
            case "open":
                control.request_open()
            case "cancel":
                running.cancel()
                await clock.sleep_until(at_s + 0.05)
                running.cancel()
            case "reopen":
                control.request_open()
                await clock.sleep_until(at_s + 0.1)
                running.cancel()
                await clock.sleep_until(at_s + 0.5)
                running.cancel()
    finally:
        clock.leave()
