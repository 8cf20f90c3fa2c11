"""Chambers and loggers as a person uses them: named in a station file, on serial lines, at high speed."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.system.command_line import CommandLine

PROTOCOL = """\
protocol: cold
cell: {electrode_diameter: 6 mm, simulate_as: na50k50}
safety: {voltage: [-1 V, 1 V], current: 0.5 mA, temperature: [-30 degC, 60 degC]}
record: {every: 10 s}
steps:
  - soak: SOAK
  - constant_current: {current: +0.4 mA/cm2, until: {capacity: 0.1 mAh/cm2, voltage: 0.9 V}}
"""
COLD = "{temperature: -10 degC, within: 0.5 K, for: 10 min, at_most: 4 h}"
BY_HAND = "{temperature: 40 degC, within: 2 K, for: 10 min, at_most: 4 h, set_by: hand}"
STATION = """\
station: bench
auxiliaries:
  logger:
    driver: modbus-temperature
    registers: |
      air  input 0 int16 * 0.1 degC broken 32767
      cell holding 18 float32 degC
  oven: {driver: binder-mk53}
channels:
  left: {driver: keithley-2450, cell: na50k50, temperature: oven}
  right: {driver: keithley-2450, cell: na50k50, temperature: logger/cell}
"""


@contextmanager
def simulated(labctl: CommandLine, *arguments: str) -> Iterator[str]:
    process = labctl.start("simulate", *arguments)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("ready ").strip()
    finally:
        process.terminate()
        process.communicate(timeout=10)


def written(labctl: CommandLine, soak: str) -> str:
    path = labctl.directory / "cold.yaml"
    path.write_text(PROTOCOL.replace("SOAK", soak))
    return str(path)


def temperatures_C(labctl: CommandLine) -> tuple[float, float]:
    """Lowest and highest beside the cell while current flowed, as recorded."""
    path = labctl.directory / "labctl.sqlite"
    query = "SELECT min(temperature_kelvin), max(temperature_kelvin) FROM sample WHERE current_ampere > 1e-6"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        low_K, high_K = database.execute(query).fetchone()
    return low_K - 273.15, high_K - 273.15


@pytest.mark.parametrize(
    ("driver", "line"), [("binder-mk53", ("--tcp", "127.0.0.1:0")), ("julabo", ("--pty",))]
)
def test_a_soak_below_zero_in_a_chamber_at_the_end_of_a_line(
    labctl: CommandLine, driver: str, line: tuple[str, ...]
) -> None:
    with simulated(labctl, driver, *line, "--speed", "1000") as resource:
        at = resource.removeprefix("ASRL").removesuffix("::INSTR")
        beside = ("--temperature", f"{driver}@{at if at.startswith('/') else resource}")
        done = labctl("run", written(labctl, COLD), *beside, "--speed", "1000")
    assert done.code == 0, done.err
    assert f"{driver} is set to -10 degC, as read back" in done.err
    low_C, high_C = temperatures_C(labctl)
    assert -10.5 <= low_C <= high_C <= -9.5


@pytest.mark.parametrize(("channel", "soak", "about_C"), [("left", COLD, -10.0), ("right", BY_HAND, 40.0)])
def test_a_station_with_a_simulated_chamber_and_a_logger(
    labctl: CommandLine, channel: str, soak: str, about_C: float
) -> None:
    station = labctl.directory / "station.yaml"
    station.write_text(STATION)
    done = labctl("run", written(labctl, soak), "--station", str(station), "--channel", channel)
    assert done.code == 0, done.err
    low_C, high_C = temperatures_C(labctl)
    assert about_C - 2.0 <= low_C <= high_C <= about_C + 2.0


def test_a_logger_sets_nothing_and_a_register_that_is_not_understood_is_told_with_its_line(
    labctl: CommandLine,
) -> None:
    station = labctl.directory / "station.yaml"
    station.write_text(STATION)
    refused = labctl("run", written(labctl, COLD), "--station", str(station), "--channel", "right")
    assert refused.code != 0
    assert "logger (modbus-temperature) measures only" in refused.err
    station.write_text(STATION.replace("int16 *", "int17 *"))
    refused = labctl("run", written(labctl, COLD), "--station", str(station), "--channel", "left")
    assert refused.code != 0
    assert "'air  input 0 int17 * 0.1 degC broken 32767' is not understood" in refused.err


def test_they_are_listed(labctl: CommandLine) -> None:
    text = labctl("drivers").out
    assert "binder-mk53: BINDER MK 53" in text
    assert "holds -40 degC to 180 degC" in text
    listed = {entry["name"]: entry for entry in json.loads(labctl("drivers", "--json").out)}
    assert listed["espec-pr3j"]["range_K"] == [pytest.approx(253.15), pytest.approx(373.15)]
    assert listed["modbus-temperature"]["range_K"] is None
    assert "registers" in listed["modbus-temperature"]["settings"]
