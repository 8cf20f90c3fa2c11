"""Reading runs, also while they are written, and after their process was killed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Row

from labctl.errors import DataError
from labctl.instrument.channel import Identity
from labctl.protocol.plan import Plan
from labctl.store import liveness
from labctl.store import reader as reader_module
from labctl.store.reader import Reader
from labctl.store.records import CUT_OFF, RunState
from labctl.store.store import Store
from labctl.store.writer import RunWriter

OpenRun = Callable[..., RunWriter]


def write_samples(writer: RunWriter, count: int) -> None:
    step = writer.begin_step(cycle=1, path="steps[0].rest", kind="rest", start_s=0.0)
    for n in range(count):
        writer.sample(step, float(n), 0.001 * n, 1e-4)
    writer.flush_blocking()


def test_a_run_tells_everything_about_itself(
    writer: RunWriter, path: Path, plan: Plan, identity: Identity
) -> None:
    write_samples(writer, 3)
    writer.finish(RunState.STOPPED, "overpotential_jump: doubled", 2.0)
    writer.close()

    run = Reader(path).run()

    assert run.run_id == 1
    assert (run.cell, run.identity) == (plan.cell, identity)
    assert (run.protocol, run.protocol_text, run.protocol_sha256) == (plan.protocol, plan.text, plan.sha256)
    assert (run.driver, run.channel) == ("keithley-2450", "1")
    assert run.resource == "TCPIP::127.0.0.1::5025::SOCKET"
    assert (run.seed, run.speed) == (7, None)
    assert (run.state, run.end_reason) == (RunState.STOPPED, "overpotential_jump: doubled")
    assert (run.started_unix_s, run.ended_unix_s) == (1_790_000_000.0, 1_790_000_002.0)
    assert (run.sample_count, run.last_sample_s) == (3, 2.0)


def test_a_run_is_named_by_number_or_as_the_last(open_run: OpenRun, path: Path) -> None:
    for _ in range(3):
        open_run().close()
    reader = Reader(path)
    assert [run.run_id for run in reader.runs()] == [1, 2, 3]
    assert reader.run().run_id == reader.run("last").run_id == 3
    assert reader.run(2).run_id == reader.run("2").run_id == 2


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (4, "there is no run 4; the last is 1"),
        ("first", "'first' names no run"),
        ("-1", "'-1' names no run"),
        ("²", "'²' names no run"),
        (10**30, "names no run"),
    ],
)
def test_a_run_that_does_not_exist_is_refused(
    writer: RunWriter, path: Path, reference: int | str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Reader(path).run(reference)


def test_an_empty_database_holds_no_run(store: Store, path: Path) -> None:
    reader = Reader(path)
    assert reader.runs() == []
    with pytest.raises(DataError, match="holds no runs"):
        reader.run()


def test_samples_between_two_times(writer: RunWriter, path: Path) -> None:
    write_samples(writer, 100)
    samples = Reader(path).samples(1, ("test_time_second",), start_s=10.0, end_s=12.0)
    assert samples["test_time_second"].tolist() == [10.0, 11.0, 12.0]


def test_samples_of_many_queries_are_joined(
    writer: RunWriter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_samples(writer, 100)
    for chunk in (1, 33, 50, 100, 101):
        monkeypatch.setattr(reader_module, "CHUNK_ROWS", chunk)
        samples = Reader(path).samples(1)
        assert np.array_equal(samples["test_time_second"], np.arange(100.0))
        assert np.array_equal(samples["voltage_volt"], 0.001 * np.arange(100))


def test_a_run_without_samples_has_empty_columns(writer: RunWriter, path: Path) -> None:
    assert Reader(path).samples(1, ("seq",))["seq"].shape == (0,)
    assert Reader(path).run().last_sample_s is None


def test_an_unknown_column_is_named(writer: RunWriter, path: Path) -> None:
    with pytest.raises(DataError, match="samples have no voltage; they have run_id, seq"):
        Reader(path).samples(1, ("voltage",))


def test_reading_goes_on_while_a_run_is_written(writer: RunWriter, path: Path) -> None:
    reader = Reader(path)
    step = writer.begin_step(cycle=1, path="steps[0].rest", kind="rest", start_s=0.0)
    for n in range(30):
        for _ in range(50):
            writer.sample(step, float(writer.seq), 0.1, 1e-4)
        writer.flush_blocking()
        assert np.array_equal(reader.samples(1, ("seq",))["seq"], np.arange(1, 50 * (n + 1) + 1))
    assert reader.run().state is RunState.RUNNING


def test_a_run_left_without_an_end_is_interrupted(writer: RunWriter, path: Path) -> None:
    write_samples(writer, 5)
    writer.close()
    run = Reader(path).run()
    assert (run.state, run.end_reason) == (RunState.INTERRUPTED, CUT_OFF)
    assert run.ended_unix_s == 1_790_000_004.0


def test_the_next_writer_closes_the_books_of_an_interrupted_run(
    path: Path, store: Store, writer: RunWriter
) -> None:
    write_samples(writer, 5)
    with Store(path):
        assert Reader(path).run().state is RunState.RUNNING
    writer.close()
    with Store(path), Store(path):
        pass
    assert Reader(path)._all(reader_module._runs())[0].state == RunState.INTERRUPTED
    run = Reader(path).run()
    assert (run.end_reason, run.ended_unix_s) == (CUT_OFF, 1_790_000_004.0)


def test_a_run_that_ends_while_it_is_looked_at_is_not_called_interrupted(
    writer: RunWriter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row was read as running; before its lock is looked at, it finishes and lets go."""
    reader = Reader(path)
    is_alive = Reader._is_alive

    def finish_first(self: Reader, row: Row[Any]) -> bool:
        writer.finish(RunState.FINISHED, "all steps done", 1.0)
        writer.close()
        return is_alive(self, row)

    monkeypatch.setattr(Reader, "_is_alive", finish_first)
    assert reader.run().state is RunState.FINISHED


def test_a_served_database_goes_by_the_last_sign_of_life() -> None:
    now = liveness.unix_time_s()
    assert liveness.is_being_written(None, 1, now - 30.0)
    assert not liveness.is_being_written(None, 1, now - 90.0)
