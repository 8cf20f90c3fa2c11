"""A port in memory: a simulated instrument's firmware is called directly, and the clock moves when it has to."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from labctl.clock import Clock
from labctl.errors import LinkLost


class SimulatedPort(Protocol):
    """One connection to a sans-IO instrument; ``labctl_simulators`` provides these.

    ``receive`` and ``wake`` raise ConnectionError where a connection is lost on purpose.
    """

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take bytes, answer bytes."""
        ...

    def next_wake(self) -> float | None:
        """When it wants to be woken although nothing arrives."""
        ...

    def wake(self, now_s: float) -> bytes:
        """Do what is due."""
        ...

    def close(self, now_s: float) -> None:
        """The connection ends."""
        ...


@runtime_checkable
class SimulatedFirstPort(Protocol):
    """A connection to an instrument that has a second port."""

    def beside(self) -> SimulatedPort:
        """A connection to that one."""
        ...


class MemoryPort:
    """Bytes to and from a simulated instrument in this process."""

    def __init__(self, connect: Callable[[], SimulatedPort], clock: Clock, name: str = "memory") -> None:
        self.name = name
        self._connect = connect
        self._clock = clock
        self._device: SimulatedPort | None = None
        self._arrived = b""

    async def open(self) -> None:
        """Connect to the instrument."""
        await self.close()
        try:
            self._device = self._connect()
        except ConnectionRefusedError as error:
            raise LinkLost(f"the connection is refused: {error}", self.name) from error
        self._arrived = b""

    async def write(self, data: bytes) -> None:
        """Hand bytes to the firmware; what it answers at once is kept for ``read``."""
        device = self._connected()
        try:
            answer = device.receive(data, self._clock.now())
        except ConnectionError as error:
            raise LinkLost(f"writing failed: {error}", self.name) from error
        if answer:
            self._arrived += answer

    async def read(self, until_s: float) -> bytes:
        """Return what has come, letting time pass to the instrument's next event if need be."""
        device, clock = self._connected(), self._clock
        while not self._arrived:
            due_s = device.next_wake()
            if due_s is None or (due_s > until_s and due_s > clock.now()):
                if until_s > clock.now():
                    await clock.sleep_until(until_s)
                return b""
            await clock.sleep_until(due_s)
            try:
                self._arrived = device.wake(clock.now())
            except ConnectionError as error:
                raise LinkLost(f"reading failed: {error}", self.name) from error
        data, self._arrived = self._arrived, b""
        return data

    async def close(self) -> None:
        """End the connection."""
        if self._device is not None:
            self._device.close(self._clock.now())
            self._device = None

    def beside(self, resource: str) -> "MemoryPort":
        """The instrument's second port, which can be opened while this one is open."""

        def connect() -> SimulatedPort:
            device = self._connected()
            if not isinstance(device, SimulatedFirstPort):
                raise ConnectionRefusedError("the instrument has no second port")
            return device.beside()

        return MemoryPort(connect, self._clock, f"{self.name}, second port")

    def _connected(self) -> SimulatedPort:
        if self._device is None:
            raise LinkLost("the port is not open", self.name)
        return self._device
