"""A source-measure unit's driver on its simulated instrument, in virtual time, with lines that can be tampered with."""

from collections.abc import Callable
from typing import Any

from labctl.clock import VirtualClock
from labctl.instrument.channel import Driver, Sample
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from tests.drivers.tampering import Tampered

SAFETY = SafetyLimits(-1.0, 1.0, 5e-4)


class SmuBench:
    """A driver, its simulated instrument, and what was said.

    Attributes:
        tamper: by line: an answer in the instrument's place; ``b""``: it never hears of it. May be changed.
        heard: every line, in order.
    """

    def __init__(self, driver: Driver, device: Any) -> None:
        self.device = device
        self.clock = VirtualClock()
        self.heard: list[bytes] = []
        self.tamper: dict[bytes, bytes] = {}
        self.lost = 0
        port = MemoryPort(self._connect, self.clock)
        self.channel: Any = driver.open(Link(port, self.clock), self.clock)

    def _connect(self) -> Any:
        return Tampered(self.device.port(), self._tamper, self.heard)

    def _tamper(self, line: bytes) -> bytes | None:
        if self.lost and line.startswith((b":READ", b":MEAS", b"print(")):
            self.lost -= 1
            raise ConnectionResetError("the cable was pulled")
        return self.tamper.get(line)

    async def take(self, step: Step, each: Callable[[Sample], object] = bool) -> list[Sample]:
        """Connect if need be, and execute a step."""
        if self.channel.identity is None:
            await self.channel.connect()
        samples = []
        async for sample in self.channel.run(step):
            samples.append(sample)
            each(sample)
        return samples


def current_step(current_A: float = 1e-4, duration_s: float = 5.0) -> Step:
    """A constant current for a while."""
    end = Cutoff(Quantity.TIME, Side.ABOVE, duration_s)
    return Step(Control.CURRENT, current_A, (end,), SAFETY, Sampling(1.0))
