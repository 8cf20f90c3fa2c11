"""The engine against a scripted channel: every reason to end, and the circuit open after each of them."""

import asyncio
import math

import pytest

from labctl.clock import VirtualClock
from labctl.engine.control import RunControl
from labctl.engine.outcome import RunEnd, RunState
from labctl.engine.run import Run
from labctl.errors import CellStateUnknown, LinkLost
from labctl.instrument.channel import ImpedanceTraits, Sample
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.protocol.plan import (
    CellDescription,
    ImpedanceNode,
    LoopNode,
    Node,
    Passes,
    Plan,
    StepNode,
    TagNode,
)
from labctl.protocol.rule_spec import Action
from labctl.rules import Decision, RuleSet
from tests.engine.fakes import TRAITS, FakeChannel, FakeRecord, resistor_samples

SAFETY = SafetyLimits(-1.0, 1.0, 0.02)
EVERY = Sampling(10.0)
CURRENT_A = 0.001
SWEEP = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, 0.0, 1000.0, 1.0, 2, SAFETY)


def current_step(value: float, *cutoffs: Cutoff) -> Step:
    timed = Cutoff(Quantity.TIME, Side.ABOVE, 100.0)
    return Step(Control.CURRENT, value, (timed, *cutoffs), SAFETY, EVERY)


def node(value: float = CURRENT_A, *cutoffs: Cutoff, passes: Passes = Passes()) -> StepNode:
    return StepNode("steps[0]", 1, "constant_current", current_step(value, *cutoffs), passes)


def plan(*nodes: Node) -> Plan:
    cell = CellDescription("", 0.2827, None, None, "", 0.0, None)
    return Plan("test", "", "", cell, SAFETY, EVERY, nodes, ())


class Bench:
    """A run with everything around it."""

    def __init__(self, *nodes: Node, samples=resistor_samples, rules=(), **channel) -> None:
        self.clock = VirtualClock()
        self.channel = FakeChannel(self.clock, samples, **channel)
        self.record = FakeRecord()
        self.control = RunControl()
        self.run = Run(plan(*nodes), self.channel, self.record, RuleSet(rules), self.clock, self.control)

    async def execute(self) -> RunEnd:
        end = await self.run.execute()
        assert self.channel.safe_calls >= 1
        assert self.record.finished == (end.state, end.reason)
        return end


class Tripwire:
    """A rule that decides at a given sample."""

    name = "tripwire"
    on_samples = True

    def __init__(self, at: int, *actions: Action) -> None:
        self.at = at
        self.actions = actions
        self.half_cycles = 0

    def begin_half_cycle(self, start) -> None:
        self.half_cycles += 1

    def sample(self, seq, time_s, voltage_V, current_A, charge_C):
        if seq != self.at:
            return None
        return Decision("tripwire", self.actions, "it tripped", 1.0, 2.0, "V", 1, time_s, seq, seq)

    def interrupted(self) -> None:
        pass

    def end_half_cycle(self, half_cycle) -> None:
        return None

    def spectrum(self, spectrum) -> None:
        return None


async def test_a_plan_is_carried_out_and_the_circuit_opened() -> None:
    bench = Bench(LoopNode("steps[0]", 1, 3, (node(), node(-CURRENT_A)), counts_cycles=True))
    end = await bench.execute()
    assert end.state is RunState.FINISHED
    assert not bench.channel.closed_circuit
    assert [s["cycle"] for s in bench.record.steps] == [1, 1, 2, 2, 3, 3]
    assert [(h.cycle, h.sign) for h in bench.record.half_cycles] == [
        (c, s) for c in (1, 2, 3) for s in (1, -1)
    ]
    assert bench.record.half_cycles[0].charge_C == pytest.approx(0.1, rel=0.11)
    assert bench.record.seq == 60


@pytest.mark.parametrize(
    ("voltage_V", "current_A", "word"),
    [
        (1.001, 0.001, "safety window"),
        (-1.001, 0.001, "safety window"),
        (math.nan, 0.001, "safety window"),
        (math.inf, 0.001, "safety window"),
        (0.1, 0.021, "safety limit"),
        (0.1, -0.021, "safety limit"),
        (0.1, math.nan, "safety limit"),
    ],
)
async def test_a_crossed_safety_limit_faults_and_the_sample_is_kept(voltage_V, current_A, word) -> None:
    bench = Bench(
        node(),
        samples=lambda step, start: [Sample(start + 1.0, voltage_V, current_A), Sample(start + 2.0, 0, 0)],
    )
    end = await bench.execute()
    assert end.state is RunState.FAULTED
    assert word in end.reason
    assert bench.record.seq == 1
    assert not bench.channel.closed_circuit


async def test_time_that_stands_still_is_a_stale_reading() -> None:
    bench = Bench(node(), samples=lambda step, start: [Sample(start + 1.0, 0.1, 0.001)] * 2)
    end = await bench.execute()
    assert end.state is RunState.FAULTED
    assert "stale" in end.reason


@pytest.mark.parametrize("threshold_V", [0.0, 0.05, -0.02])
async def test_a_voltage_cutoff_that_the_driver_missed_ends_the_step(threshold_V) -> None:
    """0 V and negative cut-offs are ordinary values."""
    cutoff = Cutoff(Quantity.VOLTAGE, Side.ABOVE, threshold_V)
    voltages = [-0.1, -0.05, -0.01, 0.04, 0.06, 0.07, 0.08]
    bench = Bench(
        node(CURRENT_A, cutoff),
        samples=lambda step, start: [Sample(start + n + 1.0, v, CURRENT_A) for n, v in enumerate(voltages)],
    )
    end = await bench.execute()
    assert end.state is RunState.FINISHED
    assert bench.record.steps[0]["end_reason"] == str(cutoff)
    assert bench.record.samples[-1][2] == next(v for v in voltages if v >= threshold_V)


async def test_a_charge_that_the_driver_overruns_ends_the_step() -> None:
    cutoff = Cutoff(Quantity.CHARGE, Side.ABOVE, 0.5)
    step = Step(Control.CURRENT, CURRENT_A, (cutoff,), SAFETY, EVERY)
    bench = Bench(
        StepNode("steps[0]", 1, "constant_current", step),
        samples=lambda step, start: (Sample(start + 10.0 * n, 0.1, CURRENT_A) for n in range(1, 1000)),
    )
    assert (await bench.execute()).state is RunState.FINISHED
    assert 0.5 < bench.record.steps[0]["charge_C"] < 0.54


async def test_a_step_that_just_stops_is_a_failure() -> None:
    bench = Bench(node(), samples=lambda step, start: [Sample(start + 1.0, 0.1, 0.001)])
    end = await bench.execute()
    assert end.state is RunState.FAILED
    assert "without a cut-off" in end.reason


async def test_a_lost_link_fails_the_run_and_opens_the_circuit() -> None:
    bench = Bench(node(), samples=lambda step, start: [Sample(start + 1.0, 0.1, 0.001), LinkLost("gone")])
    end = await bench.execute()
    assert end.state is RunState.FAILED
    assert "gone" in end.reason
    assert bench.record.steps[0]["end_reason"] == "interrupted"
    assert bench.record.half_cycles[0].complete is False


async def test_an_unconfirmed_opening_is_told_as_unsafe() -> None:
    async def refuse() -> None:
        raise CellStateUnknown("output still on")

    bench = Bench(node(), make_safe_hook=refuse)
    end = await bench.execute()
    assert end.state is RunState.UNSAFE
    assert "output still on" in end.reason


async def test_a_rule_stops_inside_the_half_cycle() -> None:
    bench = Bench(node(), node(-CURRENT_A), rules=[Tripwire(4, Action.STOP)])
    end = await bench.execute()
    assert end == RunEnd(RunState.STOPPED, "tripwire: it tripped")
    assert bench.record.seq == 4
    assert ("decision", "it tripped") in bench.record.events


async def test_a_warning_changes_nothing() -> None:
    bench = Bench(node(), rules=[Tripwire(4, Action.WARN)])
    assert (await bench.execute()).state is RunState.FINISHED
    assert bench.record.seq == 10
    assert ("decision", "it tripped") in bench.record.events


async def test_stop_after_step_lets_the_step_finish() -> None:
    bench = Bench(node(), node(-CURRENT_A), rules=[Tripwire(4, Action.STOP_AFTER_STEP)])
    assert (await bench.execute()).state is RunState.STOPPED
    assert bench.record.seq == 10


async def test_a_rule_gets_its_spectrum_before_the_run_stops() -> None:
    from dataclasses import replace

    eis = ImpedanceTraits(frozenset(ImpedanceMode), 1e5, 0.01, 0.1, 0.01)
    never = ImpedanceNode("steps[1]", 2, SWEEP, Passes(frozenset()))
    bench = Bench(
        node(),
        never,
        rules=[Tripwire(4, Action.IMPEDANCE, Action.STOP)],
        traits=replace(TRAITS, impedance=eis),
    )
    assert (await bench.execute()).state is RunState.STOPPED
    assert len(bench.record.spectra) == 1
    assert bench.record.seq == 4


async def test_ctrl_c_once_ends_after_the_present_step() -> None:
    bench = Bench(node(), node(-CURRENT_A))
    bench.control.request_stop()
    end = await bench.execute()
    assert end.state is RunState.ENDED
    assert bench.record.seq == 10
    assert bench.record.half_cycles[0].complete


async def test_ctrl_c_twice_opens_at_once() -> None:
    def samples(step: Step, start: float):
        for sample in resistor_samples(step, start):
            yield sample
            if sample.time_s - start >= 30.0:
                bench.control.request_stop()
                bench.control.request_stop()

    bench = Bench(node(), samples=samples)
    end = await bench.execute()
    assert end.state is RunState.ENDED
    assert bench.record.seq <= 4
    assert not bench.channel.closed_circuit


async def test_opening_the_circuit_survives_two_cancellations() -> None:
    reached = asyncio.Event()
    go_on = asyncio.Event()

    async def slow() -> None:
        reached.set()
        await go_on.wait()

    bench = Bench(node(), make_safe_hook=slow)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.run.execute())
        await reached.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
    assert not bench.channel.closed_circuit


async def test_steps_are_taken_in_their_passes_only() -> None:
    tag = TagNode("t", 1, "third", Passes(frozenset({3})))
    even = node(-CURRENT_A, passes=Passes(every=2))
    inner = LoopNode("l", 1, 4, (node(), even, tag), counts_cycles=True)
    bench = Bench(LoopNode("o", 1, 2, (inner,)))
    await bench.execute()
    assert [(s["cycle"]) for s in bench.record.steps] == [1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8]
    assert bench.record.events.count(("tag", "third")) == 2


async def test_a_loop_ends_on_capacity_retention() -> None:
    fade = iter([100.0, 100.0, 90.0, 90.0, 70.0, 70.0, 10.0, 10.0])

    def samples(step: Step, start: float):
        length_s = next(fade)
        yield Sample(start + 0.001, 0.1, step.value)
        yield Sample(start + length_s, 0.1, step.value, 0, step.cutoffs[0])

    loop = LoopNode("l", 1, 100, (node(), node(-CURRENT_A)), retention=0.8, counts_cycles=True)
    bench = Bench(loop, samples=samples)
    end = await bench.execute()
    assert end.state is RunState.FINISHED
    assert max(s["cycle"] for s in bench.record.steps) == 3


async def test_a_bug_opens_the_circuit_too() -> None:
    class Broken(Tripwire):
        def sample(self, *reading: float) -> None:
            raise ZeroDivisionError("planted")

    bench = Bench(node(), rules=[Broken(1)])
    end = await bench.execute()
    assert end.state is RunState.FAILED
    assert "planted" in end.reason
    assert not bench.channel.closed_circuit
    assert any(kind == "bug" and "ZeroDivisionError" in text for kind, text in bench.record.events)
