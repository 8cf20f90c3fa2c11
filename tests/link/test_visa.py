"""The VISA port: what pyvisa-py does by itself does not reach the driver."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from labctl.clock import ThreadClock
from labctl.errors import LinkLost, LinkTimeout, Superseded
from labctl.link import Deadline, Link
from labctl.link.visa import VisaPort, _MessageWire
from tests.link.drive import drive
from tests.link.peer import Peer, on_pty, on_tcp

_PATIENT = Deadline("an answer of the peer", slack_s=2.0)


def _port(resource: str) -> tuple[VisaPort, ThreadClock]:
    clock = ThreadClock(1.0, time.monotonic())
    return VisaPort(resource, clock, b"\n", {}), clock


@contextlib.contextmanager
def _linked(resource: str) -> Iterator[tuple[Link, ThreadClock]]:
    port, clock = _port(resource)
    link = Link(port, clock)
    drive(link.open())
    try:
        yield link, clock
    finally:
        clock.resume()
        drive(link.close())


def test_a_refused_connection_does_not_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    port, _ = _port(f"TCPIP::127.0.0.1::{number}::SOCKET")
    with pytest.raises(LinkLost, match=r"cannot be opened.*refused"):
        drive(port.open())


@pytest.mark.parametrize("resource", ["nonsense", "ASRL/dev/no-such-line::INSTR"])
def test_what_cannot_be_opened_is_a_lost_link(resource: str) -> None:
    port, _ = _port(resource)
    with pytest.raises(LinkLost, match="cannot be opened"):
        drive(port.open())
    with pytest.raises(LinkLost):
        drive(port.write(b"x\n"))


def test_a_write_followed_by_a_question_is_not_delayed() -> None:
    """Nagle's algorithm would make it 40 ms a pair."""
    with on_tcp(Peer()) as resource, _linked(resource) as (link, _):
        drive(link.ask(b"echo 0", _PATIENT))
        began = time.monotonic()
        for _ in range(20):
            drive(link.send(b"set"))
            drive(link.ask(b"echo 1", _PATIENT))
        assert time.monotonic() - began < 0.4


def test_a_reset_connection_is_lost_and_can_be_opened_again() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    with server, _linked(f"TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET") as (link, _):
        connection, _ = server.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        with pytest.raises(LinkLost):
            drive(link.ask(b"echo 1", _PATIENT))
        drive(link.resynchronise(0.0))
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"hello\n")
            assert drive(link.receive(_PATIENT)) == b"hello"


@pytest.mark.parametrize("serve", [on_tcp, on_pty])
def test_a_waiting_read_is_interrupted_within_two_slices(serve: object) -> None:
    with serve(Peer()) as where:  # type: ignore[operator]
        resource = where if where.startswith("TCPIP") else f"ASRL{where}::INSTR"
        with _linked(resource) as (link, clock):
            timer = threading.Timer(0.2, clock.interrupt)
            timer.start()
            began = time.monotonic()
            with pytest.raises(Superseded):
                drive(link.ask(b"silent", Deadline("what never comes", slack_s=20.0)))
            assert time.monotonic() - began < 0.2 + 0.1 + 0.1
            timer.join()
            assert link.poisoned


def test_an_interrupted_port_writes_nothing() -> None:
    peer = Peer()
    with on_tcp(peer) as resource, _linked(resource) as (link, clock):
        clock.interrupt()
        with pytest.raises(Superseded):
            drive(link.send(b"ON"))
        clock.resume()
        assert drive(link.ask(b"echo 1", _PATIENT)) == b"1"
    assert peer.received == [b"echo 1"]


def test_a_library_that_only_passes_messages_is_read_after_questions_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """VXI-11, USB and GPIB go through the library; a TCP socket without its short cut stands for them."""
    monkeypatch.setattr(VisaPort, "_wire_of", lambda port, instrument: _MessageWire(instrument, b"\n", {}))
    with on_tcp(Peer()) as resource, _linked(resource) as (link, _):
        assert drive(link.ask(b"echo 3.7", _PATIENT)) == b"3.7"
        with pytest.raises(LinkTimeout):
            drive(link.ask(b"silent", Deadline("what never comes", slack_s=0.2)))


class _Gateway(Peer):
    """A Prologix gateway with one instrument behind it: it hands an answer over when it is asked to read."""

    def receive(self, data: bytes, now_s: float) -> bytes:
        answers = b""
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            self.received.append(line)
            if line.startswith(b"++read eoi"):
                answers += b"".join(self._answers)
                self._answers: list[bytes] = []
            elif line.endswith(b"?"):
                self._answers = [b"3.7001\n"]
        return answers


def test_gpib_behind_a_prologix_gateway() -> None:
    gateway = _Gateway()
    with on_tcp(gateway) as resource:
        _, address, number, _ = (part for part in resource.split("::"))
        with _linked(f"GPIB0::6::INSTR via PRLGX-TCPIP0::{address}::{number}::INTFC") as (link, _):
            began = time.monotonic()
            assert [drive(link.ask(b"MEAS:VOLT?", _PATIENT)) for _ in range(5)] == [b"3.7001"] * 5
            assert time.monotonic() - began < 0.15, "Nagle's algorithm would make it 40 ms a question"
            with pytest.raises(LinkTimeout):
                drive(link.ask(b"MEAS:VOLT", Deadline("what never comes", slack_s=0.1)))
            drive(link.resynchronise(0.0))
            assert drive(link.ask(b"MEAS:VOLT?", _PATIENT)) == b"3.7001"
    assert b"++addr 6" in gateway.received
