"""Temperature in a run: recorded, never older than stated; limits, ends of steps, soaks, chambers that are shared."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.clock import VirtualClock
from labctl.engine.control import Phase, RunControl
from labctl.engine.outcome import RunEnd, RunState
from labctl.engine.run import Run
from labctl.engine.surroundings import Surroundings
from labctl.errors import LinkTimeout
from labctl.instrument.channel import Sample
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.polled import GONE_AFTER_S, PERIOD_S, STALE_S, Polled
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.instrument.temperature import Band
from labctl.protocol.plan import CellDescription, ImpedanceNode, Node, Plan, StepNode
from labctl.rules import RuleSet
from tests.engine.fake_chamber import ROOM_K, FakeChamber
from tests.engine.fakes import FakeChannel, FakeRecord, resistor_samples

SAFETY = SafetyLimits(-1.0, 1.0, 0.02)
LIMITS = Band(278.15, 333.15)
WARM_K = 313.15


def drifting(made: Step, start_s: float) -> Iterator[Sample]:
    """As a resistor, which warms up; else its readings would be taken for frozen ones."""
    for number, sample in enumerate(resistor_samples(made, start_s)):
        yield sample._replace(voltage_V=sample.voltage_V + 1e-6 * number)


def step(duration_s: float = 3600.0, *bands: Band, every_s: float = 10.0, value: float = 0.001) -> StepNode:
    timed = Cutoff(Quantity.TIME, Side.ABOVE, duration_s)
    control = Control.CURRENT if value else Control.REST
    made = Step(control, value, (timed,), SAFETY, Sampling(every_s))
    return StepNode("steps[0].constant_current", 3, "constant_current", made, bands=bands)


def soak(set_K: float | None = WARM_K, at_most_s: float = 14400.0, hold_s: float = 600.0) -> StepNode:
    timed = Cutoff(Quantity.TIME, Side.ABOVE, at_most_s)
    made = Step(Control.REST, 0.0, (timed,), SAFETY, Sampling(10.0))
    middle_K = WARM_K if set_K is None else set_K
    band = Band(middle_K - 0.5, middle_K + 0.5, hold_s)
    return StepNode("steps[0].soak", 2, "soak", made, bands=(band,), soak=True, set_point_K=set_K)


def plan(*nodes: Node, limits: Band | None = None) -> Plan:
    cell = CellDescription("", 0.2827, None, None, "", 0.0, None)
    return Plan("test", "", "", cell, SAFETY, Sampling(10.0), nodes, (), limits)


class Bench:
    """A run beside a chamber, in virtual time."""

    def __init__(self, *nodes: Node, limits: Band | None = None, **chamber: object) -> None:
        self.clock = VirtualClock()
        self.chamber = FakeChamber(self.clock, **chamber)  # type: ignore[arg-type]
        self.polled = Polled("oven", self.chamber, self.clock)
        self.channel = FakeChannel(self.clock, drifting)
        self.record = FakeRecord()
        self.control = RunControl()
        self.plan = plan(*nodes, limits=limits)
        surroundings = Surroundings(self.polled, "temperature", self.clock, limits)
        self.run = Run(
            self.plan,
            self.channel,
            self.record,
            RuleSet(()),
            self.clock,
            self.control,
            surroundings=surroundings,
        )

    async def execute(self) -> RunEnd:
        reading = asyncio.ensure_future(self.polled.live())
        try:
            while self.polled.latest("temperature") is None:
                await self.clock.sleep_until(self.clock.now() + 0.1)
                await asyncio.sleep(0)
            end = await self.run.execute()
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
        assert self.channel.safe_calls >= 1
        assert not self.channel.closed_circuit
        assert self.record.finished == (end.state, end.reason)
        assert self.chamber.closed
        return end

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.record.events]


async def test_every_sample_carries_the_temperature() -> None:
    bench = Bench(step(600.0))
    end = await bench.execute()
    assert end.state is RunState.FINISHED
    assert len(bench.record.temperatures) == 60
    assert {temperature_K for _, temperature_K in bench.record.temperatures} == {ROOM_K}


async def test_a_channel_without_a_thermometer_records_none() -> None:
    clock, record = VirtualClock(), FakeRecord()
    run = Run(plan(step(100.0)), FakeChannel(clock), record, RuleSet(()), clock, RunControl())
    assert (await run.execute()).state is RunState.FINISHED
    assert {temperature_K for _, temperature_K in record.temperatures} == {None}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    silent_from_s=st.floats(1.0, 400.0),
    silent_for_s=st.floats(0.0, 200.0),
    every_s=st.sampled_from([0.5, 3.0, 10.0, 60.0]),
)
def test_no_sample_carries_an_old_temperature(
    silent_from_s: float, silent_for_s: float, every_s: float
) -> None:
    """The air rises by 1 mK a second, so that a temperature tells when it was read."""

    async def one() -> None:
        bench = Bench(
            step(600.0, every_s=every_s),
            air_K=lambda time_s: 300.0 + 1e-3 * time_s,
            silent=(silent_from_s, silent_from_s + silent_for_s),
        )
        assert (await bench.execute()).state is RunState.FINISHED
        for time_s, temperature_K in bench.record.temperatures:
            if temperature_K is not None:
                age_s = time_s - (temperature_K - 300.0) * 1e3
                assert -1e-6 <= age_s <= STALE_S + 1e-6
            else:
                assert silent_from_s - PERIOD_S + STALE_S <= time_s
                assert time_s <= silent_from_s + silent_for_s + 2.0 * PERIOD_S + 1.0

    asyncio.run(one())


@pytest.mark.parametrize("crossing_K", [273.15, 343.15, math.inf, -1.0, 0.0])
@pytest.mark.parametrize("every_s", [1.0, 3600.0])
async def test_leaving_the_limits_opens_within_one_reading(crossing_K: float, every_s: float) -> None:
    """Whether or not a sample comes: in the second case the next is an hour away."""
    bench = Bench(
        step(7200.0, every_s=every_s),
        limits=LIMITS,
        air_K=lambda time_s: crossing_K if time_s >= 501.0 else ROOM_K,
    )
    end = await bench.execute()
    assert end.state is RunState.FAULTED
    assert "outside the safety limits" in end.reason
    assert 501.0 <= bench.clock.now() <= 501.0 + PERIOD_S


async def test_an_edge_of_the_limits_is_inside() -> None:
    bench = Bench(step(600.0), limits=Band(ROOM_K, ROOM_K))
    assert (await bench.execute()).state is RunState.FINISHED


async def test_outside_before_the_first_step_nothing_is_energised() -> None:
    bench = Bench(step(), limits=LIMITS, air_K=lambda time_s: 350.0)
    assert (await bench.execute()).state is RunState.FAULTED
    assert not bench.channel.steps


async def test_without_a_thermometer_nothing_is_energised() -> None:
    clock, channel = VirtualClock(), FakeChannel(VirtualClock())
    run = Run(plan(step(), limits=LIMITS), channel, FakeRecord(), RuleSet(()), clock, RunControl())
    assert (await run.execute()).state is RunState.FAILED
    assert not channel.steps


@pytest.mark.parametrize("every_s", [1.0, 3600.0])
async def test_a_thermometer_that_is_lost_opens_in_time(every_s: float) -> None:
    bench = Bench(step(7200.0, every_s=every_s), limits=LIMITS, silent=(500.0, math.inf))
    end = await bench.execute()
    assert end.state is RunState.FAILED
    assert "the connection is gone" in end.reason
    assert 500.0 + STALE_S - PERIOD_S < bench.clock.now() <= bench.chamber.read_s[-1] + GONE_AFTER_S


async def test_without_limits_a_lost_thermometer_is_said_and_found_again() -> None:
    bench = Bench(step(600.0), silent=(100.0, 200.0))
    assert (await bench.execute()).state is RunState.FINISHED
    assert bench.kinds().count("thermometer_lost") == bench.kinds().count("thermometer_back") == 1
    assert bench.chamber.connects > 1


async def test_a_short_silence_changes_nothing() -> None:
    bench = Bench(step(600.0), limits=LIMITS, silent=(100.0, 100.0 + STALE_S - 2.0 * PERIOD_S - 1.0))
    assert (await bench.execute()).state is RunState.FINISHED
    assert "thermometer_lost" not in bench.kinds()


async def test_a_thermometer_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """In virtual time nothing happens while it hangs, so that only its end can be seen: a reading is tried again."""
    monkeypatch.setattr("labctl.instrument.polled.WITHIN_S", 0.02)
    bench = Bench(step(100.0), silent=(50.0, 50.5), hangs=True)

    def pass_by() -> None:
        bench.chamber.silent = (math.inf, math.inf)

    bench.polled.watchers.append(pass_by)
    assert (await bench.execute()).state is RunState.FINISHED
    assert bench.chamber.connects >= 1


async def test_a_temperature_ends_a_step_as_planned() -> None:
    end_band = Band(318.15, None)
    bench = Bench(
        step(3600.0, end_band), step(100.0, value=-0.001), air_K=lambda time_s: ROOM_K + 0.02 * time_s
    )
    assert (await bench.execute()).state is RunState.FINISHED
    first = bench.record.steps[0]
    assert first["end_reason"] == "temperature >= 45 degC"
    assert 1000.0 <= first["end_s"] <= 1000.0 + 10.0 + PERIOD_S
    assert bench.record.half_cycles[0].complete
    assert len(bench.channel.steps) == 2


async def test_a_temperature_has_to_be_held() -> None:
    """It swings over the threshold for 50 s of 100, and stays there from 1000 s on."""
    band = Band(None, 290.0, hold_s=60.0)
    bench = Bench(
        step(3600.0, band),
        air_K=lambda time_s: 285.0 if time_s >= 1000.0 or time_s % 100.0 < 50.0 else 295.0,
    )
    assert (await bench.execute()).state is RunState.FINISHED
    assert 1060.0 <= bench.record.steps[0]["end_s"] <= 1060.0 + 2.0 * 10.0 + PERIOD_S


async def test_a_soak_sets_waits_and_goes_on() -> None:
    bench = Bench(soak(), step(100.0))
    assert (await bench.execute()).state is RunState.FINISHED
    assert bench.chamber.asked == [WARM_K]
    resting, _ = bench.channel.steps
    assert resting.control is Control.REST
    settled_s = 300.0 * math.log(15.0 / 0.5)
    assert settled_s + 600.0 <= bench.record.steps[0]["end_s"] <= settled_s + 600.0 + 10.0 + 3.0 * PERIOD_S
    assert [kind for kind in bench.kinds() if kind.startswith("temperature_")] == [
        "temperature_set",
        "temperature_reached",
    ]
    assert bench.chamber.set_K == WARM_K  # it stays as it is


async def test_a_set_point_that_is_there_is_not_set_again() -> None:
    bench = Bench(soak(ROOM_K), step(100.0))
    assert (await bench.execute()).state is RunState.FINISHED
    assert not bench.chamber.asked


async def test_a_soak_by_hand_sets_nothing() -> None:
    bench = Bench(soak(None), air_K=lambda time_s: WARM_K if time_s > 1000.0 else ROOM_K)
    assert (await bench.execute()).state is RunState.FINISHED
    assert not bench.chamber.asked
    assert bench.clock.now() >= 1600.0


async def test_a_soak_that_never_settles_stops_the_run() -> None:
    bench = Bench(soak(at_most_s=3600.0), step(100.0), air_K=lambda time_s: 305.15)
    end = await bench.execute()
    assert end.state is RunState.FAILED
    assert "was not reached within 1 h; 32 degC is shown" in end.reason
    assert len(bench.channel.steps) == 1


async def test_a_silent_thermometer_begins_the_soak_again() -> None:
    bench = Bench(soak(), air_K=lambda time_s: WARM_K, silent=(300.0, 400.0))
    assert (await bench.execute()).state is RunState.FINISHED
    assert bench.clock.now() >= 1000.0


async def test_a_chamber_that_cannot_be_set_stops_the_run() -> None:
    bench = Bench(soak(500.0), step(100.0))
    end = await bench.execute()
    assert end.state is RunState.FAILED
    assert "out of range" in end.reason
    assert not bench.channel.steps


async def test_another_run_in_the_chamber_has_to_agree() -> None:
    bench = Bench(soak(), step(100.0))
    other = object()
    bench.polled.wishes[other] = None
    end = await bench.execute()
    assert end.state is RunState.FAILED
    assert "have to agree" in end.reason
    assert not bench.chamber.asked
    assert bench.chamber.set_K == ROOM_K
    assert bench.polled.wishes == {other: None}


async def test_another_run_that_wants_the_same_agrees() -> None:
    bench = Bench(soak(), step(100.0))
    bench.polled.wishes[object()] = WARM_K
    assert (await bench.execute()).state is RunState.FINISHED
    assert bench.chamber.asked == [WARM_K]


async def test_a_pause_looks_at_the_set_point_again() -> None:
    """Somebody turns the chamber to another temperature in a pause of the soak; it is set again."""
    bench = Bench(soak(hold_s=60.0), step(100.0), tau_s=0.0)

    def pause() -> None:
        if bench.clock.now() > 30.0 and bench.control.phase is Phase.RUNNING and not bench.record.states:
            bench.control.request_pause()

    async def resume() -> None:
        while bench.control.phase is not Phase.PAUSED:
            await asyncio.sleep(0)
        bench.chamber.set_K = ROOM_K
        bench.control.request_resume()

    bench.polled.watchers.append(pause)
    person = asyncio.ensure_future(resume())
    assert (await bench.execute()).state is RunState.FINISHED
    await person
    assert bench.chamber.asked == [WARM_K, WARM_K]


async def test_progress_knows_the_band_that_was_reached() -> None:
    bench = Bench(soak(hold_s=60.0), tau_s=0.0)
    seen = []
    original = bench.record.event

    def event(kind, *others):  # type: ignore[no-untyped-def]
        seen.append((kind, bench.run.progress().step))
        original(kind, *others)

    bench.record.event = event  # type: ignore[method-assign]
    await bench.execute()
    (reached,) = [present for kind, present in seen if kind == "temperature_reached"]
    assert reached is not None
    assert reached.cutoff == 1  # after the time limit of its step


async def test_a_spectrum_carries_the_temperature() -> None:
    spec = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, 0.0, 1000.0, 1.0, 2, SAFETY)
    bench = Bench(ImpedanceNode("steps[0]", 1, spec), air_K=lambda time_s: 310.0)
    assert (await bench.execute()).state is RunState.FINISHED
    assert [spectrum.temperature_K for spectrum in bench.record.spectra] == [310.0]


async def test_the_limits_hold_in_a_spectrum() -> None:
    spec = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, 0.0, 1000.0, 1.0, 20, SAFETY)
    bench = Bench(
        ImpedanceNode("steps[0]", 1, spec),
        limits=LIMITS,
        air_K=lambda time_s: 350.0 if time_s > 20.0 else ROOM_K,
    )
    assert (await bench.execute()).state is RunState.FAULTED
    assert bench.clock.now() <= 20.0 + 2.0 * PERIOD_S


async def test_a_chamber_that_nobody_reads_any_more_is_not_waited_for() -> None:
    clock = VirtualClock()
    polled = Polled("oven", FakeChamber(clock), clock)
    with pytest.raises(LinkTimeout, match="turn did not come"):
        await polled.hold(WARM_K, clock)
    assert clock.now() < 100.0
