"""One channel in the keeper's hands: its lease, its own look at limits and cut-offs, and the opening of its circuit."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import NoReturn, Protocol

from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    LabctlError,
    LeaseExpired,
    LinkLost,
    Superseded,
    WireError,
)
from labctl.instrument.channel import Channel, Feeds, Identity, Sample
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Step
from labctl.keeper.escalation import CONFIRMED_WITHIN_S, Escalation, Way
from labctl.keeper.lease import Lease
from labctl.keeper.watch import Freshness, StepWatch, SweepWatch

TICK_S = 0.5
"""The longest time between two ticks; of a lease of 1 s it leaves 0.5 s to answer."""
_GRID_S = 0.1  # so that a keeper wakes once for the ticks of many channels
_WITH_A_READING_S = 0.3  # a reading that comes so long after a tick carries the next: it is evaluated anyway
PERSIST_S = 60.0
_ONCE_MORE_S = 0.5
_LOOK = "unknown, look at the instrument"


class Note(Protocol):
    """Where the keeper writes what it does."""

    def __call__(self, event: str, sentence: str, *, loud: bool = False, by: str = "engine") -> None:
        """Add a line: ``by`` whose decision; ``loud`` says it to whoever sits there, too."""
        ...


class KeptChannel(Channel, Feeds, Protocol):
    """What a keeper holds: a channel that may have a watchdog to feed."""


Emit = Callable[[Sample | ImpedancePoint, float, int | None], None]


class Kept:
    """A channel that is energised only while its lease lives.

    Args:
        channel: the channel; it belongs to the keeper.
        ways: how to open its circuit, asked for when that is needed.
        lease: not yet granted.
        speed: experiment seconds per second on the wall.
        note: the journal.
        told: called with the reason and the new epoch whenever the keeper itself begins to open the circuit.

    Attributes:
        epoch: grows with every opening; a step that was decided in an earlier one is not begun.
        unsafe: why nobody knows whether the circuit is open; empty while that is known.
        energised: the circuit may be closed, by our doing.
    """

    def __init__(
        self,
        channel: KeptChannel,
        ways: Callable[[], list[Way]],
        lease: Lease,
        speed: float,
        note: Note,
        told: Callable[[LabctlError, int], None],
    ) -> None:
        self.epoch = 1
        self.unsafe = ""
        self.energised = False
        self._channel = channel
        self._ways = ways
        self._lease = lease
        self._speed = speed
        self._note = note
        self._told = told
        self._fresh = Freshness()
        self._ticked_s = 0.0
        self._cause: LabctlError | None = None
        self._by = "engine"  # whose decision the last opening was
        self._opening: asyncio.Future[None] | None = None
        self._escalation: Escalation | None = None
        self._persisting: asyncio.Future[None] | None = None

    @property
    def channel(self) -> KeptChannel:
        """The channel, for what energises nothing."""
        return self._channel

    async def connect(self) -> Identity:
        """Identify the instrument and adopt its present state."""
        identity = await self._channel.connect()
        self._note("connected", str(identity))
        return identity

    # --- steps ---------------------------------------------------------------------------------------------

    async def run(self, step: Step, epoch: int, emit: Emit) -> None:
        """Execute a step; returns when a cut-off is reached.

        Args:
            step: the step.
            epoch: in which it was decided.
            emit: called with each sample, the time from which the step has acted on the cell, and the number of the
                tick that goes with it, if one does.

        Raises:
            Superseded, CellStateUnknown, CannotHold: it was not begun.
            LabctlError: it failed, and the circuit has been opened.
        """
        watch = StepWatch(step, self._speed, self._channel.traits.autonomous)
        self._begin(epoch, f"step begins: {step.control} {step.value:g}", watch.patience_s())
        try:
            async with aclosing(self._channel.run(step)) as samples:
                async for sample in samples:
                    began_s = self._channel.step_began_s
                    verdict = watch.look(sample, began_s)
                    now_s = _now()
                    if verdict.cutoff:
                        sample = sample._replace(cutoff=verdict.cutoff)
                    emit(sample, began_s, self._tick_with_reading(now_s))
                    if verdict.fault:
                        raise self._begin_opening(
                            InstrumentError(f"the keeper has opened the circuit: {verdict.fault}")
                        )
                    if verdict.cutoff:
                        return
                    self._fresh.heard(now_s, watch.patience_s())
        except LabctlError as error:
            await self._open_after(error)
        finally:
            self._end()

    async def sweep(self, spec: ImpedanceSpec, epoch: int, emit: Emit) -> None:
        """Measure a spectrum; as ``run``."""
        watch = SweepWatch(spec, self._speed)
        self._begin(epoch, f"sweep begins: {spec.mode}", watch.patience_s())
        try:
            async with aclosing(self._channel.sweep(spec)) as points:
                async for point in points:
                    emit(point, self._channel.step_began_s, None)
                    watch.count()
                    self._fresh.heard(_now(), watch.patience_s())
        except LabctlError as error:
            await self._open_after(error)
        finally:
            self._end()

    def _begin(self, epoch: int, sentence: str, patience_s: float) -> None:
        if self.unsafe:
            raise CellStateUnknown(self.unsafe, cell=_LOOK)
        if epoch != self.epoch or self._opening is not None:
            raise Superseded(f"decided in epoch {epoch}, it is epoch {self.epoch} by now")
        self._cause = None
        self._fresh.heard(_now(), patience_s)
        self._lease.grant(_now())
        self.energised = True
        self._channel.feed()
        self._note("on", sentence)

    def _end(self) -> None:
        self._fresh.rest()
        self._lease.idle(_now())

    async def _open_after(self, error: LabctlError) -> NoReturn:
        """A step failed: open the circuit, unless nothing was sent or that is why it failed; then raise."""
        if self._opening is None and self._cause is None:
            if isinstance(error, (CannotHold, Superseded)):
                raise error
            self._cause = error
            self._start_opening(str(error), by="keeper")
        if self._opening is not None:
            await asyncio.shield(self._opening)
        cause = self._cause or error
        if self.unsafe:
            raise CellStateUnknown(f"{cause.words}; and {self.unsafe}", cell=_LOOK)
        if isinstance(cause, WireError):
            cause.cell = "open, confirmed by read-back"
        raise cause

    # --- the lease -----------------------------------------------------------------------------------------

    def complete(self, tick: int) -> None:
        """The engine has evaluated and recorded everything that came before a tick."""
        if self._lease.complete(tick, _now()):
            self._channel.feed()

    async def keep_time(self, send_tick: Callable[[int | None], None]) -> None:
        """Send ticks while readings are fresh, and open the circuit when the lease expires; never returns.

        While the circuit may be closed and no tick is due, a sign of life is sent in its place: None.
        """
        due_s = _now()
        while True:
            now_s = _now()
            if self._lease.expires_s() <= now_s:
                self._expire(now_s, late_s=now_s - due_s)
            elif now_s >= self._tick_due_s():
                if self._lease.held and not self._fresh.lost(now_s):
                    send_tick(self._tick(now_s))
                else:
                    self._ticked_s = now_s
                    if self.energised:
                        send_tick(None)
            due_s = min(self._lease.expires_s(), self._tick_due_s())
            await asyncio.sleep(due_s - now_s)

    def _tick_due_s(self) -> float:
        """When a tick, or a sign of life in its place, is sent if no reading carries one before."""
        return (self._ticked_s + TICK_S) // _GRID_S * _GRID_S

    def _tick_with_reading(self, now_s: float) -> int | None:
        """The number of the tick that goes with a reading; None: the last one is not long ago."""
        if not self._lease.held or now_s < self._ticked_s + _WITH_A_READING_S:
            return None
        return self._tick(now_s)

    def _tick(self, now_s: float) -> int:
        self._ticked_s = now_s
        return self._lease.tick(now_s)

    def _expire(self, now_s: float, late_s: float) -> None:
        silence = f"the engine has not completed a control tick for {self._lease.ttl_s:g} s"
        if late_s > TICK_S:  # then nobody can tell whether it has
            silence = f"the keeper stood still for {late_s:.1f} s: too much runs on this computer"
        self._begin_opening(
            LeaseExpired(self._fresh.lost(now_s) or silence, cell="the keeper opens the circuit")
        )

    # --- opening the circuit -------------------------------------------------------------------------------

    async def open(self, reason: str) -> None:
        """Open the circuit; goes before everything, is always allowed, and cancelling does not stop it.

        Raises:
            CellStateUnknown: not confirmed within 3 s; it is tried further.
        """
        if self._opening is None:
            self._start_opening(reason)
        assert self._opening is not None
        await asyncio.shield(self._opening)
        if self.unsafe:
            raise CellStateUnknown(self.unsafe, cell=_LOOK)

    def _begin_opening(self, cause: LabctlError) -> LabctlError:
        """The keeper's own decision, which the engine is told; returns the cause."""
        if self._opening is None:
            self._cause = cause
            self._start_opening(str(cause), by="keeper", loud=True)
            self._told(cause, self.epoch)
        return cause

    def _start_opening(self, reason: str, *, by: str = "engine", loud: bool = False) -> None:
        self.epoch += 1
        self._lease.end()
        self._by = by
        self._note("opening", reason, by=by)
        self._opening = asyncio.ensure_future(self._open(reason, loud))

    async def _open(self, reason: str, loud: bool) -> None:
        known_unsafe = bool(
            self.unsafe
        )  # it has been said, and is tried all the time: nobody need wait for long
        await self._forget()
        self._escalation = Escalation(self._ways(), lambda sentence: self._note("way", sentence))
        try:
            await self._escalation.confirmed(_ONCE_MORE_S if known_unsafe else CONFIRMED_WITHIN_S)
        except CellStateUnknown as error:
            self.unsafe = error.problem
            sentence = f"UNSAFE, look at the cell: {error.problem}; wanted because {reason}"
            self._note("unsafe", sentence, loud=not known_unsafe, by=self._by)
            self._persisting = asyncio.ensure_future(self._persist(self._escalation))
        else:
            self._is_open(f"because {reason}", loud=loud)
        finally:
            self._opening = None

    async def _persist(self, escalation: Escalation) -> None:
        """Unsafe is said, but not given up."""
        try:
            await escalation.confirmed(PERSIST_S)
        except CellStateUnknown as error:
            self._note("gave up", f"UNSAFE, nothing more is tried: {error.problem}", loud=True, by="keeper")
        else:
            self._by = "keeper"
            self._is_open("late", loud=True)

    def _is_open(self, how: str, *, loud: bool) -> None:
        self.unsafe = ""
        self.energised = False
        self._note("off", f"the circuit is open, confirmed by read-back; {how}", loud=loud, by=self._by)

    async def _forget(self) -> None:
        """What is still being tried is taken over by what comes next, or no longer needed."""
        if self._persisting is not None:
            self._persisting.cancel()
            with suppress(asyncio.CancelledError):
                await self._persisting
        if self._escalation is not None:
            await self._escalation.abandon()

    async def release(self, reason: str, alone: Callable[[], None]) -> None:
        """Open the circuit, trying for a minute if need be, and give the port back.

        Args:
            reason: why; said aloud if the circuit is closed.
            alone: called when it could not be confirmed open at once.
        """
        if self.energised and not self.unsafe:
            self._begin_opening(LinkLost(reason))
            with suppress(CellStateUnknown):
                await self.open(reason)
        if self.unsafe:
            alone()
            if self._persisting is not None:
                await self._persisting
        await self._forget()
        await self._channel.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
