"""The Rodeostat driver conforms in what a potentiostat can do: in virtual time in memory, and over a pty."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from labctl.clock import LoopClock, VirtualClock
from labctl.errors import CannotHold, LabctlError, Superseded
from labctl.instrument.conformance_checks import (
    a_constant_voltage_is_held_until_the_current_has_fallen,
    a_sweep_it_cannot_make_is_refused,
    connecting_changes_nothing,
    what_it_cannot_hold_is_refused_before_a_byte_leaves,
)
from labctl.instrument.step import Control, Cutoff, Quantity, Side
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Link
from labctl.plugins import cell as make_cell
from labctl_drivers.iorodeo_rodeostat import DRIVER
from labctl_simulators.attach.pty import serve
from labctl_simulators.firmware.iorodeo_rodeostat import Rodeostat
from tests.conformance.channel_conformance import CAPACITOR, RESISTOR, Bench, Check, CountingCell
from tests.conformance.course_conformance import (
    SLOW,
    a_scan_ends_at_its_cutoff,
    a_voltammogram_of_a_capacitor_is_the_closed_form,
    a_voltammogram_of_a_full_cell_conserves_charge,
    a_voltammogram_of_a_resistor_is_a_line,
)
from tests.conformance.listening_port import ListeningPort

SPEED = 30.0
HALF_V = 0.1


def lasting(duration_s: float) -> Cutoff:
    return Cutoff(Quantity.TIME, Side.ABOVE, duration_s)


async def a_rest_passes_no_current(bench: Bench) -> None:
    await bench.channel.connect()
    await bench.take(bench.step(Control.VOLTAGE, HALF_V, lasting(5.0)))
    charge_C = bench.cell.charge_C
    samples = await bench.take(bench.step(Control.REST, 0.0, lasting(60.0)))
    assert bench.cell.charge_C - charge_C == pytest.approx(0.0, abs=1e-3 * bench.late_s)
    assert {sample.current_A for sample in samples} == {0.0}
    assert samples[-1].voltage_V == pytest.approx(bench.cell.voltage_V(0.0), abs=2e-3)
    assert not bench.circuit_closed()
    await bench.channel.make_safe()


async def a_voltage_ends_at_its_time_and_at_its_charge(bench: Bench) -> None:
    await bench.channel.connect()
    charge = Cutoff(Quantity.CHARGE, Side.ABOVE, 2e-3)
    for cutoff, ends in ((lasting(20.0), ()), (charge, (lasting(100.0),))):
        samples = await bench.take(bench.step(Control.VOLTAGE, HALF_V, cutoff, *ends))
        assert samples[-1].cutoff is cutoff
        assert samples[-1].time_s - bench.channel.step_began_s == pytest.approx(20.0, abs=0.05 + bench.late_s)
        assert all(s.current_A == pytest.approx(1e-4, abs=1e-6) for s in samples)
    await bench.channel.make_safe()
    assert not bench.circuit_closed()


async def making_safe_opens_the_circuit_from_every_state(bench: Bench) -> None:
    await bench.channel.connect()
    await bench.channel.make_safe()
    await bench.take(bench.step(Control.VOLTAGE, HALF_V, lasting(5.0)))
    await bench.channel.make_safe()
    assert not bench.circuit_closed()
    samples = bench.channel.run(bench.step(Control.VOLTAGE, HALF_V, lasting(500.0)))
    await anext(samples)
    assert bench.circuit_closed()
    await bench.channel.make_safe()
    assert not bench.circuit_closed()
    with pytest.raises(LabctlError):
        [sample async for sample in samples]
    await bench.channel.make_safe()
    assert not bench.circuit_closed()


async def what_was_decided_before_making_safe_does_not_energise(bench: Bench) -> None:
    await bench.channel.connect()
    decided = bench.channel.run(bench.step(Control.VOLTAGE, HALF_V, lasting(5.0)))
    await bench.channel.make_safe()
    with pytest.raises(Superseded):
        await anext(decided)
    assert not bench.circuit_closed()
    assert bench.passed_C() == 0.0


async def connecting_to_a_running_test_adopts_it(bench: Bench) -> None:
    await bench.channel.connect()
    samples = bench.channel.run(bench.step(Control.VOLTAGE, HALF_V, lasting(500.0)))
    await anext(samples)
    await samples.aclose()
    await bench.channel.connect()
    assert bench.circuit_closed()
    assert await bench.channel.found_closed()
    await bench.channel.make_safe()
    assert not bench.circuit_closed()


async def what_needs_a_galvanostat_is_refused(bench: Bench) -> None:
    await bench.channel.connect()
    for control, value in ((Control.CURRENT, 1e-4), (Control.POWER, 1e-5), (Control.RESISTANCE, 1e4)):
        with pytest.raises(CannotHold, match="without a galvanostat"):
            await bench.take(bench.step(control, value, lasting(5.0)))


EVERY_CHECK: tuple[tuple[Check, str], ...] = (
    (connecting_changes_nothing, RESISTOR),
    (a_constant_voltage_is_held_until_the_current_has_fallen, CAPACITOR),
    (a_rest_passes_no_current, RESISTOR),
    (a_rest_passes_no_current, CAPACITOR),
    (a_voltage_ends_at_its_time_and_at_its_charge, RESISTOR),
    (what_it_cannot_hold_is_refused_before_a_byte_leaves, RESISTOR),
    (what_needs_a_galvanostat_is_refused, RESISTOR),
    (a_sweep_it_cannot_make_is_refused, RESISTOR),
    (what_was_decided_before_making_safe_does_not_energise, RESISTOR),
    (making_safe_opens_the_circuit_from_every_state, RESISTOR),
    (connecting_to_a_running_test_adopts_it, RESISTOR),
)
SCANS: tuple[tuple[Check, str], ...] = (
    (a_voltammogram_of_a_resistor_is_a_line, RESISTOR),
    (a_voltammogram_of_a_capacitor_is_the_closed_form, SLOW),
    (a_scan_ends_at_its_cutoff, RESISTOR),
)


def _in_memory(cell_name: str, model: str = "10V_microAmpV0.2") -> Bench:
    cell = CountingCell(make_cell(cell_name, 1))
    device = Rodeostat(cell, 1, model=model)
    clock = VirtualClock()
    port = ListeningPort(device.port, clock)
    channel = DRIVER.open(Link(port, clock), clock)
    return Bench(channel, clock, lambda: device.circuit_closed, cell, port.sent, late_s=0.2)


@asynccontextmanager
async def _over_a_pty(cell_name: str) -> AsyncIterator[Bench]:
    cell = CountingCell(make_cell(cell_name, 1))
    device = Rodeostat(cell, 1)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(device, speed=SPEED, ready=ready.set_result))
        clock = LoopClock(SPEED)
        channel = ThreadedChannel(DRIVER, await ready, clock)
        yield Bench(channel, clock, lambda: device.circuit_closed, cell, late_s=0.2 * SPEED)
        await channel.make_safe()
        await channel.close()
        server.cancel()


def _name(value: object) -> str:
    return getattr(value, "__name__", "")


@pytest.mark.parametrize(("check", "cell"), EVERY_CHECK + SCANS, ids=_name)
async def test_in_memory(check: Check, cell: str) -> None:
    await check(_in_memory(cell))


@pytest.mark.parametrize("model", ["10V_10MilliAmpV0.2", "10V_24MilliAmpV0.2"])
async def test_a_full_cell_on_the_larger_models(model: str) -> None:
    await a_voltammogram_of_a_full_cell_conserves_charge(_in_memory("na-nnmo-naclo4", model))


@pytest.mark.parametrize(("check", "cell"), EVERY_CHECK, ids=_name)
async def test_over_a_pty(check: Check, cell: str) -> None:
    async with _over_a_pty(cell) as bench:
        await check(bench)
