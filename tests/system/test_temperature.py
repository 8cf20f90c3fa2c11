"""Temperature as a person meets it: a soak in a simulated chamber, over TCP too, refusals, and a resumed run."""

import json
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

PROTOCOL = """\
protocol: warm
cell: {electrode_diameter: 6 mm, simulate_as: na50k50}
safety: {voltage: [-1 V, 1 V], current: 0.5 mA, temperature: [5 degC, 60 degC]}
record: {every: 10 s}
steps:
  - soak: {temperature: 40 degC, within: 0.5 K, for: 10 min, at_most: 4 h}
  - constant_current: {current: +0.4 mA/cm2, until: {capacity: 0.4 mAh/cm2, voltage: 0.9 V}, if_interrupted: continue}
  - constant_current:
      {current: -0.4 mA/cm2, until: {time: 2 h, voltage: -0.9 V, temperature: {above: 39 degC, hold: 5 min}}}
"""
BESIDE = ("--temperature", "espec-pr3j")


@pytest.fixture
def protocol(labctl: CommandLine) -> Path:
    path = labctl.directory / "warm.yaml"
    path.write_text(PROTOCOL)
    return path


def rows(labctl: CommandLine, query: str) -> list[tuple[Any, ...]]:
    path = labctl.directory / "labctl.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


@contextmanager
def chamber(labctl: CommandLine, speed: str) -> Iterator[str]:
    process = labctl.start("simulate", "espec-pr3j", "--tcp", "127.0.0.1:0", "--speed", speed)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("ready ").strip()
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_a_soak_is_carried_out_and_recorded(labctl: CommandLine, protocol: Path) -> None:
    done = labctl("run", str(protocol), *BESIDE)
    assert done.code == 0, done.err
    assert "oven" not in done.err
    assert "espec-pr3j is set to 40 degC, as read back" in done.err
    assert rows(labctl, "SELECT count(*) FROM sample WHERE temperature_kelvin IS NULL") == [(0,)]
    steps = rows(labctl, "SELECT kind, end_reason FROM step ORDER BY step_id")
    assert steps == [
        ("soak", "temperature 39.5 degC .. 40.5 degC for 10 min"),
        ("constant_current", "capacity >= 0.1131 mAh"),
        ("constant_current", "temperature >= 39 degC for 5 min"),
    ]


def test_without_a_thermometer_nothing_begins(labctl: CommandLine, protocol: Path) -> None:
    for command in ("check", "run"):
        done = labctl(command, str(protocol))
        assert done.code != 0
        assert "wants a thermometer" in done.out + done.err


def test_a_chamber_at_a_port(labctl: CommandLine, protocol: Path) -> None:
    with chamber(labctl, "20") as resource:
        short = labctl.directory / "short.yaml"
        short.write_text(
            PROTOCOL.split("  - soak", maxsplit=1)[0].replace("10 s", "1 s")
            + "  - soak: {temperature: 23 degC, within: 5 K, for: 1 s, at_most: 1 min}\n"
        )
        instrument = ("--driver", "palmsens-emstat4", "--cell", "na50k50", "--speed", "20")
        done = labctl("run", str(short), *instrument, "--temperature", f"espec-pr3j@{resource}")
        assert done.code == 0, done.err
        assert "ESPEC chamber" in str(rows(labctl, "SELECT message FROM event WHERE kind = 'thermometer'"))


def test_a_killed_run_finds_its_temperature_again(labctl: CommandLine, protocol: Path) -> None:
    """The chamber in the run's process died with it: the new one is at room temperature, and the soak is made again."""
    slow = ("--speed", "2000", "--cell", "na50k50")
    run = labctl.start("run", str(protocol), *BESIDE, *slow)
    _wait(labctl, run, "SELECT count(*) FROM sample WHERE step_id = 2", 20)
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=10)
    assert "wants a thermometer" in labctl("resume", "1").err
    done = labctl("resume", "1", *BESIDE, "--speed", "max")
    assert done.code == 0, done.err
    kinds = [kind for (kind,) in rows(labctl, "SELECT kind FROM step ORDER BY step_id")]
    assert kinds == [
        "soak",
        "constant_current",
        "gap",
        "rest",
        "soak",
        "constant_current",
        "constant_current",
    ]
    shown = json.loads(labctl("show", "1", "--json").out)
    assert shown["state"] == "finished"


def _wait(labctl: CommandLine, run: "subprocess.Popen[str]", query: str, least: int) -> None:
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        assert run.poll() is None, run.communicate()
        try:
            if rows(labctl, query)[0][0] >= least:
                return
        except sqlite3.OperationalError:
            pass
    raise AssertionError("the run does not come so far")
