"""A conversation with any source-measure unit: settings read back and compared, errors asked for, identity proven."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import ClassVar, Generic, TypeVar

from labctl.clock import Clock
from labctl.errors import InstrumentError, InstrumentRefused, LinkError, LinkNonsense, WrongInstrument
from labctl.instrument.channel import Identity
from labctl.link import Deadline, Link
from labctl_drivers.smu_setting import Readable

S = TypeVar("S")
T = TypeVar("T")

_UNWATCHED_S = 10.0  # on the wall: how long a lost instrument is looked for while its output may be on
_PAUSE_S = 0.3


class Conversation(ABC, Generic[S]):
    """What is common to talking with one instrument; ``S`` is what it is armed with for a step.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        expected: the model to expect; None takes any known one.

    Attributes:
        identity: who it was when it was connected.
        armed: what is armed while the output is on; None: unknown, or the output is off.
        step_began_s: experiment time at which the set point of the present step took effect.
        stranger: another instrument answered at its port when it was last asked.
    """

    maker: ClassVar[str]
    models: ClassVar[Mapping[str, object]]
    error_query: ClassVar[bytes]
    challenge: ClassVar[bytes]
    """A question that is answered with the number in it, which stands for ``N``."""
    answer_within: ClassVar[Deadline] = Deadline("the answer to a setting")

    def __init__(self, link: Link, clock: Clock, expected: str | None) -> None:
        self.link = link
        self.clock = clock
        self.identity: Identity | None = None
        self.armed: S | None = None
        self.step_began_s = 0.0
        self.stranger = False
        self._expected = expected
        self._nonce = 0

    @abstractmethod
    def parse_identity(self, reply: str) -> Identity | None:
        """The reply to ``*IDN?``, or None if another maker's instrument answers."""

    @abstractmethod
    def parse_error(self, reply: str) -> tuple[int, str]:
        """Code and words of the oldest error; ValueError if it is nothing of the kind."""

    def is_echo(self, reply: str, number: int) -> bool:
        """Whether a reply is the number that was sent in the challenge."""
        try:
            return float(reply) == number
        except ValueError:
            return False

    async def ask(self, query: bytes, deadline: Deadline | None = None) -> str:
        """One query and its answer as text."""
        reply = await self.link.ask(query, self.answer_within if deadline is None else deadline)
        return reply.decode("ascii", "replace").strip()

    async def set(self, setting: Readable, epoch: int) -> None:
        """Send a setting and read it back.

        Raises:
            InstrumentRefused: it reads back as something else.
            Superseded: the epoch is over; it was not sent.
        """
        await self.link.send(setting.set(), epoch=epoch)
        reply = await self.ask(setting.ask())
        if not setting.matches(reply):
            await self.refuse_errors(setting.set().decode())
            raise InstrumentRefused(
                "the setting was not taken", self.link.name, setting.set().decode(), reply
            )

    async def compare(self, settings: Iterable[Readable]) -> None:
        """What was armed must still be so; else it was re-powered or somebody changed it.

        Raises:
            InstrumentError: it is not.
        """
        for setting in settings:
            reply = await self.ask(setting.ask())
            if not setting.matches(reply):
                raise InstrumentError(
                    f"{setting.header} is no longer {setting.reads}: re-powered, or changed by somebody else",
                    self.link.name,
                    setting.ask().decode(),
                    reply,
                )

    async def refuse_errors(self, sent: str) -> None:
        """Ask for the oldest error since they were cleared.

        Raises:
            InstrumentRefused: there is one.
        """
        reply = await self.ask(self.error_query)
        try:
            code, words = self.parse_error(reply)
        except ValueError as error:
            raise self.nonsense(self.error_query.decode(), reply) from error
        if code:
            raise InstrumentRefused(f"error {code}, {words}", self.link.name, sent, reply)

    async def prove(self) -> None:
        """Show that question and answer belong together, and that it is the instrument it was.

        Raises:
            LinkNonsense: the answer belongs to another question.
            WrongInstrument: another instrument answers.
        """
        self._nonce = (self._nonce + 37) % 256
        query = self.challenge.replace(b"N", b"%d" % self._nonce)
        reply = await self.ask(query)
        if not self.is_echo(reply, self._nonce):
            raise self.nonsense(query.decode(), reply)
        identity = await self.identify()
        self.stranger = self.identity is not None and identity != self.identity
        if self.stranger:
            self.link.poison()  # what it answers says nothing about our circuit
            raise WrongInstrument(f"{identity} answers where {self.identity} was", self.link.name)

    async def regain(self, proof: Callable[[], Awaitable[T]]) -> T:
        """Reopen the line until ``proof`` succeeds on it; see ``regain``."""
        return await regain(self.link, self.clock, proof)

    def nonsense(self, sent: str, reply: str) -> LinkNonsense:
        """Poison the link and return the error to raise."""
        self.link.poison()
        return LinkNonsense("the answer does not fit the question", self.link.name, sent, reply)

    async def identify(self) -> Identity:
        """Ask who it is.

        Raises:
            WrongInstrument: not a model this driver knows, or not the one to expect.
        """
        reply = await self.ask(b"*IDN?")
        identity = self.parse_identity(reply)
        if identity is None or identity.model not in self.models:
            known = ", ".join(self.models)
            raise WrongInstrument(f"this driver knows {self.maker} {known}", self.link.name, "*IDN?", reply)
        if self._expected not in (None, identity.model):
            raise WrongInstrument(f"a {self._expected} was expected", self.link.name, "*IDN?", reply)
        return identity


async def regain(link: Link, clock: Clock, proof: Callable[[], Awaitable[T]], quiet_s: float = 0.2) -> T:
    """Reopen a line until ``proof`` succeeds on it, for as long as a step may go on unwatched.

    Args:
        link: to an instrument that has been lost.
        clock: the time it lives in.
        proof: that question and answer belong together, and that the instrument does what it was told.
        quiet_s: on the wall, how long the line has to be silent; 0 where an instrument sends by itself.

    Raises:
        LinkError: it did not in that time.
    """
    until_s = clock.now() + _UNWATCHED_S * clock.speed
    while True:
        try:
            await link.resynchronise(quiet_s)
            return await proof()
        except LinkError:
            if clock.now() >= until_s:
                raise
        await clock.sleep_until(clock.now() + _PAUSE_S * clock.speed)
