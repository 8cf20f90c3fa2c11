"""A port that misbehaves by a script: late, lost, duplicated, merged, split and garbled answers."""

import heapq
from collections.abc import Callable
from enum import Enum
from itertools import count

from labctl.clock import Clock
from labctl.errors import LinkLost
from labctl.link.memory import SimulatedPort


class Fault(Enum):
    """What happens to one answer."""

    LATE = "after the deadline"
    LOST = "never"
    DUPLICATED = "twice in one piece"
    ECHOED_LATER = "once more, a moment later"
    MERGED = "together with the next answer"
    SPLIT = "in two pieces"
    GARBLED = "with its middle replaced"
    HUNG_UP = "the connection ends instead"


class FaultyPort:
    """Hands bytes to a sans-IO instrument at once, and its answers on with faults.

    Args:
        connect: makes the instrument's end; called at each opening.
        clock: virtual time.
        fault: by number of the answer, counted from 0; None lets it pass.
        late_s: how late is late.
        keeps_answers: what is on its way survives closing and opening, as on a serial line.
    """

    name = "faulty"

    def __init__(
        self,
        connect: Callable[[], SimulatedPort],
        clock: Clock,
        fault: Callable[[int], Fault | None],
        late_s: float = 3.0,
        keeps_answers: bool = False,
    ) -> None:
        self.sent: list[bytes] = []
        self.answers = 0
        self.faults: list[Fault] = []
        self._connect = connect
        self._clock = clock
        self._fault = fault
        self._late_s = late_s
        self._keeps_answers = keeps_answers
        self._device: SimulatedPort | None = None
        self._coming: list[tuple[float, int, bytes]] = []
        self._order = count()
        self._held = b""

    async def open(self) -> None:
        await self.close()
        self._device = self._connect()

    async def close(self) -> None:
        if self._device is not None:
            self._device.close(self._clock.now())
        self._device = None
        if not self._keeps_answers:
            self._coming.clear()
            self._held = b""

    async def write(self, data: bytes) -> None:
        if self._device is None:
            raise LinkLost("not open", self.name)
        self.sent += data.splitlines()
        self._pass_on(self._device.receive(data, self._clock.now()))

    async def read(self, until_s: float) -> bytes:
        while True:
            if self._device is None:
                raise LinkLost("not open", self.name)
            now_s = self._clock.now()
            data = b""
            while self._coming and self._coming[0][0] <= now_s:
                data += heapq.heappop(self._coming)[2]
            if data:
                return data
            due_s = self._device.next_wake()
            times = [time_s for time_s in (due_s, self._coming[0][0] if self._coming else None) if time_s]
            next_s = min(times, default=until_s)
            if next_s > until_s or until_s <= now_s:
                await self._clock.sleep_until(until_s)
                return b""
            await self._clock.sleep_until(next_s)
            if due_s is not None and due_s <= self._clock.now():
                self._pass_on(self._device.wake(self._clock.now()))

    def _pass_on(self, answer: bytes) -> None:
        if not answer:
            return
        fault = self._fault(self.answers)
        self.answers += 1
        if fault is not None:
            self.faults.append(fault)
        answer, self._held = self._held + answer, b""
        match fault:
            case None:
                self._send(0.0, answer)
            case Fault.LATE:
                self._send(self._late_s, answer)
            case Fault.LOST:
                pass
            case Fault.DUPLICATED:
                self._send(0.0, answer + answer)
            case Fault.ECHOED_LATER:
                self._send(0.0, answer)
                self._send(0.02, answer)
            case Fault.MERGED:
                self._held = answer
            case Fault.SPLIT:
                self._send(0.0, answer[: len(answer) // 2])
                self._send(0.01, answer[len(answer) // 2 :])
            case Fault.GARBLED:
                self._send(0.0, answer[:1] + b"\x00\xff" + answer[3:])
            case Fault.HUNG_UP:
                self._device = None

    def _send(self, delay_s: float, data: bytes) -> None:
        heapq.heappush(self._coming, (self._clock.now() + delay_s, next(self._order), data))
