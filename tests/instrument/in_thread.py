"""A blocking port to a simulated instrument in this process, on which single answers can be held back."""

import threading
from collections.abc import Callable

from labctl.clock import ThreadClock
from labctl.link.blocking import BlockingPort
from labctl.link.memory import SimulatedPort


class InThreadPort(BlockingPort):
    """Bytes to and from sans-IO firmware, in the thread that owns the port.

    Attributes:
        heard: every line that reached the instrument, in order.
        hold: called with each line before it reaches the instrument; True holds its answer back until ``go_on``.
        holding: set while an answer is held back.
        go_on: set it to let answers through again.
    """

    def __init__(self, connect: Callable[[], SimulatedPort], clock: ThreadClock) -> None:
        super().__init__("in thread", clock)
        self.heard: list[bytes] = []
        self.hold: Callable[[bytes], bool] = lambda line: False
        self.holding = threading.Event()
        self.go_on = threading.Event()
        self._connect = connect
        self._device: SimulatedPort | None = None
        self._arrived = b""
        self._held = b""
        self._holds = False

    def _open(self) -> None:
        self._device = self._connect()
        self._arrived = self._held = b""

    def _write(self, data: bytes) -> None:
        if self._device is None:
            raise OSError("not open")
        for line in data.splitlines():
            self._holds = self.hold(line)
            self.heard.append(line)
            answer = self._device.receive(line + b"\n", self._clock.now())
            if self._holds:
                self._held += answer
                self.holding.set()
            else:
                self._arrived += answer

    def _poll(self, wait_s: float) -> bytes:
        if self._device is None:
            raise OSError("not open")
        if self._held and self.go_on.is_set():
            self._arrived, self._held = self._held + self._arrived, b""
        answer = self._device.wake(self._clock.now())
        if self._holds:
            self._held += answer
        else:
            self._arrived += answer
        if not self._arrived and wait_s > 0.0:
            self._clock.pause(min(wait_s, 0.002))
        data, self._arrived = self._arrived, b""
        return data

    def _close(self) -> None:
        if self._device is not None:
            self._device.close(self._clock.now())
        self._device = None
