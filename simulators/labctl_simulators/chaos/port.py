"""One connection to a troubled instrument: bytes pass in both directions, or do not."""

from random import Random
from typing import TYPE_CHECKING

from labctl_simulators.chaos.answers import Answers
from labctl_simulators.chaos.kinds import MEANINGS, Kind, When
from labctl_simulators.firmware import WirePort

if TYPE_CHECKING:
    from labctl_simulators.chaos.device import ChaosDevice


class ChaosPort:
    """A connection whose answers and input suffer the faults of its device.

    Args:
        device: whose faults act here.
        wire: the instrument's end of this connection.
        number: of the connection, for its own randomness.
    """

    def __init__(self, device: "ChaosDevice", wire: WirePort, number: int) -> None:
        self.half_open = self.ends_in_next = self.drops_next = False
        self._device = device
        self._wire = wire
        self._lost: type[ConnectionError] | None = None

        def stream(name: str) -> Random:
            return device.stream(f"{name} {number}")

        on_answers = tuple(fault for fault in device.faults if MEANINGS[fault.kind].when is When.ANSWER)
        self._answers = Answers(on_answers, stream, device.count)
        self._unheeded = [(f, stream(f.kind)) for f in device.faults if f.kind is Kind.NOT_EXECUTED]

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived and answer.

        Raises:
            ConnectionResetError: the connection was reset.
            ConnectionAbortedError: it was ended.
        """
        self._begin(now_s)
        if self.half_open:
            return b""
        if self._device.acting(Kind.ECHO):
            self._answers.send(data, now_s)
        if self._is_heeded(now_s):
            self._pass_on(self._wire.receive(data, self._device.own_s(now_s)), now_s)
        return self._arrived(now_s)

    def next_wake(self) -> float | None:
        """When something arrives, is due in the instrument, or happens to it."""
        device = self._device
        if self._lost is not None or device.acting(Kind.GONE):
            return device.now_s
        due = [device.next_s(), self._answers.next_s()]
        own_s = None if self.half_open else self._wire.next_wake()
        due.append(None if own_s is None else device.outer_s(own_s))
        return min((time_s for time_s in due if time_s is not None), default=None)

    def wake(self, now_s: float) -> bytes:
        """Do what is due.

        Raises:
            ConnectionError: as ``receive``.
        """
        self._begin(now_s)
        self.run_to(now_s)
        return self._arrived(now_s)

    def close(self, now_s: float) -> None:
        """The peer is gone."""
        self._device.forget(self)
        if self._lost is None:
            self._wire.close(self._device.own_s(now_s))

    def run_to(self, now_s: float) -> None:
        """Let the instrument do what is due, and put what it sends on its way."""
        self._pass_on(self._wire.wake(self._device.own_s(now_s)), now_s)

    def lose(self, how: type[ConnectionError], now_s: float) -> None:
        """The connection is gone; the peer is told when it looks."""
        self._device.forget(self)
        self._wire.close(self._device.own_s(now_s))
        self._lost = how

    def intrude(self, data: bytes, now_s: float) -> None:
        """Another program writes into the same line."""
        self._pass_on(self._wire.receive(data, self._device.own_s(now_s)), now_s)

    def _is_heeded(self, now_s: float) -> bool:
        for fault, random in self._unheeded:
            if random.random() < fault.value and fault.acts_at(now_s):
                self._device.count(fault.kind)
                return False
        return True

    def _pass_on(self, output: bytes, now_s: float) -> None:
        if not output or self.half_open or self._device.acting(Kind.MUTE):
            return
        if self.drops_next:
            self.drops_next = False
            return
        if self.ends_in_next:
            self._answers.send(output[: len(output) // 2], now_s)
            self.lose(ConnectionAbortedError, now_s)
            return
        self._answers.send(output, now_s)

    def _arrived(self, now_s: float) -> bytes:
        return self._answers.take(now_s)

    def _begin(self, now_s: float) -> None:
        """Let happen what is due, which may have been the end of this connection."""
        self._device.advance(now_s)
        if self._lost is None and self._device.acting(Kind.GONE):
            self.lose(ConnectionResetError, now_s)
        if self._lost is not None:
            raise self._lost("the simulated connection is gone")
