"""A serial line through pyserial."""

import contextlib
from collections.abc import Mapping

import serial

from labctl.clock import ThreadClock
from labctl.link.blocking import SLICE_S, BlockingPort
from labctl.link.second import second_of

try:
    from termios import error as _terminal_error
except ImportError:  # not POSIX

    class _terminal_error(Exception):  # type: ignore[no-redef]  # noqa: N801
        """Never raised here."""


_WRITE_S = 2.0


class SerialPort(BlockingPort):
    """One serial line, opened exclusively.

    Args:
        device: ``/dev/ttyACM0``, ``COM3``.
        clock: the time of the thread that owns the port.
        settings: as pyserial names them (``baudrate``, ``rtscts`` ...).
    """

    losses = (OSError, _terminal_error)  # pyserial's own exception is an OSError

    def __init__(self, device: str, clock: ThreadClock, settings: Mapping[str, object]) -> None:
        super().__init__(device, clock)
        self._settings = dict(settings)
        self._line: serial.Serial | None = None

    def beside(self, resource: str) -> "SerialPort":
        """The instrument's second port: the other line of the same USB device, if it is not named."""
        device = second_of(self.name, resource).removeprefix("serial://")
        return SerialPort(device, self._clock, self._settings)

    def _open(self) -> None:
        self._line = serial.Serial(
            self.name, timeout=SLICE_S, write_timeout=_WRITE_S, exclusive=True, **self._settings
        )
        self._line.reset_input_buffer()

    def _write(self, data: bytes) -> None:
        self._opened().write(data)

    def _poll(self, wait_s: float) -> bytes:
        return poll_line(self._opened(), wait_s)

    def _close(self) -> None:
        if self._line is not None:
            with contextlib.suppress(*self.losses):
                self._line.close()
            self._line = None

    def _opened(self) -> serial.Serial:
        if self._line is None:
            raise OSError("the port is not open")
        return self._line


def poll_line(line: serial.Serial, wait_s: float) -> bytes:
    """What has come on an open line whose timeout is one slice.

    An empty read is no data, not a line's end; a line that has hung up says so with an exception.
    """
    if not line.in_waiting:
        if wait_s <= 0.0 or not (first := line.read(1)):
            return b""
        return bytes(first + line.read(line.in_waiting))
    return bytes(line.read(line.in_waiting))
