"""A cycler and an analyser as one channel, in virtual time: alone, eight at one analyser, and with what goes wrong."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any

import pytest

from labctl import plugins
from labctl.clock import VirtualClock
from labctl.errors import CannotHold, CellStateUnknown, SpectrumLost, Superseded, WrongInstrument
from labctl.instrument.analyser_queue import AnalyserQueue
from labctl.instrument.channel import Channel
from labctl.instrument.composed import ComposedChannel
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_simulators.cells.shared import shared
from labctl_simulators.chaos.leads import BreakableLeads
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.keysight_e4980a import behind_a_capacitor

CELL = "rc:R0=10,R1=100,C1=1e-5,C=0.5"
WINDOW = SafetyLimits(-1.0, 1.0, 1e-3)
SPEC = ImpedanceSpec(ImpedanceMode.POTENTIOSTATIC, 0.2, None, 1e5, 20.0, 3, WINDOW)


class Rig:
    """One channel: both simulated instruments at one cell, and what happened.

    Attributes:
        closed: for each measurement of the analyser, whether the cycler's circuit was closed.
        used: what of all channels used the analyser, in order.
    """

    def __init__(self, name: str, clock: VirtualClock, queue: AnalyserQueue, used: list[str]) -> None:
        self.name, self.clock, self.closed = name, clock, list[bool]()
        self.cell = plugins.cell(CELL, 1)
        cycling, measuring = shared(self.cell)
        self.leads = BreakableLeads(measuring)
        self.smu = Keithley2450(cycling, 1)
        self.lcr = behind_a_capacitor(self.leads, 1)
        self._watch(used)
        cycler = self._open("keithley-2450", self.smu)
        self.channel = ComposedChannel(
            name, cycler, lambda: self._open("keysight-e4980a", self.lcr), queue, clock
        )

    def _open(self, driver: str, device: Any) -> Channel:
        found = plugins.driver(driver)
        return found.open(
            Link(MemoryPort(device.port, self.clock, driver), self.clock, found.terminator), self.clock
        )

    def _watch(self, used: list[str]) -> None:
        measure = self.lcr._measure

        def watched(frequency_Hz: float) -> Any:
            self.closed.append(self.smu.circuit_closed)
            used.append(self.name)
            return measure(frequency_Hz)

        self.lcr._measure = watched  # type: ignore[method-assign]

    def tamper(self, tampered: Callable[[bytes], bytes]) -> None:
        """Change what the analyser hears."""
        execute = self.lcr.execute
        self.lcr.execute = lambda line: execute(tampered(line))  # type: ignore[method-assign]

    async def sweep(self, spec: ImpedanceSpec = SPEC) -> list[ImpedancePoint]:
        async with aclosing(self.channel.sweep(spec)) as points:
            return [point async for point in points]


def rig() -> Rig:
    return Rig("a", VirtualClock(), AnalyserQueue("lcr"), [])


def rest(duration_s: float) -> Step:
    return Step(Control.REST, 0.0, (Cutoff(Quantity.TIME, Side.ABOVE, duration_s),), WINDOW, Sampling(1.0))


async def test_it_cycles_and_measures_one_cell() -> None:
    it = rig()
    await it.channel.connect()
    assert it.channel.traits.model == "2450 + E4980A"
    charge = Step(Control.CURRENT, 1e-4, (Cutoff(Quantity.TIME, Side.ABOVE, 100.0),), WINDOW, Sampling(10.0))
    samples = [sample async for sample in it.channel.run(charge)]
    assert samples[-1].voltage_V == pytest.approx(0.01 + 0.02, rel=0.05)
    before_V = it.cell.voltage_V(0.0)
    points = await it.sweep()
    assert len(points) == SPEC.point_count()
    for point in points:
        true = it.cell.impedance_ohm(point.frequency_Hz)
        assert abs(complex(point.real_ohm, point.imaginary_ohm) - true) < 1e-2 * abs(true)
    assert it.cell.voltage_V(0.0) == pytest.approx(
        before_V - 0.01, abs=2e-3
    )  # the arc has relaxed, that is all
    assert it.closed == [False] * len(points)
    assert not it.smu.circuit_closed
    assert it.lcr.level == 0.0


async def test_leaving_early_leaves_nothing_on_and_the_queue_free() -> None:
    it, queue = rig(), AnalyserQueue("lcr")
    it.channel._queue = queue
    await it.channel.connect()
    async with aclosing(it.channel.sweep(SPEC)) as points:
        await anext(points)
        assert it.lcr.level > 0.0
    assert it.lcr.level == 0.0
    assert queue.free
    assert not it.smu.circuit_closed


async def together(clock: VirtualClock, *jobs: Coroutine[Any, Any, Any]) -> list[Any]:
    """Let several live in one virtual time."""

    async def living(job: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await job
        except SpectrumLost as lost:
            return lost
        finally:
            clock.leave()

    for _ in jobs:
        clock.join()
    clock.leave()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(living(job)) for job in jobs]
    clock.join()
    return [task.result() for task in tasks]


async def eight(deadline_s: float = 1800.0) -> tuple[list[Rig], list[str], VirtualClock]:
    clock, queue, used = VirtualClock(), AnalyserQueue("lcr", deadline_s), list[str]()
    rigs = [Rig(f"c{k}", clock, queue, used) for k in range(1, 9)]
    for one in rigs:
        await one.channel.connect()
    return rigs, used, clock


async def test_eight_channels_take_turns_in_the_order_in_which_they_asked() -> None:
    rigs, used, clock = await eight()

    async def twice(one: Rig, after_s: float) -> list[int]:
        await clock.sleep_until(clock.now() + after_s)
        return [len(await one.sweep()) for _ in range(2)]

    order = [3, 1, 4, 8, 5, 2, 6, 7]
    counts = await together(clock, *(twice(one, order.index(k) * 0.5) for k, one in enumerate(rigs, start=1)))
    assert counts == [[SPEC.point_count()] * 2] * 8
    turns = [used[k * SPEC.point_count()] for k in range(16)]
    assert turns == [f"c{k}" for k in order] * 2  # nobody comes again before everybody has had a turn
    assert [len(set(used[k * 12 : k * 12 + 12])) for k in range(16)] == [1] * 16  # one at a time
    assert not any(closed for one in rigs for closed in one.closed)


async def test_whoever_waits_too_long_goes_on_without_a_spectrum() -> None:
    rigs, _, clock = await eight(deadline_s=20.0)
    results = await together(clock, *(one.sweep() for one in rigs))
    lost = [result for result in results if isinstance(result, SpectrumLost)]
    assert 0 < len(lost) < 8
    assert all("did not come free within 20 s" in str(error) for error in lost)
    assert results == sorted(results, key=lambda result: isinstance(result, SpectrumLost))  # the last ones
    assert not any(one.smu.circuit_closed for one in rigs)


async def test_a_channel_that_does_not_come_back_loses_its_turn() -> None:
    rigs, _, clock = await eight()

    async def hangs() -> list[ImpedancePoint]:
        points = []
        async with aclosing(rigs[0].channel.sweep(SPEC)) as sweep:
            async for point in sweep:
                points.append(point)
                await clock.sleep_until(clock.now() + 36_000.0)
        return points

    lost, *others = await together(clock, hangs(), *(one.sweep() for one in rigs[1:]))
    assert isinstance(lost, SpectrumLost)
    assert "took too long" in str(lost)
    assert [len(points) for points in others] == [SPEC.point_count()] * 7
    assert all(one.lcr.level == 0.0 for one in rigs)


async def test_an_analyser_that_hangs_for_one_costs_that_one_its_spectrum() -> None:
    rigs, _, clock = await eight()
    rigs[2].tamper(lambda line: b"\n" if b"FETC" in line else line)
    results = await together(clock, *(one.sweep() for one in rigs))
    assert isinstance(results[2], SpectrumLost)
    assert "no answer in time" in str(results[2])
    assert [len(result) for k, result in enumerate(results) if k != 2] == [SPEC.point_count()] * 7
    async with aclosing(rigs[2].channel.run(rest(5.0))) as samples:  # and goes on cycling
        assert [sample.cutoff is not None async for sample in samples][-1]
    await rigs[2].channel.make_safe()
    assert not rigs[2].smu.circuit_closed


async def test_lost_contact_is_seen_at_the_highest_frequency() -> None:
    it = rig()
    await it.channel.connect()
    await it.sweep()
    it.leads.broken = True
    with pytest.raises(SpectrumLost, match="no contact"):
        await it.sweep()
    it.leads.broken = False
    it.cell._series_ohm *= 10.0
    with pytest.raises(SpectrumLost, match=r"was 10\.01 ohm in the last spectrum"):
        await it.sweep()
    assert not it.smu.circuit_closed


async def test_an_open_circuit_voltage_that_moved_is_told() -> None:
    it = rig()
    await it.channel.connect()

    def charged(line: bytes) -> bytes:
        if b"TRIG:IMM" in line:
            it.cell.advance_current(1.0, 5e-3)
        return line

    it.tamper(charged)
    with pytest.raises(SpectrumLost, match="look at the contacts"):
        await it.sweep()


async def test_what_is_wrong_with_the_cycler_is_no_lost_spectrum(monkeypatch: pytest.MonkeyPatch) -> None:
    it = rig()
    await it.channel.connect()

    async def stuck() -> None:
        raise CellStateUnknown("the relay does not open")

    monkeypatch.setattr(it.channel.cycler, "make_safe", stuck)
    with pytest.raises(CellStateUnknown):
        await it.sweep()
    assert it.closed == []


async def test_a_wrong_analyser_is_told_before_a_run() -> None:
    it = rig()
    it.lcr.identity = "HEWLETT-PACKARD,4284A,0,1"
    with pytest.raises(WrongInstrument, match="E4980A"):
        await it.channel.connect()


async def test_a_sweep_that_was_decided_before_the_circuit_was_opened_closes_nothing() -> None:
    it = rig()
    await it.channel.connect()
    decided = it.channel.sweep(SPEC)
    await it.channel.make_safe()
    with pytest.raises(Superseded):
        await anext(decided)
    assert not it.smu.circuit_closed
    assert it.closed == []


async def test_opening_the_circuit_ends_a_sweep() -> None:
    it = rig()
    await it.channel.connect()
    async with aclosing(it.channel.sweep(SPEC)) as points:
        await anext(points)
        await it.channel.make_safe()
        with pytest.raises(Superseded):
            await anext(points)
    assert it.lcr.level == 0.0
    assert not it.smu.circuit_closed


async def test_what_measures_no_impedance_is_no_analyser() -> None:
    it = rig()
    with pytest.raises(CannotHold, match="cannot be an analyser"):
        ComposedChannel("a", it.channel.cycler, lambda: it.channel.cycler, AnalyserQueue("lcr"), it.clock)
