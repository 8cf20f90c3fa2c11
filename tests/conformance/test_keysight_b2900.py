"""The Keysight B2900's driver conforms: in virtual time in memory, and in scaled time over TCP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from labctl.clock import LoopClock, VirtualClock
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Link
from labctl.plugins import cell as make_cell
from labctl_drivers.keysight_b2900 import DRIVER
from labctl_simulators.attach import tcp
from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from tests.conformance.channel_conformance import EVERY_CHANNEL, Bench, Check, CountingCell
from tests.conformance.course_conformance import EVERY_COURSE
from tests.conformance.listening_port import ListeningPort

OVER_A_WIRE = [
    (check, cell)
    for check, cell in EVERY_CHANNEL
    if check.__name__
    in {
        "connecting_changes_nothing",
        "a_constant_current_passes_the_planned_charge",
        "a_constant_voltage_is_held_until_the_current_has_fallen",
        "making_safe_opens_the_circuit_from_every_state",
    }
]


def _in_memory(cell_name: str, model: str = "B2901A") -> Bench:
    cell = CountingCell(make_cell(cell_name, 1))
    device = KeysightB2900(cell, 1, model=model)
    clock = VirtualClock()
    port = ListeningPort(device.port, clock)
    channel = DRIVER.open(Link(port, clock), clock)
    return Bench(channel, clock, lambda: device.circuit_closed, cell, port.sent, late_s=0.3)


@asynccontextmanager
async def _over_a_wire(serve: Callable[..., Any], cell_name: str, speed: float) -> AsyncIterator[Bench]:
    cell = CountingCell(make_cell(cell_name, 1))
    device = KeysightB2900(cell, 1)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(device, speed=speed, ready=ready.set_result))
        clock = LoopClock(speed)
        channel = ThreadedChannel(DRIVER, await ready, clock)
        yield Bench(channel, clock, lambda: device.circuit_closed, cell, late_s=0.2 * speed)
        await channel.make_safe()
        await channel.close()
        server.cancel()


@pytest.mark.parametrize(
    ("check", "cell"), EVERY_CHANNEL + EVERY_COURSE, ids=lambda value: getattr(value, "__name__", "")
)
async def test_in_memory(check: Check, cell: str) -> None:
    await check(_in_memory(cell))


@pytest.mark.parametrize("model", ["B2911A"])
async def test_the_other_models(model: str) -> None:
    for check, cell in EVERY_CHANNEL[:5]:
        await check(_in_memory(cell, model))


@pytest.mark.parametrize(("check", "cell"), OVER_A_WIRE, ids=lambda value: getattr(value, "__name__", ""))
async def test_over_tcp(check: Check, cell: str) -> None:
    async with _over_a_wire(partial(tcp.serve, port=0), cell, speed=60.0) as bench:
        await check(bench)
