"""Workers of a station: what goes wrong on one channel stays there."""

import asyncio
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, event

from labctl.clock import Clock
from labctl.errors import LinkLost, StationError
from labctl.instrument.channel import Channel, Identity
from labctl.keeper.pairs import KeeperPairs
from labctl.protocol import load
from labctl.protocol.plan import IfInterrupted, Plan
from labctl.station import connect, outage, worker
from labctl.station.commands import Commands
from labctl.station.connect import ChannelSpec
from labctl.station.file import Station
from labctl.station.keeper_record import KeeperRecord
from labctl.station.launch import identify
from labctl.station.outage import Outage
from labctl.station.queue import Entry, Queue
from labctl.station.thermometers import Auxiliaries, AuxiliarySpec, ThermometerSpec
from labctl.station.worker import Bench, Wishes, Worker
from labctl.store import long_log, room, sqlite
from labctl.store.queue import EntryState
from labctl.store.reader import Reader
from labctl.store.records import RunState
from labctl.store.store import Store

SPEED = 3600.0
SHORT = """\
protocol: short
cell: {electrode_diameter: 6 mm, simulate_as: na50k50}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 10 s}
steps:
  - rest: {until: {time: 10 min}}
"""
WARM = SHORT.replace(
    "- rest", "- soak: {temperature: 40 degC, within: 0.5 K, for: 10 min, at_most: 40 h}\n  - rest"
).replace("0.5 mA}", "0.5 mA, temperature: [5 degC, 60 degC]}")
SPECS = {name: ChannelSpec(name, "palmsens-emstat4", cell="na50k50") for name in ("a", "b")}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "short.yaml").write_text(SHORT)
    return load(str(tmp_path / "short.yaml"))


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def bench(tmp_path: Path, told: list[str]) -> Iterator[Bench]:
    path = str(tmp_path / "labctl.sqlite")
    with Store(path) as store:
        yield Bench(
            store,
            path,
            Queue(store, "bench"),
            KeeperPairs([], None),
            KeeperRecord(store, path, None),
            None,
            SPEED,
            0,
            lambda name, text: told.append(f"{name}: {text}"),
            Outage(store, lambda text: told.append(f"station: {text}")),
            Auxiliaries((), SPEED, 0),
        )


@asynccontextmanager
async def living(bench: Bench) -> AsyncIterator[dict[str, Worker]]:
    workers = {name: Worker(spec, bench) for name, spec in SPECS.items()}
    async with TaskGroup() as group:
        tasks = [group.create_task(each.live()) for each in workers.values()]
        watch = bench.outage.watch(lambda: [each.control for each in workers.values()], workers["a"].warn)
        tasks.append(group.create_task(watch))
        async with asyncio.timeout(20.0):
            yield workers
        for task in tasks:
            task.cancel()


async def until(reached: Callable[[], Any]) -> None:
    while not reached():
        await asyncio.sleep(0.01)


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    def open_channel(spec: ChannelSpec, clock: Clock, *more: Any) -> Channel:
        if spec.name == name:
            raise error
        return connect.open_channel(spec, clock, *more)

    monkeypatch.setattr(worker, "open_channel", open_channel)


async def submit(bench: Bench, plan: Plan, channel: str) -> Entry:
    number = len(bench.queue.of())
    return await bench.queue.submit(f"{channel}{number}", channel, plan, "me", unattended=False)


@pytest.mark.parametrize("error", [RuntimeError("planted"), LinkLost("pulled", "R")])
async def test_a_failure_on_one_channel_holds_it_and_no_other(
    bench: Bench, plan: Plan, told: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failing(monkeypatch, "a", error)
    async with living(bench) as workers:
        for channel in ("a", "a", "b", "b"):
            await submit(bench, plan, channel)
        await until(lambda: not bench.queue.of("b"))
        first, second = bench.queue.of("a")
        assert (first.state, second.state) == (EntryState.HELD, EntryState.QUEUED)
        assert str(error) in str(first.row.reason)
        assert (workers["a"].state, workers["a"].status().queued, workers["b"].state) == ("held", 1, "idle")
        monkeypatch.undo()
        assert "begins on channel a" in await workers["a"].go_on(first, Wishes())
        await until(lambda: not bench.queue.of("a"))
    assert any("the channel waits for a person" in line for line in told)
    assert [run.state for run in Reader(bench.database).runs()] == [RunState.FINISHED] * 4


LONG = SHORT.replace("10 min", "1000 h")


@pytest.fixture
def long(tmp_path: Path) -> Plan:
    (tmp_path / "long.yaml").write_text(LONG)
    return load(str(tmp_path / "long.yaml"))


@contextmanager
def failing_disk(bench: Bench, error: str) -> Iterator[None]:
    """Every commit fails, also those of connections that are opened meanwhile."""

    def fail(connection: Connection) -> None:
        raise OSError(5, error)

    event.listen(Engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(Engine, "commit", fail)


async def test_while_the_database_takes_no_rows_every_circuit_is_open_and_nothing_is_lost(
    bench: Bench, long: Plan, told: list[str]
) -> None:
    async with living(bench) as workers:
        for channel in ("a", "b", "b"):
            await submit(bench, long, channel)
        await until(lambda: all(each.sample for each in workers.values()))
        commands = Commands(
            Station("bench", "bench.yaml", SPECS), bench.queue, workers, bench.database, bench.outage
        )
        with failing_disk(bench, "the disk is gone"):
            await until(lambda: all(each.state == "held" for each in workers.values()))
            for each in workers.values():
                reason = each.status().reason
                assert "the disk is gone" in reason
                assert "the circuit is open, confirmed by read-back" in reason
                assert "see what is wrong with the disk" in reason
            refused = await commands.answer({"id": "1", "do": "resume", "target": "a"})
            assert "every circuit is opened" in str(refused["error"])
            assert await commands.answer({"id": "2", "do": "status"})
        await until(lambda: bench.outage.problem == "")
        await until(lambda: bench.queue.of("a")[0].state is EntryState.HELD)
        await until(lambda: bench.queue.of("b")[0].state is EntryState.HELD)
        assert "all of it has been written since" in str(bench.queue.of("a")[0].row.reason)
        assert bench.queue.of("b")[1].state is EntryState.QUEUED
        reader = Reader(bench.database)
        for run in reader.runs():
            assert run.state is RunState.FAILED
            seq = reader.samples(run.run_id, ("seq",))["seq"]
            assert list(seq) == list(range(1, run.sample_count + 1))
            assert reader.checkpoint(run.run_id).progress.opening is not None
            assert [event.kind for event in reader.events(run.run_id)].count("circuit_opened") == 1
        entry = bench.queue.of("a")[0]
        await workers["a"].go_on(entry, Wishes(IfInterrupted.CONTINUE))
        await until(lambda: workers["a"].sample and workers["a"].state == "running")
    assert any("rows are taken again" in line for line in told)


async def test_a_disk_that_is_nearly_full_pauses_what_runs_and_lets_nothing_begin(
    bench: Bench, long: Plan, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(bench) as workers:
        await submit(bench, long, "a")
        await until(lambda: workers["a"].sample)
        with monkeypatch.context() as full:
            full.setattr(room, "RESERVE_BYTES", 1 << 62)
            await until(lambda: bench.queue.of("a")[0].state is EntryState.HELD)
            assert "paused: the disk is nearly full: free " in str(bench.queue.of("a")[0].row.reason)
            with pytest.raises(StationError, match=r"free \d+ MB at"):
                await workers["a"].go_on(bench.queue.of("a")[0], Wishes())
            await submit(bench, long, "b")
            await until(lambda: bench.queue.of("b")[0].state is EntryState.HELD)
        await until(lambda: not bench.outage.remedy)
        await workers["a"].go_on(bench.queue.of("a")[0], Wishes(IfInterrupted.CONTINUE))
        await until(lambda: workers["a"].sample and workers["a"].state == "running")
    assert any("the disk is nearly full: every circuit is opened" in line for line in told)


async def test_a_log_that_a_reader_makes_grow_is_said_and_runs_go_on(
    bench: Bench, long: Plan, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_log, "WARN_BYTES", 50_000)
    monkeypatch.setattr(sqlite, "LOG_LIMIT_BYTES", 20_000)
    monkeypatch.setattr(sqlite, "_WAIT_FOR_READERS_MS", 1)
    monkeypatch.setattr(sqlite, "_WAIT_AGAIN_AFTER_S", 0.0)
    monkeypatch.setattr(outage, "_LOOK_AT_ROOM_S", 0.05)
    stuck = sqlite.load_dbapi().connect(bench.database, isolation_level=None)
    stuck.execute("BEGIN")
    stuck.execute("SELECT count(*) FROM run").fetchone()
    async with living(bench) as workers:
        await submit(bench, long, "a")
        await until(lambda: bench.outage.notice)
        assert "labctl.sqlite-wal has grown to 0 MB, since somebody reads" in bench.outage.notice
        assert workers["a"].state == "running"
        before = workers["a"].sample
        await until(lambda: workers["a"].sample != before)
        stuck.close()
        await until(lambda: not bench.outage.notice)
    assert any("the log of the database has been cut short" in line for line in told)
    (run,) = Reader(bench.database).runs()
    warnings = [event for event in Reader(bench.database).events(run.run_id) if event.kind == "warning"]
    assert ["has grown to" in warning.message for warning in warnings] == [True]


async def test_what_is_ended_while_it_is_connected_does_not_begin(
    bench: Bench, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = asyncio.Event()

    async def slowly(channel: Channel, spec: ChannelSpec) -> Identity:
        await answers.wait()
        return await identify(channel, spec)

    monkeypatch.setattr(worker, "identify", slowly)
    async with living(bench) as workers:
        await submit(bench, plan, "a")
        await submit(bench, plan, "a")
        await until(lambda: workers["a"].state == "connecting")
        commands = Commands(
            Station("bench", "bench.yaml", SPECS), bench.queue, workers, bench.database, bench.outage
        )
        async with TaskGroup() as group:
            abort = group.create_task(commands.answer({"id": "1", "do": "abort", "target": "q1"}))
            await asyncio.sleep(0.05)
            assert not abort.done()
            answers.set()
        assert abort.result() == {"ok": "q1 on channel a: ended by a person before anything was energised"}
        assert [entry.state for entry in bench.queue.of("a")] == [EntryState.HELD, EntryState.QUEUED]
        assert await commands.answer({"id": "1", "do": "abort", "target": "q1"}) == abort.result()
        assert [entry.state for entry in bench.queue.of("a")] == [EntryState.HELD, EntryState.QUEUED]
    assert [run.sample_count for run in Reader(bench.database).runs()] == [0]


async def test_two_channels_share_a_chamber(bench: Bench, tmp_path: Path) -> None:
    """Both begin with the same soak, so they agree; each sample carries the temperature, and idle channels show it."""
    oven = ThermometerSpec(AuxiliarySpec("oven", "espec-pr3j"), "temperature")
    auxiliaries = Auxiliaries([oven.auxiliary], SPEED, 0)
    shared = replace(bench, auxiliaries=auxiliaries)
    (tmp_path / "warm.yaml").write_text(WARM)
    plan = load(str(tmp_path / "warm.yaml"))
    workers = {name: Worker(replace(SPECS[name], thermometer=oven), shared) for name in ("a", "b")}
    async with TaskGroup() as group:
        tasks = [group.create_task(reading) for reading in auxiliaries.tasks()]
        tasks += [group.create_task(each.live()) for each in workers.values()]
        async with asyncio.timeout(60.0):
            await until(lambda: workers["a"].status().temperature_K)
            for name in workers:
                await submit(shared, plan, name)
            await until(lambda: all(each.entry is None and not each.is_between for each in workers.values()))
        for task in tasks:
            task.cancel()
    reader = Reader(bench.database)
    for run_id in (1, 2):
        assert reader.run(str(run_id)).state is RunState.FINISHED, reader.run(str(run_id)).end_reason
        temperature_K = reader.samples(run_id, ("temperature_kelvin",))["temperature_kelvin"]
        assert len(temperature_K)
        assert not np.isnan(temperature_K).any()
        assert temperature_K[-1] == pytest.approx(313.15, abs=0.6)
