"""What is said to a source-measure unit that answers each reading: armed, switched on, read, switched off.

A driver says in its own class, in the order of its manual, how its instrument expresses what is named here.
"""

from abc import abstractmethod
from typing import ClassVar, NamedTuple

from labctl.link import Deadline
from labctl_drivers.smu_conversation import Conversation
from labctl_drivers.smu_setting import Readable
from labctl_drivers.smu_setup import Ranges, Setup


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


class SourceMeasureUnit(Conversation[Setup]):
    """A conversation with one instrument, in the words of its driver."""

    answer_within = Deadline("the answer to a setting", takes_s=0.2)
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

    @abstractmethod
    def settings(self, setup: Setup) -> tuple[Readable, ...]:
        """Everything that is armed with the output off, in the order in which the instrument accepts it."""

    @abstractmethod
    def level(self, setup: Setup, value: float) -> Readable:
        """The set point, A or V."""

    @abstractmethod
    def reading_queries(self, setup: Setup) -> tuple[bytes, ...]:
        """Ask for one reading of voltage and current: mostly a single query."""

    @abstractmethod
    def parse_reading(self, reply: str) -> Reading:
        """The answer, or the answers joined by commas; ValueError if it is nothing of the kind."""

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
