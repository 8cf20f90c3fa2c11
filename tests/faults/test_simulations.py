"""Whole runs under two to four faults each, by seed: every invariant holds, and a seed gives the same run again.

The long form is ``bench/soak.py``.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.invariants import violations
from tests.faults.scenario import scenario
from tests.faults.simulation import Laboratory

SEEDS = 60
_HERE = Path(__file__).parent
_REGRESSIONS = [
    int(line.split()[0])
    for line in (_HERE / "regressions.txt").read_text(encoding="utf-8").splitlines()
    if line[:1].isdigit()
]


def _fails(laboratory: Laboratory, seed: int) -> list[str]:
    found = violations(laboratory.simulate(scenario(seed)))
    return [f"python -m tests.faults.reproduce {seed}  # {found}"] if found else []


def test_every_invariant_holds(tmp_path: Path) -> None:
    with Laboratory(tmp_path) as laboratory:
        failures = [line for seed in range(SEEDS) for line in _fails(laboratory, seed)]
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("seed", _REGRESSIONS)
def test_what_once_broke_stays_mended(tmp_path: Path, seed: int) -> None:
    with Laboratory(tmp_path) as laboratory:
        assert _fails(laboratory, seed) == []


def test_a_seed_gives_the_same_wire_log_and_the_same_database(tmp_path: Path) -> None:
    """Once in order and once backwards, in one database and in another."""
    runs = []
    for name, seeds in (("one", range(16)), ("two", reversed(range(16)))):
        (tmp_path / name).mkdir()
        with Laboratory(tmp_path / name) as laboratory:
            outcomes = {seed: laboratory.simulate(scenario(seed)) for seed in seeds}
        runs.append({seed: (o.log.sha256(), o.database_sha256()) for seed, o in sorted(outcomes.items())})
    assert runs[0] == runs[1]
    assert len({wire for wire, _ in runs[0].values()}) == 16, "other seeds, other bytes"


def test_a_reproduction_in_another_process_is_the_same_run(tmp_path: Path) -> None:
    with Laboratory(tmp_path) as laboratory:
        outcome = laboratory.simulate(scenario(6))
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.reproduce", "6"],
        cwd=_HERE.parent.parent,
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"wire {outcome.log.sha256()}, database {outcome.database_sha256()}" in done.stdout
