"""``labctl scan`` against simulated instruments: who fits, who is not asked, and that nothing slows it."""

import asyncio
import os
import socket
import threading
import time

import pytest

from labctl import plugins
from labctl.cli import scan as command
from labctl.errors import StationError
from labctl.keeper.claim import Claim
from labctl.station import scan as scanning
from labctl.station import wires
from labctl.station.scan import Found, fitting, scan
from labctl.station.wires import SerialLine
from tests.station.test_conformance import simulated

DRIVERS = [plugins.driver(name) for name in plugins.names("drivers")]


@pytest.fixture(autouse=True)
def _nothing_but_what_is_named(monkeypatch) -> None:
    for listing in ("serial_lines", "usb_and_gpib", "vxi11_hosts"):
        monkeypatch.setattr(scanning, listing, list)
    monkeypatch.setattr(scanning, "can_list_usb", lambda: True)


@pytest.mark.parametrize(
    ("answer", "fit"),
    [
        ("KEITHLEY INSTRUMENTS,MODEL 2450,04412345,1.7.12b", ("keithley-2450",)),
        ("KEITHLEY INSTRUMENTS INC.,MODEL 2461,1,1.0", ("keithley-2450",)),
        ("RIGOL TECHNOLOGIES,DS1054Z,1,2450", ()),
        ("2450", ()),
        ("", ()),
    ],
)
def test_the_model_decides_which_driver_fits(answer: str, fit: tuple[str, ...]) -> None:
    assert fitting(answer, DRIVERS) == fit


async def test_an_instrument_on_the_network_is_identified_and_nothing_else_is_sent() -> None:
    heard: list[bytes] = []
    ended = asyncio.Event()

    async def instrument(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\n"))
        writer.write(b"KEITHLEY INSTRUMENTS,MODEL 2450,1,2\n")
        heard.append(await reader.read())
        writer.close()
        ended.set()

    async with await asyncio.start_server(instrument, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        (found,) = await scan([f"127.0.0.1:{port}"])
        await ended.wait()
    assert (found.who, found.drivers) == ("KEITHLEY INSTRUMENTS,MODEL 2450,1,2", ("keithley-2450",))
    assert heard == [b"*IDN?\n", b""]


async def test_simulated_instruments_on_tcp_and_a_pty() -> None:
    async with simulated("keithley-2450", "tcp") as smu, simulated("palmsens-emstat4", "pty") as potentiostat:
        by_tcp, by_pty = await scan([smu, potentiostat])
        assert by_tcp.drivers == ("keithley-2450",)
        assert "2450" in by_tcp.who
        assert by_pty == Found(
            potentiostat, "", (), "not asked, since that may interrupt it: --ask DRIVER does"
        )
        (asked,) = await scan([potentiostat], ask="palmsens-emstat4")
        assert asked.drivers == ("palmsens-emstat4",)
        assert "EmStat4" in asked.who


async def test_not_a_byte_goes_to_a_serial_line_that_nobody_released(monkeypatch) -> None:
    theirs, ours = os.openpty()
    os.set_blocking(theirs, False)
    line = SerialLine(os.ttyname(ours), "PalmSens EmStat4", "0403:6001")
    monkeypatch.setattr(
        scanning, "serial_lines", lambda: [line, SerialLine("/dev/ttyACM9", "EmStat4 Bootloader")]
    )
    known, loader = await scan()
    assert known.drivers == ("palmsens-emstat4",)
    assert "--ask palmsens-emstat4 does" in known.note
    assert loader.drivers == ()
    with pytest.raises(BlockingIOError):
        os.read(theirs, 1)
    os.close(theirs)
    os.close(ours)


async def test_what_another_labctl_holds_is_left_alone() -> None:
    async with simulated("keithley-2450", "tcp") as resource:
        held = Claim(resource)
        await held.take()
        (found,) = await scan([resource])
        held.drop()
    assert "in the hands of another labctl" in found.note
    assert not found.drivers


async def test_places_that_are_silent_or_speak_nonsense_delay_nobody() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xff" * 100_000)
        await reader.read()
        writer.close()

    servers = [await asyncio.start_server(handler, "127.0.0.1", 0) for handler in [silent] * 20 + [endless]]
    places = [f"127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    began_s = time.monotonic()
    found = await scan([*places, "127.0.0.1:9"])
    assert time.monotonic() - began_s < 10.0  # twenty of them one after the other would take longer
    for server in servers:
        server.close()
    assert [one.drivers for one in found] == [()] * 22
    assert all(one.note.startswith("not identified: ") for one in found)
    assert found[0].note.endswith("nothing came within 1 s")


async def test_a_listing_that_hangs_is_given_up(monkeypatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(scanning, "_LISTING_S", 0.1)
    monkeypatch.setattr(scanning, "usb_and_gpib", lambda: ended.wait(30.0) and [])
    assert await scan() == []
    ended.set()


def test_who_answers_a_broadcast_is_found() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port_mapper:
        port_mapper.bind(("127.0.0.1", 0))

        def answer() -> None:
            call, address = port_mapper.recvfrom(512)
            accepted = (
                bytes(3) + b"\x01" + bytes(4) + bytes(8) + bytes(4)
            )  # a reply, accepted, no verifier, success
            port_mapper.sendto(call[:4] + accepted + (618).to_bytes(4, "big"), address)

        thread = threading.Thread(target=answer)
        thread.start()
        from pyvisa_py.protocols import rpc

        previous, rpc.PMAP_PORT = rpc.PMAP_PORT, port_mapper.getsockname()[1]
        try:
            assert wires.vxi11_hosts("127.0.0.1", wait_s=0.3) == ["127.0.0.1"]
        finally:
            rpc.PMAP_PORT = previous
            thread.join()


async def test_gpib_is_listed_and_not_asked(monkeypatch) -> None:
    monkeypatch.setattr(scanning, "usb_and_gpib", lambda: ["GPIB0::18::INSTR"])
    assert await scan() == [
        Found("GPIB0::18::INSTR", "", (), "not asked: what is on GPIB need not know *IDN?")
    ]


async def test_a_place_that_is_none() -> None:
    with pytest.raises(StationError, match="give a host"):
        await scan(["a b"])


def test_the_command_says_that_nothing_is_there(capsys) -> None:
    command.scan(at=None, ask=None, json=False)
    assert "nothing is connected" in capsys.readouterr().out
