"""The Na50K50 protocol for three cycles on every instrument there is a driver for, in real bytes.

In virtual time nothing but the instruments' own resolution and noise lets the half-cycles differ. On sockets and
ptys, all at the same time at ``--speed 900``, one millisecond on the wall is 0.9 s of experiment: 80 ms, for which a
busy machine may keep a process waiting, are 0.8 % of a half-cycle of 9000 s, which limits the agreement of the charge
where the computer paces. Voltages agree there within 2 mV: 1 % of the overpotential.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from labctl import plugins
from labctl.protocol import load
from labctl.protocol.refusals import refusals
from tests.system.command_line import CommandLine

SPEED = "900"
CHARGE_C = 1.0179  # 1 mAh/cm2 on a disc of 6 mm
PROTOCOL = """\
protocol: na50k50-three-cycles
cell: {electrode_diameter: 6 mm, equilibrium_voltage: 0 V, simulate_as: na50k50}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 5 min}
steps:
  - rest: {until: {time: 5 min}}
  - loop: 3
    steps:
      - constant_current: {current: +0.4 mA/cm2, until: {capacity: 1 mAh/cm2, voltage: 0.9 V}}
      - constant_current: {current: -0.4 mA/cm2, until: {capacity: 1 mAh/cm2, voltage: -0.9 V}}
      - impedance: {mode: galvanostatic, amplitude: 10 uA, from: 10 kHz, to: 1 Hz, points_per_decade: 5}
"""
ON_WIRES = {"charge_C": 8e-3 * CHARGE_C, "overpotential_median_V": 2e-3}
RESOLVED = {"charge_C": 5e-5 * CHARGE_C, "overpotential_median_V": 0.5e-3}
"""Five digits of the current that flows, and of the voltage ranges up to 20 V what three readings leave of a digit."""

OURS = [point.name for point in plugins.entries("drivers") if point.value.startswith("labctl_drivers")]


@pytest.fixture
def protocol(labctl: CommandLine) -> Path:
    path = labctl.directory / "three-cycles.yaml"
    path.write_text(PROTOCOL)
    return path


def refused(protocol: Path, name: str, *without: str) -> list[str]:
    """What ``labctl check`` says that an instrument cannot hold."""
    driver = plugins.driver(name)
    traits = next(iter(driver.traits.values()))
    return refusals(load(str(protocol), without=without), traits, driver.check_step)


def left_out(protocol: Path, name: str) -> list[str] | None:
    """What has to be left out so that an instrument can run it; None: it cannot run it at all."""
    if not refused(protocol, name):
        return []
    return None if refused(protocol, name, "impedance") else ["--without", "impedance"]


def simulated(labctl: CommandLine, name: str) -> subprocess.Popen[str]:
    wire = ["--pty"] if plugins.driver(name).serial else ["--tcp", "127.0.0.1:0"]
    return labctl.start("simulate", name, *wire, "--cell", "na50k50", "--speed", SPEED)


def run(labctl: CommandLine, protocol: Path, name: str, without: list[str], at: str) -> subprocess.Popen[str]:
    return labctl.start(
        *("run", str(protocol), "--json", "--db", f"{name}.sqlite", "--driver", name, *without),
        *("--resource", at, "--speed", SPEED),
    )


def _by_a_2450(labctl: CommandLine, protocol: Path) -> list[dict[str, Any]]:
    words = ("--driver", "keithley-2450", "--without", "impedance", "--db", "reference.sqlite")
    reference: list[dict[str, Any]] = labctl("run", str(protocol), "--json", *words).document()["half_cycles"]
    return reference


@pytest.mark.parametrize("name", OURS)
def test_half_cycles_agree_in_virtual_time_within_what_the_instrument_resolves(
    labctl: CommandLine, protocol: Path, name: str
) -> None:
    if (without := left_out(protocol, name)) is None:
        assert refused(protocol, name)
        return
    told = labctl("run", str(protocol), "--json", "--driver", name, *without)
    reference = _by_a_2450(labctl, protocol)
    assert not _disagreements(name, told.out, told.err, without, reference, RESOLVED)


@pytest.mark.timeout(300)
def test_half_cycles_agree_on_every_instrument(labctl: CommandLine, protocol: Path) -> None:
    reference = _by_a_2450(labctl, protocol)
    wanted = {name: words for name in OURS if (words := left_out(protocol, name)) is not None}
    assert {"keithley-2450", "palmsens-emstat4"} <= wanted.keys()
    served = {name: simulated(labctl, name) for name in wanted}
    try:
        places = {name: _ready(process) for name, process in served.items()}
        running = {name: run(labctl, protocol, name, wanted[name], places[name]) for name in wanted}
        told = {name: process.communicate(timeout=200) for name, process in running.items()}
    finally:
        for process in served.values():
            process.terminate()
            process.communicate(timeout=10)
    problems = [
        problem
        for name in wanted
        for problem in _disagreements(name, *told[name], wanted[name], reference, ON_WIRES)
    ]
    assert not problems, "\n".join(problems)


def _ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.startswith("ready "), first
    return first.removeprefix("ready ").strip()


def _disagreements(
    name: str,
    out: str,
    err: str,
    without: list[str],
    reference: list[dict[str, Any]],
    within: dict[str, float],
) -> list[str]:
    if not out.startswith("{"):
        return [f"{name}: {err[-300:]}"]
    found = json.loads(out)
    half_cycles = found["half_cycles"]
    if found["state"] != "finished" or len(half_cycles) != len(reference):
        return [f"{name}: {found['state']}, {found['reason']}, {len(half_cycles)} half-cycles"]
    problems = [
        f"{name}, half-cycle {number}: {key} {ours[key]:.7g}, by the 2450 {theirs[key]:.7g}"
        for number, (ours, theirs) in enumerate(zip(half_cycles, reference, strict=True), 1)
        for key, tolerance in within.items()
        if not abs(ours[key] - theirs[key]) <= tolerance
    ]
    spectra = 0 if without else 3
    return problems + [f"{name}: {len(found['spectra'])} spectra"] * (len(found["spectra"]) != spectra)


def test_what_an_instrument_cannot_run_is_refused_with_the_reason(
    labctl: CommandLine, protocol: Path
) -> None:
    told = {
        name: labctl("check", str(protocol), "--driver", name) for name in OURS if refused(protocol, name)
    }
    assert all(outcome.code == 2 for outcome in told.values())
    assert "cannot measure impedance" in told["keithley-2450"].out
    for name, outcome in told.items():
        assert all(problem in outcome.out for problem in refused(protocol, name)), name
