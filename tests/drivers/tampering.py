"""Stands between a driver and a simulated instrument, and answers, swallows or passes on each line."""

from collections.abc import Callable

from labctl.link.memory import SimulatedPort

Tamper = Callable[[bytes], bytes | None]


class Tampered:
    """A connection on which single lines are tampered with.

    Args:
        inner: the simulated instrument's end.
        tamper: by line: None passes it on, bytes answer in the instrument's place (``b""``: it never hears of it).
        heard: every line that arrived, in order.
    """

    def __init__(self, inner: SimulatedPort, tamper: Tamper, heard: list[bytes]) -> None:
        self._inner = inner
        self._tamper = tamper
        self._heard = heard

    def receive(self, data: bytes, now_s: float) -> bytes:
        out = b""
        for line in data.splitlines():
            self._heard.append(line)
            answer = self._tamper(line)
            out += self._inner.receive(line + b"\n", now_s) if answer is None else answer
        return out

    def next_wake(self) -> float | None:
        return self._inner.next_wake()

    def wake(self, now_s: float) -> bytes:
        return self._inner.wake(now_s)

    def close(self, now_s: float) -> None:
        self._inner.close(now_s)
