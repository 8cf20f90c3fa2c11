"""A channel of two instruments at one cell: one cycles, the other, perhaps shared by several cells, measures impedance.

The analyser stays wired to the cell through a capacitor that blocks direct current, and while it measures the cycler is
off, its terminals of high impedance, confirmed by read-back. What goes wrong with the analyser ends the spectrum and
never the run: the cell is at open circuit then. What goes wrong with the cycler is a fault, as ever.
"""

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import replace

from labctl.clock import Clock
from labctl.errors import CannotHold, InvalidReading, LabctlError, SpectrumLost
from labctl.instrument.analyser_queue import AnalyserQueue, Turn
from labctl.instrument.channel import Channel, Identity, Inspects, Sample, TellsWhatItFound, Traits
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link.fence import Fence
from labctl.units import show

# Assumed, all of them: when a cell is at rest, by how much its voltage may have moved during a spectrum, and by what
# factor the impedance at the highest frequency, that of electrolyte and contacts, may differ from the last one's.
_STEADY_V_PER_S, _STEADY_FOR_S, _REST_AT_MOST_S = 1e-3, 2.0, 60.0
_MOVED_V = 0.05
_CONTACT_FACTOR = 3.0
_NO_CONTACT_OHM = 1e6

_POINT_S, _PERIODS, _AROUND_S = (
    10.0,
    20.0,
    180.0,
)  # how long a turn may last: for each point, and around the sweep


def composed_traits(cycler: Traits, analyser: Traits) -> Traits:
    """What both can hold together.

    Raises:
        CannotHold: the second one measures no impedance.
    """
    if analyser.impedance is None:
        raise CannotHold(f"{analyser.model} measures no impedance, so it cannot be an analyser")
    return replace(cycler, model=f"{cycler.model} + {analyser.model}", impedance=analyser.impedance)


class ComposedChannel:
    """A cycler with an analyser beside it, as one channel.

    Args:
        name: of the channel.
        cycler: cycles; its off state leaves the cell alone.
        open_analyser: makes the analyser's channel for a turn; does no I/O.
        queue: the turns at the analyser.
        clock: the time that all of it lives in.

    Attributes:
        cycler: the instrument that cycles.
        analyser: who measured impedance, or was found to; None: it has not been asked.
    """

    def __init__(
        self,
        name: str,
        cycler: Channel,
        open_analyser: Callable[[], Channel],
        queue: AnalyserQueue,
        clock: Clock,
    ) -> None:
        self.cycler = cycler
        self.analyser: Identity | None = None
        self.traits = composed_traits(cycler.traits, open_analyser().traits)
        self.step_began_s = cycler.step_began_s
        self._name = name
        self._open_analyser = open_analyser
        self._queue = queue
        self._fence = Fence()  # the cycler has its own, and the sweep itself opens the circuit in between
        self._clock = clock
        self._contact_ohm: float | None = None

    async def connect(self) -> Identity:
        """Identify the cycler, and the analyser too if nobody uses it at this moment.

        Raises:
            WrongInstrument, LinkError: one of the two is not what it should be.
        """
        identity = await self.cycler.connect()
        analyser = self._open_analyser()
        if self._queue.free:
            async with self._queue.turn(self._name, self._clock, _AROUND_S):
                try:
                    self.analyser = await analyser.connect()
                finally:
                    await analyser.close()
        self.traits = composed_traits(self.cycler.traits, analyser.traits)
        return identity

    async def found_closed(self) -> bool | None:
        """Whether ``connect`` found the cycler's circuit closed; None: its driver cannot tell."""
        return await self.cycler.found_closed() if isinstance(self.cycler, TellsWhatItFound) else None

    async def inspect(self) -> tuple[str, ...]:
        """What the cycler is set to, as read back; empty if its driver cannot tell."""
        return await self.cycler.inspect() if isinstance(self.cycler, Inspects) else ()

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step with the cycler, in the epoch of this call."""
        return self._run(self.cycler.run(step))

    async def _run(self, samples: AsyncGenerator[Sample, None]) -> AsyncGenerator[Sample, None]:
        async with aclosing(samples):
            async for sample in samples:
                self.step_began_s = self.cycler.step_began_s
                yield sample

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Measure a spectrum with the analyser; the cell rests at open circuit while it waits for its turn.

        Raises:
            CannotHold: at once, before a byte has left.
            SpectrumLost: the analyser could not, or the contact is doubtful; the cell is at open circuit.
            Superseded: ``make_safe`` was called since.
            LabctlError: the cycler failed; the caller makes the channel safe.
        """
        able = self.traits.impedance
        if able is None or spec.high_Hz > able.high_Hz or spec.low_Hz < able.low_Hz:
            raise CannotHold(
                f"{show(spec.high_Hz, 'Hz')} to {show(spec.low_Hz, 'Hz')} is not within what the analyser reaches",
                self._name,
            )
        return self._sweep(spec, self._fence.epoch)

    async def _sweep(self, spec: ImpedanceSpec, epoch: int) -> AsyncGenerator[ImpedancePoint, None]:
        self._fence.check(epoch)
        await self.cycler.make_safe()
        async with self._queue.turn(self._name, self._clock, _longest_s(spec)) as turn:
            before_V = await self._at_rest_V(spec.safety, epoch)
            self._fence.check(epoch)
            async with aclosing(self._measured(spec, turn)) as points:
                async for point in points:
                    yield point
                    self._fence.check(epoch)
            after_V = await self._at_rest_V(spec.safety, epoch)
            if not abs(after_V - before_V) <= _MOVED_V:
                raise SpectrumLost(
                    f"the open-circuit voltage was {show(before_V, 'V')} before and {show(after_V, 'V')} after the "
                    "spectrum: look at the contacts"
                )

    async def make_safe(self) -> None:
        """Open the cycler's circuit and confirm it; the analyser, behind its capacitor, drives no direct current.

        Raises:
            CellStateUnknown: the circuit could not be confirmed open.
        """
        self._fence.advance()
        await self.cycler.make_safe()

    async def close(self) -> None:
        """Give the cycler's port back; the analyser's is only held for a turn."""
        await self.cycler.close()

    async def _at_rest_V(self, safety: SafetyLimits, epoch: int) -> float:
        """The cell's voltage once it is steady, or after a minute; leaves the circuit open, confirmed.

        Whether it is steady is looked at here: not every cycler can end a rest by it.
        """
        end = Cutoff(Quantity.TIME, Side.ABOVE, _REST_AT_MOST_S)
        voltage_V, moved_s = math.nan, math.nan
        before: Sample | None = None
        self._fence.check(epoch)
        async with aclosing(self.run(Step(Control.REST, 0.0, (end,), safety, Sampling(1.0)))) as samples:
            async for sample in samples:
                voltage_V = sample.voltage_V
                if left := safety.left_by(voltage_V, sample.current_A):
                    raise InvalidReading(f"at rest around a spectrum {left}", self._name)
                if before is None or _moves(before, sample):
                    moved_s = sample.time_s
                elif sample.time_s - moved_s >= _STEADY_FOR_S:
                    break
                before = sample
        await self.cycler.make_safe()
        return voltage_V

    async def _measured(self, spec: ImpedanceSpec, turn: Turn) -> AsyncGenerator[ImpedancePoint, None]:
        """The analyser's points; whatever is wrong with it becomes ``SpectrumLost``."""
        analyser = self._open_analyser()

        async def let_go() -> None:
            try:
                await analyser.make_safe()
            finally:
                await analyser.close()

        turn.let_go = let_go
        try:
            self.analyser = await analyser.connect()
            first = True
            async with aclosing(analyser.sweep(spec)) as points:
                async for point in points:
                    turn.check()
                    if first:
                        self._refuse_contact(point)
                        self.step_began_s = analyser.step_began_s
                        first = False
                    yield point
                    turn.check()
            turn.let_go = None
            await let_go()
        except SpectrumLost:
            raise
        except LabctlError as error:
            turn.check()
            raise SpectrumLost(str(error), cell="at open circuit, confirmed by read-back") from error
        finally:
            if turn.let_go is not None:
                turn.let_go = None
                with suppress(LabctlError):  # what ended the spectrum is what is told
                    await let_go()

    def _refuse_contact(self, point: ImpedancePoint) -> None:
        """The first point is at the highest frequency, where little but electrolyte and contacts is left."""
        found_ohm = math.hypot(point.real_ohm, point.imaginary_ohm)
        last_ohm = self._contact_ohm
        there = f"|Z| at {show(point.frequency_Hz, 'Hz')} is {show(found_ohm, 'ohm')}"
        if not 0.0 < found_ohm <= _NO_CONTACT_OHM:
            raise SpectrumLost(f"{there}: no contact between analyser and cell")
        if last_ohm is not None and not last_ohm / _CONTACT_FACTOR <= found_ohm <= last_ohm * _CONTACT_FACTOR:
            raise SpectrumLost(
                f"{there}, it was {show(last_ohm, 'ohm')} in the last spectrum: look at the contacts"
            )
        self._contact_ohm = found_ohm


def _moves(before: Sample, sample: Sample) -> bool:
    """Whether the cell's voltage is not steady yet."""
    moved_V, passed_s = abs(sample.voltage_V - before.voltage_V), sample.time_s - before.time_s
    return moved_V > _STEADY_V_PER_S * passed_s


def _longest_s(spec: ImpedanceSpec) -> float:
    """How long a turn may last while others wait."""
    return _AROUND_S + sum(_POINT_S + _PERIODS / frequency_Hz for frequency_Hz in spec.frequencies_Hz())
