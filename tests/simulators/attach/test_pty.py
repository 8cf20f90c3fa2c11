"""A device on a pseudo-terminal, reached with pyserial as a person's program reaches it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import serial

from labctl_simulators.attach import pty
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware import Device
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from tests.simulators.attach.fake_devices import EchoDevice, served


@asynccontextmanager
async def on_pty(device: Device, link: Path | None = None, speed: float = 1.0) -> AsyncIterator[str]:
    async with served(
        lambda ready: pty.serve(device, link=None if link is None else str(link), speed=speed, ready=ready)
    ) as resource:
        assert resource.startswith("ASRL/")
        assert resource.endswith("::INSTR")
        yield resource.removeprefix("ASRL").removesuffix("::INSTR")


def exchange(path: str, data: bytes, replies: int = 1) -> list[bytes]:
    with serial.Serial(path, 115200, timeout=5.0) as line:
        line.write(data)
        return [line.readline() for _ in range(replies)]


async def test_bytes_pass_unchanged_and_nothing_is_echoed() -> None:
    every = bytes(value for value in range(256) if value != 10 and not 97 <= value <= 122)
    async with on_pty(EchoDevice()) as path:
        assert await asyncio.to_thread(exchange, path, every + b"\n") == [every.upper() + b"\n"]


async def test_clients_come_and_go() -> None:
    async with on_pty(Keithley2450(Resistor(100.0))) as path:
        for _ in range(5):
            replies = await asyncio.to_thread(exchange, path, b"*IDN?\n:READ?\n", 2)
            assert replies[0].startswith(b"KEITHLEY")
            assert float(replies[1]) == pytest.approx(0.0, abs=1e-3)


async def test_no_client_costs_no_time() -> None:
    async with on_pty(EchoDevice()) as path:
        await asyncio.to_thread(exchange, path, b"x\n")
        before = os.times()
        await asyncio.sleep(0.3)
        after = os.times()
        assert after.user + after.system - before.user - before.system < 0.15


async def test_link_is_made_replaced_and_removed(tmp_path: Path) -> None:
    link = tmp_path / "smu"
    link.symlink_to("/nowhere")
    async with on_pty(EchoDevice(), link) as path:
        assert path == str(link)
        assert await asyncio.to_thread(exchange, path, b"x\n") == [b"X\n"]
    assert not link.is_symlink()
    link.write_text("a file of somebody's")
    with pytest.raises(FileExistsError):
        await pty.serve(EchoDevice(), link=str(link), speed=1.0, ready=lambda _: None)
    assert link.read_text() == "a file of somebody's"


async def test_a_client_that_reads_slowly_gets_everything() -> None:
    async with on_pty(EchoDevice()) as path:
        reply = await asyncio.to_thread(_read_slowly, path)
        assert reply == b"x" * 1_000_000 + b"\n"


def _read_slowly(path: str) -> bytes:
    with serial.Serial(path, 115200, timeout=0.5) as line:
        line.write(b"FLOOD\n")
        received = b""
        while chunk := line.read(50_000):
            received += chunk
        line.write(b"after\n")
        assert line.readline() == b"AFTER\n"
        return received


async def test_output_that_nobody_takes_is_lost_and_memory_stays_bounded() -> None:
    chunk = 100_000
    device = EchoDevice(tick_s=1.0, tick_output=b"y" * chunk)
    async with on_pty(device, speed=1000.0) as path:
        while device.ticks < 100:
            await asyncio.sleep(0.01)
        device.tick_output = b""
        with serial.Serial(path, 115200, timeout=0.3) as line:
            received = await asyncio.to_thread(_read_all, line)
        assert pty.MOST_PENDING_BYTES / 2 < len(received) < pty.MOST_PENDING_BYTES + 3 * chunk


def _read_all(line: serial.Serial) -> bytes:
    received = b""
    while data := line.read(100_000):
        received += data
    return received


async def test_scaled_time() -> None:
    async with on_pty(EchoDevice(delay_s=100.0), speed=1000.0) as path:
        before_s = asyncio.get_running_loop().time()
        assert await asyncio.to_thread(exchange, path, b"late\n") == [b"LATE\n"]
        assert 0.1 <= asyncio.get_running_loop().time() - before_s < 2.0
