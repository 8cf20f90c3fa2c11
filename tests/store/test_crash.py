"""A process killed at any moment loses nothing that it had acknowledged, and leaves a sound database."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from labctl.store.reader import Reader
from labctl.store.records import RunState
from labctl.store.sqlite import load_dbapi
from labctl.store.store import Store

CHILD = Path(__file__).with_name("child.py")
KILLS = 20


@contextmanager
def nursery(manner: str) -> Iterator[tuple[IO[str], IO[str]]]:
    """A process that has imported everything and forks writers."""
    process = subprocess.Popen(
        [sys.executable, str(CHILD), "crash", manner],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    with process:
        yield process.stdin, process.stdout
        process.stdin.close()
    assert process.returncode == 0


def kill_after(commands: IO[str], replies: IO[str], path: Path, acknowledgements: int) -> int:
    """Start a writer, kill it after so many acknowledgements, and return the last sample it acknowledged."""
    commands.write(f"{path}\n")
    commands.flush()
    pid = int(replies.readline())
    last = 0
    for _ in range(acknowledgements):
        last = int(replies.readline())
    os.kill(pid, signal.SIGKILL)
    while (line := replies.readline()) != "gone\n":
        last = int(line)
    return last


def stored(path: Path) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    reader = Reader(path)
    return reader.samples(reader.run().run_id, ("seq",))["seq"]


def integrity(path: Path) -> list[tuple[str]]:
    connection = load_dbapi().connect(str(path))
    rows: list[tuple[str]] = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return rows


def test_nothing_acknowledged_is_lost_by_a_kill(
    path: Path, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(2)
    total = 0
    with nursery("honest") as (commands, replies):
        for _ in range(KILLS):
            acknowledged = kill_after(commands, replies, path, rng.choice([0, 1, 2, 5, 30]))
            if not acknowledged:
                continue  # killed while it was opening: the next one has to cope with what it left
            seq = stored(path)
            total += acknowledged
            assert len(seq) >= acknowledged
            assert np.array_equal(seq, np.arange(1, len(seq) + 1))
            assert {run.state for run in Reader(path).runs()} == {RunState.INTERRUPTED}
            assert integrity(path) == [("ok",)]
    Store(path).close()
    record_property("kills", KILLS)
    record_property("acknowledged samples", total)
    assert not list(path.parent.glob("*.lock"))


def test_the_test_above_finds_a_writer_that_acknowledges_too_early(path: Path) -> None:
    rng = random.Random(3)
    with nursery("hasty") as (commands, replies):
        lost = 0
        for _ in range(5):
            acknowledged = kill_after(commands, replies, path, rng.choice([1, 2, 5, 30]))
            lost += acknowledged > len(stored(path))
    assert lost


def test_a_run_is_not_cut_off_while_its_process_lives(path: Path) -> None:
    with nursery("honest") as (commands, replies):
        commands.write(f"{path}\n")
        commands.flush()
        pid = int(replies.readline())
        replies.readline()
        os.kill(pid, signal.SIGSTOP)
        assert Reader(path).run().state is RunState.RUNNING
        os.kill(pid, signal.SIGKILL)
        while replies.readline() != "gone\n":
            pass
        assert Reader(path).run().state is RunState.INTERRUPTED


@pytest.mark.parametrize("limit", [60_000, 200_000])
def test_a_full_disk_is_an_error_and_what_was_acknowledged_stays(path: Path, limit: int) -> None:
    done = subprocess.run(
        [sys.executable, str(CHILD), "full", str(path), str(limit)],
        capture_output=True,
        text=True,
        check=True,
    )
    acknowledged, message, *later = done.stdout.splitlines()

    seq = stored(path)

    assert message.startswith(f"{path}: ")
    assert f"run 1 is in the database up to sample {len(seq)} of {int(acknowledged) + 100}" in message
    assert later == ["StoreError"] * 4
    assert len(seq) >= int(acknowledged) > 0
    assert np.array_equal(seq, np.arange(1, len(seq) + 1))
    assert integrity(path) == [("ok",)]


@pytest.mark.parametrize("limit", [60_000, 200_000])
def test_once_there_is_room_again_even_what_was_not_acknowledged_is_written(path: Path, limit: int) -> None:
    done = subprocess.run(
        [sys.executable, str(CHILD), "mended", str(path), str(limit)],
        capture_output=True,
        text=True,
        check=True,
    )
    acknowledged, _, *failed, given = done.stdout.splitlines()

    first, second = sorted(Reader(path).runs(), key=lambda run: run.run_id)
    seq = Reader(path).samples(first.run_id, ("seq",))["seq"]

    assert failed == ["StoreError"] * 3
    assert np.array_equal(seq, np.arange(1, int(given) + 1))
    assert int(given) == int(acknowledged) + 100
    assert (first.state, second.state) == (RunState.INTERRUPTED, RunState.INTERRUPTED)
    assert integrity(path) == [("ok",)]
    assert not list(path.parent.glob("*.lock"))
