"""The keepers of a station: few processes for many channels, and for each of them a second one that stands by."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from labctl.keeper.start import KeeperProcess
from labctl.link.tcp import plain_socket

MOST_CHANNELS = 128
"""Channels of one keeper: what is lost with it, and what the second one has to open in its place, at once."""


class KeeperPair(NamedTuple):
    """A keeper, and the one that opens its circuits should it die."""

    first: KeeperProcess
    second: KeeperProcess


class KeeperPairs:
    """Keepers for any number of channels. Processes are started when they are needed.

    Args:
        instruments: name of the driver and resource of each instrument that they are going to keep.
        journal: the file that all of them write to; None: nothing is kept.
    """

    def __init__(self, instruments: Iterable[tuple[str, str]], journal: Path | None) -> None:
        needed = list(instruments)
        self._drivers = sorted({driver for driver, _ in needed})
        self._libraries = any(plain_socket(resource) is None for _, resource in needed)
        self._journal = journal
        self._pairs: list[KeeperPair] = []
        self._places: dict[str, int] = {}

    def of(self, channel: str) -> KeeperPair:
        """Who keeps a channel: the same two processes every time."""
        if channel not in self._places:
            self._places[channel] = self._free_place()
        return self._pairs[self._places[channel]]

    def ready_for(self, channels: Iterable[str]) -> None:
        """Start whoever is to keep these channels, before anything is energised: a start costs much processor time.

        Raises:
            OSError: a process cannot be started.
        """
        for channel in channels:
            pair = self.of(channel)
            pair.first.ready()
            pair.second.ready()

    def _free_place(self) -> int:
        taken = Counter(self._places.values())
        for place in range(len(self._pairs)):
            if taken[place] < MOST_CHANNELS:
                return place
        self._pairs.append(KeeperPair(self._process(), self._process()))
        return len(self._pairs) - 1

    def _process(self) -> KeeperProcess:
        return KeeperProcess(self._drivers, self._journal, libraries=self._libraries)

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
