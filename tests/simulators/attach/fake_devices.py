"""Devices that are simple enough to see what an attachment does to them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Ready = Callable[[str], None]


class EchoPort:
    """Answers each line with its upper case after ``delay_s`` of simulated time; ``FLOOD`` answers a lot."""

    def __init__(self, device: "EchoDevice") -> None:
        self.device = device
        self.input = b""
        self.waiting: list[tuple[float, bytes]] = []

    def receive(self, data: bytes, now_s: float) -> bytes:
        self.device.saw(now_s)
        *lines, self.input = (self.input + data).split(b"\n")
        for line in lines:
            answer = b"x" * 1_000_000 if line == b"FLOOD" else line.upper()
            self.waiting.append((now_s + self.device.delay_s, answer + b"\n"))
        return self.due(now_s)

    def next_wake(self) -> float | None:
        return min((time_s for time_s, _ in self.waiting), default=self.device.tick_s)

    def wake(self, now_s: float) -> bytes:
        self.device.saw(now_s)
        if self.device.tick_s is not None and self.device.tick_s <= now_s:
            self.device.ticks += 1
            self.device.tick_s += 1.0
            return self.device.tick_output + self.due(now_s)
        return self.due(now_s)

    def due(self, now_s: float) -> bytes:
        done = b"".join(answer for time_s, answer in self.waiting if time_s <= now_s)
        self.waiting = [item for item in self.waiting if item[0] > now_s]
        return done

    def close(self, now_s: float) -> None:
        self.device.saw(now_s)
        self.device.open_ports -= 1


class EchoDevice:
    """``tick_s`` is a time at which it wants to be woken whoever is connected, and again each second."""

    circuit_closed = False

    def __init__(
        self,
        delay_s: float = 0.0,
        *,
        ports: int = 1000,
        tick_s: float | None = None,
        tick_output: bytes = b"",
    ) -> None:
        self.delay_s = delay_s
        self.ports = ports
        self.tick_s = tick_s
        self.tick_output = tick_output
        self.ticks = 0
        self.open_ports = 0
        self.last_s = 0.0

    def port(self) -> EchoPort:
        if self.open_ports >= self.ports:
            raise ConnectionRefusedError("one line only")
        self.open_ports += 1
        return EchoPort(self)

    def saw(self, now_s: float) -> None:
        assert now_s >= self.last_s, "time went backwards"
        self.last_s = now_s


@asynccontextmanager
async def served(start: Callable[[Ready], Awaitable[None]]) -> AsyncIterator[str]:
    """Run ``start(ready)`` beside the body; gives the resource string, and cancels at the end."""
    resource: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        await start(resource.set_result)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        server = group.create_task(run())
        try:
            yield await resource
        finally:
            server.cancel()
