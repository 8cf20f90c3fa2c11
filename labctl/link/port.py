"""What every kind of port offers: write bytes, read what has come, open again."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long an answer may take, and why.

    Attributes:
        reason: what is waited for, as it is to stand in an error message.
        takes_s: what the instrument needs by its own doing (integration, a sample interval), in experiment time.
        slack_s: what wire, computer and firmware may add, in seconds on the wall.
    """

    reason: str
    takes_s: float = 0.0
    slack_s: float = 2.0


class Port(Protocol):
    """One open port. Its methods are awaited in the thread that owns it; a blocking port never suspends.

    Raises (all methods):
        LinkLost: the port is gone.
    """

    name: str

    async def open(self) -> None:
        """Open, or open again after a loss; input from before is gone."""
        ...

    async def write(self, data: bytes) -> None:
        """Hand all bytes over."""
        ...

    async def read(self, until_s: float) -> bytes:
        """Return what has come as soon as there is anything; ``b""`` when it is ``until_s`` on the clock.

        Raises:
            Superseded: the wait was interrupted because something must go first.
        """
        ...

    async def close(self) -> None:
        """Close; idempotent."""
        ...


@runtime_checkable
class HasSecond(Protocol):
    """A port of an instrument that may have a second one."""

    def beside(self, resource: str) -> Port:
        """The instrument's second port; nothing is opened yet.

        Args:
            resource: where it is, written as the first; empty: where an instrument of this kind has it.

        Raises:
            LinkLost: where it is cannot be told.
        """
        ...
