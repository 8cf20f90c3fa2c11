"""Scans, profiles and pulses in the engine: no half-cycles, nothing for the rules, and how they are taken up again."""

from dataclasses import replace

import pytest

from labctl.engine.choice import choose, question
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
from labctl.store.progress import Passed, Progress, StepProgress
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
