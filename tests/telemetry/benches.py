"""A station without instruments: its socket, its database, and channels whose state a test sets."""

import asyncio
import os
import tempfile
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from labctl.half_cycle import HalfCycle
from labctl.instrument.channel import Identity, Sample
from labctl.protocol import load
from labctl.protocol.plan import Plan
from labctl.protocol.plan_text import plan_to_text
from labctl.station.broadcast import Broadcast
from labctl.station.delivery import Delivery
from labctl.station.local_socket import Answer, LocalSocket, Question, socket_path
from labctl.station.remote import RemoteCommands
from labctl.station.status import ChannelStatus
from labctl.store import queue as table
from labctl.store.queue import EntryRow, EntryState
from labctl.store.store import Store
from labctl.store.writer import RunWriter

STATION = "bench"
BEGUN_UNIX_S = 1_700_000_000.0


@dataclass
class FakeWorker:
    """What ``Broadcast`` looks at."""

    name: str
    state: str = "idle"
    entry: Any = None
    run: Any = None
    run_id: int | None = None
    sample: Sample | None = None
    started_unix_s: float | None = None
    cell: str = ""
    reason: str = ""

    def status(self) -> ChannelStatus:
        sample = self.sample
        return ChannelStatus(
            channel=self.name,
            instrument="a fake",
            state=self.state,
            reason=self.reason,
            entry=str(self.entry or ""),
            run_id=self.run_id,
            cell=self.cell,
            protocol="short" if self.run_id else "",
            queued=0,
            time_s=None if sample is None else sample.time_s,
            voltage_V=None if sample is None else sample.voltage_V,
            current_A=None if sample is None else sample.current_A,
        )

    def begin(self, run_id: int, cell: str) -> None:
        self.state, self.run_id, self.cell, self.started_unix_s = "running", run_id, cell, BEGUN_UNIX_S
        self.run = SimpleNamespace(place=None, elapsed_s=0.0, progress=lambda: SimpleNamespace(seq=self.seq))
        self.noted: list[tuple[Any, ...]] = []
        self.run.note = lambda *note: self.noted.append(note)
        self.seq = 0

    def measure(self, time_s: float, voltage_V: float) -> None:
        self.seq += 1
        self.run.elapsed_s = time_s
        self.sample = Sample(time_s, voltage_V, 1e-4)


@dataclass
class Bench:
    """A station that is served.

    Attributes:
        asked: what was asked of it that is not telemetry.
    """

    store: Store
    database: str
    plan: Plan
    workers: dict[str, FakeWorker]
    broadcast: Broadcast
    delivery: Delivery
    asked: list[Question] = field(default_factory=list)
    runs: list[RunWriter] = field(default_factory=list)

    def begin(self, channel: str, cell: str) -> RunWriter:
        """A run of this station, in its database."""
        plan = replace(self.plan, cell=replace(self.plan.cell, name=cell))
        run = self.store.open_run(
            plan,
            identity=Identity("Fake", "None", "1", "1"),
            driver="palmsens-emstat4",
            resource="simulated:na50k50",
            channel=channel,
            seed=0,
            speed=1.0,
            started_unix_s=BEGUN_UNIX_S,
        )
        row = EntryRow(f"c{run.run_id}", STATION, channel, plan_to_text(plan), False, "me", BEGUN_UNIX_S)
        row = replace(row, state=EntryState.RUNNING, run_id=run.run_id)
        self.store.submit(lambda connection: table.add(connection, row)).result()
        self.workers[channel].begin(run.run_id, cell)
        self.runs.append(run)
        return run

    def published(self) -> dict[bool, int]:
        """How many events have been delivered, and how many have not."""

        def count(connection: Any) -> dict[bool, int]:
            rows = connection.exec_driver_sql("SELECT published, count(*) FROM event GROUP BY 1").all()
            return {bool(published): number for published, number in rows}

        return self.store.submit(count).result()


def half_cycle(cycle: int) -> HalfCycle:
    return HalfCycle(
        cycle, 1, 10.0 * cycle, 10.0 * cycle + 9.0, 1.0, 0.1, 0.1, 0.05, 0.06, 0.07, "capacity >= 1 C"
    )


@asynccontextmanager
async def serving(folder: Path, *channels: str) -> AsyncIterator[Bench]:
    """A station that is served until the end of the block."""
    path = folder / "short.yaml"
    path.write_text(
        "protocol: short\n"
        "cell: {electrode_diameter: 6 mm, simulate_as: na50k50}\n"
        "safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}\n"
        "record: {every: 10 s}\n"
        "steps: [{rest: {until: {time: 10 min}}}]\n"
    )
    database = str(folder / "labctl.sqlite")
    workers = {name: FakeWorker(name) for name in channels or ("a1", "a2")}
    asked: list[Question] = []

    async def otherwise(question: Question) -> Answer:
        asked.append(question)
        return {"ok": f"{question['do']} {question.get('target')}: done"}

    with Store(database) as store:
        broadcast = Broadcast(STATION, workers, lambda *_: None)  # type: ignore[arg-type]
        remote = RemoteCommands(STATION, store, workers, otherwise)  # type: ignore[arg-type]
        delivery = Delivery(STATION, database, store, broadcast, otherwise, remote)
        door = LocalSocket(socket_path(STATION), delivery.answer, os.getuid(), broadcast.listen)
        bench = Bench(store, database, load(str(path)), workers, broadcast, delivery, asked)
        await door.open()
        async with TaskGroup() as group:
            living = group.create_task(broadcast.live())
            try:
                yield bench
            finally:
                living.cancel()
                await door.close()
                for run in bench.runs:
                    run.close()


async def until(reached: Callable[[], Any], within_s: float = 40.0) -> Any:
    """Wait for something to come true, generously."""
    async with asyncio.timeout(within_s):
        while not (found := reached()):
            await asyncio.sleep(0.02)
    return found


def runtime_directory() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="labctl")  # a socket's path must be short
