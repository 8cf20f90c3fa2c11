"""What happens to answers on their way: late, lost, twice, merged, split, garbled, ended wrongly. Order is kept."""

from collections import deque
from collections.abc import Callable
from random import Random

from labctl_simulators.chaos.kinds import Kind
from labctl_simulators.chaos.spec import Fault

TIMEOUT_S = 2.0
"""What clients usually allow for an answer; lateness is measured by it."""

_SOON_S = 0.5
_LINE_FEED = b"\n"
_ENDINGS = (b"\r", b"\n\r", b"")
_NOISE = bytes((*range(0x0A), *range(0x0B, 0x20), *range(0x7F, 0x100)))


class Answers:
    """The way from the instrument to one peer: a stream, so nothing overtakes.

    Args:
        faults: those of this way, each with a probability.
        stream: a source of randomness for each kind, so that one fault does not shift another.
        count: told of each fault that happens.
    """

    def __init__(
        self, faults: tuple[Fault, ...], stream: Callable[[str], Random], count: Callable[[Kind], None]
    ) -> None:
        self._faults = [(fault, stream(f"{fault.kind} whether"), stream(fault.kind)) for fault in faults]
        self._count = count
        self._coming: deque[tuple[float, bytes]] = deque()
        self._held = b""

    def send(self, output: bytes, now_s: float) -> None:
        """Put what the instrument sends on its way, line by line."""
        for line in output.splitlines(keepends=True) if self._faults else (output,):
            self._send_line(line, now_s)

    def take(self, now_s: float) -> bytes:
        """What has arrived by now."""
        data = b""
        while self._coming and self._coming[0][0] <= now_s:
            data += self._coming.popleft()[1]
        return data

    def next_s(self) -> float | None:
        """When the next piece arrives."""
        return self._coming[0][0] if self._coming else None

    def _send_line(self, line: bytes, now_s: float) -> None:
        for fault, whether, random in self._faults:
            happens = whether.random() < fault.value  # drawn at each line, so that times do not shift it
            if happens and line and fault.acts_at(now_s):
                self._count(fault.kind)
                self._spoil(fault.kind, line, now_s, random)
                return
        self._put(now_s, line)

    def _spoil(self, kind: Kind, line: bytes, now_s: float, random: Random) -> None:
        match kind:
            case Kind.LATE:
                self._put(now_s + TIMEOUT_S * random.uniform(0.5, 3.0), line)
            case Kind.LOST:
                pass
            case Kind.DUPLICATED:
                self._put(now_s, line)
                self._put(now_s + random.choice((0.0, random.uniform(0.0, _SOON_S))), line)
            case Kind.MERGED:
                self._held += line if random.random() < 0.5 else line.rstrip(_LINE_FEED)
            case Kind.SPLIT:
                cut = random.randrange(len(line))
                self._put(now_s, line[:cut])
                self._put(now_s + random.uniform(0.0, _SOON_S), line[cut:])
            case Kind.GARBLED:
                self._put(now_s, _garbled(line, random))
            case Kind.TERMINATOR:
                self._put(now_s, line.rstrip(_LINE_FEED) + random.choice(_ENDINGS))
            case _:
                raise ValueError(f"{kind} does not happen to answers")

    def _put(self, due_s: float, data: bytes) -> None:
        data, self._held = self._held + data, b""
        if data:
            self._coming.append((max(due_s, self._coming[-1][0]) if self._coming else due_s, data))


def _garbled(line: bytes, random: Random) -> bytes:
    spoilt = bytearray(line)
    for _ in range(random.randint(1, 4)):
        spoilt[random.randrange(max(len(line) - 1, 1))] = random.choice(_NOISE)
    return bytes(spoilt)
