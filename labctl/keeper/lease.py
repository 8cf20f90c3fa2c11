"""The lease: for how long a circuit may stay closed, and what alone prolongs it."""

import math


class Lease:
    """Energised is a lease, never a state. Times are those of one monotonic clock, as arguments.

    Only a completed tick prolongs the lease, and it counts from when that tick was sent: an answer that was under way
    for long, or that comes twice, prolongs nothing beyond. Between two steps nobody looks at readings, so there the
    lease has an end that no tick moves.

    Args:
        ttl_s: how long it lives after the sending of the last completed tick.
        idle_s: the longest time between two steps.
    """

    def __init__(self, ttl_s: float, idle_s: float) -> None:
        self.ttl_s = ttl_s
        self._idle_s = idle_s
        self._expires_s: float | None = None
        self._latest_s = math.inf
        self._number = 0
        self._sent: dict[int, float] = {}

    @property
    def held(self) -> bool:
        """Whether the circuit may be closed, unless the lease has expired."""
        return self._expires_s is not None

    def expires_s(self) -> float:
        """When it ends if nothing more happens; infinity if there is none."""
        return math.inf if self._expires_s is None else min(self._expires_s, self._latest_s)

    def grant(self, now_s: float) -> None:
        """A step begins: whoever decided that has just been alive."""
        self._expires_s = now_s + self.ttl_s
        self._latest_s = math.inf
        self._sent.clear()

    def idle(self, now_s: float) -> None:
        """A step is over; the next may follow."""
        if self.held:
            self._latest_s = now_s + self._idle_s

    def end(self) -> None:
        """The circuit is being opened; ticks that are still under way prolong nothing."""
        self._expires_s = None
        self._sent.clear()

    def tick(self, now_s: float) -> int:
        """The number of a tick that is sent now."""
        self._number += 1
        self._sent[self._number] = now_s
        return self._number

    def complete(self, number: int, now_s: float) -> bool:
        """A tick has been completed, and with it all before; whether that counts: a repeated one changes nothing."""
        sent_s = self._sent.get(number)
        if sent_s is None or self._expires_s is None or now_s >= self.expires_s():
            return False
        self._expires_s = max(self._expires_s, sent_s + self.ttl_s)
        self._sent = {later: when for later, when in self._sent.items() if later > number}
        return True
