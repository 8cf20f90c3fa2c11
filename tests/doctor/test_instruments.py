"""Instruments of a station, read back over TCP: nothing but questions arrives, and what is not well is told."""

import asyncio
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from labctl import plugins
from labctl.doctor.instruments import check_instrument
from labctl.doctor.line import Verdict
from labctl.keeper.claim import Claim
from labctl.station.connect import ChannelSpec
from labctl_simulators.attach.tcp import serve

OK, LOOK, WRONG = Verdict.OK, Verdict.LOOK, Verdict.WRONG


@pytest.fixture(autouse=True)
def _own_runtime_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@asynccontextmanager
async def served(device: Any) -> AsyncIterator[str]:
    ready = asyncio.get_running_loop().create_future()
    async with TaskGroup() as group:
        task = group.create_task(serve(device, host="127.0.0.1", port=0, ready=ready.set_result))
        yield await ready
        task.cancel()


async def test_a_source_meter_as_it_leaves_the_factory() -> None:
    device = plugins.simulator("keithley-2450", "resistor:100", 0)
    async with served(device) as resource:
        lines = await check_instrument(ChannelSpec("smu", "keithley-2450", resource))
    told = {line.found: line.verdict for line in lines}
    assert told["output: off"] is OK
    assert told["output-off state, current source: NORM, a source of 0 V"] is LOOK
    assert told["at power-on: the default settings, output off"] is OK
    assert told["nothing opens its circuit if this computer dies"] is LOOK
    assert not device.output_on
    assert all(bool(line.remedy) is (line.verdict is not OK) for line in lines)


async def test_an_output_that_is_on_although_nobody_holds_it() -> None:
    device = plugins.simulator("keithley-2450", "resistor:100", 0)
    port = device.port()
    port.receive(b":OUTP ON\n", 0.0)
    assert device.output_on
    async with served(device) as resource:
        lines = await check_instrument(ChannelSpec("smu", "keithley-2450", resource))
    assert [line.found for line in lines if line.verdict is WRONG] == ["output: ON"]
    assert device.output_on  # looked at, not touched


async def test_an_instrument_that_is_used_is_not_asked() -> None:
    device = plugins.simulator("keithley-2450", "resistor:100", 0)
    async with served(device) as resource:
        claim = Claim(resource)
        await claim.take()
        lines = await check_instrument(ChannelSpec("smu", "keithley-2450", resource))
        claim.drop()
    assert any("in the hands of another labctl" in line.found for line in lines)
    assert not any("output:" in line.found for line in lines)


async def test_an_instrument_that_does_not_answer() -> None:
    lines = await check_instrument(ChannelSpec("smu", "keithley-2450", "TCPIP::127.0.0.1::1::SOCKET"))
    assert lines[-1].verdict is WRONG


async def test_an_instrument_that_cannot_be_asked_without_interrupting_it() -> None:
    lines = await check_instrument(ChannelSpec("stat", "palmsens-emstat4", "/dev/ttyACM0"))
    assert lines[-1].verdict is LOOK
    assert "not asked" in lines[-1].found


async def test_a_simulated_channel() -> None:
    (line,) = await check_instrument(ChannelSpec("sim", "keithley-2450", cell="na50k50"))
    assert line.verdict is OK
