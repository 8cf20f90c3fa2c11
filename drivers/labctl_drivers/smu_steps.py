"""Steps on any instrument that only sources and measures: constants, scans, powers, profiles; and the opening of it."""

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from labctl.clock import Clock
from labctl.errors import CannotHold, CellStateUnknown, InstrumentError, InvalidReading, LinkError
from labctl.instrument.channel import Sample, Traits
from labctl.instrument.course import Profile, Scan
from labctl.instrument.following import follow_profile, follow_scan
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.pacing import HostPaced, pace
from labctl.instrument.step import Control, Cutoff, Quantity, Sampling, Side, Step, current_of
from labctl.link import Link
from labctl_drivers.smu_setup import refuse_too_fast

S = TypeVar("S")

_ATTEMPTS = 3
_LOOK_S = 1.0  # at open circuit, before a step whose first set point follows from the voltage


class Stepped(ABC, Generic[S]):
    """What is common to channels that the host paces; ``S`` is what one of them is armed with for a step."""

    link: Link
    clock: Clock
    traits: Traits
    armed: S | None
    stranger: bool

    @abstractmethod
    def setup_for(self, step: Step) -> S:
        """What to arm for a step; CannotHold if it cannot be."""

    @abstractmethod
    def execution(self, step: Step, setup: S, epoch: int, first: float) -> HostPaced:
        """How a step is executed that begins with a set point."""

    @abstractmethod
    async def prove(self) -> None:
        """Show that question and answer belong together, and that it is the instrument it was."""

    @abstractmethod
    async def switch_off(self) -> None:
        """Open the circuit, even on a line that is not in order."""

    @abstractmethod
    async def is_open(self) -> bool:
        """Whether the circuit reads back as open."""

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; what it sends belongs to the epoch of this call.

        Raises:
            CannotHold: at once, before a byte has left.
        """
        refuse_too_fast(step, self.traits, self.link.name)
        return self._run(step, self.setup_for(step), self.link.fence.epoch)

    async def _run(self, step: Step, setup: S, epoch: int) -> AsyncGenerator[Sample, None]:
        first, scan = 0.0 if step.control is Control.REST else step.value, step.scan
        if scan is not None:
            if scan.start_V is None:
                scan = replace(scan, start_V=self._start_V(scan, await self._open_circuit_V(step, epoch)))
            first = scan.start_V or 0.0
        elif step.tracks:
            first = step.current_A(await self._open_circuit_V(step, epoch))
        elif step.profile is not None:
            first = await self._first_A(step, step.profile, epoch)
        execution = self.execution(step, setup, epoch, first)
        samples = pace(step, execution, self.clock, self.traits)
        if scan is not None:
            samples = follow_scan(step, scan, execution, self.clock, self.traits)
        elif step.profile is not None:
            samples = follow_profile(step, step.profile, execution, self.clock, self.traits)
        async with aclosing(samples):
            async for sample in samples:
                yield sample

    async def _open_circuit_V(self, step: Step, epoch: int) -> float:
        """What the cell shows without current; the circuit stays closed."""
        end = Cutoff(Quantity.TIME, Side.ABOVE, _LOOK_S)
        rest = Step(Control.REST, 0.0, (end,), step.safety, Sampling(_LOOK_S))
        execution = self.execution(rest, self.setup_for(rest), epoch, 0.0)
        voltage_V = math.nan
        async with aclosing(pace(rest, execution, self.clock, self.traits)) as samples:
            async for sample in samples:
                voltage_V = sample.voltage_V
        if left := step.safety.left_by(voltage_V, 0.0):
            raise InvalidReading(f"at open circuit {left}", self.link.name)
        return voltage_V

    def _start_V(self, scan: Scan, open_circuit_V: float) -> float:
        low_V, high_V = scan.extremes_V
        if not low_V <= open_circuit_V <= high_V:
            raise InvalidReading(
                f"open circuit at {open_circuit_V:g} V, which is not between {low_V:g} V and {high_V:g} V",
                self.link.name,
            )
        return scan.nearest_start_V(open_circuit_V)

    async def _first_A(self, step: Step, profile: Profile, epoch: int) -> float:
        value = profile.values[0]
        if not profile.powers or not value:
            return value
        voltage_V = await self._open_circuit_V(step, epoch)
        return step.allowed(current_of(value, voltage_V), voltage_V)

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Refuse: it cannot measure impedance.

        Raises:
            CannotHold: always.
        """
        raise CannotHold("it cannot measure impedance", self.link.name)

    async def make_safe(self) -> None:
        """Open the circuit and read back that it is open; needs no healthy link to try.

        Raises:
            CellStateUnknown: three attempts did not show it open.
        """
        self.link.fence.advance()
        self.armed = None
        if problem := await why_not_open(self):
            raise CellStateUnknown(problem, self.link.name, "", cell="unknown, look at the instrument")

    async def close(self) -> None:
        """Give the port back."""
        await self.link.close()


class Opens(Protocol):
    """What can be opened: an instrument, or one of several at a cell."""

    link: Link
    stranger: bool

    async def prove(self) -> None:
        """Show that question and answer belong together."""
        ...

    async def switch_off(self) -> None:
        """Open the circuit, even on a line that is not in order."""
        ...

    async def is_open(self) -> bool:
        """Whether the circuit reads back as open."""
        ...


async def why_not_open(part: Opens) -> str:
    """Open a circuit and read that back, three times if need be; what is in the way, or empty: it is open."""
    problem = ""
    for attempt in range(_ATTEMPTS):
        try:
            if attempt or part.link.poisoned:
                if not part.stranger:
                    with suppress(LinkError):
                        await part.switch_off()  # at once, before the line is in order again
                await part.link.resynchronise()
                await part.prove()
            await part.switch_off()
            if await part.is_open():
                return ""
            problem = "the output does not read back as off with the circuit open"
        except (LinkError, InstrumentError) as error:
            problem = error.words
    return problem
