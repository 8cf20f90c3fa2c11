"""A device on a TCP socket: several peers, bad peers, slow peers, time."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from labctl_simulators.attach import tcp
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware import Device
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from tests.simulators.attach.fake_devices import EchoDevice, served

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def on_tcp(device: Device, speed: float = 1.0) -> AsyncIterator[int]:
    async with served(
        lambda ready: tcp.serve(device, host="127.0.0.1", port=0, speed=speed, ready=ready)
    ) as resource:
        prefix, host, port, suffix = resource.split("::")
        assert (prefix, host, suffix) == ("TCPIP", "127.0.0.1", "SOCKET")
        yield int(port)


async def connect(port: int) -> Streams:
    return await asyncio.open_connection("127.0.0.1", port)


async def ask(streams: Streams, line: bytes) -> bytes:
    streams[1].write(line + b"\n")
    return await streams[0].readline()


async def test_answers_and_stops_with_its_peers_reset() -> None:
    device = EchoDevice()
    async with on_tcp(device) as port:
        reader, writer = await connect(port)
        assert await ask((reader, writer), b"hello") == b"HELLO\n"
    assert await reader.read() == b""
    writer.close()
    refused = socket.socket()
    assert refused.connect_ex(("127.0.0.1", port)) != 0
    refused.close()


async def test_several_peers_have_ports_of_their_own() -> None:
    async with on_tcp(EchoDevice()) as port:
        first, second = await connect(port), await connect(port)
        first[1].write(b"par")
        assert await ask(second, b"two") == b"TWO\n"
        assert await ask(first, b"tial") == b"PARTIAL\n"
        for _, writer in (first, second):
            writer.close()


async def test_a_delayed_answer_comes_in_scaled_time() -> None:
    device = EchoDevice(delay_s=100.0)
    async with on_tcp(device, speed=1000.0) as port:
        streams = await connect(port)
        before_s = asyncio.get_running_loop().time()
        assert await ask(streams, b"late") == b"LATE\n"
        assert 0.1 <= asyncio.get_running_loop().time() - before_s < 2.0
        streams[1].close()


async def test_the_device_is_woken_with_nobody_connected() -> None:
    device = EchoDevice(tick_s=1.0)
    async with on_tcp(device, speed=100.0):
        while device.ticks < 5:
            await asyncio.sleep(0.01)


async def test_a_device_with_one_line_refuses_the_second_peer_and_takes_the_next() -> None:
    device = EchoDevice(ports=1, tick_s=1.0)
    async with on_tcp(device, speed=100.0) as port:
        first = await connect(port)
        assert await ask(first, b"one") == b"ONE\n"
        second = await connect(port)
        assert await _read_to_the_end(second[0]) == b""
        assert await ask(first, b"still") == b"STILL\n"
        first[1].close()
        await first[1].wait_closed()
        ticks = device.ticks
        while device.ticks < ticks + 3:
            await asyncio.sleep(0.01)
        third = await connect(port)
        assert await ask(third, b"three") == b"THREE\n"
        for _, writer in (second, third):
            writer.close()


async def _read_to_the_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def test_resets_half_open_peers_and_garbage_do_not_bring_it_down() -> None:
    device = Keithley2450(Resistor(100.0))
    async with on_tcp(device) as port:
        half_open = await connect(port)
        half_open[1].write(b":SOUR:CU")
        for number in range(30):
            peer = socket.create_connection(("127.0.0.1", port))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.sendall(bytes(range(256)) * 20 + b"\n:READ?\n*IDN?\n" * number)
            peer.close()  # at once, with a reset
        good = await connect(port)
        assert (await ask(good, b"*IDN?")).startswith(b"KEITHLEY INSTRUMENTS,MODEL 2450,")
        half_open[1].write_eof()
        assert await half_open[0].read() == b""
        for _, writer in (half_open, good):
            writer.close()


async def test_a_peer_that_does_not_read_is_not_fed_and_others_are_served() -> None:
    async with on_tcp(EchoDevice()) as port:
        slow = await connect(port)
        for _ in range(50):
            slow[1].write(b"FLOOD\n")
        fast = await connect(port)
        for _ in range(20):
            assert await ask(fast, b"quick") == b"QUICK\n"
        received = 0
        while received < 50 * 1_000_001:
            received += len(await slow[0].read(1_000_000))
        for _, writer in (slow, fast):
            writer.close()


async def test_connections_are_bounded() -> None:
    device = EchoDevice()
    async with on_tcp(device) as port:
        peers = [await connect(port) for _ in range(tcp.MOST_CONNECTIONS)]
        assert await ask(peers[-1], b"last") == b"LAST\n"
        refused = await connect(port)
        assert await _read_to_the_end(refused[0]) == b""
        for _, writer in [*peers, refused]:
            writer.close()
        while device.open_ports > 1:
            await asyncio.sleep(0.01)


async def test_an_address_in_use_is_an_error() -> None:
    async with on_tcp(EchoDevice()) as port:
        try:
            await tcp.serve(EchoDevice(), host="127.0.0.1", port=port, speed=1.0, ready=lambda _: None)
        except OSError:
            return
    raise AssertionError("two servers on one port")
