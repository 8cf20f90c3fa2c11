"""``labctl audit`` as a person uses it: the head from a run's summary, a changed database, a cut one."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from labctl.store.sqlite import load_dbapi
from tests.system.command_line import CommandLine

PROTOCOL = """
protocol: short
cell: {electrode_diameter: 6 mm}
safety: {voltage: [-1.0 V, 1.0 V], current: 5 mA}
record: {every: 10 s}
steps:
  - rest: {until: {time: 1 min}}
  - constant_current: {current: 1 mA, until: {time: 2 min, voltage: 0.5 V}}
"""

RUN = ("run", "short.yaml", "--cell", "resistor:100")


@pytest.fixture
def labctl(tmp_path: Path) -> CommandLine:
    (tmp_path / "short.yaml").write_text(PROTOCOL)
    return CommandLine(tmp_path)


def execute(labctl: CommandLine, statement: str) -> None:
    with closing(
        load_dbapi().connect(str(labctl.directory / "labctl.sqlite"), isolation_level=None)
    ) as connection:
        connection.execute(statement)


def test_the_head_of_a_run_finds_what_was_changed_later(labctl: CommandLine) -> None:
    printed = labctl(*RUN).out
    (published,) = re.findall(r"audit head: (\d+:[0-9a-f]{64})", printed)
    assert labctl("audit", "head").out.strip() == published
    assert labctl(*RUN).code == 0
    assert labctl("show", "1", "--json").document()["audit_head"] == published

    intact = labctl("audit", "verify", "--head", published)
    assert (intact.code, intact.err) == (0, "")
    assert "as they were written" in intact.out

    execute(labctl, "UPDATE sample SET voltage_volt = 0.2 WHERE run_id = 2 AND seq = 3")
    changed = labctl("audit", "verify", "--head", published)
    assert changed.code == 7
    assert re.search(r"samples \d+ to \d+ of run 2: not those that were measured", changed.out)
    assert "NOT as they were written" in changed.out
    assert labctl("audit", "verify", "--records-only").code == 0

    execute(labctl, "DELETE FROM event WHERE chain_number >= 6")
    cut = labctl("audit", "verify", "--head", published, "--json")
    assert cut.code == 7
    assert not cut.document()["intact"]
    assert any("at the end" in finding["problem"] for finding in cut.document()["findings"])


def test_the_log_lists_each_closing_and_opening(labctl: CommandLine) -> None:
    labctl(*RUN)
    lines = labctl("audit", "log", "last").out.splitlines()
    switched = [line.split()[3:5] for line in lines if "circuit_" in line]
    assert switched == [
        ["circuit_at_rest", "plan:"],
        ["circuit_closed", "plan:"],
        ["circuit_opened", "plan:"],
    ]
    assert "run_started" in lines[0]
    assert "confirmed by read-back" in lines[-2]
    closed = [r for r in labctl("audit", "log", "last", "--json").document() if r["kind"] == "circuit_closed"]
    assert closed[0]["data"]["safety"]["voltage_max_V"] == 1.0


def test_a_head_that_is_none_is_refused(labctl: CommandLine) -> None:
    labctl(*RUN)
    refused = labctl("audit", "verify", "--head", "last")
    assert refused.code == 2
    assert refused.err.count("\n") == 1
