"""What waits for one reader who may be slow: bounded, and whoever puts something in never waits."""

import asyncio
from collections import deque
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Things of several kinds, in the order in which they came; of each kind at most a number, the oldest goes first.

    Attributes:
        lost: how many had to go, by kind, but for those of which one is enough.
    """

    def __init__(self) -> None:
        self.lost: dict[str, int] = {}
        self._things: dict[int, T] = {}
        self._of: dict[str, deque[int]] = {}
        self._numbers = count()
        self._filled = asyncio.Event()

    def put(self, kind: str, thing: T, most: int = 1) -> None:
        """Add something.

        Args:
            kind: what it is; a state that replaces the one before is a kind of its own, with ``most`` 1.
            thing: it.
            most: how many of the kind may wait.
        """
        waiting = self._of.setdefault(kind, deque())
        if len(waiting) >= most:
            del self._things[waiting.popleft()]
            if most > 1:
                self.lost[kind] = self.lost.get(kind, 0) + 1
        number = next(self._numbers)
        waiting.append(number)
        self._things[number] = thing
        self._filled.set()

    async def take(self) -> list[T]:
        """Everything that waits; waits until there is something."""
        await self._filled.wait()
        self._filled.clear()
        things = list(self._things.values())
        self._things.clear()
        self._of.clear()
        return things
