"""The 2450's trigger-model watchdog: in virtual time, and with everything killed that could have opened the circuit."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.clock import VirtualClock
from labctl.errors import CannotHold, InstrumentError
from labctl.instrument.channel import Channel, Sample
from labctl.instrument.step import Control, SafetyLimits, Sampling, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl.plugins import cell
from labctl_drivers.keithley_2450 import DRIVER
from labctl_drivers.keithley_2450_watchdog import Keithley2450Watchdog
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from tests.keeper.bench import Instruments, engines, pause, shared_keeper
from tests.keeper.engine import current

WATCHDOG_S = 10.0


class Rig:
    """A 2450 in memory with its watchdog armed."""

    def __init__(self, cell_name: str = "resistor:1000", watchdog_s: float = WATCHDOG_S) -> None:
        self.device = Keithley2450(cell(cell_name, 1), 1)
        self.clock = VirtualClock()
        link = Link(MemoryPort(self.device.port, self.clock), self.clock)
        channel: Channel = DRIVER.open(link, self.clock, watchdog_s=watchdog_s)  # type: ignore[call-arg]
        assert isinstance(channel, Keithley2450Watchdog)
        self.channel = channel

    async def take(self, step: Step) -> list[Sample]:
        return [sample async for sample in self.channel.run(step)]

    def closed_at(self, time_s: float) -> bool:
        self.device.run_until(time_s)
        return self.device.circuit_closed


@pytest.fixture
async def rig() -> Rig:
    made = Rig()
    await made.channel.connect()
    return made


async def test_steps_are_carried_out_as_without_it(rig: Rig) -> None:
    for value_A in (5e-4, -5e-4, 0.0):
        step = current(value_A, 30.0, every_s=2.0)
        began_s = rig.clock.now()
        samples = await rig.take(step)
        assert samples[-1].cutoff is step.cutoffs[0]
        assert samples[-1].time_s - rig.channel.step_began_s == pytest.approx(30.0, abs=0.01)
        assert rig.channel.step_began_s - began_s < 0.1, "the circuit stays closed in between"
        assert all(s.voltage_V == pytest.approx(1000.0 * value_A, abs=1e-3) for s in samples)
        times_s = [sample.time_s for sample in samples]
        assert times_s == sorted(set(times_s))
        assert len(samples) <= 20
    await rig.channel.make_safe()
    assert not rig.device.circuit_closed


async def test_a_voltage_is_held_under_it_as_well(rig: Rig) -> None:
    held = replace(current(0.0, 20.0, every_s=2.0), control=Control.VOLTAGE, value=0.5)
    samples = await rig.take(held)
    assert samples[-1].current_A == pytest.approx(5e-4, rel=0.01)


async def test_silence_of_the_host_opens_the_circuit_in_time(rig: Rig) -> None:
    samples = rig.channel.run(current(5e-4, 3600.0, every_s=2.0))
    for _ in range(6):
        await anext(samples)
    silent_s = rig.clock.now()
    assert rig.closed_at(silent_s + 0.5 * WATCHDOG_S)
    assert not rig.closed_at(silent_s + WATCHDOG_S)
    await rig.clock.sleep_until(silent_s + 2.0 * WATCHDOG_S)
    with pytest.raises(InstrumentError, match="no heartbeat for 10 s") as ended:
        async for _ in samples:
            pass
    assert ended.value.cell == "open"


async def test_heartbeats_that_no_tick_stands_behind_do_not_count(rig: Rig) -> None:
    """Readings go on being asked for, but whoever completes ticks has stopped: the planted fault feeds on."""
    rig.channel.feed()
    with pytest.raises(InstrumentError, match="no heartbeat"):
        await rig.take(current(5e-4, 60.0, every_s=2.0))
    assert not rig.device.circuit_closed
    fed = Rig()
    await fed.channel.connect()
    async for _ in fed.channel.run(current(5e-4, 60.0, every_s=2.0)):
        fed.channel.feed()
    assert fed.device.circuit_closed


@pytest.mark.parametrize("value_A", [5e-4, -5e-4])
async def test_the_window_is_guarded_without_the_host(value_A: float) -> None:
    """A capacitor drifts out of the window of 0.4 V while the host is silent, long before the watchdog acts."""
    rig = Rig("rc:R0=10,R1=10,C1=1e-3,C=0.01", watchdog_s=300.0)
    await rig.channel.connect()
    step = replace(current(value_A, 600.0, every_s=1.0), safety=SafetyLimits(-0.4, 0.4, 2e-3), cutoffs=())
    step = replace(step, cutoffs=current(value_A, 600.0).cutoffs[:1])
    samples = rig.channel.run(step)
    await anext(samples)
    assert rig.closed_at(7.0)
    assert not rig.closed_at(12.0), "0.05 V/s: 0.42 V is left after 8.4 s"
    assert rig.channel.watchdog_s > 12.0
    await samples.aclose()


async def test_sampling_too_slow_to_feed_it_is_refused(rig: Rig) -> None:
    step = replace(current(5e-4, 60.0), sampling=Sampling(10.0))
    with pytest.raises(CannotHold, match="give it 30 s"):
        rig.channel.run(step)


@pytest.mark.parametrize("listing", ["", "1) SOURCE_OUTPUT", "Empty"])
async def test_a_program_that_does_not_read_back_is_not_relied_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, listing: str
) -> None:
    monkeypatch.setattr(type(rig.device.trigger.program), "listing", lambda self: listing)
    with pytest.raises(InstrumentError, match="the watchdog was not taken"):
        await rig.take(current(5e-4, 10.0, every_s=2.0))
    assert not rig.device.circuit_closed


def _kill_all(*pids: int) -> float:
    now_s = time.monotonic()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return now_s


@pytest.mark.parametrize(("watchdog_s", "opens"), [(3.0, True), (None, False)])
def test_with_engine_and_keeper_killed_the_instrument_opens_by_itself(
    tmp_path: Path,
    bench: Instruments,
    watchdog_s: float | None,
    opens: bool,
) -> None:
    """Without the watchdog, as the planted fault, the circuit stays closed for ever."""
    with shared_keeper(tmp_path) as keeper, engines(keeper) as make:
        engine_pid = make.start(bench.resources[0], "keithley-2450", watchdog_s=watchdog_s)
        bench.wait_until_energised()
        pause(1.0)
        killed_s = _kill_all(keeper.pid, engine_pid)
        took_s = bench.open_after(killed_s, within_s=4.0)
        assert (took_s <= 3.0) is opens, took_s
        assert took_s > 0.5, "nobody else opened it"
