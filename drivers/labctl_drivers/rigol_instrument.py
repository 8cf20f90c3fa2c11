"""A conversation with an instrument of Rigol: identity, errors, its switch; what supply and load have in common."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from labctl.clock import Clock
from labctl.errors import InstrumentError
from labctl.instrument.channel import Identity
from labctl.link import Deadline, Link
from labctl_drivers.smu_conversation import Conversation
from labctl_drivers.smu_setting import Readable

_READING = Deadline("a reading", takes_s=0.5)


class RigolInstrument(Conversation[None]):
    """One of the two instruments at a cell; subclasses say how it expresses what is named here.

    Attributes:
        what: what it is called in a sentence.
    """

    maker = "Rigol"
    what: ClassVar[str]
    error_query = b":SYST:ERR?"
    challenge = b"*ESE N\n*ESE?"  # two messages: the guides show none with several commands in it
    answer_within = Deadline("the answer to a setting", takes_s=0.2)
    clear: ClassVar[tuple[bytes, ...]]
    """Forgets errors, and that a protection has tripped; switches nothing on."""
    switch: ClassVar[tuple[Readable, Readable]]
    """Off and on."""

    def __init__(self, link: Link, clock: Clock, expected: str | None) -> None:
        super().__init__(link, clock, expected)

    def parse_identity(self, reply: str) -> Identity | None:
        """``RIGOL TECHNOLOGIES,DP832,DP8C162850391,00.01.14``."""
        fields = [field.strip() for field in reply.split(",")]
        if len(fields) != 4 or "RIGOL" not in fields[0].upper():
            return None
        return Identity(fields[0], fields[1].upper(), fields[2], fields[3])

    def parse_error(self, reply: str) -> tuple[int, str]:
        """``0,"No error"`` or ``-113,"Undefined header"``."""
        code, _, text = reply.partition(",")
        return int(code), text.strip().strip('"')

    async def is_off(self) -> bool:
        """Whether it reads back as off; anything else that is answered is not off."""
        off, _ = self.switch
        return off.matches(await self.ask(off.ask()))

    async def is_on(self) -> bool:
        """Whether it reads back as on."""
        _, on = self.switch
        return on.matches(await self.ask(on.ask()))

    async def is_open(self) -> bool:
        """Whether nothing flows through it any more."""
        return await self.is_off()

    async def switch_off(self) -> None:
        """Off, even on a line that is not in order."""
        await self.link.send_anyway(self.switch[0].set())

    async def switch_on(self, epoch: int) -> None:
        """On, and read back.

        Raises:
            Superseded: the epoch is over; it was not sent.
            InstrumentError: it does not read back as on.
        """
        _, on = self.switch
        await self.link.send(on.set(), epoch=epoch)
        if not await self.is_on():
            await self.refuse_errors(on.set().decode())
            raise InstrumentError(f"the {self.what} did not switch on", self.link.name, on.set().decode())

    async def arm(self, settings: Sequence[Readable], epoch: int) -> None:
        """Set and read back everything; the instrument is off.

        Raises:
            InstrumentRefused: something was not taken.
            Superseded: the epoch is over.
        """
        for line in self.clear:
            await self.link.send(line, epoch=epoch)
        for setting in settings:
            await self.set(setting, epoch)
        await self.refuse_errors("the settings of the step")

    async def figures(self, query: bytes, count: int = 1) -> list[float]:
        """The numbers that a reading is answered with.

        Raises:
            LinkNonsense: it is not as many, or none.
        """
        reply = await self.ask(query, _READING)
        try:
            found = [float(text) for text in reply.split(",")]
        except ValueError as error:
            raise self.nonsense(query.decode(), reply) from error
        if len(found) != count:
            raise self.nonsense(query.decode(), reply)
        return found

    @abstractmethod
    async def why_off(self) -> str:
        """What may have switched it off by itself, in words; empty: nothing that it tells."""
