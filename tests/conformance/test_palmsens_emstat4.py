"""The PalmSens driver conforms: in virtual time in memory, and in scaled time over a pty in a thread."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from labctl.clock import LoopClock, VirtualClock
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Link
from labctl.plugins import cell as make_cell
from labctl_drivers.palmsens_emstat4 import DRIVER
from labctl_simulators.attach.pty import serve
from labctl_simulators.firmware.palmsens_emstat4 import EmStat4
from tests.conformance.channel_conformance import EVERY_CHANNEL, Bench, Check, CountingCell
from tests.conformance.course_conformance import (
    EVERY_COURSE,
    a_profile_passes_the_charge_of_its_file,
    a_voltammogram_of_a_capacitor_is_the_closed_form,
)
from tests.conformance.listening_port import ListeningPort

COURSES_OVER_A_PTY = (
    a_voltammogram_of_a_capacitor_is_the_closed_form,
    a_profile_passes_the_charge_of_its_file,
)
OVER_A_PTY = [(check, cell) for check, cell in EVERY_COURSE if check in COURSES_OVER_A_PTY]


def _in_memory(cell_name: str, model: str = "es4_hr") -> Bench:
    cell = CountingCell(make_cell(cell_name, 1))
    device = EmStat4(cell, 1, model=model)
    clock = VirtualClock()
    port = ListeningPort(device.port, clock)
    channel = DRIVER.open(Link(port, clock), clock)
    return Bench(channel, clock, lambda: device.circuit_closed, cell, port.sent, late_s=0.2)


@asynccontextmanager
async def _over_a_pty(cell_name: str, speed: float) -> AsyncIterator[Bench]:
    cell = CountingCell(make_cell(cell_name, 1))
    device = EmStat4(cell, 1)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(device, speed=speed, ready=ready.set_result))
        clock = LoopClock(speed)
        channel = ThreadedChannel(DRIVER, await ready, clock)
        yield Bench(channel, clock, lambda: device.circuit_closed, cell, late_s=0.05 * speed)
        await channel.make_safe()
        await channel.close()
        server.cancel()


@pytest.mark.parametrize(
    ("check", "cell"), EVERY_CHANNEL + EVERY_COURSE, ids=lambda value: getattr(value, "__name__", "")
)
async def test_in_memory(check: Check, cell: str) -> None:
    await check(_in_memory(cell))


async def test_the_nexus() -> None:
    for check, cell in EVERY_CHANNEL[:5]:
        await check(_in_memory(cell, "nexus1"))


@pytest.mark.parametrize(
    ("check", "cell"), [*EVERY_CHANNEL, *OVER_A_PTY], ids=lambda value: getattr(value, "__name__", "")
)
async def test_over_a_pty(check: Check, cell: str) -> None:
    async with _over_a_pty(cell, speed=100.0) as bench:
        await check(bench)
