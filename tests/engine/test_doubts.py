"""An instrument that is in the wrong: readings that stand still, capacity that was not delivered."""

import pytest

from labctl.engine.outcome import RunState
from labctl.errors import CellStateUnknown
from labctl.instrument.channel import Sample
from labctl.instrument.frozen import ALIKE, Frozen
from labctl.instrument.step import Control, Cutoff, Quantity, Sampling, Side, Step
from labctl.protocol.plan import StepNode
from tests.engine.test_run import CURRENT_A, SAFETY, Bench

CAPACITY = Cutoff(Quantity.CHARGE, Side.ABOVE, 1.0)


def _node(control: Control = Control.CURRENT, value: float = CURRENT_A) -> StepNode:
    cutoffs = (CAPACITY,) if control is Control.CURRENT else (Cutoff(Quantity.TIME, Side.ABOVE, 1e4),)
    return StepNode("steps[0]", 1, control.value, Step(control, value, cutoffs, SAFETY, Sampling(10.0)))


@pytest.mark.parametrize(
    ("part", "state"), [(1.0, RunState.FINISHED), (0.985, RunState.FINISHED), (0.95, RunState.FAILED)]
)
async def test_a_capacity_that_did_not_pass_was_not_reached(part: float, state: RunState) -> None:
    """The instrument ends by the time that its set current needs, and delivers only a part of that current."""

    def samples(step: Step, start_s: float):
        for number in range(1, 101):
            reading = (0.1 + 1e-6 * number, part * CURRENT_A)
            yield Sample(start_s + 10.0 * number, *reading, 0, CAPACITY if number == 100 else None)

    bench = Bench(_node(), samples=samples)
    end = await bench.execute()
    assert end.state is state
    if state is RunState.FAILED:
        assert "only 0.2639 mAh have passed" in end.reason
        assert bench.record.half_cycles[0].complete is False


@pytest.mark.parametrize(
    ("control", "state"), [(Control.CURRENT, RunState.FAULTED), (Control.REST, RunState.FINISHED)]
)
async def test_readings_that_stand_still_while_current_flows_are_none(
    control: Control, state: RunState
) -> None:
    value = CURRENT_A if control is Control.CURRENT else 0.0

    def samples(step: Step, start_s: float):
        for number in range(1, 101):
            last = step.cutoffs[0] if number == 100 else None
            yield Sample(start_s + 10.0 * number, 0.1, value, 0, last)

    bench = Bench(_node(control, value), samples=samples)
    end = await bench.execute()
    assert end.state is state
    if state is RunState.FAULTED:
        assert "frozen" in end.reason
        assert bench.record.seq == ALIKE
        assert not bench.channel.closed_circuit


def test_one_digit_that_moves_begins_the_count_anew() -> None:
    frozen = Frozen()
    for _ in range(10):
        assert not any(frozen.look(0.1, 1e-3) for _ in range(ALIKE - 1))
        assert not frozen.look(0.1, 1.000001e-3)


async def test_a_state_that_was_unknown_and_is_confirmed_in_the_end_is_a_failure_not_a_danger() -> None:
    unknown = CellStateUnknown("cell_off failed")
    bench = Bench(_node(), samples=lambda step, start_s: [Sample(start_s + 1.0, 0.1, CURRENT_A), unknown])
    end = await bench.execute()
    assert end.state is RunState.FAILED
    assert "cell_off failed" in end.reason
