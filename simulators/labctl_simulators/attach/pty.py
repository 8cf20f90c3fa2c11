"""A simulated instrument on a pseudo-terminal: what a serial port looks like to VISA or pyserial.

Both ends are raw. The client's end is also held open here, so that a client may close and come back without
end-of-file or EIO in between. As on a serial line without handshake, output that nobody takes is lost once
``MOST_PENDING_BYTES`` wait (an answer once begun is kept whole). While output waits no input is taken. An instrument
with a second line has a second pseudo-terminal.
"""

import asyncio
import os
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from labctl_simulators.attach.scaled_time import ScaledTime
from labctl_simulators.firmware import Device, TwoLines, WirePort

MOST_PENDING_BYTES = 1_000_000
SECOND = "-data"
"""What is added to the path of a link for the second line."""

_READ_BYTES = 65_536


class _Line:
    """The device's end of the line."""

    def __init__(self, port: WirePort, time: ScaledTime, master: int, lines: list["_Line"]) -> None:
        self._port = port
        self._time = time
        self._master = master
        self._lines = lines
        self._pending = bytearray()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.lost = self._loop.create_future()
        self._loop.add_reader(master, self._readable)
        lines.append(self)
        self.arm()

    def close(self) -> None:
        """Take the line off the loop."""
        self._leave_loop()
        self._port.close(self._time.now_s())

    def hang_up(self) -> None:
        """The device has lost it."""
        self._leave_loop()
        if not self.lost.done():
            self.lost.set_result(None)

    def _leave_loop(self) -> None:
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        if self._timer is not None:
            self._timer.cancel()

    def _readable(self) -> None:
        try:
            data = os.read(self._master, _READ_BYTES)
        except BlockingIOError:
            return
        self._pass_on(self._port.receive, data, self._time.now_s())

    def arm(self) -> None:
        """Set the timer to when the port wants to be woken."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_s = self._port.next_wake()
        if due_s is not None:
            self._timer = self._loop.call_later(self._time.real_seconds_until(due_s), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._pass_on(self._port.wake, self._time.now_s())

    def _pass_on(self, ask: Callable[..., bytes], *arguments: object) -> None:
        """Send what the port answers; where it says so, the line is lost instead."""
        try:
            self._send(ask(*arguments))
        except ConnectionError:
            for line in self._lines:
                line.hang_up()
        else:
            for line in self._lines:  # what comes in on one may let another speak
                line.arm()

    def _send(self, data: bytes) -> None:
        if len(self._pending) < MOST_PENDING_BYTES:
            self._pending += data
        self._write()

    def _write(self) -> None:
        """Write what the line takes; wait for the rest, and take no input meanwhile."""
        try:
            while self._pending:
                del self._pending[: os.write(self._master, self._pending)]
        except BlockingIOError:
            self._loop.remove_reader(self._master)
            self._loop.add_writer(self._master, self._write)
            return
        self._loop.remove_writer(self._master)
        self._loop.add_reader(self._master, self._readable)


def _make_link(name: str, link: str) -> None:
    """Point ``link`` at the client's end; a link left by an earlier run is replaced."""
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(name, link)


async def serve(
    device: Device, *, link: str | None = None, speed: float = 1.0, ready: Callable[[str], None]
) -> None:
    """Serve a device until cancelled.

    A line that the device loses (faults are injected so) hangs up, and comes again as another pseudo-terminal.

    Args:
        device: a device of its own; it belongs to this line from now on.
        link: path of a symbolic link to make to the client's end, removed at the end.
        speed: simulated seconds in one real second.
        ready: called with the VISA resource string, once for each pseudo-terminal.

    Raises:
        FileExistsError: ``link`` exists and is not a symbolic link.
    """
    time = ScaledTime(speed)
    while True:
        await _serve_one(device, time, link, ready)


async def _serve_one(
    device: Device, time: ScaledTime, link: str | None, ready: Callable[[str], None]
) -> None:
    """Serve on pseudo-terminals, one for each line, until the device loses them."""
    lines: list[_Line] = []
    with ExitStack() as stack:
        first, name = stack.enter_context(_pair(link))
        second, second_name = -1, ""
        if isinstance(device, TwoLines):
            second, second_name = stack.enter_context(_pair(link and f"{link}{SECOND}"))
        try:
            _Line(device.port(), time, first, lines)
            if isinstance(device, TwoLines):
                _Line(device.second_port(), time, second, lines)
            for each in filter(None, (name, second_name)):
                ready(f"ASRL{each}::INSTR")
            await lines[0].lost
        finally:
            for line in lines:
                line.close()


@contextmanager
def _pair(link: str | None) -> Iterator[tuple[int, str]]:
    """The device's end of a pseudo-terminal, and the name of the client's."""
    master, client_end = os.openpty()
    made_link = False
    try:
        tty.setraw(master)
        tty.setraw(client_end)
        os.set_blocking(master, False)
        name = os.ttyname(client_end)
        if link is not None:
            _make_link(name, link)
            made_link = True
        yield master, link or name
    finally:
        if made_link and link is not None:
            os.unlink(link)
        os.close(client_end)
        os.close(master)
