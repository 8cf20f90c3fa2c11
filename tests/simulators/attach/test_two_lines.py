"""A device with two lines: on TCP ports that follow each other, on two pseudo-terminals, as one command offers it."""

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import serial

from labctl_simulators.attach import pty, tcp
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.zahner_pp2x2 import ZahnerPP2x2

LABCTL = (sys.executable, "-m", "labctl.cli.main")


@asynccontextmanager
async def two_lines(serve: Callable[..., Any], **where: object) -> AsyncIterator[tuple[str, str]]:
    ready: asyncio.Queue[str] = asyncio.Queue()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        server = group.create_task(
            serve(ZahnerPP2x2(Resistor(100.0)), speed=100.0, ready=ready.put_nowait, **where)
        )
        try:
            yield await ready.get(), await ready.get()
        finally:
            server.cancel()


async def test_one_tcp_port_starts_what_the_next_tells() -> None:
    async with two_lines(tcp.serve, port=0) as (first, second):
        host, port = first.split("::")[1:3]
        assert second == f"TCPIP::{host}::{int(port) + 1}::SOCKET"
        command, data = (
            await asyncio.open_connection(host, int(port)),
            await asyncio.open_connection(host, int(port) + 1),
        )
        command[1].write(b":PARA:TMAX 3\n:SESO:SFRQ 1\n:MEAS:OCVS?\n")
        head = struct.unpack("<QQ", await data[0].readexactly(16))
        assert head[0] == 0xB007F00D11111111
        assert await command[0].readexactly(9) == b"ok\nok\nok\n"
        assert len(await data[0].read(10_000)) > 3 * 40
        for _, writer in (command, data):
            writer.close()


async def test_a_port_that_is_taken_beside_the_first_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await tcp.serve(ZahnerPP2x2(Resistor(1.0)), port=taken.getsockname()[1] - 1, ready=print)


def _asked(path: str) -> bytes:
    with serial.Serial(path, timeout=5.0) as line:
        line.write(b"*IDN?\n")
        return bytes(line.readline())


async def test_two_pseudo_terminals_with_names(tmp_path: Path) -> None:
    link = tmp_path / "zahner"
    async with two_lines(pty.serve, link=str(link)) as (first, second):
        assert (first, second) == (f"ASRL{link}::INSTR", f"ASRL{link}-data::INSTR")
        assert await asyncio.to_thread(_asked, str(link)) == b"ZAHNER-ELEKTRIK,PP212,33000,1.1.0\n"
        assert (
            await asyncio.to_thread(_asked, f"{link}-data") == b"ZAHNER-ELEKTRIK,PP212,33000,1.1.0 binary\n"
        )
    assert not link.is_symlink()
    assert not (tmp_path / "zahner-data").is_symlink()


async def test_a_restart_takes_both_lines_and_brings_both_back() -> None:
    ready: asyncio.Queue[str] = asyncio.Queue()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        server = group.create_task(pty.serve(ZahnerPP2x2(Resistor(1.0)), speed=100.0, ready=ready.put_nowait))
        first = await ready.get()
        await ready.get()

        def restart() -> bytes:
            with serial.Serial(first.removeprefix("ASRL").removesuffix("::INSTR"), timeout=5.0) as line:
                line.write(b"*RST\n")
                return bytes(line.readline())

        assert await asyncio.to_thread(restart) == b"ok\n"
        again = await ready.get()
        assert (await ready.get()) != again
        server.cancel()


def test_one_command_tells_both() -> None:
    command = [*LABCTL, "simulate", "zahner-pp2x2", "--tcp", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        first, second = served.stdout.readline().split("::"), served.stdout.readline().split("::")
        served.terminate()
    assert first[0] == second[0] == "ready TCPIP"
    assert int(second[2]) == int(first[2]) + 1
