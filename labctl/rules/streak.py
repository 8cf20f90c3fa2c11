"""How long something has lasted, tolerant of single outliers."""

import statistics

TOLERATED_SHARE = 4  # one sample in so many may fall back


class Streak:
    """Samples beyond a limit, one after the other.

    Single readings are wrong now and then. So a streak needs a few samples besides its time, and once it has four it
    survives samples that fall back, as long as those are at most one in four.

    Attributes:
        levels: those beyond the limit; empty when there is no streak.
        first_seq, first_s: where it began.
    """

    __slots__ = ("_back", "_least_samples", "first_s", "first_seq", "levels")

    def __init__(self, least_samples: int) -> None:
        self._least_samples = least_samples
        self.levels: list[float] = []
        self.clear()

    def clear(self) -> None:
        """Forget the streak."""
        self.first_seq = 0
        self.first_s = 0.0
        self.levels.clear()
        self._back = 0

    def beyond(self, seq: int, time_s: float, level: float) -> None:
        """A sample beyond the limit."""
        if not self.levels:
            self.first_seq, self.first_s = seq, time_s
        self.levels.append(level)

    def fall_back(self) -> None:
        """A sample within the limit."""
        self._back += 1
        if self._back * TOLERATED_SHARE > len(self.levels):
            self.clear()

    def lasts(self, time_s: float, hold_s: float) -> bool:
        """Whether it has gone on for ``hold_s`` and for enough samples."""
        return len(self.levels) >= self._least_samples and time_s - self.first_s >= hold_s

    def typical(self) -> float:
        """Median of the levels beyond the limit."""
        return statistics.median(self.levels)
