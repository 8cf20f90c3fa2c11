"""A connection to an instrument that does one thing after the other, each taking its time.

A line is executed at once and whole, and moves the instrument's own time forward by what it takes; its answer leaves
when that time has come, and what arrived meanwhile waits. So a reading of 33 ms is asked for, is known here at once,
and is heard of 33 ms later.
"""

from typing import Protocol

from labctl_simulators.firmware.scpi import LineBuffer


class Interpreter(Protocol):
    """An instrument with one command interpreter."""

    now_s: float
    """Up to when it has lived; ahead of the caller's time while it executes."""

    def run_until(self, now_s: float) -> None:
        """Do what is due by itself up to ``now_s``."""
        ...

    def waits_until(self, line: bytes) -> float:
        """When it is ready to execute ``line``."""
        ...

    def execute(self, line: bytes) -> str:
        """Execute a line; the answer with its line ends, or nothing."""
        ...

    def overrun(self) -> None:
        """A line was dropped because it does not fit."""
        ...


class TurnPort:
    """One connection to an ``Interpreter``."""

    def __init__(self, device: Interpreter) -> None:
        self._device = device
        self._lines = LineBuffer()
        self._line: bytes | None = None
        self._answer = b""
        self._answer_s = 0.0

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived, execute what can be, and answer what is done."""
        for _ in range(self._lines.feed(data)):
            self._device.overrun()
        return self.wake(now_s)

    def next_wake(self) -> float | None:
        """When an answer is due or a waiting line can be executed."""
        if self._answer:
            return self._answer_s
        if self._line is not None:
            return max(self._device.now_s, self._device.waits_until(self._line))
        return self._device.now_s if self._lines.has_line else None

    def wake(self, now_s: float) -> bytes:
        """Go on as far as ``now_s`` allows, and return what has been said by then."""
        device, said = self._device, b""
        device.run_until(now_s)
        while True:
            if self._answer:
                if self._answer_s > now_s:
                    return said
                said, self._answer = said + self._answer, b""
            if self._line is None:
                self._line = self._lines.pop()
            if self._line is None or max(device.now_s, device.waits_until(self._line)) > now_s:
                return said
            line, self._line = self._line, None
            self._answer, self._answer_s = device.execute(line).encode("latin-1"), device.now_s

    def clear(self) -> None:
        """Device clear: forget input and unread answers."""
        self._lines.clear()
        self._line, self._answer = None, b""

    def close(self, now_s: float) -> None:
        """The peer is gone; the instrument goes on as it is."""
        self._device.run_until(now_s)
        self.clear()
