"""The writing thread: what waits is bounded, the first error is final, and others may read and write meanwhile."""

import asyncio
import fcntl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.errors import StoreError
from labctl.store import committer as committer_module
from labctl.store import sqlite
from labctl.store.reader import Reader
from labctl.store.store import Store
from labctl.store.writer import BATCH_ROWS, RunWriter

OpenRun = Callable[..., RunWriter]


def write_samples(writer: RunWriter, count: int) -> None:
    step = writer.begin_step(cycle=1, path="steps[0].rest", kind="rest", start_s=0.0)
    for n in range(count):
        writer.sample(step, float(n), 0.1, 1e-4)


def other_process(path: Path) -> Any:
    """A connection that labctl knows nothing of."""
    return sqlite.load_dbapi().connect(str(path), isolation_level=None, check_same_thread=False)


def test_a_stuck_reader_holds_nobody_up(writer: RunWriter, path: Path) -> None:
    write_samples(writer, 100)
    writer.flush_blocking()
    stuck = other_process(path)
    stuck.execute("BEGIN")
    assert stuck.execute("SELECT count(*) FROM sample").fetchone() == (100,)
    for _ in range(20):
        write_samples(writer, 100)
        writer.flush_blocking()
    assert stuck.execute("SELECT count(*) FROM sample").fetchone() == (100,)
    assert Reader(path).run().sample_count == 2_100
    stuck.close()


@pytest.fixture
def short_log(monkeypatch: pytest.MonkeyPatch) -> int:
    """A thousandth of the usual length; returns the limit in bytes."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 10)
    monkeypatch.setattr(sqlite, "LOG_LIMIT_BYTES", 100_000)
    monkeypatch.setattr(sqlite, "_WAIT_AGAIN_AFTER_S", 0.0)
    return 100_000


def test_the_log_stays_short_while_others_read_without_a_pause(
    short_log: int, path: Path, open_run: OpenRun
) -> None:
    done = threading.Event()
    sizes = []

    def read() -> None:
        reader = Reader(path)
        while not done.is_set():
            reader.samples(1)
            sizes.append(path.with_name("runs.db-wal").stat().st_size)

    with Store(path) as store, ThreadPoolExecutor() as pool:
        writer = open_run(store)
        reading = [pool.submit(read) for _ in range(2)]
        for _ in range(40):
            write_samples(writer, 500)
            writer.flush_blocking()
        done.set()
        for reader in reading:
            reader.result()
    assert path.stat().st_size > 8 * short_log
    assert max(sizes) < 4 * short_log


def test_the_log_is_cut_short_when_a_stuck_reader_has_gone(
    short_log: int, path: Path, writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_WAIT_FOR_READERS_MS", 1)
    log = path.with_name("runs.db-wal")
    stuck = other_process(path)
    stuck.execute("BEGIN")
    stuck.execute("SELECT count(*) FROM sample").fetchone()
    for _ in range(20):
        write_samples(writer, 500)
        writer.flush_blocking()
    assert log.stat().st_size > 3 * short_log
    stuck.close()
    for _ in range(2):
        write_samples(writer, 1)
        writer.flush_blocking()
    assert log.stat().st_size < short_log


def test_without_upkeep_the_log_stays_long(
    short_log: int, path: Path, writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault for the test above."""
    monkeypatch.setattr(sqlite.Upkeep, "_begin_log_anew", lambda self, connection: None)
    with pytest.raises(AssertionError):
        test_the_log_is_cut_short_when_a_stuck_reader_has_gone(short_log, path, writer, monkeypatch)


def test_two_stores_write_to_one_database(store: Store, open_run: OpenRun, path: Path) -> None:
    with Store(path) as other, ThreadPoolExecutor() as pool:
        writers = [open_run(store), open_run(other)]

        def write(writer: RunWriter) -> None:
            for _ in range(50):
                write_samples(writer, 10)
                writer.flush_blocking()

        list(pool.map(write, writers))
    for writer in writers:
        seq = Reader(path).samples(writer.run_id, ("seq",))["seq"]
        assert np.array_equal(seq, np.arange(1, 501))


def test_without_patience_two_stores_fail_each_other(
    store: Store, open_run: OpenRun, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault for the test above: nobody waits for another writer."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.0)
    with store, Store(path) as other:
        holding = open_run(other)
        write_samples(holding, 10)
        locked = other_process(path)
        locked.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked"):
            holding.flush_blocking()
        locked.close()
        with pytest.raises(StoreError, match="database is locked"):
            other.close()
        other.reopen()


def test_two_stores_may_make_the_same_database(path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for store in pool.map(Store, [path] * 4):
            store.close()
    assert Reader(path).runs() == []


def test_a_batch_waits_for_another_process_that_writes(writer: RunWriter, path: Path) -> None:
    other = other_process(path)
    other.execute("BEGIN IMMEDIATE")
    write_samples(writer, 10)
    with ThreadPoolExecutor() as pool:
        flushed = pool.submit(writer.flush_blocking)
        with pytest.raises(TimeoutError):
            flushed.result(0.2)
        other.execute("COMMIT")
        flushed.result(10.0)
    other.close()
    assert Reader(path).run().sample_count == 10


def test_a_lock_held_too_long_is_an_error_and_final(
    path: Path, open_run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    store = Store(path)
    writer = open_run(store)
    write_samples(writer, 10)
    writer.flush_blocking()
    other = other_process(path)
    other.execute("BEGIN IMMEDIATE")
    write_samples(writer, 5)
    message = "runs.db: database is locked; run 1 is in the database up to sample 10 of 15$"
    with pytest.raises(StoreError, match=message):
        writer.flush_blocking()
    other.execute("COMMIT")
    other.close()

    for call in (writer.tick, writer.flush_blocking, writer.close, store.close):
        with pytest.raises(StoreError, match=message):
            call()
    with pytest.raises(StoreError, match=message):
        open_run(store)
    assert not list(path.parent.glob("*.lock"))


def test_a_row_that_breaks_the_tables_is_an_error_not_a_gap(path: Path, open_run: OpenRun) -> None:
    """A sample of a step that was never begun; the whole batch is refused."""
    store = Store(path)
    writer = open_run(store)
    write_samples(writer, 10)
    writer.flush_blocking()
    write_samples(writer, 10)
    writer.sample(99, 0.0, 0.1, 1e-4)
    with pytest.raises(StoreError, match=r"FOREIGN KEY constraint failed; run 1 .* up to sample 10 of 21"):
        writer.flush_blocking()
    with pytest.raises(StoreError):
        store.close()


def test_a_writer_that_runs_ahead_is_held_up_and_loses_nothing(
    writer: RunWriter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer_module, "OUTSTANDING_ROWS", 4_000)
    other = other_process(path)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write_samples, writer, 20_000)
        with pytest.raises(TimeoutError):
            writing.result(0.3)
        assert writer.seq <= 4_000 + 2 * BATCH_ROWS
        other.execute("COMMIT")
        writing.result(30.0)
    other.close()
    writer.flush_blocking()
    assert np.array_equal(Reader(path).samples(1, ("seq",))["seq"], np.arange(1, 20_001))


def test_a_disk_that_is_stuck_is_an_error(
    path: Path, open_run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(path)
    writer = open_run(store)
    monkeypatch.setattr(committer_module, "OUTSTANDING_ROWS", 2_000)
    monkeypatch.setattr(committer_module, "STALL_LIMIT_S", 0.1)
    other = other_process(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"nothing could be written for 0\.1 s"):
        write_samples(writer, 20_000)
    other.execute("COMMIT")
    other.close()
    monkeypatch.setattr(committer_module, "STALL_LIMIT_S", 10.0)
    for call in (writer.close, store.close):
        with pytest.raises(StoreError, match="nothing could be written"):
            call()
    seq = Reader(path).samples(1, ("seq",))["seq"]
    assert np.array_equal(seq, np.arange(1, len(seq) + 1))


async def test_a_flush_that_is_given_up_does_no_harm(writer: RunWriter, path: Path) -> None:
    other = other_process(path)
    other.execute("BEGIN IMMEDIATE")
    write_samples(writer, 10)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await writer.flush()
    other.execute("COMMIT")
    other.close()
    await writer.flush()
    assert Reader(path).run().sample_count == 10


@pytest.mark.parametrize("manner", ["deleted", "moved", "replaced"])
def test_a_database_that_is_no_longer_in_its_place_is_an_error(
    path: Path, open_run: OpenRun, manner: str
) -> None:
    """SQLite itself would go on writing to a file that nobody finds."""
    store = Store(path)
    writer = open_run(store)
    write_samples(writer, 10)
    writer.flush_blocking()
    path.rename(path.with_name("elsewhere.db")) if manner == "moved" else path.unlink()
    if manner == "replaced":
        path.touch()
    write_samples(writer, 10)
    with pytest.raises(StoreError, match="moved, deleted or replaced"):
        writer.flush_blocking()
    with pytest.raises(StoreError):
        store.close()


def test_a_lock_that_another_process_holds_is_an_error(path: Path, open_run: OpenRun) -> None:
    """The database was replaced under a process that still writes to the old one."""
    Store(path).close()
    with path.with_name("runs.db.run-1.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store = Store(path)
        with pytest.raises(StoreError, match=r"run-1\.lock: held by another process"):
            open_run(store)
    with pytest.raises(StoreError):
        store.close()
    assert Reader(path).runs() == []
