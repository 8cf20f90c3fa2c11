"""A store that failed and takes rows again: all that was given is there once, whatever the failure has left."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, event

from labctl.errors import StoreError
from labctl.store import room, sqlite
from labctl.store.batch import Batch
from labctl.store.reader import Reader
from labctl.store.records import RunState
from labctl.store.store import Store
from labctl.store.writer import RunWriter

OpenRun = Callable[..., RunWriter]


def write_samples(writer: RunWriter, count: int) -> None:
    step = writer.begin_step(cycle=1, path="steps[0].rest", kind="rest", start_s=0.0)
    for n in range(count):
        writer.sample(step, float(n), 0.1, 1e-4)


def fail(*_: Any) -> None:
    raise OSError(5, "planted: input/output error")


def fail_at(store: Store, moment: str) -> None:
    """With the next transaction: before it is committed, or after, so that nobody is told of it."""
    if moment == "before the commit":
        event.listen(store._engine, "commit", fail)
    else:
        store._committer._after_commit = fail


def a_run_through_a_failure(store: Store, open_run: OpenRun, moment: str) -> RunWriter:
    writer = open_run(store)
    write_samples(writer, 10)
    writer.flush_blocking()
    fail_at(store, moment)
    write_samples(writer, 7)
    with pytest.raises(StoreError, match="planted"):
        writer.flush_blocking()
    write_samples(writer, 5)
    writer.event("bug", 3.0, "engine", "said after the failure")
    writer.finish(RunState.FAILED, "the disk failed", 30.0)
    with pytest.raises(StoreError, match="planted"):
        writer.close()
    return writer


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_all_that_was_given_is_there_once(path: Path, open_run: OpenRun, moment: str) -> None:
    store = Store(path)
    writer = a_run_through_a_failure(store, open_run, moment)
    with pytest.raises(StoreError, match="planted"):
        open_run(store)

    store.reopen()

    assert store.failure is None
    seq = Reader(path).samples(writer.run_id, ("seq",))["seq"]
    assert np.array_equal(seq, np.arange(1, 23))
    run = Reader(path).run(writer.run_id)
    assert (run.state, run.end_reason) == (RunState.FAILED, "the disk failed")
    assert [found.kind for found in Reader(path).events(writer.run_id)].count("bug") == 1
    with open_run(store) as another:
        write_samples(another, 3)
    store.close()
    assert Reader(path).run(another.run_id).sample_count == 3


def test_a_batch_that_came_through_must_not_be_written_again(
    path: Path, open_run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault for the test above: nobody looks whether it is there."""
    store = Store(path)
    a_run_through_a_failure(store, open_run, "after the commit")
    monkeypatch.setattr(Batch, "is_stored", lambda self, connection: False)
    with pytest.raises(StoreError, match="UNIQUE constraint failed"):
        store.reopen()
    monkeypatch.undo()
    store.reopen()
    store.close()


def test_a_second_failure_changes_nothing(path: Path, open_run: OpenRun) -> None:
    store = Store(path)
    writer = a_run_through_a_failure(store, open_run, "before the commit")
    event.listen(Engine, "commit", fail)
    with pytest.raises(StoreError, match="planted"):
        store.reopen()
    event.remove(Engine, "commit", fail)
    assert Reader(path).run(writer.run_id).sample_count == 10
    store.reopen()
    store.close()
    assert Reader(path).run(writer.run_id).sample_count == 22


def test_nobody_takes_a_run_up_whose_rest_is_not_written(path: Path, open_run: OpenRun) -> None:
    store = Store(path)
    writer = a_run_through_a_failure(store, open_run, "before the commit")
    with Store(path) as other, pytest.raises(StoreError, match="is being written by another process"):
        other.reopen_run(writer.run_id, 0.0)
    store.reopen()
    store.close()


def test_a_damaged_database_is_not_written_to(
    path: Path, open_run: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(path)
    a_run_through_a_failure(store, open_run, "before the commit")
    monkeypatch.setattr(sqlite, "mend", _finds_damage)
    with pytest.raises(StoreError, match="damaged"):
        store.reopen()
    monkeypatch.undo()
    with pytest.raises(StoreError, match="planted"):
        store.close()


def _finds_damage(connection: Connection) -> None:
    raise StoreError("damaged (row 1 missing from index)")


def test_what_must_be_free_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert room.shortage(path) == ""
    assert room.shortage(None) == ""
    monkeypatch.setattr(room, "RESERVE_BYTES", 1 << 62)
    assert room.shortage(path).endswith(f" MB at {path.parent}")
    assert "cannot be looked at" in room.shortage(path / "not" / "there")
