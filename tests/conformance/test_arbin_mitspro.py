"""The Arbin driver conforms: in virtual time in memory, and in scaled time over TCP, as the second channel of a box."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from labctl.clock import LoopClock
from labctl.instrument.conformance_simulated import bench_in_memory
from labctl.instrument.threaded import ThreadedChannel
from labctl.plugins import cell as make_cell
from labctl_drivers.arbin_mitspro import DRIVER
from labctl_simulators.attach.tcp import serve
from labctl_simulators.firmware.arbin_mitspro import ArbinMitsPro
from tests.conformance.channel_conformance import EVERY_CHANNEL, Bench, Check, CountingCell


@asynccontextmanager
async def _over_tcp(cell_name: str, speed: float) -> AsyncIterator[Bench]:
    cell = CountingCell(make_cell(cell_name, 1))
    device = ArbinMitsPro(make_cell("resistor:100", 1), 1, further=[cell])
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(device, port=0, speed=speed, ready=ready.set_result))
        clock = LoopClock(speed)
        channel = ThreadedChannel(DRIVER, await ready, clock, options={"address": "2"})
        yield Bench(channel, clock, lambda: device.circuit_closed, cell, late_s=0.05 * speed)
        await channel.make_safe()
        await channel.close()
        server.cancel()


def _name(value: object) -> str:
    return getattr(value, "__name__", "")


@pytest.mark.parametrize(("check", "cell"), EVERY_CHANNEL, ids=_name)
async def test_in_memory(check: Check, cell: str) -> None:
    await check(bench_in_memory(DRIVER, ArbinMitsPro, make_cell(cell, 1)))


@pytest.mark.parametrize(("check", "cell"), EVERY_CHANNEL, ids=_name)
async def test_over_tcp(check: Check, cell: str) -> None:
    async with _over_tcp(cell, speed=100.0) as bench:
        await check(bench)
