"""A connection to a simulated Solartron instrument: two-letter commands in, answers and results out when ready.

Commands are two letters and a number, in any case, blanks free; ``;`` and line ends separate them (Assumed: ``;``).
What an instrument measures comes out by itself, on the connection that asked for it.
"""

import re
from typing import Protocol

from labctl_simulators.firmware.scpi import LineBuffer

_COMMAND = re.compile(r"\s*(\?\s*[A-Z]{2}|\*IDN\?|[A-Z]{2})\s*(.*?)\s*\Z", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"[+-]?([0-9]{1,12}\.?[0-9]{0,12}|\.[0-9]{1,12})(E[+-]?[0-9]{1,2})?\Z", re.IGNORECASE)
_MOST_WAITING_BYTES = 4096


class Refused(Exception):
    """A command that is not carried out; its argument is the number of the error."""


class Instrument(Protocol):
    """What a port speaks for."""

    def run_until(self, now_s: float) -> None:
        """Live until then; results are put into the port that asked."""
        ...

    def next_change_s(self) -> float | None:
        """When something is ready or due."""
        ...

    def execute(self, port: "SolartronPort", name: str, arguments: list[float]) -> str | None:
        """Carry out a command; the answer to a query."""
        ...

    def fail(self, error: int) -> None:
        """A command was wrong."""
        ...


BAD_COMMAND, BAD_NUMBER = 1, 2
"""Assumed: the manuals' lists of error numbers are not at hand."""


class SolartronPort:
    """One connection."""

    def __init__(self, device: Instrument) -> None:
        self._device = device
        self._lines = LineBuffer()
        self._waiting = b""

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived and answer."""
        self._device.run_until(now_s)
        for _ in range(self._lines.feed(data)):
            self._device.fail(BAD_COMMAND)
        while (line := self._lines.pop()) is not None:
            for text in line.decode("latin-1").split(";"):
                if text.strip():
                    self._execute(text)
        return self._take()

    def next_wake(self) -> float | None:
        """When the instrument has something to do."""
        return self._device.next_change_s()

    def wake(self, now_s: float) -> bytes:
        """What is ready by now."""
        self._device.run_until(now_s)
        return self._take()

    def close(self, now_s: float) -> None:
        """The peer is gone; the instrument goes on as it is."""
        self._device.run_until(now_s)
        self.clear()

    def clear(self) -> None:
        """Device clear: forget input and unread results."""
        self._lines.clear()
        self._waiting = b""

    def put(self, text: str) -> None:
        """A result; of those that nobody reads the oldest are lost."""
        self._waiting = (self._waiting + text.encode("ascii") + b"\r\n")[-_MOST_WAITING_BYTES:]

    def _execute(self, text: str) -> None:
        match = _COMMAND.match(text)
        if match is None:
            self._device.fail(BAD_COMMAND)
            return
        words = [word.strip() for word in match[2].split(",")] if match[2] else []
        if not all(_NUMBER.match(word) for word in words):
            self._device.fail(BAD_NUMBER)
            return
        try:
            answer = self._device.execute(
                self, match[1].upper().replace(" ", ""), [float(word) for word in words]
            )
        except Refused as error:
            self._device.fail(error.args[0])
            return
        if answer is not None:
            self.put(answer)

    def _take(self) -> bytes:
        out, self._waiting = self._waiting, b""
        return out
