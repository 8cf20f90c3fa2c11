"""docs/database.md: its tables and columns exist, and each query answers, asked with the oldest SQLite at hand."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec, Spectrum
from labctl.instrument.step import SafetyLimits
from labctl.store import tables
from labctl.store.records import RunState
from labctl.store.writer import RunWriter

TEXT = Path(__file__).parents[2].joinpath("docs", "database.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^([A-Z][^\n]*[?:])\n\n```sql\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE)
SPEC = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, 0.0, 1e5, 0.1, 10, SafetyLimits(-1.0, 1.0, 5e-4))


@pytest.fixture
def connection(open_run: Callable[..., RunWriter], path: Path) -> Iterator[sqlite3.Connection]:
    """Two cycles with a spectrum after each, while the run goes on; read by Python's own SQLite."""
    writer = open_run()
    for cycle in (1, 2):
        for sign in (1, -1):
            start_s = 100.0 * writer.seq
            step = writer.begin_step(cycle=cycle, path="steps[0]", kind="constant_current", start_s=start_s)
            for n in range(1, 4):
                writer.sample(step, start_s + n, sign * 0.05 * cycle, sign * 1e-4)
            writer.half_cycle(
                HalfCycle(
                    cycle, sign, start_s, start_s + 3, 1.0 + sign * 0.01, 0.1, 0.1, 0.05 * cycle, 0.1, 0.1, ""
                )
            )
        points = (
            ImpedancePoint(start_s, 1e5, 140.0, 0.0),
            ImpedancePoint(start_s, 0.1, 300.0 * cycle, -400.0 * cycle),
        )
        writer.spectrum(step, Spectrum(SPEC, cycle, start_s, points))
    data = {"rule": "overpotential_jump", "threshold": 0.08, "observed": 0.1}
    writer.event("decision", start_s, "engine", "doubled", data)
    writer.finish(RunState.STOPPED, "doubled", start_s)
    writer.flush_blocking()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        yield connection


def answer(connection: sqlite3.Connection, question: str) -> list[tuple[Any, ...]]:
    (query,) = (sql for asked, sql in QUERIES if question in asked)
    return connection.execute(query).fetchall()


def test_no_query_is_left_out() -> None:
    assert len(QUERIES) == TEXT.count("```sql") == 6


def test_runs(connection: sqlite3.Connection) -> None:
    assert answer(connection, "Which runs") == [
        (1, "A7", "symmetric", "stopped", "doubled", "2026-09-21 14:13:20")
    ]


def test_voltage_and_current(connection: sqlite3.Connection) -> None:
    rows = answer(connection, "Voltage and current")
    assert len(rows) == 12
    assert rows[0] == (1 / 3600, 0.05, 1e-4)


def test_overpotential_and_efficiency(connection: sqlite3.Connection) -> None:
    rows = answer(connection, "overpotential and the coulombic efficiency")
    assert rows == [(1, 0.05, 0.05, 0.99 / 1.01), (2, 0.1, 0.1, 0.99 / 1.01)]


def test_samples_of_a_step(connection: sqlite3.Connection) -> None:
    assert answer(connection, "samples of one step") == [(1.0, -0.1), (2.0, -0.1), (3.0, -0.1)]


def test_total_impedance(connection: sqlite3.Connection) -> None:
    assert answer(connection, "total impedance") == [(1, 0.1, 500.0), (2, 0.1, 1000.0)]


def test_decisions(connection: sqlite3.Connection) -> None:
    assert [row[1:] for row in answer(connection, "stop rules decided")] == [
        ("overpotential_jump", "doubled", 0.08, 0.1)
    ]


def test_every_table_and_its_key_are_described() -> None:
    described = dict(re.findall(r"^\| `(\w+)` \| .* \| `([\w, ]+)` \|$", TEXT, re.MULTILINE))
    assert described == {
        table.name: ", ".join(column.name for column in table.primary_key)
        for table in tables.metadata.sorted_tables
    }


def test_every_state_is_described() -> None:
    assert re.findall(r"^\| `(\w+)` \| [^|]* \|$", TEXT, re.MULTILINE)[1:] == list(RunState)
