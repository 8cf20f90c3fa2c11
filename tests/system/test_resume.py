"""Killed processes, real instruments' bytes, and ``labctl resume``: the same half-cycle, and no charge passed twice.

The cell is a capacitor of 5 F behind resistors: at rest its voltage tells what charge has truly passed, whatever
labctl says. At ``--speed 3600`` a second on the wall is an hour: what a keeper needs to open a circuit, some tenths
of a second, is a good part of a half-cycle, and the uncertainty that is stated grows with it.
"""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.command_line import CommandLine

CAPACITOR = "rc:R0=100,R1=100,C1=1e-3,C=5"
FARAD = 5.0
HALF_CYCLE_C = 3.6 * 1.2 * 0.2827433
PROTOCOL = """\
protocol: half-way
cell: {electrode_diameter: 6 mm}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 10 s}
steps:
  - rest: {until: {time: 2 min}}
  - constant_current: {current: +0.4 mA/cm2, until: {capacity: 1.2 mAh/cm2, voltage: 0.9 V}%s}
  - rest: {until: {time: 5 min}}
  - constant_current: {current: -0.4 mA/cm2, until: {capacity: 0.4 mAh/cm2, voltage: -0.9 V}}
  - rest: {until: {time: 5 min}}
"""
OVER = {"keithley-2450": ["--tcp", "127.0.0.1:0"], "palmsens-emstat4": ["--pty"]}
SPEED = "3600"


@contextmanager
def simulated(labctl: CommandLine, instrument: str) -> Iterator[str]:
    process = labctl.start("simulate", instrument, *OVER[instrument], "--cell", CAPACITOR, "--speed", SPEED)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("ready "), first
        yield first.removeprefix("ready ").strip()
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture
def protocol(labctl: CommandLine) -> Path:
    path = labctl.directory / "half-way.yaml"
    path.write_text(PROTOCOL % "")
    return path


def started(labctl: CommandLine, protocol: Path, instrument: str, resource: str) -> "subprocess.Popen[str]":
    return labctl.start(
        "run", str(protocol), "--driver", instrument, "--resource", resource, "--speed", SPEED
    )


def rows(labctl: CommandLine, query: str) -> list[tuple[Any, ...]]:
    path = labctl.directory / "labctl.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def wait_for_step(labctl: CommandLine, run: "subprocess.Popen[str]", step: int, samples: int) -> None:
    """Return when so many samples of a step are durable."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        assert run.poll() is None, run.communicate()
        try:
            found = rows(labctl, f"SELECT count(*) FROM sample WHERE step_id = {step}")
        except sqlite3.OperationalError:
            found = [(0,)]
        if found[0][0] >= samples:
            return
        os.sched_yield()
    raise AssertionError("the run does not come so far")


def killed(labctl: CommandLine, run: "subprocess.Popen[str]", *, with_keeper: bool) -> None:
    """The engine is killed; its keepers too, or else they are given time to open the circuit."""
    if with_keeper:
        journal = labctl.directory / "labctl.keeper.jsonl"
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        for keeper in {line["keeper_pid"] for line in lines if line.get("engine_pid") == run.pid}:
            os.kill(keeper, signal.SIGKILL)
    run.kill()
    run.communicate(timeout=10)


def check(labctl: CommandLine, half_cycles: int) -> None:
    """The books of the run agree with the capacitor, within the uncertainty that they state."""
    found = labctl("show", "last", "--json").document()
    assert found["state"] == "finished", found["reason"]
    assert [h["sign"] for h in found["half_cycles"]] == [1, -1][:half_cycles]
    gaps = [event["data"] for event in found["events"] if event["kind"] == "gap"]
    uncertain_C = sum(gap["uncertainty_C"] for gap in gaps)
    counted_C = sum(h["sign"] * h["charge_C"] for h in found["half_cycles"])
    ((rest_V,),) = rows(labctl, "SELECT voltage_volt FROM sample ORDER BY seq DESC LIMIT 1")
    allowed_C = 0.01 * HALF_CYCLE_C
    assert -allowed_C - uncertain_C <= FARAD * rest_V - counted_C <= allowed_C + uncertain_C
    ((count, last),) = rows(labctl, "SELECT count(*), max(seq) FROM sample")
    assert count == last
    times = [row[0] for row in rows(labctl, "SELECT test_time_second FROM sample ORDER BY seq")]
    assert times == sorted(times)


@pytest.mark.parametrize("instrument", list(OVER))
def test_killed_within_a_half_cycle_with_a_keeper_that_lives(
    labctl: CommandLine, protocol: Path, instrument: str
) -> None:
    with simulated(labctl, instrument) as resource:
        run = started(labctl, protocol, instrument, resource)
        wait_for_step(labctl, run, 2, 60)
        killed(labctl, run, with_keeper=False)
        asked = labctl("resume", "last")
        assert asked.code == 2
        line = asked.err.strip()
        assert line.count("\n") == 0
        assert all(word in line for word in ("was left in", "continue passes", "restart", "abort"))
        ((before,),) = rows(labctl, "SELECT count(*) FROM sample")
        resumed = labctl("resume", "last", "--policy", "continue")
        assert resumed.code == 0, resumed.err
        assert "counted as passed unseen" in resumed.err
    assert before < rows(labctl, "SELECT count(*) FROM sample")[0][0]
    check(labctl, 2)
    charge_C = rows(labctl, "SELECT charge_coulomb FROM half_cycle ORDER BY half_cycle_id")[0][0]
    assert charge_C == pytest.approx(HALF_CYCLE_C, rel=5e-3)


@pytest.mark.parametrize("instrument", list(OVER))
def test_killed_with_its_keepers_so_that_the_instrument_goes_on_by_itself(
    labctl: CommandLine, protocol: Path, instrument: str
) -> None:
    """It is found with its circuit closed: what has passed since is known to the time that opening it takes."""
    with simulated(labctl, instrument) as resource:
        run = started(labctl, protocol, instrument, resource)
        wait_for_step(labctl, run, 2, 5)
        killed(labctl, run, with_keeper=True)
        resumed = labctl("resume", "last", "--policy", "continue")
        if resumed.code == 2:  # so much has passed that the voltage does not follow: a person has to look
            assert "open circuit shows" in resumed.out
            again = labctl("resume", "last", "--policy", "continue")
            assert again.code == 2
            assert "open circuit shows" in again.out
            resumed = labctl("resume", "last", "--policy", "continue", "--any-voltage")
        assert resumed.code == 0, resumed.err
    check(labctl, 2)
    text = rows(labctl, "SELECT data FROM event WHERE kind = 'gap'")[0][0]
    gap = json.loads(text)
    assert gap["most_C"] > 0.1 * HALF_CYCLE_C  # an hour and more: nobody opened the circuit
    ended_by_itself = instrument == "palmsens-emstat4" and gap["least_C"] == 0.0  # on a busy computer
    assert ended_by_itself or gap["uncertainty_C"] < 0.5 * gap["most_C"]


def test_an_autonomous_step_that_ended_while_nobody_looked_is_not_done_again(
    labctl: CommandLine, protocol: Path
) -> None:
    with simulated(labctl, "palmsens-emstat4") as resource:
        run = started(labctl, protocol, "palmsens-emstat4", resource)
        wait_for_step(labctl, run, 2, 5)
        killed(labctl, run, with_keeper=True)
        time.sleep(4.0)  # noqa: TID251  the instrument's own time: the script ends after 3 s on the wall
        resumed = labctl("resume", "last", "--policy", "continue")
        assert resumed.code == 2
        assert "open circuit shows" in resumed.out
        assert labctl("resume", "last", "--policy", "continue", "--any-voltage").code == 0
    check(labctl, 2)
    kinds = [kind for (kind,) in rows(labctl, "SELECT kind FROM step ORDER BY step_id")]
    look = ["gap", "rest"]
    assert kinds == ["rest", "constant_current", *look, *look, "rest", "constant_current", "rest"]


def test_ended_by_a_person_and_taken_up_again(labctl: CommandLine, protocol: Path) -> None:
    with simulated(labctl, "palmsens-emstat4") as resource:
        run = started(labctl, protocol, "palmsens-emstat4", resource)
        wait_for_step(labctl, run, 2, 100)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=30)
        assert rows(labctl, "SELECT complete FROM half_cycle") == [(0,)]
        assert labctl("resume", "1", "--policy", "continue").code == 0
    check(labctl, 2)
    assert rows(labctl, "SELECT complete FROM half_cycle") == [(1,), (1,)]
    assert labctl("audit", "verify").code == 0


def test_what_cannot_be_taken_up_is_refused_in_one_line_and_nothing_is_sent(
    labctl: CommandLine, protocol: Path
) -> None:
    protocol.write_text(PROTOCOL % ", if_interrupted: restart")
    with simulated(labctl, "palmsens-emstat4") as resource:
        run = started(labctl, protocol, "palmsens-emstat4", resource)
        wait_for_step(labctl, run, 2, 60)
        killed(labctl, run, with_keeper=False)
        journal = (labctl.directory / "labctl.keeper.jsonl").read_text()
        edited = labctl.directory / "edited.yaml"
        edited.write_text(protocol.read_text().replace("5 min", "6 min"))
        for arguments, word in (
            (["--policy", "continue"], "not to continue half-way: give --policy restart or abort"),
            (["--policy", "sometimes"], "give one of continue, restart, ask, abort"),
            (["--policy", "restart", "--protocol", str(edited)], "begun with another text"),
            (["--policy", "restart", "--driver", "keithley-2450", "--resource", resource], "not on keithley"),
            (["--policy", "restart", "--cell", "rc"], "was begun on ASRL"),
            (["--policy", "restart", "--opened-within", "soon"], "--opened-within soon"),
        ):
            refused = labctl("resume", "1", *arguments)
            assert (refused.code, refused.err.strip().count("\n")) == (2, 0), refused.err
            assert word in refused.err
        assert (labctl.directory / "labctl.keeper.jsonl").read_text() == journal
    gone = labctl("resume", "1", "--policy", "restart")
    assert gone.code in (4, 6)
    assert labctl("show", "1", "--json").document()["state"] == "interrupted"
    assert labctl("resume", "7").code == 2


def test_a_run_that_goes_on_is_left_alone(labctl: CommandLine, protocol: Path) -> None:
    run = labctl.start("run", str(protocol), "--cell", CAPACITOR, "--speed", "1")
    wait_for_step(labctl, run, 1, 1)
    busy = labctl("resume", "last", "--policy", "continue")
    assert (busy.code, f"goes on, in process {run.pid}" in busy.err) == (2, True)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=30)


def test_a_rehearsal_in_virtual_time_is_taken_up_with_its_cell_rebuilt(labctl: CommandLine) -> None:
    """The cell dies in the same cycle as it would have, and the same rule says so."""
    straight = labctl("run", "na50k50-symmetric", "--json", "--db", "straight.sqlite").document()
    run = labctl.start("run", "na50k50-symmetric")
    wait_for_step(labctl, run, 30, 1)
    run.kill()
    run.communicate(timeout=10)
    shown = labctl("show", "last", "--json").document()
    assert shown["state"] == "interrupted"
    resumed = labctl("resume", "last", "--policy", "continue", "--json").document()
    assert (resumed["state"], resumed["reason"][:19]) == ("stopped", "overpotential_jump:")
    assert abs(resumed["cycles"] - straight["cycles"]) <= 1
    full = [h for h in resumed["half_cycles"] if h["end_reason"].startswith("capacity")]
    assert len(full) >= 2 * resumed["cycles"] - 6
    for half_cycle in full:
        assert half_cycle["charge_C"] == pytest.approx(3.6 * 0.2827433, rel=5e-4)
