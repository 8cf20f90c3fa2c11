"""The published table, in short: the bench finds what it plants and nothing else."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "stop_rules.py"
CELLS = 40


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_stop_rules", BENCH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("number", range(5))
def test_no_false_stop_nothing_missed_and_soon_enough(bench, number):
    scenario = bench.SCENARIOS[number]
    outcome = bench.try_out(scenario, CELLS if scenario.samples is None else CELLS // 4, seed=1)
    assert outcome.false_stops == 0
    assert outcome.missed == 0
    if scenario.plant:
        assert sorted(outcome.delays)[len(outcome.delays) // 2] < 0.10


def test_the_bench_can_fail(bench, monkeypatch):
    deaf = bench.Scenario("deaf", (bench.OverpotentialJump(factor=1000.0),), bench.jump)
    nervous = bench.Scenario("nervous", (bench.OverpotentialJump(factor=1.1, minimum_rise_V=0.0, drift=0.0),))
    monkeypatch.setattr(bench, "SCENARIOS", (deaf, nervous))
    assert bench.try_out(deaf, 5, seed=1).missed > 0
    assert bench.try_out(nervous, 20, seed=1).false_stops > 0
