"""The keepers of a station: few processes for many channels, and for each of them a second one that stands by."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from labctl.keeper.start import KeeperProcess

MOST_CHANNELS = 64
"""Channels of one keeper: what is lost with it, and what the second one has to open in its place, at once."""


class KeeperPair(NamedTuple):
    """A keeper, and the one that opens its circuits should it die."""

    first: KeeperProcess
    second: KeeperProcess


class KeeperPairs:
    """Keepers for any number of channels. Processes are started when they are needed.

    Args:
        drivers: names of the drivers that they are going to need.
        journal: the file that all of them write to; None: nothing is kept.
    """

    def __init__(self, drivers: Iterable[str], journal: Path | None) -> None:
        self._drivers = sorted(set(drivers))
        self._journal = journal
        self._pairs: list[KeeperPair] = []
        self._places: dict[str, int] = {}

    def of(self, channel: str) -> KeeperPair:
        """Who keeps a channel: the same two processes every time."""
        if channel not in self._places:
            self._places[channel] = self._free_place()
        return self._pairs[self._places[channel]]

    def _free_place(self) -> int:
        taken = Counter(self._places.values())
        for place in range(len(self._pairs)):
            if taken[place] < MOST_CHANNELS:
                return place
        self._pairs.append(KeeperPair(self._process(), self._process()))
        return len(self._pairs) - 1

    def _process(self) -> KeeperProcess:
        return KeeperProcess(self._drivers, self._journal)

    def close(self) -> None:
        """They are needed no more: each ends when every one of its circuits is open."""
        for pair in self._pairs:
            pair.first.close()
            pair.second.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
