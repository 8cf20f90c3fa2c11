"""What is said to any source-measure unit: settings read back, errors asked for, identity proven, output off.

A driver says in its own class, in the order of its manual, how its instrument expresses what is named here.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from labctl.clock import Clock
from labctl.errors import InstrumentRefused, LinkNonsense, WrongInstrument
from labctl.instrument.channel import Identity
from labctl.link import Deadline, Link
from labctl_drivers.smu_setting import Readable
from labctl_drivers.smu_setup import Ranges, Setup

_ANSWER = Deadline("the answer to a setting", takes_s=0.2)


class Reading(NamedTuple):
    """What one query is answered with.

    Attributes:
        voltage_V, current_A: as measured.
        limited: the instrument says that its limit holds the output.
        stamp: time or number of the reading, which has to move on; None: it gives none.
    """

    voltage_V: float
    current_A: float
    limited: bool
    stamp: float | None = None


class SourceMeasureUnit(ABC):
    """A conversation with one instrument.

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
    models: ClassVar[dict[str, Ranges]]
    quieten: ClassVar[tuple[bytes, ...]]
    """Ends whatever would refuse or delay a setting."""
    off: ClassVar[tuple[bytes, ...]]
    """Makes off mean open, then switches off."""
    opened: ClassVar[tuple[Readable, ...]]
    """What reads back so, and only so, while the circuit is open; the output first."""
    on: ClassVar[bytes]
    output_on: ClassVar[Readable]
    clear_errors: ClassVar[bytes]
    prepare: ClassVar[tuple[bytes, ...]] = ()
    """Before the settings: what has no read-back of its own."""
    goes_off_by_itself: ClassVar[str] = ""
    """What in the instrument may have switched the output off."""
    error_query: ClassVar[bytes]
    challenge: ClassVar[bytes]
    """A question that is answered with the number in it."""

    def __init__(self, link: Link, clock: Clock, expected: str | None) -> None:
        self.link = link
        self.clock = clock
        self.identity: Identity | None = None
        self.armed: Setup | None = None
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

    @abstractmethod
    def settings(self, setup: Setup) -> tuple[Readable, ...]:
        """Everything that is armed with the output off, in the order in which the instrument accepts it."""

    @abstractmethod
    def level(self, setup: Setup, value: float) -> Readable:
        """The set point, A or V."""

    @abstractmethod
    def reading_query(self, setup: Setup) -> bytes:
        """Asks for one reading of voltage and current."""

    @abstractmethod
    def parse_reading(self, reply: str) -> Reading:
        """The answer to it; ValueError if it is nothing of the kind."""

    async def ask(self, query: bytes, deadline: Deadline = _ANSWER) -> str:
        """One query and its answer as text."""
        return (await self.link.ask(query, deadline)).decode("ascii", "replace").strip()

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

    async def output_is_on(self) -> bool:
        """Whether the output is on."""
        return self.output_on.matches(await self.ask(self.output_on.ask()))

    async def output_is_off(self) -> bool:
        """Whether the output reads back as off; anything else that is answered is not off."""
        off, *_ = self.opened
        return off.matches(await self.ask(off.ask()))

    async def switch_off(self) -> None:
        """Open the circuit, even on a line that is not in order."""
        for line in self.off:
            await self.link.send_anyway(line)

    async def is_open(self) -> bool:
        """Whether the circuit reads back as open."""
        for setting in self.opened:
            if not setting.matches(await self.ask(setting.ask())):
                return False
        return True

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
        try:
            belongs = float(reply) == self._nonce
        except ValueError:
            belongs = False
        if not belongs:
            raise self.nonsense(query.decode(), reply)
        identity = await self.identify()
        self.stranger = self.identity is not None and identity != self.identity
        if self.stranger:
            self.link.poison()  # what it answers says nothing about our circuit
            raise WrongInstrument(f"{identity} answers where {self.identity} was", self.link.name)

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
