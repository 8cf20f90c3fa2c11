"""A run on a simulated instrument in another process: what is refused, a pulled cable, a killed run.

That its half-cycles are those of a run in memory is shown for every instrument in ``test_every_instrument``.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.command_line import CommandLine

PROTOCOL = """\
protocol: two-cycles
cell: {electrode_diameter: 6 mm, simulate_as: na50k50}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 10 s, voltage_change: 5 mV}
steps:
  - rest: {until: {time: 5 min}}
  - loop: 2
    steps:
      - constant_current: {current: +0.4 mA/cm2, until: {capacity: 1 mAh/cm2, voltage: 0.9 V}}
      - constant_current: {current: -0.4 mA/cm2, until: {capacity: 1 mAh/cm2, voltage: -0.9 V}}
      - impedance: {mode: galvanostatic, amplitude: 10 uA, from: 10 kHz, to: 1 Hz, points_per_decade: 5, on_cycles: [1]}
"""
OVER = {
    "keithley-2450": ["--tcp", "127.0.0.1:0"],
    "palmsens-emstat4": ["--pty"],
}


@contextmanager
def simulated(labctl: CommandLine, instrument: str) -> Iterator[str]:
    """A simulated instrument in another process; gives its resource."""
    process = labctl.start("simulate", instrument, *OVER[instrument], "--cell", "na50k50", "--speed", "3600")
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
    path = labctl.directory / "two-cycles.yaml"
    path.write_text(PROTOCOL)
    return path


def test_an_instrument_without_impedance_refuses_until_told(labctl: CommandLine, protocol: Path) -> None:
    refused = labctl("run", str(protocol), "--driver", "keithley-2450")
    assert refused.code == 2
    assert "--without impedance" in refused.err
    checked = labctl("check", str(protocol), "--driver", "keithley-2450")
    assert checked.code == 2
    assert "cannot measure impedance" in checked.out


def test_time_cannot_run_faster_for_an_instrument_elsewhere(labctl: CommandLine, protocol: Path) -> None:
    refused = labctl(
        *("run", str(protocol), "--driver", "palmsens-emstat4"),
        *("--resource", "TCPIP::192.0.2.7::5025::SOCKET", "--speed", "10"),
    )
    assert refused.code == 2
    assert "leave --speed out" in refused.err


def test_a_pulled_cable_is_one_line_and_a_readable_run(labctl: CommandLine, protocol: Path) -> None:
    with simulated(labctl, "keithley-2450") as resource:
        run = labctl.start(
            *("run", str(protocol), "--driver", "keithley-2450", "--resource", resource),
            *("--speed", "3600", "--without", "impedance"),
        )
        assert run.stderr is not None
        while "cycle 1 charge" not in run.stderr.readline():
            pass
    out, err = run.communicate(timeout=60)
    assert run.returncode == 6, out + err
    assert "Traceback" not in err
    shown = labctl("show", "last", "--json").document()
    assert shown["state"] == "unsafe"
    assert shown["samples"] > 500


def test_the_runs_of_a_killed_process_are_whole_and_said_to_be_cut_off(
    labctl: CommandLine, protocol: Path
) -> None:
    with simulated(labctl, "palmsens-emstat4") as resource:
        run = labctl.start(
            *("run", str(protocol), "--driver", "palmsens-emstat4", "--resource", resource, "--speed", "3600")
        )
        assert run.stderr is not None
        while "cycle 1 charge" not in run.stderr.readline():
            pass
        run.kill()
        run.communicate(timeout=10)
    shown = labctl("show", "last")
    assert "interrupted: the process was cut off" in shown.out
    check = subprocess.run(
        ["python3", "-c", CHECK, str(labctl.directory / "labctl.sqlite")],
        capture_output=True,
        text=True,
        check=True,
    )
    integrity, gapless = check.stdout.split()
    assert (integrity, gapless) == ("ok", "True")


CHECK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
integrity = database.execute("pragma integrity_check").fetchone()[0]
count, last = database.execute("select count(*), max(seq) from sample").fetchone()
print(integrity, count == last and count > 0)
"""
