"""The serial port: settings, exclusiveness, and a line that hangs up."""

import os
import threading
import time
import tty
from collections.abc import Iterator

import pytest

from labctl.clock import ThreadClock
from labctl.errors import LinkLost, LinkTimeout, Superseded
from labctl.link import Deadline, Link
from labctl.link.serial import SerialPort
from tests.link.drive import drive


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    open_ends = [master, slave]
    yield master, os.ttyname(slave)
    for end in open_ends:
        try:
            os.close(end)
        except OSError:
            continue


def _port(device: str, **settings: object) -> tuple[SerialPort, ThreadClock]:
    clock = ThreadClock(1.0, time.monotonic())
    return SerialPort(device, clock, settings), clock


def test_a_second_opening_is_refused(line: tuple[int, str]) -> None:
    first, _ = _port(line[1])
    second, _ = _port(line[1])
    drive(first.open())
    with pytest.raises(LinkLost, match="cannot be opened"):
        drive(second.open())
    drive(first.close())
    drive(second.open())
    drive(second.close())


def test_a_line_that_is_not_there_is_a_lost_link() -> None:
    port, _ = _port("/dev/no-such-line")
    with pytest.raises(LinkLost, match="no-such-line"):
        drive(port.open())


def test_settings_are_those_of_pyserial(line: tuple[int, str]) -> None:
    port, _ = _port(line[1], baudrate=230400, rtscts=True)
    drive(port.open())
    assert port._line is not None
    assert (port._line.baudrate, port._line.rtscts) == (230400, True)
    drive(port.close())


def test_silence_is_a_timeout_and_no_answer(line: tuple[int, str]) -> None:
    port, clock = _port(line[1])
    link = Link(port, clock)
    drive(link.open())
    with pytest.raises(LinkTimeout):
        drive(link.ask(b"x", Deadline("what never comes", slack_s=0.1)))
    drive(link.close())


def test_a_line_that_hangs_up_is_lost(line: tuple[int, str]) -> None:
    master, device = line
    port, _ = _port(device)
    drive(port.open())
    threading.Timer(0.1, os.close, (master,)).start()
    began = time.monotonic()
    with pytest.raises(LinkLost):
        drive(port.read(10.0))
    assert time.monotonic() - began < 1.0
    with pytest.raises(LinkLost):
        drive(port.write(b"x\n"))
    drive(port.close())


def test_a_waiting_read_is_interrupted_within_two_slices(line: tuple[int, str]) -> None:
    port, clock = _port(line[1])
    drive(port.open())
    threading.Timer(0.1, clock.interrupt).start()
    began = time.monotonic()
    with pytest.raises(Superseded):
        drive(port.read(10.0))
    assert time.monotonic() - began < 0.3
    drive(port.close())
