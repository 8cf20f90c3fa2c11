"""One connection to the keeper: commands with numbers and epochs, each of which takes effect once."""

import asyncio
from asyncio import TaskGroup
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from labctl import plugins
from labctl.clock import LoopClock
from labctl.errors import LabctlError, StationError, Superseded
from labctl.instrument.channel import Sample
from labctl.instrument.held import HeldChannel
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.looped import LoopedChannel
from labctl.instrument.step import Step
from labctl.instrument.threaded import ThreadedChannel
from labctl.keeper.claim import Claim
from labctl.keeper.escalation import Way
from labctl.keeper.frames import Frame, Frames
from labctl.keeper.journal import Journal
from labctl.keeper.kept import Kept
from labctl.keeper.lease import Lease
from labctl.keeper.terms import Terms, software_version
from labctl.keeper.values import error_to_plain, from_plain, to_plain
from labctl.link.address import addressed
from labctl.link.tcp import plain_socket

_REMEMBERED = 32
GIVEN_BACK = "the engine has given the channel back"
GONE = "the engine is gone"


class Session:
    """Obeys one engine about one channel, from the first frame until the connection ends.

    A command carries an increasing number. One that comes again is answered again and does nothing; one that comes
    after a later one is refused. What energises carries the epoch in which it was decided, too. ``safe`` needs neither.

    Args:
        journal: where to write what is done.
        alone: called when the engine is gone and the circuit could not be confirmed open.
    """

    def __init__(self, journal: Journal, alone: Callable[[], None]) -> None:
        self.frames = Frames(self._take, lambda: self.end(GONE))
        self._journal = journal
        self._alone = alone
        self._ended = asyncio.Event()
        self._reason = GONE
        self._group: TaskGroup | None = None
        self._terms: Terms | None = None
        self._channel: HeldChannel | None = None
        self._kept: Kept | None = None
        self._claim: Claim | None = None
        self._letting_go: asyncio.Future[None] | None = None
        self._last = 0
        self._answers: dict[int, Frame] = {}
        self._stream: asyncio.Task[None] | None = None
        self._commands: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "attach": self._attach,
            "connect": self._connect,
            "found": self._found,
            "inspect": self._inspect,
            "stop": self._stop,
            "release": self._release,
        }

    async def serve(self) -> None:
        """Return when the connection has ended, the circuit is open, and the port is given back."""
        try:
            async with TaskGroup() as group:
                self._group = group
                await self._ended.wait()
                await self._let_go()  # before anything is cancelled: it goes before whatever else is going on
                raise _Ended
        except* _Ended:
            pass
        finally:
            await self._open_whatever_happened()
            self.frames.close()

    def end(self, reason: str) -> None:
        """End the session, whatever it is doing."""
        if not self._ended.is_set():
            self._reason = reason
            self._ended.set()

    # --- frames --------------------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        if self._ended.is_set() or self._group is None:
            return
        if "done" in frame:
            if self._kept is not None:
                self._kept.complete(int(frame["done"]))
            return
        number, verb = int(frame["id"]), str(frame["do"])
        if verb == "safe":
            self._last = max(self._last, number)
            self._group.create_task(self._answer(number, self._safe(str(frame["with"]))), name=self._name())
        elif number in self._answers:
            self.frames.send(self._answers[number])
        elif number > self._last:
            self._last = number
            self._group.create_task(self._command(number, verb, frame), name=self._name())
        else:  # one that comes again while it is being carried out, or one that was overtaken
            late = Superseded(f"command {number} came after command {self._last}")
            self.frames.send({"late": number, "error": error_to_plain(late)})

    def _command(self, number: int, verb: str, frame: Frame) -> Coroutine[Any, Any, None]:
        if verb == "run":
            return self._energise(number, from_plain(Step, frame["with"]), int(frame["epoch"]))
        if verb == "sweep":
            return self._energise(number, from_plain(ImpedanceSpec, frame["with"]), int(frame["epoch"]))
        return self._answer(number, self._commands[verb](frame.get("with")))

    async def _answer(self, number: int, doing: Awaitable[Any]) -> None:
        try:
            answer: Frame = {"re": number, "with": await doing}
        except LabctlError as error:
            answer = {"re": number, "error": error_to_plain(error)}
        self._remember(number, answer)

    def _remember(self, number: int, answer: Frame) -> None:
        """Send an answer, and keep it for when the command comes again."""
        if self._kept is not None:
            answer["epoch"] = self._kept.epoch
        self._answers[number] = answer
        if len(self._answers) > _REMEMBERED:
            del self._answers[min(self._answers)]
        self.frames.send(answer)

    # --- commands ------------------------------------------------------------------------------------------

    async def _attach(self, plain: Any) -> None:
        terms = from_plain(Terms, plain)
        if terms.software != software_version():
            raise StationError(
                f"the keeper is labctl {software_version()}, the engine labctl {terms.software}"
            )
        if self._kept is not None:
            raise StationError(f"this connection is about {terms.channel} already")
        options = dict(terms.options)
        further = (str(options[name]) for name in plugins.driver(terms.driver).ports if name in options)
        claim = Claim(addressed(terms.resource, options), *further)
        await claim.take()
        self._claim, self._terms = claim, terms
        lease = Lease(terms.lease_s, terms.idle_s)
        channel = self._channel = self._open_channel(terms)
        self._kept = Kept(channel, lambda: self._ways(channel), lease, terms.speed, self._note, self._tell)
        self._note("attached", f"process {terms.engine_pid} has attached, lease {terms.lease_s:g} s")
        assert self._group is not None
        self._group.create_task(self._kept.keep_time(self._send_tick))

    async def _connect(self, _: Any) -> Any:
        kept = self._attached()
        identity = await kept.connect()
        return [to_plain(identity), to_plain(kept.channel.traits)]

    async def _found(self, _: Any) -> bool | None:
        """Whether connecting found the circuit closed."""
        self._attached()
        return None if self._channel is None else await self._channel.found_closed()

    async def _inspect(self, _: Any) -> Any:
        """What the instrument is set to, as read back."""
        self._attached()
        return [] if self._channel is None else to_plain(await self._channel.inspect())

    async def _energise(self, number: int, what: Step | ImpedanceSpec, epoch: int) -> None:
        def emit(item: Sample | ImpedancePoint, began_s: float, tick: int | None) -> None:
            frame: Frame = {"of": number, "item": to_plain(item), "began": began_s}
            if tick is not None:
                frame["tick"] = tick
            self.frames.send(frame)

        self._stream = asyncio.current_task()
        end: Frame = {"of": number}
        try:
            kept = self._attached()
            if isinstance(what, Step):
                await kept.run(what, epoch, emit)
            else:
                await kept.sweep(what, epoch, emit)
        except LabctlError as error:
            end["error"] = error_to_plain(error)
        self._remember(number, end)

    async def _stop(self, _: Any) -> None:
        """End the present step or sweep; the circuit stays as it is, for the next to follow."""
        if self._stream is not None and not self._stream.done():
            self._stream.cancel()
            await asyncio.wait([self._stream])

    async def _safe(self, reason: str) -> None:
        await self._attached().open(reason)

    async def _release(self, _: Any) -> None:
        self._reason = GIVEN_BACK
        await self._let_go()

    async def _open_whatever_happened(self) -> None:
        """Let go; should a bug in the keeper be in the way of that, let the driver open the circuit."""
        try:
            await self._let_go()
        except Exception:  # whatever it is, it is raised again
            if self._channel is not None:
                await self._channel.make_safe()
                self._note(
                    *("off", "the circuit is open, confirmed by read-back; a bug was in the way"),
                    loud=True,
                    by="keeper",
                )
            raise

    async def _let_go(self) -> None:
        """Open the circuit, give the port back; whoever asks for it, and how often, it is done once."""
        if self._letting_go is None:
            self._letting_go = asyncio.ensure_future(self._do_let_go())
        await asyncio.shield(self._letting_go)

    async def _do_let_go(self) -> None:
        if self._kept is not None:
            await self._kept.release(self._reason, self._alone)
            self._kept = None
            self._note("released", self._reason)
            await asyncio.to_thread(self._journal.flush)  # who reads it next is to find everything
        if self._claim is not None:
            self._claim.drop()

    # --- the channel ---------------------------------------------------------------------------------------

    def _attached(self) -> Kept:
        if self._kept is None:
            raise StationError("attach to a channel first")
        return self._kept

    def _open_channel(self, terms: Terms) -> HeldChannel:
        """At a plain socket on the event loop; at whatever may block in a thread of its own."""
        driver, clock = plugins.driver(terms.driver), LoopClock(terms.speed, terms.start)
        address = plain_socket(terms.resource)
        if address is None:
            return ThreadedChannel(driver, terms.resource, clock, terms.model, dict(terms.options))
        return LoopedChannel(driver, address, terms.resource, clock, terms.model, dict(terms.options))

    def _ways(self, channel: HeldChannel) -> list[Way]:
        """How to open the circuit, from the mildest: OFF, again, reopened; a second session; a trip."""
        ways = [Way("the driver", channel.make_safe)]
        if channel.traits.second_session:
            ways.append(Way("a second session", self._open_by_second_session))
        if channel.trips:
            ways.append(Way("a trip inside the instrument", channel.trip, alone=True))
        return ways

    async def _open_by_second_session(self) -> None:
        assert self._terms is not None
        second = self._open_channel(self._terms)
        try:
            await second.connect()
            await second.make_safe()
        finally:
            with suppress(LabctlError):
                await second.close()

    def _send_tick(self, number: int | None) -> None:
        self.frames.send({"alive": True} if number is None else {"tick": number})

    def _name(self) -> str:
        return f"channel {self._terms.channel}" if self._terms else "a channel that is being attached"

    def _note(self, event: str, sentence: str, *, loud: bool = False, by: str = "engine") -> None:
        name, engine = (self._terms.channel, self._terms.engine_pid) if self._terms else ("-", None)
        self._journal.note(name, event, sentence, loud=loud, engine_pid=engine, by=by)

    def _tell(self, cause: LabctlError, epoch: int) -> None:
        self.frames.send({"opening": error_to_plain(cause), "epoch": epoch})


class _Ended(Exception):
    """Ends the tasks of a session."""
