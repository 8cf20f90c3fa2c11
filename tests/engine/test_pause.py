"""Pausing, resuming and skipping a run that goes on: no charge twice, none lost, no second counted that was paused."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.engine import run as run_module
from labctl.engine.outcome import RunState
from labctl.engine.sweeps import take_spectrum
from labctl.engine.workplace import Workplace
from labctl.instrument.channel import ImpedanceTraits, Sample
from labctl.instrument.impedance import ImpedanceMode, Spectrum
from labctl.instrument.step import Control, Cutoff, Quantity, Sampling, Side, Step
from labctl.protocol.plan import ImpedanceNode, LoopNode, StepNode
from tests.engine.fakes import TRAITS
from tests.engine.test_run import CURRENT_A, SAFETY, SWEEP, Bench

CHARGE = Cutoff(Quantity.CHARGE, Side.ABOVE, 0.1)
OHM = 100.0


def charged(step: Step, start_s: float) -> Iterator[Sample]:
    """A resistor, a reading each 10 s; a charge limit is met exactly, as a driver does."""
    end_s = step.time_limit_s()
    assert end_s is not None
    current_A = step.value if step.control is Control.CURRENT else 0.0
    ends = [c for c in step.cutoffs if c.quantity in (Quantity.CHARGE, Quantity.TIME)]
    yield Sample(start_s + 1e-6, OHM * current_A, current_A)
    elapsed_s = step.sampling.every_s
    while elapsed_s < end_s - 1e-3:
        yield Sample(start_s + elapsed_s, OHM * current_A, current_A)
        elapsed_s += step.sampling.every_s
    yield Sample(start_s + end_s, OHM * current_A, current_A, 0, ends[0])


def charge_node(value: float) -> StepNode:
    step = Step(Control.CURRENT, value, (CHARGE,), SAFETY, Sampling(10.0))
    return StepNode(f"steps[{value:+g}]", 1, "constant_current", step)


def loop(count: int = 2) -> LoopNode:
    return LoopNode("loop", 1, count, (charge_node(CURRENT_A), charge_node(-CURRENT_A)), counts_cycles=True)


def asking(bench: Bench, at: dict[int, Callable[[], object]]) -> None:
    """Let a person ask for something when so many samples have been given."""
    given_before = bench.record.sample

    def sample(*values) -> None:
        given_before(*values)
        if bench.record.seq in at:
            at[bench.record.seq]()

    bench.record.sample = sample  # type: ignore[method-assign]


async def executed(bench: Bench, resume_after: float = 500.0):
    """Carry the run out; whenever it is paused, it is resumed so much later."""

    async def resume() -> None:
        while not task.done():
            await asyncio.sleep(0)
            if bench.control.phase == "paused":
                bench.clock._now += resume_after  # nobody lives in this time while the run waits
                assert bench.control.request_resume()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.execute())
        group.create_task(resume())
    return task.result()


@settings(deadline=None, max_examples=60)
@given(st.sets(st.integers(1, 44), max_size=4))
def test_paused_anywhere_the_half_cycles_are_those_of_the_straight_run(pauses: set[int]) -> None:
    straight = Bench(loop(), samples=charged)
    asyncio.run(straight.execute())
    bench = Bench(loop(), samples=charged)
    asking(bench, dict.fromkeys(pauses, bench.control.request_pause))
    end = asyncio.run(executed(bench))
    assert end.state is RunState.FINISHED
    assert bench.record.states[::2] == ["paused"] * (len(bench.record.states) // 2)
    assert bench.record.states[1::2] == ["running"] * (len(bench.record.states) // 2)
    assert bool(bench.record.states) is bool(pauses)  # one that comes while it is pausing is no other
    wanted, found = straight.record.half_cycles, bench.record.half_cycles
    assert [(h.cycle, h.sign, h.complete, h.end_reason) for h in found] == [
        (h.cycle, h.sign, h.complete, h.end_reason) for h in wanted
    ]
    assert [h.charge_C for h in found] == pytest.approx([h.charge_C for h in wanted], rel=1e-4)
    assert [h.energy_J for h in found] == pytest.approx([h.energy_J for h in wanted], rel=1e-3)
    times = [sample[1] for sample in bench.record.samples]
    assert times == sorted(set(times))
    passed = sum(step.get("charge_C", 0.0) for step in bench.record.steps)
    assert passed == pytest.approx(sum(h.charge_C for h in found), rel=1e-6)


async def test_a_pause_opens_the_circuit_at_the_sample_and_looks_before_it_closes_it() -> None:
    bench = Bench(loop(1), samples=charged)
    open_at: list[bool] = []
    asking(bench, {4: bench.control.request_pause})
    bench.control.request_resume = lambda real=bench.control.request_resume: (  # type: ignore[method-assign]
        open_at.append(not bench.channel.closed_circuit),
        real(),
    )[1]
    assert (await executed(bench)).state is RunState.FINISHED
    assert open_at == [True]
    kinds = [step["kind"] for step in bench.record.steps]
    assert kinds == ["constant_current", "gap", "rest", "constant_current", "constant_current"]
    first, gap, look, rest, _ = bench.record.steps
    assert first["end_reason"] == "paused by a person"
    assert gap["end_s"] - gap["start_s"] == pytest.approx(500.0)
    assert gap["charge_C"] == 0.0
    assert look["path"] == "open_circuit_check"
    assert first["charge_C"] + rest["charge_C"] == pytest.approx(0.1)
    assert rest["end_reason"] == str(CHARGE)
    assert [kind for kind, _ in bench.record.events].count("gap") == 1


async def test_another_cell_after_a_pause_is_not_charged() -> None:
    voltages = iter([0.7] * 10)

    def swapped(step: Step, start_s: float) -> Iterator[Sample]:
        for sample in charged(step, start_s):
            yield sample._replace(voltage_V=next(voltages)) if step.control is Control.REST else sample

    bench = Bench(loop(1), samples=swapped)
    asking(bench, {4: bench.control.request_pause})
    end = await executed(bench)
    assert end.state is RunState.PAUSED
    assert "open circuit shows 0.7 V" in end.reason
    assert [step["kind"] for step in bench.record.steps] == ["constant_current", "gap", "rest"]
    assert not bench.channel.closed_circuit


async def test_an_open_circuit_outside_the_safety_window_is_a_fault() -> None:
    def risen(step: Step, start_s: float) -> Iterator[Sample]:
        for sample in charged(step, start_s):
            yield sample._replace(voltage_V=1.2) if step.control is Control.REST else sample

    bench = Bench(loop(1), samples=risen)
    asking(bench, {4: bench.control.request_pause})
    assert (await executed(bench)).state is RunState.FAULTED


async def test_while_it_is_paused_a_person_may_end_the_run() -> None:
    bench = Bench(loop(1), samples=charged)
    asking(bench, {4: bench.control.request_pause})
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.execute())
        while bench.control.phase != "paused":
            await asyncio.sleep(0)
        bench.control.request_stop()
    assert task.result().state is RunState.ENDED
    assert bench.record.half_cycles[0].complete is False
    progress = bench.record.snapshot()  # type: ignore[misc]
    assert progress.half_cycle is not None
    assert progress.step is not None
    assert progress.step.passed.charge_C == pytest.approx(bench.record.half_cycles[0].charge_C)
    assert progress.opening is not None


async def test_a_pause_between_two_steps_waits_there() -> None:
    bench = Bench(loop(1), samples=charged)
    asking(bench, {11: bench.control.request_pause})
    assert (await executed(bench)).state is RunState.FINISHED
    assert [step["kind"] for step in bench.record.steps] == [
        "constant_current",
        "gap",
        "rest",
        "constant_current",
    ]


async def test_a_sweep_is_taken_again_after_a_pause() -> None:
    eis = ImpedanceTraits(frozenset(ImpedanceMode), 1e5, 0.01, 0.1, 0.01)
    bench = Bench(
        charge_node(CURRENT_A),
        ImpedanceNode("steps[1]", 2, SWEEP),
        samples=charged,
        traits=replace(TRAITS, impedance=eis),
    )

    real, count = bench.channel.sweep, 0

    async def sweep(spec):
        nonlocal count
        count += 1
        async for point in real(spec):
            if count == 1 and point.frequency_Hz < 100.0:
                bench.control.request_pause()
            yield point

    bench.channel.sweep = sweep  # type: ignore[method-assign]
    assert (await executed(bench)).state is RunState.FINISHED
    assert len(bench.channel.sweeps) == 2
    assert [len(spectrum.points) for spectrum in bench.record.spectra] == [SWEEP.point_count()]


async def test_a_sweep_that_is_kept_half_way_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault for the test above: what was interrupted counts as taken."""

    async def kept(work: Workplace, node: ImpedanceNode, cycle: int, by: str) -> Spectrum:
        taken = await take_spectrum(work, node, cycle, by)
        return taken or Spectrum(node.spec, cycle, 0.0, ())

    monkeypatch.setattr(run_module, "take_spectrum", kept)
    with pytest.raises(AssertionError):
        await test_a_sweep_is_taken_again_after_a_pause()


async def test_a_skipped_step_ends_and_the_plan_goes_on() -> None:
    bench = Bench(loop(1), samples=charged)
    asking(bench, {4: bench.control.request_skip})
    assert (await bench.execute()).state is RunState.FINISHED
    first, second = bench.record.half_cycles
    assert (first.complete, first.end_reason) == (False, "skipped by a person")
    assert second.complete
    assert bench.record.steps[0]["end_reason"] == "skipped by a person"
    assert bench.control.phase == "running"


async def test_the_end_after_a_step_still_comes_after_a_pause() -> None:
    bench = Bench(loop(2), samples=charged)
    asking(bench, {3: bench.control.request_stop, 4: bench.control.request_pause})
    end = await executed(bench)
    assert end.state is RunState.ENDED
    assert [h.complete for h in bench.record.half_cycles] == [True]


async def test_progress_tells_where_a_run_is() -> None:
    bench = Bench(loop(2), samples=charged)
    seen = []
    asking(bench, dict.fromkeys((5, 16), lambda: seen.append(bench.run.progress())))
    await bench.execute()
    first, second = seen
    assert (first.seq, first.position.cycle, first.position.node, first.done) == (5, 1, 0, False)
    assert (second.seq, second.position.cycle, second.position.node) == (16, 1, 1)
    # Asked for within a sample: what has passed is that up to the sample before.
    assert first.step.passed.time_s == pytest.approx(30.0)
    assert first.step.passed.charge_C == pytest.approx(0.03)
    assert second.half_cycle.sign == -1
    assert first.opening is None
