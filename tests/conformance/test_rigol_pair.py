"""The driver of a supply and a load conforms, with a battery at them: in memory, and in scaled time over two TCP ports.

What needs a resistor to discharge, or a voltage below 0 V, cannot be asked of it; both signs of the current can.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from labctl.clock import LoopClock, VirtualClock
from labctl.instrument import conformance_checks as checks
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Side
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Link
from labctl_drivers.rigol_pair import DRIVER
from labctl_simulators.attach import tcp
from labctl_simulators.firmware.rigol_pair import RigolPair
from tests.conformance.channel_conformance import Bench, Check, CountingCell
from tests.conformance.listening_port import ListeningPort
from tests.simulators.firmware.keithley_bench import Battery

SPEED = 60.0
LATE_S = 2.5  # from a supply that is on to a load that is: everything is read back, and the load settles
CURRENT_A, HALF_V = 1.0, 3.5
WINDOW = SafetyLimits(2.0, 4.3, 1.5)


async def both_signs_pass_the_planned_charge(bench: Bench) -> None:
    """Charged by the supply, discharged by the load: sign, size, and the moment of the charge's cut-off."""
    await bench.channel.connect()
    for sign in (1.0, -1.0):
        before_C = bench.cell.charge_C if bench.cell else 0.0
        charge = Cutoff(Quantity.CHARGE, Side.ABOVE, bench.span_s * CURRENT_A)
        samples = await bench.take(bench.step(Control.CURRENT, sign * CURRENT_A, charge))
        assert samples[-1].cutoff is charge
        lasted_s = samples[-1].time_s - bench.channel.step_began_s
        assert abs(lasted_s - bench.span_s) <= bench.late_s
        settled = [s for s in samples if s.time_s > bench.channel.step_began_s + 1.0 + bench.late_s]
        assert all(abs(s.current_A - sign * CURRENT_A) < 5e-3 for s in settled)
        await bench.channel.make_safe()
        assert bench.cell is not None
        passed_C = bench.cell.charge_C - before_C
        assert abs(passed_C - sign * CURRENT_A * bench.span_s) < CURRENT_A * (1.0 + bench.late_s)


async def voltage_cutoffs_end_at_their_voltage(bench: Bench) -> None:
    """On both sides."""
    await bench.channel.connect()
    for value, side, threshold_V in ((CURRENT_A, Side.ABOVE, 3.2), (-CURRENT_A, Side.BELOW, 2.8)):
        cutoff = Cutoff(Quantity.VOLTAGE, side, threshold_V)
        samples = await bench.take(bench.step(Control.CURRENT, value, cutoff, every_s=30.0))
        assert samples[-1].cutoff is cutoff
        assert abs(samples[-1].voltage_V - threshold_V) < 0.02
    await bench.channel.make_safe()


async def a_voltage_is_held_until_the_current_has_fallen(bench: Bench) -> None:
    """By the supply."""
    await bench.channel.connect()
    cutoff = Cutoff(Quantity.CURRENT, Side.BELOW, 0.1)
    samples = await bench.take(bench.step(Control.VOLTAGE, 3.3, cutoff, every_s=10.0))
    assert samples[-1].cutoff is cutoff
    assert max(sample.current_A for sample in samples) <= WINDOW.current_max_A
    assert samples[-1].voltage_V == pytest.approx(3.3, abs=5e-3)
    await bench.channel.make_safe()


EVERY: tuple[Check, ...] = (
    checks.connecting_changes_nothing,
    checks.samples_come_as_often_as_asked,
    checks.a_rest_passes_no_current,
    checks.steps_follow_each_other_without_opening_in_between,
    checks.what_it_cannot_hold_is_refused_before_a_byte_leaves,
    checks.a_sweep_it_cannot_make_is_refused,
    checks.what_was_decided_before_making_safe_does_not_energise_after_it,
    checks.making_safe_opens_the_circuit_from_every_state,
    checks.after_making_safe_a_step_can_begin_again,
    checks.connecting_again_adopts_what_it_finds,
    both_signs_pass_the_planned_charge,
    voltage_cutoffs_end_at_their_voltage,
    a_voltage_is_held_until_the_current_has_fallen,
)


def _cell() -> CountingCell:
    return CountingCell(Battery(3.0, capacitance_F=2000.0, resistance_ohm=0.05))


def _bench(channel: Any, clock: Any, device: RigolPair, cell: CountingCell, late_s: float) -> Bench:
    bench = Bench(channel, clock, lambda: device.circuit_closed, cell, late_s=late_s, quiet_A=5e-3)
    bench.safety, bench.current_A, bench.load_ohm = WINDOW, CURRENT_A, 2.0 * HALF_V / CURRENT_A
    return bench


@asynccontextmanager
async def _over_tcp() -> AsyncIterator[Bench]:
    cell = _cell()
    device = RigolPair(cell, 1)
    ready: asyncio.Queue[str] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        server = group.create_task(tcp.serve(device, port=0, speed=SPEED, ready=ready.put_nowait))
        clock = LoopClock(SPEED)
        supply, load = await ready.get(), await ready.get()
        channel = ThreadedChannel(DRIVER, supply, clock, options={"load": load})
        yield _bench(channel, clock, device, cell, LATE_S + 0.2 * SPEED)
        await channel.make_safe()
        await channel.close()
        server.cancel()


def _name(value: object) -> str:
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize("check", EVERY, ids=_name)
@pytest.mark.parametrize("models", [("DP832", "DL3021"), ("DP832A", "DL3021A")], ids="+".join)
async def test_in_memory(check: Check, models: tuple[str, str]) -> None:
    cell, clock = _cell(), VirtualClock()
    device = RigolPair(cell, 1, supply=models[0], load=models[1])
    port = ListeningPort(device.port, clock)
    bench = _bench(DRIVER.open(Link(port, clock), clock), clock, device, cell, LATE_S)
    bench.sent = port.sent
    await check(bench)


@pytest.mark.parametrize(
    "check",
    [both_signs_pass_the_planned_charge, checks.making_safe_opens_the_circuit_from_every_state],
    ids=_name,
)
async def test_over_two_tcp_ports(check: Check) -> None:
    async with _over_tcp() as bench:
        await check(bench)
