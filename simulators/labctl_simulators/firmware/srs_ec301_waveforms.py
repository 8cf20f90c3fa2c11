"""Waveforms that a simulated EC301 plays by itself: ramps, pulses, points, each a level as a function of time.

Theory of operation (EC301 manual figures 35 to 37). A program is parameters; playing it is asking for the level at a
time since the start, in its own units: mV in potentiostat mode, thousandths of the current range else. A ramp holds
E0, goes to E1, waits, goes to E2, waits, and repeats from E2 to E1. A pulse program holds P0 once and repeats P1 to Pn,
each with or without the baseline, which moves by a step after the points that say so.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

TICK_s = 4e-6
DELAY_UNIT_s = 1e-4
_MOST_POINTS = 1600
_NO_POINT = 31


class Waveform(Protocol):
    """Something that is played."""

    @property
    def duration_s(self) -> float:
        """When it ends; infinite if it never does."""
        ...

    def level(self, time_s: float) -> float:
        """The level at a time since the start, at most ``duration_s``."""
        ...


class _Segment(NamedTuple):
    """A straight line from one level to another."""

    duration_s: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Segments:
    """Lines played one after the other, those from number ``loop_from`` on as often as ``loops`` says.

    Attributes:
        segments: not empty.
        loop_from: index of the first that is repeated.
        loops: how often these are played; infinite: for ever.
    """

    segments: tuple[_Segment, ...]
    loop_from: int
    loops: float

    @property
    def duration_s(self) -> float:
        """When it ends."""
        once_s, each_s = self._lengths_s()
        return once_s + (self.loops * each_s if each_s > 0.0 else 0.0)

    def level(self, time_s: float) -> float:
        """The level at a time since the start."""
        once_s, each_s = self._lengths_s()
        segments = self.segments
        if time_s >= once_s and each_s > 0.0:
            segments = segments[self.loop_from :]
            rounds = min(math.floor((time_s - once_s) / each_s), self.loops - 1)
            time_s -= once_s + rounds * each_s
        for duration_s, start, end in segments:
            if time_s < duration_s:
                return start + (end - start) * time_s / duration_s
            time_s -= duration_s
        return self.segments[-1].end

    def _lengths_s(self) -> tuple[float, float]:
        once, each = self.segments[: self.loop_from], self.segments[self.loop_from :]
        return sum(s.duration_s for s in once), sum(s.duration_s for s in each)


@dataclass(slots=True)
class RampProgram:
    """What ``ramppt``, ``rampdt``, ``ramprt``, ``rampcy``, ``scantp``, ``scanem`` set; None: missing."""

    points: list[float | None] = field(default_factory=lambda: [None] * 3)
    rates: list[float | None] = field(default_factory=lambda: [None] * 2)
    delays: list[float | None] = field(default_factory=lambda: [None] * 3)
    cycles: int | None = None
    single: bool = True
    holds_at_end: bool = False

    def missing(self, kind: int) -> int:
        """``ramppg?``: a bit for each parameter that a type of ramp lacks."""
        needed = {0: range(7), 1: (0, 2, 3, 5), 2: (2,), 3: (0, 2), 4: (0, 2, 3, 5)}[kind]
        given = (
            *self.delays[:2],
            *self.points,
            *self.rates,
        )  # the table counts from 1; T2 may be left out (p. 130)
        return sum(1 << bit for bit in needed if given[bit] is None)

    def waveform(self, kind: int, mode_scale: float) -> Segments:
        """What is played; ``missing`` is 0.

        Args:
            kind: 0 cyclic, 1 linear, 2 hold for ever, 3 hold for T0.
            mode_scale: what a rate of 1 is, in units of a level per second.
        """
        first, top, bottom = (point or 0.0 for point in self.points)
        rest_s = [DELAY_UNIT_s * (delay or 0.0) for delay in self.delays]
        hold = _Segment(math.inf if kind == 2 else rest_s[0], first, first)
        if kind in (2, 3):
            return Segments((hold,), 1, 0.0)

        def line(start: float, end: float, rate: float | None) -> _Segment:
            return _Segment(abs(end - start) / (mode_scale * (rate or 1.0)), start, end)

        up = (hold, line(first, top, self.rates[0]), _Segment(rest_s[1], top, top))
        if kind == 1:
            return Segments(up, 3, 0.0)
        down = (line(top, bottom, self.rates[1]), _Segment(rest_s[2], bottom, bottom))
        again = (line(bottom, top, self.rates[0]), up[2], *down)
        loops = 0.0 if self.single else math.inf if self.cycles is None else float(self.cycles)
        return Segments((*up, *down, *again), 5, loops)


@dataclass(slots=True)
class PulseProgram:
    """What the commands that begin with ``p`` set; where the table of ``pincrm`` contradicts its figure, the figure."""

    points: int = 1
    step: float = 0.0
    values: list[float | None] = field(default_factory=lambda: [None] * 16)
    holds: list[int | None] = field(default_factory=lambda: [None] * 16)
    increments: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)] * 16)
    limit: int = 1
    stops: bool = True

    def missing(self) -> int:
        """``pprogm?``: 1 if a point lacks its value or its time."""
        used = slice(0, self.points + 1)
        return int(None in self.values[used] or None in self.holds[used])

    def waveform(self) -> "Pulses":
        """What is played; ``missing`` is 0."""
        used = range(1, self.points + 1)
        values = tuple(
            (self.values[n] or 0.0, (self.holds[n] or 1) * TICK_s, *self.increments[n]) for n in used
        )
        return Pulses(
            (self.values[0] or 0.0, (self.holds[0] or 1) * TICK_s), values, self.step, self.limit, self.stops
        )


@dataclass(frozen=True, slots=True)
class Pulses:
    """A hold, then rounds of points on a baseline that moves.

    Attributes:
        first: value and seconds of P0.
        points: of each point of a round: value, seconds, whether on the baseline, whether it moves it afterwards.
        step: by how much.
        limit: number of movements, after which it stops or turns round.
        stops: it stops.
    """

    first: tuple[float, float]
    points: tuple[tuple[float, float, int, int], ...]
    step: float
    limit: int
    stops: bool

    @property
    def duration_s(self) -> float:
        """When it ends: with the point whose movement of the baseline is the last."""
        moves = self._moves
        if not (self.stops and moves):
            return math.inf
        rounds, left = divmod(self.limit - 1, moves)
        time_s = self.first[1] + rounds * self._round_s
        for _, hold_s, _, moving in self.points:
            time_s += hold_s
            left -= moving
            if left < 0:
                break
        return time_s

    def level(self, time_s: float) -> float:
        """The level at a time since the start."""
        value, hold_s = self.first
        time_s -= hold_s
        if time_s < 0.0:
            return value
        rounds = math.floor(time_s / self._round_s)
        time_s -= rounds * self._round_s
        moved = rounds * self._moves
        for value, hold_s, added, moving in self.points:
            if time_s < hold_s:
                return value + added * self._baseline(moved)
            time_s -= hold_s
            moved += moving
        last, _, added, moving = self.points[-1]  # rounding
        return last + added * self._baseline(moved - moving)

    def _baseline(self, moved: int) -> float:
        if self.stops:
            return self.step * min(moved, self.limit)
        turn = moved % (2 * self.limit)
        return self.step * (turn if turn <= self.limit else 2 * self.limit - turn)

    @property
    def _moves(self) -> int:
        return sum(moving for *_, moving in self.points)

    @property
    def _round_s(self) -> float:
        return sum(hold_s for _, hold_s, _, _ in self.points)


@dataclass(slots=True)
class ArbitraryProgram:
    """What the commands that begin with ``arb`` set; table 10 gives what it begins with."""

    kind: int | None = None
    points: dict[int, int] = field(default_factory=dict)
    delay_s: int = 0
    divider: int = 1
    cycles: int = 1
    opens_at_end: bool = False

    def put(self, index: int, datum: int) -> int:
        """``arbset?``: 0, or an error code. Assumed: 30, for a datum without a type or out of its range."""
        most = {None: -1, 0: 15000, 1: 1000}.get(self.kind, 2000)
        if not (0 <= index < _MOST_POINTS and abs(datum) <= most):
            return 30
        self.points[index] = datum
        return 0

    def get(self, index: int) -> int:
        """``arbget?``."""
        return self.points.get(index, _NO_POINT)

    def waveform(self) -> "Points | None":
        """What is played; None if a point is missing."""
        count = len(self.points)
        if not count or set(self.points) != set(range(count)):
            return None
        values = tuple(float(self.points[n]) for n in range(count))
        return Points(values, float(self.delay_s), 1e-6 * self.divider, self.cycles or math.inf)


@dataclass(frozen=True, slots=True)
class Points:
    """Points at equal times, after a hold of the first, and again."""

    values: tuple[float, ...]
    delay_s: float
    each_s: float
    cycles: float

    @property
    def duration_s(self) -> float:
        """When it ends."""
        return self.delay_s + self.cycles * self.each_s * len(self.values)

    def level(self, time_s: float) -> float:
        """The level at a time since the start."""
        since_s = time_s - self.delay_s
        if since_s < 0.0 or time_s >= self.duration_s:
            return self.values[0]
        return self.values[int(since_s / self.each_s) % len(self.values)]
