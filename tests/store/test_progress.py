"""How far a run has come: stored with its samples, refused when damaged, and gone on from without a gap."""

from dataclasses import replace
from pathlib import Path

import pytest

from labctl.errors import DataError, StoreError
from labctl.half_cycle import HalfCycle
from labctl.protocol.plan import LoopNode, TagNode
from labctl.protocol.plan_text import plan_to_text
from labctl.protocol.position import Pass, Position
from labctl.store import liveness, progress
from labctl.store.progress import HalfCycleProgress, Opening, Passed, Progress, StepProgress, decode, encode
from labctl.store.reader import Reader
from labctl.store.records import RunState
from labctl.store.store import Store
from labctl.store.writer import BATCH_ROWS, RunWriter
from tests.store.conftest import PLAN, OpenRun
from tests.store.test_schema import run_sql

LOOPED = replace(PLAN, nodes=(LoopNode("l", 1, 3, (TagNode("t", 1, "x"),)),))
HERE = Position((Pass(0, 2, 0.1 + 0.2, 1.0, 0),), 0, 2)
FULL = Progress(
    time_s=130.0,
    seq=3,
    position=HERE,
    done=False,
    spectrum_wanted=True,
    step=StepProgress(1, 1, 100.0, Passed(30.0, 0.003, 0.0004), 1),
    half_cycle=HalfCycleProgress(2, -1, 100.0, 0.003, 0.0004),
    discharged_C=0.25,
    opening=Opening(130.0, 130.5),
)
EMPTY = Progress(0.0, 0, None, False, False, None, None, 0.0, None)
HALF_CYCLE = HalfCycle(2, -1, 100.0, 130.0, 0.003, 0.0004, 0.1, None, None, None, "interrupted", False)


@pytest.mark.parametrize("value", [FULL, EMPTY])
def test_it_comes_back_exactly(value: Progress) -> None:
    assert decode(encode(value)) == value
    assert value.shifted(7.0).shifted(-7.0) == value


def test_every_time_is_moved() -> None:
    moved = FULL.shifted(1000.0)
    assert moved.step is not None
    assert moved.half_cycle is not None
    assert moved.opening is not None
    assert (moved.time_s, moved.step.began_s, moved.half_cycle.start_s) == (1130.0, 1100.0, 1100.0)
    assert moved.opening == Opening(1130.0, 1130.5)


@pytest.fixture
def written(open_run: OpenRun, path: Path) -> Path:
    """A run that was cut off after three samples, with its progress."""
    writer = open_run(plan=LOOPED)
    writer.follow(lambda: replace(FULL, seq=writer.seq))
    step = writer.begin_step(cycle=2, path="t", kind="rest", start_s=100.0)
    for number in range(3):
        writer.sample(step, 100.0 + 10.0 * number, 0.1, -1e-4)
    writer.half_cycle(HALF_CYCLE)
    writer.event("tag", 120.0, "plan", "x")
    writer.flush_blocking()
    writer._lock.release()
    return path


def test_it_is_stored_with_the_samples_it_belongs_to(written: Path) -> None:
    found = Reader(written).checkpoint(1)
    assert found.plan == LOOPED
    assert found.progress == FULL
    assert 0.0 <= found.silent_s < 5.0
    assert not found.rebooted


def test_a_batch_and_its_progress_are_one_whatever_moment_is_looked_at(open_run: OpenRun, path: Path) -> None:
    """The snapshot is asked for when exactly the batch's samples have been given: never one more or less."""
    writer = open_run(plan=LOOPED)
    writer.follow(lambda: replace(EMPTY, seq=writer.seq))
    step = writer.begin_step(cycle=0, path="t", kind="rest", start_s=0.0)
    for number in range(3 * BATCH_ROWS):
        writer.sample(step, float(number), 0.1, -1e-4)
        if number % 700 == 0:
            reader = Reader(path)
            seen = reader.run(1).sample_count
            if seen:
                assert reader.checkpoint(1).progress.seq >= seen
    writer.flush_blocking()
    assert Reader(path).checkpoint(1).progress.seq == 3 * BATCH_ROWS


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        ("UPDATE progress SET data = substr(data, 1, 40)", "hash does not fit"),
        ("UPDATE progress SET data = replace(data, '0.25', '0.26')", "hash does not fit"),
        ("UPDATE progress SET run_id = 2", "was not stored"),
        ("UPDATE progress SET version = 2", r"newer labctl \(format 2; this one knows 1\)"),
        ("DELETE FROM progress", "was not stored"),
        ("UPDATE run SET plan = NULL", "was not stored"),
        ("UPDATE run SET plan = substr(plan, 1, 300)", "hash does not fit"),
        ("UPDATE run SET plan = replace(plan, '\"count\":3', '\"count\":4')", "hash does not fit"),
        ("UPDATE run SET protocol_text = 'x', protocol_sha256 = 'y'", "its protocol was edited"),
        ("UPDATE run SET started_unix_time_second = 5.0", "or another run's"),
    ],
)
def test_what_is_damaged_newer_or_another_runs_is_refused(written: Path, damage: str, word: str) -> None:
    run_sql(written, "PRAGMA foreign_keys = OFF", damage)
    with pytest.raises(DataError, match=word) as caught:
        Reader(written).checkpoint(1)
    assert "run 1 cannot be taken up" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_progress_with_a_fitting_hash_and_nonsense_inside_is_refused(written: Path) -> None:
    seal = progress.Seal(1, Reader(written).run(1).started_unix_s, plan_to_text(LOOPED))
    elsewhere = encode(replace(FULL, position=Position((), 7, 2)))
    for text in ("{}", "[]", encode(FULL).replace('"seq":3', '"seq":"3"'), encode(FULL)[:-20], elsewhere):
        sealed = seal.over(text)
        run_sql(written, f"UPDATE progress SET data = '{text}', sha256 = '{sealed}'")
        with pytest.raises(DataError, match="run 1 cannot be taken up"):
            Reader(written).checkpoint(1)


def test_a_run_goes_on_without_a_gap_and_takes_its_half_cycle_back(written: Path, store: Store) -> None:
    writer = store.reopen_run(1, origin_s=-400.0)
    assert Reader(written).half_cycles(1) == [HALF_CYCLE]
    writer.follow(lambda: replace(EMPTY, seq=writer.seq))
    writer.go_on(RunState.RUNNING)
    writer.reopen_half_cycle()
    step = writer.begin_step(cycle=2, path="t", kind="rest", start_s=0.0)
    writer.sample(step, 10.0, 0.1, -1e-4)
    writer.half_cycle(replace(HALF_CYCLE, complete=True))
    writer.event("resumed", 0.0, "person", "y")
    writer.finish(RunState.FINISHED, "done", 20.0)
    writer.close()
    reader = Reader(written)
    run = reader.run(1)
    assert (run.state, run.sample_count, run.last_sample_s) == (RunState.FINISHED, 4, 410.0)
    assert [h.complete for h in reader.half_cycles(1)] == [True]
    assert [s.step_id for s in reader.steps(1)] == [1, 2]
    assert [e.event_id for e in reader.events(1)] == [3, 7]
    assert reader.samples(1, ("seq",))["seq"].tolist() == [1, 2, 3, 4]


def test_a_run_that_somebody_writes_cannot_be_taken_up(open_run: OpenRun, store: Store) -> None:
    writer = open_run(plan=LOOPED)
    with pytest.raises(StoreError, match="run 1 is being written by another process"):
        store.reopen_run(writer.run_id, 0.0)
    with pytest.raises(DataError, match="there is no run 9"):
        store.reopen_run(9, 0.0)


def test_the_wall_clock_does_not_count_while_the_computer_runs(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = liveness.unix_time_s
    for step_s in (-3600.0, 3600.0, 3e8):
        monkeypatch.setattr(liveness, "unix_time_s", lambda step_s=step_s: real() + step_s)
        assert 0.0 <= Reader(written).checkpoint(1).silent_s < 30.0


def test_a_silence_that_follows_the_wall_clock_is_found(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault for the test above: nobody asks how long the computer has been running."""
    booted_s = liveness.unix_time_s() - liveness.boot_time_s()
    monkeypatch.setattr(liveness, "boot_time_s", lambda: liveness.unix_time_s() - booted_s)
    with pytest.raises(AssertionError):
        test_the_wall_clock_does_not_count_while_the_computer_runs(written, monkeypatch)


def test_after_a_reboot_the_wall_clock_has_to_do(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = liveness.unix_time_s
    monkeypatch.setattr(liveness, "boot_id", lambda: "another")
    monkeypatch.setattr(liveness, "unix_time_s", lambda: real() + 600.0)
    found = Reader(written).checkpoint(1)
    assert found.rebooted
    assert 600.0 <= found.silent_s < 630.0
    monkeypatch.setattr(liveness, "unix_time_s", lambda: real() - 600.0)
    assert Reader(written).checkpoint(1).silent_s == 0.0


def test_a_paused_run_that_is_not_written_stays_paused(written: Path, store: Store) -> None:
    writer: RunWriter = store.reopen_run(1, 0.0)
    writer.go_on(RunState.PAUSED)
    writer.close()
    Store(written).close()
    assert Reader(written).run(1).state is RunState.PAUSED
