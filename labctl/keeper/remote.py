"""A channel that a keeper holds: the engine's side of it, a Channel like any other."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TypeVar

from labctl import plugins
from labctl.clock import LoopClock
from labctl.errors import CellStateUnknown, LabctlError, LinkLost, StationError, WireError
from labctl.instrument.channel import Identity, Sample, Traits
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Step
from labctl.keeper.frames import Frame
from labctl.keeper.peer import KeeperLost, Peer, Stream
from labctl.keeper.start import Keepers
from labctl.keeper.terms import Terms, software_version
from labctl.keeper.values import error_from_plain, from_plain, to_plain

T = TypeVar("T", Sample, ImpedancePoint)

LEASE_S = 1.0
IDLE_S = 5.0
_SILENT_S = 0.5  # beyond the lease: by then a keeper that lives has said something
_ATTACH_S = 10.0  # the start of a process on a busy computer
_CONNECT_S = 30.0
_SAFE_S = 4.0  # the keeper itself decides within 3 s
_STOP_S = 2.0
_RELEASE_S = 2.0
_OPEN = "open, confirmed by read-back"


class RemoteChannel:
    """An instrument whose port and driver live in a keeper's process.

    A control tick is completed when whoever consumes the samples comes back for more, so that a lease lives only as
    long as readings are evaluated and recorded. If the keeper dies or falls silent while the circuit may be closed,
    a second one, which stands by, opens it at once.

    Args:
        name: of the channel, for messages.
        driver: name of the driver.
        resource: a VISA resource string, or a serial line.
        clock: the time of the run.
        keepers: the keeper.
        standby: the second one, which stands by; None: there is only one.
        model: the model to expect; None takes any that the driver knows.
        options: further keywords of the driver.
        lease_s: for how long, on the wall, the circuit stays closed without a completed tick.
        idle_s: the longest time between two steps.
    """

    def __init__(
        self,
        name: str,
        driver: str,
        resource: str,
        clock: LoopClock,
        keepers: Keepers,
        *,
        standby: Keepers | None = None,
        model: str | None = None,
        options: tuple[tuple[str, float | str], ...] = (),
        lease_s: float = LEASE_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self._terms = Terms(
            channel=name,
            driver=driver,
            resource=resource,
            model=model,
            options=options,
            speed=clock.speed,
            start=clock.start,
            lease_s=lease_s,
            idle_s=idle_s,
            engine_pid=os.getpid(),
            software=software_version(),
        )
        known = plugins.driver(driver).traits
        self.traits: Traits = known[model or next(iter(known))]
        self.step_began_s = clock.now()
        self._keepers = keepers
        self._standby = standby or keepers
        self._keeper: Peer | None = None
        self._identity: Identity | None = None
        self._energised = False
        self._problem: Exception | None = None
        self._rescue: asyncio.Future[None] | None = None

    @property
    def lease_s(self) -> float:
        """For how long the circuit stays closed without a completed tick."""
        return self._terms.lease_s

    @property
    def keeper_pid(self) -> int:
        """The keeper's process; 0 before ``connect``."""
        return self._keeper.pid if self._keeper is not None else 0

    async def connect(self) -> Identity:
        """Let a keeper identify the instrument and adopt its present state; a second one stands by.

        Raises:
            StationError: another labctl has the port, or no keeper can be started.
        """
        if self._keeper is None or not self._keeper.there:
            self._keeper = await self._take_up(await self._start(self._keepers))
        try:
            identity = await self._identify(self._keeper)
        except KeeperLost as error:
            raise self._lost(error) from error
        self._identity = identity
        try:
            self._standby.ready()
        except OSError as error:
            raise self._unreachable(error) from error
        return identity

    async def found_closed(self) -> bool | None:
        """Whether ``connect`` found the circuit closed; None: it is not known."""
        found: bool | None = await self._ready().call("found", None, _CONNECT_S)
        return found

    async def inspect(self) -> tuple[str, ...]:
        """What the instrument is set to, as read back; empty if the driver cannot tell."""
        try:
            return tuple(await self._ready().call("inspect", None, _CONNECT_S))
        except KeeperLost as error:
            raise self._lost(error) from error

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step in the keeper."""
        return self._stream("run", step, Sample, self._epoch())

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Measure a spectrum in the keeper."""
        return self._stream("sweep", spec, ImpedancePoint, self._epoch())

    async def make_safe(self) -> None:
        """Let the keeper open the circuit, or, if it does not answer, another one.

        Raises:
            CellStateUnknown: it could not be confirmed open.
        """
        keeper = self._keeper
        if self._rescue is None:
            if keeper is None or not keeper.there:
                self._begin_rescue("there is none")
            else:
                try:
                    await keeper.call("safe", "the engine asks for it", _SAFE_S)
                except KeeperLost as error:
                    self._replace(keeper, str(error))
        if (rescue := self._rescue) is not None:
            try:
                await asyncio.shield(rescue)
            finally:
                if rescue.done():  # should it have failed, the next call tries again
                    self._rescue = None
        self._problem = None
        self._energised = False

    async def close(self) -> None:
        """Let the keeper give the port back; a circuit that is still closed is opened."""
        if self._rescue is not None:
            with suppress(LabctlError):
                await asyncio.shield(self._rescue)
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.lost = lambda: None
            with suppress(KeeperLost, LabctlError):
                await keeper.call("release", None, _RELEASE_S)
            await keeper.left()

    # --- a stream of samples or points ---------------------------------------------------------------------

    async def _stream(
        self, verb: str, what: Step | ImpedanceSpec, kind: type[T], epoch: int
    ) -> AsyncGenerator[T, None]:
        keeper = self._ready()
        self._energised = True
        stream = keeper.begin(verb, to_plain(what), epoch, self._terms.lease_s + _SILENT_S)
        try:
            while True:
                frame = await self._next(keeper, stream)
                if "item" in frame:
                    self.step_began_s = frame["began"]
                    yield from_plain(kind, frame["item"])
                    if "tick" in frame:  # whoever consumes has come back: what came before it is recorded
                        keeper.complete(frame["tick"])
                elif "tick" in frame:
                    keeper.complete(frame["tick"])
                elif "error" in frame:
                    raise error_from_plain(frame["error"])
                elif "of" in frame:
                    return
        finally:
            keeper.finish(stream)
            if not stream.ended:
                with suppress(KeeperLost):
                    await keeper.call("stop", None, _STOP_S)

    async def _next(self, keeper: Peer, stream: Stream) -> Frame:
        try:
            return await stream.next()
        except KeeperLost as error:
            if self._rescue is None:
                self._replace(keeper, str(error))
            if self._rescue is not None:
                await asyncio.shield(self._rescue)
            raise self._problem or self._lost(error) from error

    def _epoch(self) -> int:
        return self._keeper.epoch if self._keeper is not None else 0

    def _ready(self) -> Peer:
        if self._problem is not None:
            raise self._problem
        if self._keeper is None or not self._keeper.there:
            raise StationError(f"channel {self._terms.channel} is not connected")
        return self._keeper

    # --- keepers -------------------------------------------------------------------------------------------

    async def _start(self, keepers: Keepers) -> Peer:
        try:
            return await keepers.start()
        except OSError as error:
            raise self._unreachable(error) from error

    async def _take_up(self, keeper: Peer) -> Peer:
        """Attach to a keeper."""
        try:
            await keeper.call("attach", to_plain(self._terms), _ATTACH_S)
        except (KeeperLost, LabctlError) as error:
            keeper.leave()
            raise self._lost(error) if isinstance(error, KeeperLost) else error from None
        keeper.lost = lambda: self._guard_lost(keeper, "its process has ended")
        keeper.opening = self._opened_by_keeper
        return keeper

    async def _identify(self, keeper: Peer) -> Identity:
        identity, traits = await keeper.call("connect", None, _CONNECT_S)
        self.traits = from_plain(Traits, traits)
        return from_plain(Identity, identity)

    def _opened_by_keeper(self, cause: Exception) -> None:
        """Whatever was decided before must not begin as if nothing had happened, however late we learn of it."""
        self._problem = cause

    def _guard_lost(self, keeper: Peer, why: str) -> None:
        """The keeper is gone. If the circuit may be closed, it is opened before anybody asks for it."""
        if keeper is self._keeper:
            self._problem = self._lost(KeeperLost(why))
            if self._energised and self._rescue is None:
                self._begin_rescue(why)

    def _replace(self, keeper: Peer, why: str) -> None:
        """A keeper that does not answer guards nothing, and holds the port: end it, which loses it."""
        self._keepers.end(keeper)
        keeper.leave()
        self._guard_lost(keeper, why)
        if self._rescue is None:
            self._begin_rescue(why)

    def _begin_rescue(self, why: str) -> None:
        self._rescue = asyncio.ensure_future(self._open_by_another(why))
        self._rescue.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _open_by_another(self, why: str) -> None:
        """Open the circuit through the keeper that stands by."""
        try:
            spare = await self._start(self._standby)
            self._keeper = await self._take_up(spare)
            identity = await self._identify(spare)
            if self._identity not in (None, identity):
                raise CellStateUnknown(f"{identity} answers where {self._identity} was", self._terms.resource)
            await spare.call("safe", f"the first keeper is lost: {why}", _SAFE_S)
        except (KeeperLost, LabctlError) as error:
            raise CellStateUnknown(
                f"the keeper is lost ({why}), and a second one could not open the circuit: {error}",
                self._terms.resource,
                cell="unknown, look at the instrument",
            ) from error
        self._energised = False
        if isinstance(self._problem, WireError):
            self._problem.cell = _OPEN

    def _unreachable(self, error: OSError) -> StationError:
        return StationError(f"channel {self._terms.channel}: no keeper can be reached: {error}")

    def _lost(self, error: KeeperLost) -> LinkLost:
        return LinkLost(f"the keeper of channel {self._terms.channel} is lost: {error}", self._terms.resource)
