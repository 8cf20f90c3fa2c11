"""Who may use an analyser that several channels share: one after the other, in the order in which they asked."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from labctl.clock import Clock
from labctl.errors import LabctlError, SpectrumLost
from labctl.units import show

DEADLINE_S = 1800.0
"""How long a cell waits at open circuit for its turn, unless the station says otherwise."""

_LOOK_S = 0.1  # between two looks at the queue; on the wall where time runs faster


class Turn:
    """One channel's use of the analyser.

    Args:
        who: the channel.
        clock: the time that it lives in.

    Attributes:
        until_s: experiment time at which it is over at the latest; None until it has begun.
        let_go: what gives the analyser back; set by whoever has opened it.
    """

    def __init__(self, who: str, clock: Clock) -> None:
        self.who = who
        self.until_s: float | None = None
        self.let_go: Callable[[], Awaitable[None]] | None = None
        self._clock = clock
        self._ended = False

    @property
    def overdue(self) -> bool:
        """Whether it has lasted longer than it may."""
        return self.until_s is not None and self._clock.now() > self.until_s

    def end(self) -> None:
        """Somebody else takes the analyser."""
        self._ended = True

    def check(self) -> None:
        """For whoever is about to use the analyser.

        Raises:
            SpectrumLost: the turn was ended.
        """
        if self._ended:
            raise SpectrumLost("its turn at the analyser took too long and was ended for the next channel")


class AnalyserQueue:
    """Turns at one analyser, first come, first served.

    Args:
        name: of the analyser.
        deadline_s: how long a channel waits, in experiment time.
    """

    def __init__(self, name: str, deadline_s: float = DEADLINE_S) -> None:
        self.name = name
        self._deadline_s = deadline_s
        self._turns: deque[Turn] = deque()

    @property
    def free(self) -> bool:
        """Whether nobody uses it or waits for it."""
        return not self._turns

    @asynccontextmanager
    async def turn(self, who: str, clock: Clock, longest_s: float) -> AsyncIterator[Turn]:
        """Wait for a turn, at most until the deadline; nobody keeps it for longer than ``longest_s`` if others wait.

        Raises:
            SpectrumLost: the turn did not come in time.
        """
        own = Turn(who, clock)
        self._turns.append(own)
        try:
            await self._wait(own, clock)
            own.until_s = clock.now() + longest_s
            yield own
        finally:
            if own in self._turns:
                self._turns.remove(own)

    async def _wait(self, own: Turn, clock: Clock) -> None:
        deadline_s = clock.now() + self._deadline_s
        while (first := self._turns[0]) is not own:
            if first.overdue:
                await self._evict(first)
                continue
            if clock.now() >= deadline_s:
                raise SpectrumLost(
                    f"the analyser {self.name} did not come free within {show(self._deadline_s, 's')}: "
                    f"{first.who} has it, {len(self._turns) - 2} more wait"
                )
            await clock.sleep_until(clock.now() + _LOOK_S * clock.speed)
            await asyncio.sleep(
                0
            )  # in virtual time a lone sleeper is not suspended, and nobody else would get on

    async def _evict(self, overdue: Turn) -> None:
        """End a turn whose channel does not come back, and give the analyser back in its place."""
        overdue.end()
        self._turns.remove(overdue)
        if overdue.let_go is not None:
            with suppress(LabctlError):  # whoever is next finds out whether it answers
                await overdue.let_go()
