"""Paces what follows a course on an instrument that only sources and measures: a staircase, a profile.

The set point moves at times that are known beforehand. A reading is taken right before each move, so that it tells
what the level did until its end, and is stamped with that end where a set point jumps: between two such readings the
charge is what the course says.
"""

import math
from collections.abc import AsyncGenerator
from itertools import pairwise

from labctl.clock import Clock
from labctl.errors import InvalidReading, LinkError
from labctl.instrument.approach import Approach
from labctl.instrument.channel import Sample, Traits
from labctl.instrument.course import Profile, Scan
from labctl.instrument.pacing import BEYOND_RANGE, TRACKING_S, HostPaced, begin
from labctl.instrument.step import Step, current_of

_ATTEMPTS = 3
_ON_GRID = 0.99  # of a sampling interval: a reading that is a hair early is not put off to the next
_LATE = 0.5  # of a level: a reading that comes later than this after its due time belongs to another level


async def follow_scan(
    step: Step, scan: Scan, instrument: HostPaced, clock: Clock, traits: Traits
) -> AsyncGenerator[Sample, None]:
    """Climb a staircase, with one reading at the end of each level; the last carries the cut-off that ended it.

    Args:
        step: what to do.
        scan: its staircase, from a start that is known.
        instrument: where; ``begin`` sets the first level.
        clock: the time it lives in.
        traits: what it can measure.

    Raises:
        InvalidReading: no valid reading three times in a row.
        LinkError: the instrument could not be reached for so long that the staircase stood still.
    """
    assert scan.start_V is not None
    start_s = await begin(step, instrument)
    approach, reader = Approach(step, start_s), _Reader(instrument, clock, traits)
    last = scan.levels - 1
    for number, level_V in enumerate(scan.staircase_V(scan.start_V)):
        end_s = start_s + (number + 1) * scan.interval_s
        if number:
            await instrument.move(level_V)
        sample = await reader.read_before(end_s, _LATE * scan.interval_s)
        cutoff = approach.look(*sample[:3])
        if cutoff is not None:
            yield sample._replace(cutoff=cutoff)
            return
        await clock.sleep_until(end_s)
        if number == last:
            yield sample._replace(time_s=max(clock.now(), end_s), cutoff=approach.end_cutoff)
            return
        yield sample


async def follow_profile(
    step: Step, profile: Profile, instrument: HostPaced, clock: Clock, traits: Traits
) -> AsyncGenerator[Sample, None]:
    """Follow a profile; kept are readings right after and right before each move, and on the grid between them.

    A profile of powers is held as a constant power is: the current follows the voltage once a second.

    Raises:
        InvalidReading: no valid reading three times in a row.
        LinkError: the instrument could not be reached for so long that the profile stood still.
    """
    start_s = await begin(step, instrument)
    approach, reader = Approach(step, start_s), _Reader(instrument, clock, traits)
    voltage_V = math.nan
    for number, (began_s, ended_s) in enumerate(pairwise((0.0, *profile.ends_s))):
        value, end_s = profile.values[number], start_s + ended_s
        if number:
            await instrument.move(_set_point_A(step, profile, value, voltage_V))
        rhythm = _Rhythm(step, profile.powers, start_s + began_s, end_s, traits.shortest_interval_s)
        while True:
            sample = await reader.read_before(rhythm.next_s, math.inf)
            voltage_V = sample.voltage_V
            cutoff = approach.look(*sample[:3])
            if cutoff is not None:
                yield sample._replace(cutoff=cutoff)
                return
            if rhythm.at_end:
                break
            if rhythm.keeps(sample.time_s):
                yield sample
            if profile.powers:
                await instrument.move(_set_point_A(step, profile, value, voltage_V))
            rhythm.schedule(approach.due_s)
        await clock.sleep_until(end_s)
        over = end_s >= approach.end_s
        yield sample._replace(time_s=max(clock.now(), end_s), cutoff=approach.end_cutoff if over else None)
        if over:
            return


def _set_point_A(step: Step, profile: Profile, value: float, voltage_V: float) -> float:
    return step.allowed(current_of(value, voltage_V) if profile.powers else value, voltage_V)


class _Rhythm:
    """When to read while one set point is held, and which readings to keep.

    Args:
        step: whose sampling it is.
        tracks: the current follows the voltage, so readings are needed for that, too.
        began_s, end_s: from when to when it is held.
        shortest_s: between two readings.

    Attributes:
        next_s: when to read next.
        at_end: that reading is the one at the end.
    """

    def __init__(self, step: Step, tracks: bool, began_s: float, end_s: float, shortest_s: float) -> None:
        self._every_s = step.sampling.every_s
        self._longest_s = min(self._every_s, TRACKING_S) if tracks else self._every_s
        self._end_s = end_s
        self._shortest_s = self._pause_s = shortest_s
        self._kept_s = -math.inf
        self._read_at(began_s + shortest_s)

    def keeps(self, time_s: float) -> bool:
        """Whether a reading is kept: the first after the move, then one each sampling interval."""
        kept = time_s - self._kept_s >= _ON_GRID * self._every_s
        if kept:
            self._kept_s = time_s
        return kept

    def schedule(self, due_s: float) -> None:
        """The next reading: the pause doubles, unless a sample or a look at a cut-off is due before."""
        earliest_s = self.next_s + self._shortest_s
        self._pause_s = min(2.0 * self._pause_s, self._longest_s)
        self._read_at(max(min(self.next_s + self._pause_s, self._kept_s + self._every_s, due_s), earliest_s))

    def _read_at(self, time_s: float) -> None:
        self.at_end = time_s >= self._end_s - self._shortest_s
        self.next_s = self._end_s if self.at_end else time_s


class _Reader:
    """Readings that are there in time, whatever the wire does.

    Args:
        instrument: where.
        clock: the time it lives in.
        traits: what it can measure.
    """

    def __init__(self, instrument: HostPaced, clock: Clock, traits: Traits) -> None:
        self._instrument = instrument
        self._clock = clock
        self._traits = traits
        self._takes_s = 0.0

    async def read_before(self, due_s: float, late_s: float) -> Sample:
        """A reading that is asked for so early that its answer is there at ``due_s``.

        Raises:
            InvalidReading: none that is valid came in three attempts.
            LinkError: the wire was down, and the reading would come more than ``late_s`` too late.
        """
        await self._clock.sleep_until(due_s - self._takes_s)
        attempt = 0
        while True:
            attempt += 1
            try:
                sample = await self._instrument.measure()
                self._refuse_beyond_range(sample)
            except InvalidReading:
                if attempt == _ATTEMPTS:
                    raise
                await self._clock.sleep_until(self._clock.now() + self._traits.shortest_interval_s)
                continue
            except LinkError:
                await self._instrument.recover()
                if attempt == _ATTEMPTS or self._clock.now() > due_s + late_s:
                    raise
                continue
            self._takes_s = max(self._clock.now() - sample.time_s, 0.9 * self._takes_s)
            return sample

    def _refuse_beyond_range(self, sample: Sample) -> None:
        most_V = BEYOND_RANGE * self._traits.voltage_max_V
        most_A = BEYOND_RANGE * self._traits.current_max_A
        # Overflow and not-a-number fail these comparisons as well.
        if not (-most_V <= sample.voltage_V <= most_V and -most_A <= sample.current_A <= most_A):
            raise InvalidReading(
                f"{sample.voltage_V:g} V, {sample.current_A:g} A is not a reading", self._traits.model
            )
