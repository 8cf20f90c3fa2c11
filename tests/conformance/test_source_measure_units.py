"""Drivers of source-measure units that answer each reading conform: in memory in virtual time, and over their wires."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from labctl.clock import LoopClock, VirtualClock
from labctl.instrument.channel import Driver
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Link
from labctl.plugins import cell as make_cell
from labctl_drivers import keithley_2400, keithley_2600, keysight_b2900, solartron_1287, srs_ec301
from labctl_simulators.attach import prologix, pty, tcp
from labctl_simulators.firmware.keithley_2400 import Keithley2400
from labctl_simulators.firmware.keithley_2600 import Keithley2600
from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from labctl_simulators.firmware.solartron_1287 import Solartron1287
from labctl_simulators.firmware.srs_ec301 import SrsEc301
from tests.conformance.channel_conformance import EVERY_CHANNEL, Bench, Check, CountingCell
from tests.conformance.course_conformance import EVERY_COURSE
from tests.conformance.listening_port import ListeningPort

SPEED = 60.0
LATE_S, LATE_OVER_A_WIRE_S = 0.3, 0.2 * SPEED
Serve = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """A driver and the simulated twin of its instrument; the first model is the default."""

    driver: Driver
    twin: Callable[..., Any]
    models: tuple[str, ...]
    wires: tuple[tuple[str, Serve], ...]


TCP = ("tcp", partial(tcp.serve, port=0))
PTY = ("pty", pty.serve)
GPIB = ("gpib", partial(prologix.serve, port=0))
PAIRS = (
    Pair(keithley_2400.DRIVER, Keithley2400, ("2400", "2401", "2410", "2420", "2440"), (PTY, GPIB)),
    Pair(keithley_2600.DRIVER, Keithley2600, ("2601B", "2611B", "2635B"), (TCP,)),
    Pair(keysight_b2900.DRIVER, KeysightB2900, ("B2901A", "B2911A"), (TCP,)),
    Pair(srs_ec301.DRIVER, SrsEc301, ("EC301",), (TCP, GPIB)),
    Pair(solartron_1287.DRIVER, Solartron1287, ("1287",), (PTY, GPIB)),
)
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


def _in_memory(pair: Pair, cell_name: str, model: str) -> Bench:
    cell = CountingCell(make_cell(cell_name, 1))
    device = pair.twin(cell, 1) if len(pair.models) == 1 else pair.twin(cell, 1, model=model)
    clock = VirtualClock()
    port = ListeningPort(device.port, clock)
    channel = pair.driver.open(Link(port, clock), clock)
    return Bench(channel, clock, lambda: device.circuit_closed, cell, port.sent, late_s=LATE_S)


@asynccontextmanager
async def _over_a_wire(pair: Pair, serve: Serve, cell_name: str) -> AsyncIterator[Bench]:
    cell = CountingCell(make_cell(cell_name, 1))
    device = pair.twin(cell, 1)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(device, speed=SPEED, ready=ready.set_result))
        clock = LoopClock(SPEED)
        channel = ThreadedChannel(pair.driver, await ready, clock)
        yield Bench(channel, clock, lambda: device.circuit_closed, cell, late_s=LATE_OVER_A_WIRE_S)
        await channel.make_safe()
        await channel.close()
        server.cancel()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.driver.name)
@pytest.mark.parametrize(
    ("check", "cell"), EVERY_CHANNEL + EVERY_COURSE, ids=lambda value: getattr(value, "__name__", "")
)
async def test_in_memory(pair: Pair, check: Check, cell: str) -> None:
    await check(_in_memory(pair, cell, pair.models[0]))


@pytest.mark.parametrize(
    ("pair", "model"),
    [pytest.param(pair, model, id=model) for pair in PAIRS for model in pair.models[1:]],
)
async def test_the_other_models(pair: Pair, model: str) -> None:
    for check, cell in EVERY_CHANNEL[:5]:
        await check(_in_memory(pair, cell, model))


@pytest.mark.parametrize(
    ("pair", "serve"),
    [
        pytest.param(pair, serve, id=f"{pair.driver.name}-{wire}")
        for pair in PAIRS
        for wire, serve in pair.wires
    ],
)
@pytest.mark.parametrize(("check", "cell"), OVER_A_WIRE, ids=lambda value: getattr(value, "__name__", ""))
async def test_over_a_wire(pair: Pair, serve: Serve, check: Check, cell: str) -> None:
    async with _over_a_wire(pair, serve, cell) as bench:
        await check(bench)
