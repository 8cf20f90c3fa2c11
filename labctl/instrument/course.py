"""What an instrument follows where nothing is held: a staircase of voltages, or a profile of currents or powers."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Scan:
    """A staircase of voltages, each level held for ``interval_s`` and read at its end.

    Attributes:
        start_V: the first level. None: the open-circuit voltage right before, moved to the nearest level of the
            staircase that goes through the vertices; it has to lie between them.
        turns_V: one voltage: the staircase ends there. Two vertices: it goes over both and back to the start,
            which lies between them.
        cycles: how often it does so; 1 for a single sweep.
        stair_V: height of a stair, by which every way between two turns can be divided.
        rate_V_per_s: height of a stair over the time that it is held.
    """

    start_V: float | None
    turns_V: tuple[float, ...]
    cycles: int
    stair_V: float
    rate_V_per_s: float

    @property
    def cyclic(self) -> bool:
        """Whether it returns to its start."""
        return len(self.turns_V) > 1

    @property
    def interval_s(self) -> float:
        """How long a level is held."""
        return self.stair_V / self.rate_V_per_s

    @property
    def levels(self) -> int:
        """How many levels are held, the start among them."""
        if self.cyclic:
            first_V, second_V = self.turns_V
            return 1 + 2 * round(abs(second_V - first_V) / self.stair_V) * self.cycles
        assert self.start_V is not None
        return 1 + round(abs(self.turns_V[0] - self.start_V) / self.stair_V)

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return self.levels * self.interval_s

    @property
    def extremes_V(self) -> tuple[float, float]:
        """Lowest and highest level."""
        known_V = (*self.turns_V, *(() if self.start_V is None else (self.start_V,)))
        return min(known_V), max(known_V)

    def nearest_start_V(self, open_circuit_V: float) -> float:
        """The level nearest to an open-circuit voltage."""
        origin_V = self.turns_V[0]
        return origin_V + round((open_circuit_V - origin_V) / self.stair_V) * self.stair_V

    def staircase_V(self, start_V: float) -> Iterator[float]:
        """The levels, from the start on."""
        yield start_V
        way = (*self.turns_V, start_V) * self.cycles if self.cyclic else self.turns_V
        for origin_V, turn_V in pairwise((start_V, *way)):
            stairs = round(abs(turn_V - origin_V) / self.stair_V)
            for number in range(1, stairs):
                yield origin_V + (turn_V - origin_V) * number / stairs
            if stairs:
                yield turn_V


@dataclass(frozen=True, slots=True)
class Profile:
    """A sequence of set points, each held until its end: a drive cycle.

    Attributes:
        ends_s: when each set point ends, since the beginning; rising.
        values: the set points, A or W, positive when they charge the cell.
        powers: they are powers.
        file: name of the file that they were read from; ``sha256`` is the hash of its bytes.
    """

    ends_s: tuple[float, ...]
    values: tuple[float, ...]
    powers: bool
    file: str
    sha256: str

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return self.ends_s[-1]

    @property
    def shortest_s(self) -> float:
        """How long the shortest set point is held."""
        return min(end_s - start_s for start_s, end_s in pairwise((0.0, *self.ends_s)))

    @property
    def largest(self) -> float:
        """Largest magnitude of a set point, A or W."""
        return max(map(abs, self.values))

    def integral(self) -> float:
        """Net charge (C) or energy (J) that it passes."""
        spans = pairwise((0.0, *self.ends_s))
        return sum(value * (end - start) for value, (start, end) in zip(self.values, spans, strict=True))

    def passed(self) -> float:
        """Charge (C) or energy (J) that it passes in either direction, added up."""
        magnitudes = tuple(map(abs, self.values))
        return replace(self, values=magnitudes).integral()

    def after(self, passed_s: float) -> "Profile":
        """What is left of it; it has to be something."""
        done = bisect_right(self.ends_s, passed_s)
        ends_s = tuple(end_s - passed_s for end_s in self.ends_s[done:])
        return replace(self, ends_s=ends_s, values=self.values[done:])
