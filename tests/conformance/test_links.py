"""The links conform: in memory, VISA over TCP and a pty, pyserial over a pty."""

import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from labctl.clock import Clock, ThreadClock, VirtualClock
from labctl.link import Link, Port
from labctl.link.memory import MemoryPort
from labctl.link.serial import SerialPort
from labctl.link.visa import VisaPort
from tests.conformance.link_conformance import EVERY_LINK, LINKS_WITH_A_CONNECTION
from tests.link.drive import drive
from tests.link.peer import Peer, on_pty, on_tcp

Check = Callable[[Link, Clock], Coroutine[Any, Any, None]]


def _memory(stack: ExitStack) -> tuple[Port, Clock]:
    clock = VirtualClock()
    return MemoryPort(Peer, clock), clock


def _visa_tcp(stack: ExitStack) -> tuple[Port, Clock]:
    clock = ThreadClock(1.0, time.monotonic())
    return VisaPort(stack.enter_context(on_tcp(Peer())), clock, b"\n", {}), clock


def _visa_pty(stack: ExitStack) -> tuple[Port, Clock]:
    clock = ThreadClock(1.0, time.monotonic())
    resource = f"ASRL{stack.enter_context(on_pty(Peer()))}::INSTR"
    return VisaPort(resource, clock, b"\n", {"baudrate": 230400}), clock


def _serial_pty(stack: ExitStack) -> tuple[Port, Clock]:
    clock = ThreadClock(1.0, time.monotonic())
    return SerialPort(stack.enter_context(on_pty(Peer())), clock, {"baudrate": 230400}), clock


MAKERS = {"memory": _memory, "visa-tcp": _visa_tcp, "visa-pty": _visa_pty, "serial-pty": _serial_pty}


@pytest.fixture(params=MAKERS)
def linked(request: pytest.FixtureRequest) -> Iterator[tuple[Link, Clock]]:
    with ExitStack() as stack:
        port, clock = MAKERS[request.param](stack)
        yield Link(port, clock), clock
        stack.callback(drive, port.close())


@pytest.mark.parametrize("check", EVERY_LINK)
def test_every_link(linked: tuple[Link, Clock], check: Check) -> None:
    drive(check(*linked))


@pytest.mark.parametrize("check", LINKS_WITH_A_CONNECTION)
def test_links_with_a_connection(check: Check) -> None:
    with ExitStack() as stack:
        port, clock = _visa_tcp(stack)
        stack.callback(lambda: drive(port.close()))
        drive(check(Link(port, clock), clock))
