"""A port in memory that remembers what has left it."""

from collections.abc import Callable

from labctl.clock import Clock
from labctl.link.memory import MemoryPort, SimulatedPort


class ListeningPort(MemoryPort):
    """Remembers every line that left."""

    def __init__(self, connect: Callable[[], SimulatedPort], clock: Clock) -> None:
        super().__init__(connect, clock)
        self.sent: list[bytes] = []

    async def write(self, data: bytes) -> None:
        self.sent += data.splitlines()
        await super().write(data)
