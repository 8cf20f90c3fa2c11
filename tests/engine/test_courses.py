"""Scans, profiles and pulses in the engine: no half-cycles, nothing for the rules, and how they are taken up again."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from labctl.engine.choice import choose, question
from labctl.engine.half_cycles import HalfCycles
from labctl.engine.outcome import RunState
from labctl.engine.present_step import PresentStep
from labctl.engine.remaining import remaining
from labctl.errors import UserError
from labctl.instrument.channel import Sample
from labctl.instrument.course import Profile, Scan
from labctl.instrument.step import Control, Cutoff, Quantity, Side, Step
from labctl.protocol.plan import IfInterrupted, LoopNode, StepNode
from labctl.protocol.position import Position
from labctl.protocol.rule_spec import Action
from labctl.rules import RuleSet
from labctl.station.resume import find
from labctl.store.progress import Passed, Progress, StepProgress
from tests.engine.killed import Kills, half_cycles, rows, straight_run, taken_up
from tests.engine.test_run import CURRENT_A, EVERY, SAFETY, Bench, Tripwire, node, plan

SCAN = Scan(0.0, (0.5, -0.5), 1, 0.1, 0.01)
DRIVE = Profile((100.0, 150.0, 400.0), (1e-3, -2e-3, 5e-4), False, "drive.csv", "")


def scanned() -> StepNode:
    end = Cutoff(Quantity.TIME, Side.ABOVE, SCAN.duration_s)
    step = Step(Control.SCAN, 0.0, (end,), SAFETY, EVERY, SCAN)
    return StepNode("steps[1].cyclic_voltammetry", 7, "cyclic_voltammetry", step)


def driven() -> StepNode:
    ends = (
        Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.9),
        Cutoff(Quantity.TIME, Side.ABOVE, DRIVE.duration_s),
    )
    return StepNode(
        "steps[0].profile", 3, "profile", Step(Control.PROFILE, 0.0, ends, SAFETY, EVERY, None, DRIVE)
    )


def voltammogram(step: Step, start_s: float):
    """Of 100 ohm."""
    assert step.scan is not None
    for number, level_V in enumerate(step.scan.staircase_V(0.0), start=1):
        last = number == step.scan.levels
        time_s = start_s + number * step.scan.interval_s
        yield Sample(time_s, level_V, level_V / 100.0, 0, step.cutoffs[-1] if last else None)


def left_half_way(found: StepNode, passed: Passed) -> Progress:
    step = StepProgress(1, 1, 0.0, passed, None)
    return Progress(50.0, 5, Position((), 0, 0), False, False, step, None, 0.0, None)


async def test_a_scan_is_no_half_cycle_and_its_net_charge_is_kept() -> None:
    tripwire = Tripwire(1)
    bench = Bench(scanned(), samples=voltammogram, rules=(tripwire,))
    end = await bench.execute()
    assert end.state is RunState.FINISHED
    assert bench.record.half_cycles == []
    assert tripwire.half_cycles == 0
    assert bench.run.half_cycles.present is None
    assert bench.record.seq == SCAN.levels


async def test_pulses_are_no_half_cycles_and_end_none() -> None:
    tripwire = Tripwire(10**6)
    pulse = replace(node(-CURRENT_A), pulse=True)
    bench = Bench(LoopNode("steps[0]", 1, 2, (pulse, node(), pulse), counts_cycles=True), rules=(tripwire,))
    assert (await bench.execute()).state is RunState.FINISHED
    assert [half_cycle.sign for half_cycle in bench.record.half_cycles] == [1, 1]
    assert tripwire.half_cycles == 2
    assert bench.run.half_cycles.discharged_C == 0.0


@pytest.mark.parametrize(("pulse", "state"), [(True, RunState.FINISHED), (False, RunState.STOPPED)])
async def test_a_rule_does_not_see_a_pulse(pulse: bool, state: RunState) -> None:
    bench = Bench(replace(node(), pulse=pulse), rules=(Tripwire(3, Action.STOP),))
    assert (await bench.execute()).state is state


def test_a_scan_that_was_left_begins_again() -> None:
    present = PresentStep(scanned())
    present.interrupt(Passed(12.0, 0.01, 0.0), 0.1)
    assert present.part == scanned().step
    assert present.passed == Passed()


def test_a_scan_never_goes_on_half_way() -> None:
    found = scanned()
    progress = left_half_way(found, Passed(12.0, 0.01, 0.0))
    with pytest.raises(UserError, match="never goes on half-way: give --policy restart or abort"):
        choose(RunState.INTERRUPTED, plan(found), progress, IfInterrupted.CONTINUE)
    assert choose(RunState.INTERRUPTED, plan(found), progress, IfInterrupted.RESTART) is IfInterrupted.RESTART
    line = question(1, plan(found), progress)
    assert "continue" not in line
    assert "restart begins it again" in line


def test_a_profile_goes_on_where_it_was_left() -> None:
    left = remaining(driven().step, Passed(120.0, 0.05, 0.0), 0.1)
    assert isinstance(left, Step)
    assert left.profile is not None
    assert left.profile.ends_s == pytest.approx((30.0, 280.0))
    assert left.profile.values == (-2e-3, 5e-4)
    assert left.cutoffs[-1].threshold == pytest.approx(280.0)
    at_a_move = remaining(driven().step, Passed(100.0, 0.05, 0.0), 0.1)
    assert isinstance(at_a_move, Step)
    assert at_a_move.profile is not None
    assert at_a_move.profile.values == (-2e-3, 5e-4)
    whole = DRIVE.integral()
    assert whole == pytest.approx(1e-3 * 100 - 2e-3 * 50 + 5e-4 * 250)
    assert DRIVE.after(120.0).integral() == pytest.approx(whole - 0.1 + 2e-3 * 20)


def test_a_profile_that_is_over_is_not_begun_again() -> None:
    assert remaining(driven().step, Passed(400.0, 0.1, 0.0), 0.1) == driven().step.cutoffs[-1]


PROTOCOL = """\
protocol: courses
cell: {equilibrium_voltage: 0 V}
safety: {voltage: [-1.0 V, 1.0 V], current: 2 mA}
record: {every: 20 s}
steps:
  - constant_current: {current: 0.1 mA, until: {capacity: 5 uAh, voltage: 0.9 V}, if_interrupted: continue}
  - profile: {file: drive.csv, until: {voltage: {above: 0.9 V, below: -0.9 V}}, if_interrupted: continue}
  - cyclic_voltammetry:
      {start: open_circuit, vertex_1: 0.5 V, vertex_2: -0.5 V, scan_rate: 20 mV/s, step: 20 mV, if_interrupted: restart}
  - constant_resistance: {resistance: 10 kohm, until: {voltage: -0.9 V, time: 1 min}, if_interrupted: continue}
"""
FILE = "time_s,current_mA\n0,0.1\n60,-0.2\n90,0\n120,0.05\n200,0\n"
CELL = "rc:R0=500,R1=500,C1=1e-2,C=0.15"


def net_charge_C(database: Path) -> float:
    """What the parts of the profile have passed, by trapezoids; 4 mC by its file."""
    total_C = 0.0
    for step_id, start_s in rows(
        database, "SELECT step_id, start_time_second FROM step WHERE kind = 'profile'"
    ):
        query = f"SELECT test_time_second, current_ampere FROM sample WHERE step_id = {step_id} ORDER BY seq"
        readings = rows(database, query)
        readings = [(start_s, readings[0][1]), *readings] if readings else []
        total_C += sum(0.5 * (b[0] - a[0]) * (a[1] + b[1]) for a, b in pairwise(readings))
    return total_C


@pytest.mark.parametrize("driver", ["palmsens-emstat4", "keithley-2450"])
def test_killed_anywhere_a_profile_passes_its_charge_and_a_scan_is_whole(driver: str, tmp_path: Path) -> None:
    (tmp_path / "drive.csv").write_text(FILE)
    (tmp_path / "courses.yaml").write_text(PROTOCOL)
    kills = Kills(tmp_path, every=17)
    assert straight_run(kills, tmp_path / "courses.yaml", driver, CELL).state is RunState.FINISHED
    ((stored_C,),) = rows(kills.straight, "SELECT charge_coulomb FROM step WHERE kind = 'profile'")
    assert stored_C == net_charge_C(kills.straight) == pytest.approx(4e-3, rel=5e-3)
    assert len(kills.copies) >= 4
    for copy in kills.copies[:6]:
        found = find(str(copy), "last")
        declared = choose(found.run.state, found.plan, found.progress, IfInterrupted.ASK)
        assert taken_up(copy, declared, any_voltage=True).state is RunState.FINISHED
        assert net_charge_C(copy) == pytest.approx(4e-3, abs=4e-5)
        scans = rows(copy, "SELECT step_id FROM step WHERE kind = 'cyclic_voltammetry' ORDER BY step_id")
        ((levels,),) = rows(copy, f"SELECT count(*) FROM sample WHERE step_id = {scans[-1][0]}")
        assert levels == 101
        assert len(half_cycles(copy)) == len(half_cycles(kills.straight)) == 2


def test_what_was_missed_in_a_pulse_belongs_to_no_half_cycle() -> None:
    half_cycles = HalfCycles(RuleSet(()), 0.0, lambda half_cycle: None)
    half_cycles.miss(0.5)
    half_cycles.begin(node(-CURRENT_A).step, 1, 0.0, -CURRENT_A, pulse=True)
    present = half_cycles.begin(node().step, 1, 100.0, CURRENT_A)
    assert present is not None
    assert present.charge_C == 0.0
