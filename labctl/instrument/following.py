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
    longest_s = min(step.sampling.every_s, TRACKING_S) if profile.powers else step.sampling.every_s
    voltage_V = math.nan
    for number, (began_s, end_s) in enumerate(pairwise((0.0, *profile.ends_s))):
        value, after_s = profile.values[number], start_s + began_s
        if number:
            wanted_A = current_of(value, voltage_V) if profile.powers else value
            await instrument.move(step.allowed(wanted_A, voltage_V))
        next_s, kept_s, pause_s = after_s + traits.shortest_interval_s, -math.inf, traits.shortest_interval_s
        segment_end_s = start_s + end_s
        while True:
            at_end = next_s >= segment_end_s - traits.shortest_interval_s
            next_s = segment_end_s if at_end else next_s
            sample = await reader.read_before(next_s, math.inf)
            voltage_V = sample.voltage_V
            cutoff = approach.look(*sample[:3])
            if cutoff is not None:
                yield sample._replace(cutoff=cutoff)
                return
            if at_end:
                await clock.sleep_until(segment_end_s)
                over = segment_end_s >= approach.end_s
                yield sample._replace(
                    time_s=max(clock.now(), segment_end_s), cutoff=approach.end_cutoff if over else None
                )
                if over:
                    return
                break
            if sample.time_s - kept_s >= 0.99 * step.sampling.every_s:
                kept_s = sample.time_s
                yield sample
            if profile.powers:
                await instrument.move(step.allowed(current_of(value, voltage_V), voltage_V))
            pause_s = min(2.0 * pause_s, longest_s)
            earliest_s = next_s + traits.shortest_interval_s
            next_s = max(min(next_s + pause_s, kept_s + step.sampling.every_s, approach.due_s), earliest_s)


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
