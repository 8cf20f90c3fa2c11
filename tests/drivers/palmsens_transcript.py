"""A fake PalmSens instrument that plays a transcript: what must be sent, and what it answers, at once or later."""

from typing import NamedTuple

from labctl.errors import LinkLost

SCRIPT = b"<script>"
"""In a transcript: any script, from its ``e`` to the empty line."""

LOST = b"<lost>"
"""In a transcript: the cable is pulled."""

IDENTIFY = [
    (b"\n", b"\n"),
    (b"Z\n", b"Z!0006\n"),
    (b"t\n", b"tes4_hr1400#Oct  1 2026 12:00:00\nR*\n"),
    (b"CM\n", b"CM%X\n" % (1 << 28 | 1 << 30 | 1 << 31 | 1 << 32 | 1 << 67 | 1 << 70)),
    (b"i\n", b"iES4HR0042\n"),
    (b"v\n", b"v1.8\n"),
]
ABORT_IDLE = [(b"\n", b"\n"), (b"Z\n", b"Z!0006\n")]
PROOF = (SCRIPT, b"e\nM000B\nPab8000000 ,14,205,40\n*\n\n")
OFF = b"e\nset_pgstat_chan 0\ncell_off\nset_pgstat_mode 3\n\n"
MAKE_SAFE = [*ABORT_IDLE, (OFF, b"e\n\n"), PROOF]


def pack(value: float) -> bytes:
    """Write a package value as the manual describes: the finest prefix whose integer fits into 28 bits."""
    for prefix, exponent in zip(b"afpnum kMGTPE", range(-18, 19, 3), strict=True):
        number = round(value / 10.0**exponent) if exponent > 0 else round(value * 10.0**-exponent)
        if abs(number) < 0x8000000:
            return b"%07X%c" % (number + 0x8000000, prefix)
    raise ValueError(value)


def package(time_s: float, voltage_V: float, current_A: float, mark: int = 0) -> bytes:
    """A step's package line."""
    last = b";ja%07Xi" % (0x8000000 + mark) if mark else b""
    voltage, current = pack(voltage_V), pack(current_A)
    return b"Peb%b;ab%b,10,206,40;ba%b,10,218,40%b\n" % (pack(time_s), voltage, current, last)


class Exchange(NamedTuple):
    """What must be sent, what comes at once, and what comes so many seconds later."""

    sent: bytes
    answer: bytes
    later: tuple[tuple[float, bytes], ...] = ()


class Transcript:
    """Plays exchanges in order, over as many connections as are made; anything else sent is an error.

    Args:
        exchanges: ``(sent, answer)`` or ``(sent, answer, ((delay_s, bytes), ...))``.
        chunk: answers are handed over in pieces of this many bytes; 0: as they are.
    """

    def __init__(self, *exchanges: tuple[object, ...], chunk: int = 0) -> None:
        self._exchanges = [Exchange(*exchange) for exchange in exchanges]  # type: ignore[arg-type]
        self._chunk = chunk
        self._input = b""
        self._due: list[tuple[float, bytes]] = []
        self.sent: list[bytes] = []

    def receive(self, data: bytes, now_s: float) -> bytes:
        self._input += data
        answer = b""
        while self._exchanges and (part := self._take()) is not None:
            exchange = self._exchanges.pop(0)
            assert exchange.sent in (part, SCRIPT if part.startswith(b"e\n") else part), (part, exchange.sent)
            self.sent.append(part)
            answer += exchange.answer
            self._due += [(now_s + delay_s, text) for delay_s, text in exchange.later]
        assert not self._input, f"sent unexpectedly: {self._input!r}"
        if not self._chunk:
            return answer
        self._due = [
            (now_s, answer[k : k + self._chunk]) for k in range(0, len(answer), self._chunk)
        ] + self._due
        return b""

    def _take(self) -> bytes | None:
        end = b"\n\n" if self._input.startswith(b"e\n") else b"\n"
        head, found, rest = self._input.partition(end)
        if not found:
            return None
        self._input = rest
        return head + found

    def next_wake(self) -> float | None:
        return self._due[0][0] if self._due else None

    def wake(self, now_s: float) -> bytes:
        _, text = self._due.pop(0)
        if text == LOST:
            raise LinkLost("unplugged")
        if self._chunk and len(text) > self._chunk:
            self._due.insert(0, (now_s, text[self._chunk :]))
        return text[: self._chunk] if self._chunk else text

    def close(self, now_s: float) -> None:
        pass

    def done(self) -> bool:
        """Everything was sent, and everything that was to come has come."""
        return not self._exchanges and not self._due
