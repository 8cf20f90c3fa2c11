"""Simulated instruments as sans-IO firmware: bytes in, bytes out, time as an argument."""

from typing import Protocol, runtime_checkable


class WirePort(Protocol):
    """One connection to a device: any split of the input gives the same output.

    Where faults are injected, ``receive`` and ``wake`` raise ConnectionResetError or ConnectionAbortedError: an
    attachment resets or ends its connection then.
    """

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived at ``now_s`` (never earlier than any time given before) and answer."""
        ...

    def next_wake(self) -> float | None:
        """When this port wants ``wake`` called although nothing arrives; None if nothing is due."""
        ...

    def wake(self, now_s: float) -> bytes:
        """Do what is due at ``now_s`` (samples, limits, end of a sweep) and return the bytes to send."""
        ...

    def close(self, now_s: float) -> None:
        """The peer is gone: forget this connection's input and unread output; the device goes on."""
        ...


class Device(Protocol):
    """A simulated instrument with one cell connected to it."""

    def port(self) -> WirePort:
        """A further connection; an instrument with one line only refuses a second with ConnectionRefusedError."""
        ...

    @property
    def circuit_closed(self) -> bool:
        """True while the instrument's output relay connects the cell: the truth that tests assert on."""
        ...


@runtime_checkable
class TwoLines(Protocol):
    """A device with a second line beside its first: attachments serve both."""

    def second_port(self) -> WirePort:
        """A connection on the second line; see ``Device.port``."""
        ...
