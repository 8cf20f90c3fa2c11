"""A SourceMeter with an LCR meter beside it promises what every channel promises, in virtual time."""

import pytest

from labctl import plugins
from labctl.clock import VirtualClock
from labctl.instrument.analyser_queue import AnalyserQueue
from labctl.instrument.composed import ComposedChannel
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers import keithley_2450, keysight_e4980a
from labctl_simulators.cells.shared import shared
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.keysight_e4980a import behind_a_capacitor
from tests.conformance.channel_conformance import EVERY_CHANNEL, Bench, Check, CountingCell
from tests.conformance.listening_port import ListeningPort


def bench(cell_name: str) -> Bench:
    cell, clock = CountingCell(plugins.cell(cell_name, 1)), VirtualClock()
    cycling, measuring = shared(cell)
    smu, lcr = Keithley2450(cycling, 1), behind_a_capacitor(measuring, 1)
    port = ListeningPort(smu.port, clock)
    channel = ComposedChannel(
        "a",
        keithley_2450.DRIVER.open(Link(port, clock), clock),
        lambda: keysight_e4980a.DRIVER.open(Link(MemoryPort(lcr.port, clock), clock), clock),
        AnalyserQueue("lcr"),
        clock,
    )
    return Bench(channel, clock, lambda: smu.circuit_closed, cell, port.sent, late_s=0.2)


@pytest.mark.parametrize(("check", "cell"), EVERY_CHANNEL, ids=lambda value: getattr(value, "__name__", ""))
async def test_in_memory(check: Check, cell: str) -> None:
    await check(bench(cell))
