"""The port in memory: time moves to the instrument's next event, and no further than asked."""

import pytest

from labctl.clock import VirtualClock
from labctl.errors import LinkLost
from labctl.link.memory import MemoryPort
from tests.link.drive import drive
from tests.link.peer import Peer


def test_waiting_lets_time_pass_to_the_answer() -> None:
    clock = VirtualClock()
    port = MemoryPort(Peer, clock)
    drive(port.open())
    drive(port.write(b"late 7.5 x\n"))
    assert drive(port.read(5.0)) == b""
    assert clock.now() == 5.0
    assert drive(port.read(10.0)) == b"x\n"
    assert clock.now() == 7.5


def test_what_has_come_is_read_without_letting_time_pass() -> None:
    clock = VirtualClock()
    port = MemoryPort(Peer, clock)
    drive(port.open())
    drive(port.write(b"echo 1\n"))
    assert drive(port.read(0.0)) == b"1\n"
    assert drive(port.read(0.0)) == b""
    assert clock.now() == 0.0


def test_opening_again_loses_what_was_on_its_way() -> None:
    port = MemoryPort(Peer, VirtualClock())
    drive(port.open())
    drive(port.write(b"echo 1\n"))
    drive(port.open())
    assert drive(port.read(1.0)) == b""


def test_a_refused_connection_is_a_lost_link() -> None:
    def refuse() -> Peer:
        raise ConnectionRefusedError("one connection only")

    with pytest.raises(LinkLost, match="one connection only"):
        drive(MemoryPort(refuse, VirtualClock()).open())
