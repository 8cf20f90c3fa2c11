"""The Zahner driver conforms: in virtual time in memory, in scaled time over two TCP ports and two pseudo-terminals."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from labctl.clock import LoopClock, VirtualClock
from labctl.instrument.analyser_queue import AnalyserQueue
from labctl.instrument.composed import ComposedChannel
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl.plugins import cell as make_cell
from labctl_drivers import keysight_e4980a
from labctl_drivers.zahner_pp2x2 import DRIVER
from labctl_simulators.attach import pty, tcp
from labctl_simulators.cells.shared import shared
from labctl_simulators.firmware.keysight_e4980a import behind_a_capacitor
from labctl_simulators.firmware.zahner_pp2x2 import ZahnerPP2x2
from tests.conformance.channel_conformance import EVERY_CHANNEL, SAFETY, Bench, Check, CountingCell
from tests.conformance.listening_port import ListeningPort


def _in_memory(cell_name: str) -> Bench:
    cell = CountingCell(make_cell(cell_name, 1))
    device, clock = ZahnerPP2x2(cell, 1), VirtualClock()
    port = ListeningPort(device.port, clock)
    return Bench(
        DRIVER.open(Link(port, clock), clock),
        clock,
        lambda: device.circuit_closed,
        cell,
        port.sent,
        late_s=0.2,
    )


@asynccontextmanager
async def _served(
    cell_name: str, serve: Callable[..., Any], speed: float, **where: object
) -> AsyncIterator[Bench]:
    cell = CountingCell(make_cell(cell_name, 1))
    device = ZahnerPP2x2(cell, 1)
    ready: asyncio.Queue[str] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(device, speed=speed, ready=ready.put_nowait, **where))
        clock = LoopClock(speed)
        command, data = await ready.get(), await ready.get()
        channel = ThreadedChannel(DRIVER, command, clock, options={"data_port": data})
        yield Bench(channel, clock, lambda: device.circuit_closed, cell, late_s=0.05 * speed)
        await channel.make_safe()
        await channel.close()
        server.cancel()


def _name(value: object) -> str:
    return getattr(value, "__name__", "")


@pytest.mark.parametrize(("check", "cell"), EVERY_CHANNEL, ids=_name)
async def test_in_memory(check: Check, cell: str) -> None:
    await check(_in_memory(cell))


@pytest.mark.parametrize(("check", "cell"), EVERY_CHANNEL, ids=_name)
async def test_over_two_tcp_ports(check: Check, cell: str) -> None:
    async with _served(cell, tcp.serve, 100.0, port=0) as bench:
        await check(bench)


@pytest.mark.parametrize(("check", "cell"), EVERY_CHANNEL[-3:], ids=_name)
async def test_over_two_pseudo_terminals(check: Check, cell: str) -> None:
    async with _served(cell, pty.serve, 100.0) as bench:
        await check(bench)


async def test_an_analyser_beside_it_measures_while_the_cell_rests() -> None:
    cycling, measuring = shared(make_cell("resistor:1000", 1))
    device, lcr, clock = ZahnerPP2x2(cycling, 1), behind_a_capacitor(measuring, 1), VirtualClock()
    channel = ComposedChannel(
        "a",
        DRIVER.open(Link(MemoryPort(device.port, clock), clock), clock),
        lambda: keysight_e4980a.DRIVER.open(Link(MemoryPort(lcr.port, clock), clock), clock),
        AnalyserQueue("lcr"),
        clock,
    )
    await channel.connect()
    spec = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, 0.0, 1e4, 100.0, 2, SAFETY)
    points = []
    async for point in channel.sweep(spec):
        assert not device.circuit_closed
        points.append(point.real_ohm)
    assert points == pytest.approx([1000.0] * 5, rel=0.1)  # at 10 uA
