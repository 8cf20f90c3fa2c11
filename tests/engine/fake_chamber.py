"""A chamber whose air follows its set point, and which can fall silent: for tests of the engine alone."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from labctl.clock import Clock
from labctl.errors import CannotHold, LinkLost
from labctl.instrument.auxiliary import Temperatures
from labctl.instrument.channel import Identity

ROOM_K = 298.15


@dataclass
class FakeChamber:
    """Air that comes to its set point with a time constant; 0 s: at once.

    Attributes:
        air_K: if given, what the air is at a time, whatever is set.
        silent: from when to when it does not answer, in s.
        asked: set points that reached it.
    """

    clock: Clock
    tau_s: float = 300.0
    air_K: Callable[[float], float] | None = None
    silent: tuple[float, float] = (math.inf, math.inf)
    hangs: bool = False
    set_K: float | None = ROOM_K
    asked: list[float] = field(default_factory=list)
    read_s: list[float] = field(default_factory=list)
    connects: int = 0
    closed: bool = False
    _from: tuple[float, float] = (0.0, ROOM_K)

    async def connect(self) -> Identity:
        self.connects += 1
        await self._answer()
        return Identity("fake", "chamber", "1", "0")

    async def read(self) -> Temperatures:
        asked_s = self.clock.now()
        await self._answer()
        self.read_s.append(asked_s)
        return Temperatures(asked_s, {"temperature": self._air_K()})

    async def set_point_K(self) -> float | None:
        await self._answer()
        return self.set_K

    async def set_temperature_K(self, temperature_K: float) -> None:
        if not 200.0 < temperature_K < 400.0:
            raise CannotHold("out of range")
        await self._answer()
        self._from = (self.clock.now(), self._air_K())
        self.set_K = temperature_K
        self.asked.append(temperature_K)

    async def close(self) -> None:
        self.closed = True

    def _air_K(self) -> float:
        now_s = self.clock.now()
        if self.air_K is not None:
            return self.air_K(now_s)
        began_s, began_K = self._from
        target_K = began_K if self.set_K is None else self.set_K
        if not self.tau_s:
            return target_K
        return target_K + (began_K - target_K) * math.exp((began_s - now_s) / self.tau_s)

    async def _answer(self) -> None:
        start_s, end_s = self.silent
        if start_s <= self.clock.now() < end_s:
            if self.hangs:
                await asyncio.Event().wait()
            await self.clock.sleep_until(self.clock.now() + 1.0)
            raise LinkLost("the connection is gone")
