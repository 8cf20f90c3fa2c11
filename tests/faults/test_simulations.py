"""Whole runs under two to four faults each, by seed: every invariant holds, and a seed gives the same run again.

The long form is ``bench/soak.py``.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from labctl.store.writer import RunWriter
from labctl_simulators.chaos import ChaosDevice
from tests.faults.invariants import violations
from tests.faults.scenario import scenario
from tests.faults.simulation import Laboratory

SEEDS = 60
SAME = 16
_HERE = Path(__file__).parent
_REGRESSIONS = [
    int(line.split()[0])
    for line in (_HERE / "regressions.txt").read_text(encoding="utf-8").splitlines()
    if line[:1].isdigit()
]


def _fails(laboratory: Laboratory, seed: int) -> list[str]:
    found = violations(laboratory.simulate(scenario(seed)))
    return [f"python -m tests.faults.reproduce {seed}  # {found}"] if found else []


def test_every_invariant_holds(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    with Laboratory(tmp_path) as laboratory:
        failures = [line for seed in range(SEEDS) for line in _fails(laboratory, seed)]
    record_property("simulations", SEEDS)
    record_property("invariants broken", len(failures))
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("seed", _REGRESSIONS)
def test_what_once_broke_stays_mended(tmp_path: Path, seed: int) -> None:
    with Laboratory(tmp_path) as laboratory:
        assert _fails(laboratory, seed) == []


def test_a_seed_gives_the_same_wire_log_and_the_same_database(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Once in order and once backwards, in one database and in another."""
    _check_that_seeds_decide(tmp_path, SAME)
    record_property("seeds run twice", SAME)


def _check_that_seeds_decide(tmp_path: Path, numbers: int) -> None:
    runs = []
    for name, seeds in (("one", range(numbers)), ("two", reversed(range(numbers)))):
        (tmp_path / name).mkdir()
        with Laboratory(tmp_path / name) as laboratory:
            outcomes = {seed: laboratory.simulate(scenario(seed)) for seed in seeds}
        runs.append({seed: (o.log.sha256(), o.database_sha256()) for seed, o in sorted(outcomes.items())})
    assert runs[0] == runs[1]
    assert len({wire for wire, _ in runs[0].values()}) == numbers, "other seeds, other bytes"


@pytest.mark.parametrize("what", ["a wire of its own mind", "a time of day in the database"])
def test_what_is_not_of_the_seed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """The planted faults for the test above."""
    if what == "a wire of its own mind":
        monkeypatch.setattr(ChaosDevice, "stream", lambda self, name: Random())
    else:
        event = RunWriter.event
        monkeypatch.setattr(
            RunWriter,
            "event",
            lambda self, kind, time_s, by, message, data=None: event(
                self, kind, time_s, by, f"{message} at {monotonic()}", data
            ),
        )
    with pytest.raises(AssertionError):
        _check_that_seeds_decide(tmp_path, 6)


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
