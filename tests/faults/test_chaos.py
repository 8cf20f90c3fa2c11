"""The faults themselves: as they are written, as they look on the wire, in memory, over TCP and on a line."""

import asyncio
import math
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from labctl import plugins
from labctl.clock import LoopClock
from labctl.errors import UserError
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.instrument.threaded import ThreadedChannel
from labctl_simulators.attach import pty, tcp
from labctl_simulators.chaos import ChaosDevice, Fault, Kind, parse
from labctl_simulators.chaos.answers import Answers
from labctl_simulators.firmware import Device

LINE = b"3.7001\n"


def test_a_specification() -> None:
    assert parse("late=0.02, mute@30+5,off_ignored=always,drift") == (
        Fault(Kind.LATE, 0.02),
        Fault(Kind.MUTE, 1.0, 30.0, 5.0),
        Fault(Kind.OFF_IGNORED, math.inf),
        Fault(Kind.DRIFT, 0.01),
    )
    for text in ("late=0.02", "mute@30.0+5.0", "off_ignored=always", "drift"):
        assert str(parse(text)[0]) == text


@pytest.mark.parametrize(
    "text", ["late=2", "late=-1", "late=nan", "soon", "mute@", "mute@x", "late==1", "reset@1@2"]
)
def test_what_is_no_specification(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)
    with pytest.raises(UserError, match="--chaos"):
        plugins.troubled_simulator("keithley-2450", "resistor:100", 0, text)


def _answers(text: str, seed: int = 1) -> Answers:
    return Answers(parse(text), lambda name: Random(f"{seed} {name}"), lambda kind: None)


def _arrives(text: str, lines: int = 1, seed: int = 1) -> list[tuple[float, bytes]]:
    answers = _answers(text, seed)
    for number in range(lines):
        answers.send(LINE, 10.0 * number)
    pieces = []
    while (time_s := answers.next_s()) is not None:
        pieces.append((time_s, answers.take(time_s)))
    return pieces


def test_answers_on_their_way() -> None:
    assert _arrives("") == [(0.0, LINE)]
    assert _arrives("lost=1") == []
    ((late_s, line),) = _arrives("late=1")
    assert 1.0 <= late_s <= 6.0
    assert line == LINE
    assert b"".join(piece for _, piece in _arrives("duplicated=1")) == 2 * LINE
    pieces = _arrives("split=1")
    assert b"".join(piece for _, piece in pieces) == LINE
    for seed in range(20):
        ((_, garbled),) = _arrives("garbled=1", seed=seed)
        assert garbled != LINE
        assert len(garbled) == len(LINE)
        assert garbled.endswith(b"\n")
        assert not any(
            0x20 <= there < 0x7F for here, there in zip(LINE, garbled, strict=True) if here != there
        )
        ((_, ended),) = _arrives("terminator=1", seed=seed)
        assert ended in (b"3.7001\r", b"3.7001\n\r", b"3.7001")
    answers = _answers("merged=1@0+5")
    answers.send(LINE, 0.0)
    assert answers.next_s() is None, "held back"
    answers.send(LINE, 10.0)
    assert answers.take(10.0) in (2 * LINE, b"3.70013.7001\n")


def test_nothing_overtakes() -> None:
    answers = _answers("late=0.3,split=0.3,duplicated=0.2", seed=5)
    for number in range(200):
        answers.send(b"%d\n" % number, 0.1 * number)
    order = [int(text) for text in answers.take(math.inf).split()]
    assert order == sorted(order)


def test_one_fault_more_does_not_shift_the_others() -> None:
    """Which answers are late is decided by the seed of that fault alone."""

    def late(text: str) -> list[int]:
        answers = _answers(text, seed=3)
        found = []
        for number in range(300):
            answers.send(LINE, 100.0 * number)
            if answers.take(100.0 * number + 0.9) == b"":
                found.append(number)
            answers.take(math.inf)
        return found

    alone = late("late=0.05")
    assert 5 < len(alone) < 30
    assert set(alone) <= set(late("late=0.05,lost=0.05"))


def _device(faults: str, instrument: str = "keithley-2450") -> ChaosDevice:
    device: ChaosDevice = plugins.troubled_simulator(instrument, "resistor:1000", 1, faults)
    return device


def test_moments_come_at_their_time_and_go() -> None:
    device = _device("mute@10+5,echo@20+1")
    port = device.port()
    assert port.receive(b"*ESE 3;*ESE?\n", 9.0) == b"3\n"
    assert port.receive(b"*ESE 4;*ESE?\n", 10.0) == b""
    assert port.receive(b"*ESE?\n", 15.0) == b"4\n", "it was executed"
    assert port.receive(b"*ESE?\n", 20.5) == b"*ESE?\n4\n"
    assert port.receive(b"*ESE?\n", 21.0) == b"4\n"
    assert device.injected == {Kind.MUTE: 1, Kind.ECHO: 1}


def test_connections_end() -> None:
    device = _device("reset@10,fin@20,half_open@30,gone@40+5")
    ports = [device.port()]
    with pytest.raises(ConnectionResetError):
        ports[-1].receive(b"*ESE?\n", 10.0)
    ports.append(device.port())
    assert ports[-1].receive(b"*ESE 200;*ESE?\n", 20.0) == b"20", "half of it"
    with pytest.raises(ConnectionAbortedError):
        ports[-1].receive(b"*ESE?\n", 20.0)
    ports.append(device.port())
    assert ports[-1].receive(b"*ESE 7\n*ESE?\n", 30.0) == b""
    ports.append(device.port())
    assert ports[-1].receive(b"*ESE?\n", 31.0) == b"200\n", "what a half-open connection takes goes nowhere"
    with pytest.raises(ConnectionResetError):
        ports[-1].receive(b"*ESE?\n", 40.0)
    with pytest.raises(ConnectionResetError):
        device.port().receive(b"*ESE?\n", 44.9)
    assert device.port().receive(b"*ESE?\n", 45.0) == b"200\n"


def test_a_power_cycle_forgets_everything_and_opens_the_relay_of_a_potentiostat() -> None:
    device = _device("power_cycle@10")
    port = device.port()
    port.receive(b":SOUR:FUNC CURR;:SOUR:CURR:VLIM 1\n:OUTP ON\n", 1.0)
    assert device.instrument.circuit_closed
    with suppress(ConnectionError):
        port.receive(b"*ESE?\n", 11.0)
    port = device.port()
    assert port.receive(b":OUTP?;:SOUR:FUNC?\n", 12.0) == b"0;VOLT\n"
    script = b"e\nset_pgstat_chan 0\nset_pgstat_mode 3\nset_e 10m\ncell_on\nwait 100\n\n"
    device = _device("power_cycle@10", "palmsens-emstat4")
    port = device.port()
    port.receive(script, 1.0)
    port.wake(2.0)
    assert device.circuit_closed
    with pytest.raises(ConnectionResetError):
        port.wake(10.0)
    assert not device.circuit_closed
    assert device.port().receive(b"i\n", 11.0) == b"iES4SIM0001\n"


@asynccontextmanager
async def _served(serve: Callable[..., Any], device: Device, **where: Any) -> AsyncIterator[list[str]]:
    """Serve a device; the list grows with the resources that it names."""
    resources: list[str] = []
    named = asyncio.Event()

    def ready(resource: str) -> None:
        resources.append(resource)
        named.set()

    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(device, ready=ready, **where))
        await named.wait()
        try:
            yield resources
        finally:
            serving.cancel()


async def test_a_reset_and_an_end_are_real_ones_over_tcp() -> None:
    async with _served(tcp.serve, _device("reset@0.3,fin@0.8"), port=0) as resources:
        port = int(resources[0].split("::")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"*ESE 3;*ESE?\n")
        assert await reader.readline() == b"3\n"
        with pytest.raises(ConnectionResetError):
            await reader.readline()
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.8)
        writer.write(b"*ESE 200;*ESE?\n")
        assert await reader.read() == b"20", "and then the end of the connection"
        writer.close()


async def test_a_lost_line_hangs_up_and_comes_again_under_another_name(tmp_path: Path) -> None:
    device = _device("reset@0.3", "palmsens-emstat4")
    link = str(tmp_path / "line")
    async with _served(pty.serve, device, link=link) as resources:
        line = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        os.write(line, b"i\n")
        await asyncio.sleep(0.1)
        assert os.read(line, 100) == b"iES4SIM0001\n"
        while len(resources) < 2:
            await asyncio.sleep(0.05)
        with pytest.raises(OSError, match="Input/output"):
            os.write(line, b"i\n")
        again = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        os.write(again, b"i\n")
        await asyncio.sleep(0.1)
        assert os.read(again, 100) == b"iES4SIM0001\n"
        os.close(line)
        os.close(again)


@pytest.mark.parametrize(
    "faults", ["reset@1.0", "half_open@1.0", "gone@1.0+1.5", "late=1@1.0+0.3", "fin@1.0"]
)
async def test_a_step_goes_on_over_real_sockets_and_threads(faults: str) -> None:
    clock = LoopClock()
    device = _device(faults)
    async with _served(tcp.serve, device, port=0) as resources:
        channel = ThreadedChannel(plugins.driver("keithley-2450"), resources[0], clock)
        try:
            await channel.connect()
            limit = Cutoff(Quantity.TIME, Side.ABOVE, 1.6)
            step = Step(Control.CURRENT, 1e-4, (limit,), SafetyLimits(-1.0, 1.0, 5e-4), Sampling(0.2))
            samples = [sample async for sample in channel.run(step)]
            await channel.make_safe()
        finally:
            await channel.close()
        assert samples[-1].cutoff is limit
        assert all(abs(sample.voltage_V - 0.1) < 1e-3 for sample in samples)
        assert not device.circuit_closed
        assert device.injected.total() >= 1


def test_every_fault_is_described() -> None:
    text = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
    assert [kind for kind in Kind if f"`{kind}`" not in text] == []
