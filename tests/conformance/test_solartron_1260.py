"""The 1287 with its 1260 conforms: every check of a channel in memory; spectra over TCP and a gateway too."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from labctl.clock import LoopClock, VirtualClock
from labctl.errors import CannotHold, InstrumentError, SpectrumLost
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Link
from labctl.plugins import cell as make_cell
from labctl_drivers.solartron_1260 import DRIVER
from labctl_simulators.attach import prologix, tcp
from labctl_simulators.cells import Cell
from labctl_simulators.firmware.solartron_1260 import SolartronPair
from tests.conformance.channel_conformance import EVERY_CHANNEL, SAFETY, Bench, Check, CountingCell
from tests.conformance.course_conformance import EVERY_COURSE
from tests.conformance.listening_port import ListeningPort
from tests.drivers.smu_bench import current_step

SPEED = 60.0
Serve = Callable[..., Any]
RC = "rc:R0=10,R1=100,C1=1e-3,C=0.5"
GEIS = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, None, 1e4, 0.1, 3, SAFETY)
PEIS = ImpedanceSpec(ImpedanceMode.POTENTIOSTATIC, 5e-3, None, 1e4, 0.1, 3, SAFETY)


class Pair:
    """A pair in memory; ``sent`` is what the 1287 heard."""

    def __init__(self, cell: Cell, working_at: str = "WE") -> None:
        self.device = SolartronPair(cell, 1, working_at=working_at)
        self.clock = VirtualClock()
        self.port = ListeningPort(self.device.port, self.clock)
        options: dict[str, Any] = {"working_at": working_at}
        self.channel: Any = DRIVER.open(Link(self.port, self.clock), self.clock, **options)

    async def sweep(self, spec: ImpedanceSpec) -> list[ImpedancePoint]:
        await self.channel.connect()
        return [point async for point in self.channel.sweep(spec)]


def agrees(points: list[ImpedancePoint], cell: Cell, spec: ImpedanceSpec) -> None:
    assert [point.frequency_Hz for point in points] == pytest.approx(spec.frequencies_Hz())
    for point in points:
        true = cell.impedance_ohm(point.frequency_Hz)
        assert abs(complex(point.real_ohm, point.imaginary_ohm) - true) < 2e-3 * abs(true)


@asynccontextmanager
async def _served(serve: Serve, cell: Cell) -> AsyncIterator[tuple[ThreadedChannel, SolartronPair]]:
    device = SolartronPair(cell, 1)
    ready: asyncio.Queue[str] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(device, port=0, speed=SPEED, ready=ready.put_nowait))
        interface, analyser = await ready.get(), await ready.get()
        options = {"analyser_port": analyser}
        channel = ThreadedChannel(DRIVER, interface, LoopClock(SPEED), options=options)
        yield channel, device
        await channel.make_safe()
        await channel.close()
        server.cancel()


@pytest.mark.parametrize(
    ("check", "cell"), EVERY_CHANNEL + EVERY_COURSE, ids=lambda value: getattr(value, "__name__", "")
)
async def test_in_memory(check: Check, cell: str) -> None:
    counted = CountingCell(make_cell(cell, 1))
    pair = Pair(counted)
    closed = partial(getattr, pair.device, "circuit_closed")
    await check(Bench(pair.channel, pair.clock, closed, counted, pair.port.sent, late_s=0.3))


@pytest.mark.parametrize("spec", [GEIS, PEIS], ids=["GEIS", "PEIS"])
@pytest.mark.parametrize("working_at", ["WE", "CE"])
async def test_a_spectrum_is_that_of_the_cell(spec: ImpedanceSpec, working_at: str) -> None:
    cell = make_cell(RC, 1)
    cell.advance_current(100.0, 1e-3)
    pair = Pair(cell, working_at)
    agrees(await pair.sweep(spec), cell, spec)
    assert not pair.device.circuit_closed
    assert pair.device.analyser.settings["VA"] == 0.0
    assert cell.voltage_V(0.0) == pytest.approx(0.2, abs=0.01), "about open circuit"


async def test_the_amplitude_is_what_was_asked_for_in_volts_and_in_amperes() -> None:
    """Zero-to-peak at the cell, rms at the generator, at a gain of 0.01; a current through the range's resistor."""
    for spec, generator_V in ((PEIS, 5e-3 / 2**0.5 / 0.01), (GEIS, 1e-5 * 1e3 / 2**0.5 / 0.01)):
        pair = Pair(make_cell(RC, 1))
        await pair.channel.connect()
        async for _ in pair.channel.sweep(spec):
            assert pair.device.analyser.settings["VA"] == pytest.approx(generator_V, rel=1e-3)
            assert pair.device.interface.settings["PI"] == 1


async def test_steps_go_on_after_a_spectrum() -> None:
    pair = Pair(make_cell(RC, 1))
    await pair.channel.connect()
    step = current_step(1e-4, 5.0)
    for _ in range(2):
        samples = [sample async for sample in pair.channel.run(step)]
        assert all(sample.current_A == pytest.approx(1e-4, rel=1e-2) for sample in samples)
        assert [point async for point in pair.channel.sweep(PEIS)]


async def test_gains_of_ten_that_were_left_on_do_not_falsify_a_spectrum() -> None:
    cell = make_cell(RC, 1)
    pair = Pair(cell)
    pair.device.interface.settings |= {"VX": 1, "IX": 0}
    agrees(await pair.sweep(PEIS), cell, PEIS)


async def test_a_spectrum_that_the_analyser_loses_is_told_with_the_cell_at_open_circuit() -> None:
    pair = Pair(make_cell(RC, 1))
    await pair.channel.connect()
    points = pair.channel.sweep(PEIS)
    await anext(points)
    pair.device.analyser.pairs["OP", 2] = 0.0  # it measures on, and tells nobody
    with pytest.raises(SpectrumLost, match="no answer in time"):
        await anext(points)
    assert not pair.device.circuit_closed
    assert pair.device.analyser.settings["VA"] == 0.0
    agrees([point async for point in pair.channel.sweep(PEIS)], make_cell(RC, 1), PEIS)


async def test_a_range_that_is_overloaded_is_no_impedance() -> None:
    pair = Pair(make_cell("resistor:0.1", 1))
    with pytest.raises((SpectrumLost, InstrumentError)):
        await pair.sweep(PEIS)
    await pair.channel.make_safe()
    assert not pair.device.circuit_closed


@pytest.mark.parametrize(
    "spec",
    [
        ImpedanceSpec(ImpedanceMode.POTENTIOSTATIC, 0.05, None, 1e4, 1.0, 3, SAFETY),
        ImpedanceSpec(ImpedanceMode.POTENTIOSTATIC, 0.01, None, 1e7, 1.0, 3, SAFETY),
        ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 6e-4, None, 1e4, 1.0, 3, SAFETY),
    ],
)
async def test_what_it_cannot_measure_is_refused_without_a_byte(spec: ImpedanceSpec) -> None:
    pair = Pair(make_cell(RC, 1))
    await pair.channel.connect()
    before = len(pair.port.sent)
    with pytest.raises(CannotHold):
        pair.channel.sweep(spec)
    assert len(pair.port.sent) == before


@pytest.mark.parametrize("spec", [GEIS, PEIS], ids=["GEIS", "PEIS"])
@pytest.mark.parametrize(
    "serve", [tcp.serve, prologix.serve], ids=["two TCP ports", "two addresses of a gateway"]
)
async def test_steps_and_spectra_over_a_wire(serve: Serve, spec: ImpedanceSpec) -> None:
    cell = make_cell(RC, 1)
    async with _served(serve, cell) as (channel, device):
        identity = await channel.connect()
        assert identity.model == "1287 + 1260"
        for _ in range(2):
            agrees([point async for point in channel.sweep(spec)], cell, spec)
            assert not device.circuit_closed
            step = current_step(1e-4, 5.0)
            assert [sample async for sample in channel.run(step)][-1].current_A == pytest.approx(
                1e-4, rel=1e-2
            )
