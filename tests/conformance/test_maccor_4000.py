"""The Maccor driver conforms: in virtual time in memory, and in scaled time over TCP, on the second of two channels."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from labctl.clock import LoopClock, VirtualClock
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Link
from labctl.plugins import cell as make_cell
from labctl_drivers.maccor_4000 import DRIVER
from labctl_simulators.attach.tcp import serve
from labctl_simulators.firmware.maccor_4000 import Maccor4000
from tests.conformance.channel_conformance import EVERY_CHANNEL, Bench, Check, CountingCell
from tests.conformance.course_conformance import EVERY_COURSE
from tests.conformance.listening_port import ListeningPort

SPEED = 60.0
COURSES = [
    (check, cell)
    for check, cell in EVERY_COURSE
    if "voltammogram" not in check.__name__ and "scan" not in check.__name__
]
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


def _in_memory(cell_name: str, watchdog_s: float | None = None) -> Bench:
    cell = CountingCell(make_cell(cell_name, 1))
    device = Maccor4000(cell, 1, watchdog_s=watchdog_s or 0.0)
    clock = VirtualClock()
    port = ListeningPort(device.port, clock)
    channel = DRIVER.open(Link(port, clock, DRIVER.terminator), clock, watchdog_s=watchdog_s)  # type: ignore[call-arg]
    return Bench(channel, clock, lambda: device.circuit_closed, cell, port.sent, late_s=0.3)


@asynccontextmanager
async def _over_tcp(cell_name: str) -> AsyncIterator[Bench]:
    cell = CountingCell(make_cell(cell_name, 1))
    device = Maccor4000(make_cell("resistor:100", 1), 1, further=[cell])
    ready: asyncio.Queue[str] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(device, port=0, speed=SPEED, ready=ready.put_nowait))
        clock = LoopClock(SPEED)
        channel = ThreadedChannel(DRIVER, await ready.get(), clock, options={"address": "2"})
        yield Bench(channel, clock, lambda: device.circuit_closed, cell, late_s=0.2 * SPEED)
        await channel.make_safe()
        await channel.close()
        server.cancel()


def _name(value: object) -> str:
    return getattr(value, "__name__", "")


@pytest.mark.parametrize(("check", "cell"), [*EVERY_CHANNEL, *COURSES], ids=_name)
async def test_in_memory(check: Check, cell: str) -> None:
    await check(_in_memory(cell))


@pytest.mark.parametrize(("check", "cell"), EVERY_CHANNEL[:1] + EVERY_CHANNEL[-3:], ids=_name)
async def test_in_memory_with_the_watchdog(check: Check, cell: str) -> None:
    await check(_in_memory(cell, watchdog_s=10.0))


@pytest.mark.parametrize(("check", "cell"), OVER_A_WIRE, ids=_name)
async def test_over_tcp(check: Check, cell: str) -> None:
    async with _over_tcp(cell) as bench:
        await check(bench)
