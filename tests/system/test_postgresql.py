"""The main job into a real PostgreSQL: the same rows as in SQLite, and every command reads them."""

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.system.command_line import CommandLine

SHORT = """
protocol: short
cell: {name: pg, electrode_diameter: 6 mm, simulate_as: na50k50}
safety: {voltage: [-1 V, 1 V], current: 0.5 mA}
record: {every: 60 s}
steps:
  - loop: 2
    steps:
      - constant_current: {current: +0.4 mA/cm2, until: {capacity: 0.1 mAh/cm2, voltage: 0.9 V}}
      - constant_current: {current: -0.4 mA/cm2, until: {capacity: 0.1 mAh/cm2, voltage: -0.9 V}}
      - impedance: {mode: galvanostatic, amplitude: 10 uA, from: 10 kHz, to: 1 Hz, points_per_decade: 5}
"""
TABLES = {
    "step": "step_id, cycle, path, kind, start_time_second, end_time_second, charge_coulomb, energy_joule",
    "sample": "seq, test_time_second, step_id, voltage_volt, current_ampere, status",
    "half_cycle": "half_cycle_id, cycle, sign, charge_coulomb, overpotential_median_volt, complete",
    "impedance_point": "spectrum_id, point, frequency_hertz, real_impedance_ohm, imaginary_impedance_ohm",
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgresql: str) -> tuple[CommandLine, str]:
    """One and the same virtual run in both databases."""
    labctl = CommandLine(tmp_path_factory.mktemp("postgresql"))
    (labctl.directory / "short.yaml").write_text(SHORT)
    for database in ("labctl.sqlite", postgresql):
        outcome = labctl("run", "short.yaml", "--seed", "4", "--db", database)
        assert outcome.code == 0, outcome.err
    return labctl, postgresql


@pytest.mark.parametrize("table", TABLES)
def test_the_same_run_gives_the_same_rows(both: tuple[CommandLine, str], table: str) -> None:
    labctl, url = both
    question = f"select {TABLES[table]} from {table} order by 1, 2"
    with sqlite3.connect(labctl.directory / "labctl.sqlite") as here:
        expected = here.execute(question).fetchall()
    with psycopg.connect(url.replace("+psycopg", "")) as there:
        assert there.execute(question).fetchall() == expected  # type: ignore[arg-type]
    assert expected


def test_every_command_reads_it(both: tuple[CommandLine, str]) -> None:
    labctl, url = both
    for command in (
        ("runs",),
        ("show", "last"),
        ("analyse", "last"),
        ("export", "last", "--out", "exported"),
        ("plot", "last", "--out", "figure"),
        ("audit", "verify"),
        ("audit", "log", "last"),
    ):
        outcome = labctl(*command, "--db", url)
        assert outcome.code == 0, (command, outcome.err)
    assert list(Path(labctl.directory, "exported").iterdir())


def test_an_edited_row_is_found(both: tuple[CommandLine, str]) -> None:
    labctl, url = both
    with psycopg.connect(url.replace("+psycopg", "")) as there:
        there.execute("update event set message = 'nothing' where event_id = 2")
    outcome = labctl("audit", "verify", "--db", url)
    assert outcome.code != 0
    assert "2" in outcome.out + outcome.err


def test_a_server_that_does_not_answer_is_one_line(labctl: CommandLine) -> None:
    nobody: Any = "postgresql+psycopg://postgres:secret@127.0.0.1:9/labctl"
    outcome = labctl("run", "na50k50-symmetric", "--db", nobody)
    assert outcome.code not in (0, 1)
    assert len(outcome.err.strip().splitlines()) == 1
    assert "secret" not in outcome.err
