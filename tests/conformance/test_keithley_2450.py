"""The Keithley 2450's driver conforms: in virtual time in memory, and in scaled time over TCP in a thread."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from labctl.clock import LoopClock, VirtualClock
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Link
from labctl.plugins import cell as make_cell
from labctl_drivers.keithley_2450 import DRIVER
from labctl_simulators.attach.tcp import serve
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from tests.conformance.channel_conformance import EVERY_CHANNEL, Bench, Check, CountingCell
from tests.conformance.course_conformance import (
    EVERY_COURSE,
    a_voltammogram_of_a_capacitor_is_the_closed_form,
)
from tests.conformance.listening_port import ListeningPort


def _in_memory(cell_name: str, model: str = "2450", watchdog_s: float | None = None) -> Bench:
    cell = CountingCell(make_cell(cell_name, 1))
    device = Keithley2450(cell, 1, model=model)
    clock = VirtualClock()
    port = ListeningPort(device.port, clock)
    channel = DRIVER.open(Link(port, clock), clock, watchdog_s=watchdog_s)  # type: ignore[call-arg]
    return Bench(channel, clock, lambda: device.circuit_closed, cell, port.sent, late_s=0.2)


@asynccontextmanager
async def _over_tcp(cell_name: str, speed: float) -> AsyncIterator[Bench]:
    cell = CountingCell(make_cell(cell_name, 1))
    device = Keithley2450(cell, 1)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(device, port=0, speed=speed, ready=ready.set_result))
        clock = LoopClock(speed)
        channel = ThreadedChannel(DRIVER, await ready, clock)
        late_s = 0.05 * speed
        yield Bench(channel, clock, lambda: device.circuit_closed, cell, late_s=late_s)
        await channel.make_safe()
        await channel.close()
        server.cancel()


@pytest.mark.parametrize(
    ("check", "cell"), EVERY_CHANNEL + EVERY_COURSE, ids=lambda value: getattr(value, "__name__", "")
)
async def test_in_memory(check: Check, cell: str) -> None:
    await check(_in_memory(cell))


# Under the watchdog the instrument reads by itself, up to half a second before a level ends.
WATCHED = [pair for pair in EVERY_COURSE if pair[0] is not a_voltammogram_of_a_capacitor_is_the_closed_form]


@pytest.mark.parametrize(("check", "cell"), WATCHED, ids=lambda value: getattr(value, "__name__", ""))
async def test_courses_under_the_watchdog(check: Check, cell: str) -> None:
    bench = _in_memory(cell, watchdog_s=60.0)
    bench.late_s = 1.0
    await check(bench)


@pytest.mark.parametrize("model", ["2460", "2461", "2470"])
async def test_the_other_models(model: str) -> None:
    for check, cell in EVERY_CHANNEL[:5]:
        await check(_in_memory(cell, model))


@pytest.mark.parametrize(("check", "cell"), EVERY_CHANNEL, ids=lambda value: getattr(value, "__name__", ""))
async def test_over_tcp(check: Check, cell: str) -> None:
    async with _over_tcp(cell, speed=100.0) as bench:
        await check(bench)
