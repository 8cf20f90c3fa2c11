"""The two lines of the simulated Zahner potentiostats: text on the one, packets on the other."""

from __future__ import annotations

from typing import Protocol

from .scpi import LineBuffer


class Instrument(Protocol):
    """What both lines lead to."""

    now_s: float
    """Up to when it has lived."""

    @property
    def due_s(self) -> float | None:
        """When something happens by itself."""
        ...

    @property
    def data_identity(self) -> bytes:
        """What the data line calls itself."""
        ...

    def run_until(self, now_s: float) -> None:
        """Do what is due by then."""
        ...

    def take(self, line: str, asker: CommandPort) -> None:
        """A line has arrived on the command line."""
        ...

    def leave(self, port: CommandPort | DataPort) -> None:
        """A peer is gone."""
        ...

    def second_port(self) -> DataPort:
        """A connection to the data line."""
        ...


class _Line:
    """One of the two lines.

    Attributes:
        said: what has not left yet.
        lost: the instrument has gone; the attachment ends the connection.
    """

    def __init__(self, device: Instrument) -> None:
        self.said = b""
        self.lost = False
        self._device = device
        self._lines = LineBuffer()

    def next_wake(self) -> float | None:
        """At once where something waits to be sent, else with the instrument."""
        return self._device.now_s if self.said or self.lost else self._device.due_s

    def wake(self, now_s: float) -> bytes:
        """Let the instrument live, and send what there is."""
        self._device.run_until(now_s)
        said, self.said = self.said, b""
        if self.lost and not said:
            raise ConnectionResetError("the instrument restarts")
        return said

    def close(self, now_s: float) -> None:
        """The peer is gone."""
        self._device.run_until(now_s)
        self.said = b""
        self._lines.clear()

    def _taken(self, data: bytes) -> list[str]:
        self._lines.feed(data)
        lines = []
        while (line := self._lines.pop()) is not None:
            lines.append(line.decode("latin-1").strip())
        return lines


class CommandPort(_Line):
    """A connection to the command line."""

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived, and answer what is done by now."""
        self._device.run_until(now_s)
        for line in self._taken(data):
            self._device.take(line, self)
        return self.wake(now_s)

    def answer(self, text: str) -> None:
        """Say a line."""
        self.said += text.encode() + b"\n"

    def close(self, now_s: float) -> None:
        """The peer is gone."""
        super().close(now_s)
        self._device.leave(self)

    def beside(self) -> DataPort:
        """A connection to the data line."""
        return self._device.second_port()


class DataPort(_Line):
    """A connection to the data line."""

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Only its identity can be asked for."""
        self._device.run_until(now_s)
        for line in self._taken(data):
            if line.upper() == "*IDN?":
                self.said += self._device.data_identity
        return self.wake(now_s)

    def close(self, now_s: float) -> None:
        """The peer is gone."""
        super().close(now_s)
        self._device.leave(self)
