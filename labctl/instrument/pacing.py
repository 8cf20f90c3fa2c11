"""Paces a step on an instrument that only sources and measures: when to read, what to keep, when to end."""

import math
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from labctl.clock import Clock
from labctl.errors import InvalidReading, LinkError
from labctl.instrument.approach import Approach
from labctl.instrument.channel import Sample, Traits
from labctl.instrument.step import Cutoff, Step

_ATTEMPTS = 3
_GROWTH = 2.0  # a pause may be at most this many times the one before
_FORGETTING = 0.9
BEYOND_RANGE = 1.1  # what may be measured at all, as a part of what can be set
TRACKING_S = 1.0  # longest time between two readings where the set point follows the voltage
_WORTH_MOVING = 1e-4  # of the current
_BEYOND = 1.01  # aim a little beyond a change that is to be kept, or the reading falls just short of it


class HostPaced(Protocol):
    """What a driver offers so that its steps can be paced."""

    async def begin(self, step: Step) -> float:
        """Arm what the instrument holds by itself, then let the set point take effect.

        Returns:
            Experiment time at which the set point took effect.
        """
        ...

    async def move(self, value: float) -> None:
        """Move the set point while the step goes on, and read it back: V in a scan, else A.

        Raises:
            LabctlError: it could not be moved; the step is over.
        """
        ...

    async def reconnect(self) -> None:
        """The beginning failed on the wire: switch off at once, then find the instrument again, for another try.

        Raises:
            LabctlError: it could not be found.
        """
        ...

    async def measure(self) -> Sample:
        """One reading of voltage and current, stamped with the time at which it was asked for.

        Raises:
            InvalidReading: the instrument answered, but not with a new reading.
            LinkError: nothing sensible came; ``recover`` is called next.
        """
        ...

    async def recover(self) -> Sequence[Sample]:
        """Find the instrument again, prove that it still does what it was told, fetch what was missed.

        Raises:
            LabctlError: it could not be found, or does something else; the step is over.
        """
        ...


async def pace(
    step: Step, instrument: HostPaced, clock: Clock, traits: Traits
) -> AsyncGenerator[Sample, None]:
    """Execute a step and yield the samples that are to be kept; the last carries the cut-off that ended it.

    Kept is a reading on the grid of ``sampling.every_s``, after a change that the sampling asks for, beyond the
    safety limits, or at the end. Readings are taken on that grid, and earlier when the slope predicts a change to be
    kept or a cut-off; there is no fast grid. A pause is at most twice the one before, so that a step begins
    with quick readings while nothing is known about its slope. An end that is known beforehand is met exactly:
    the last reading is asked for so early that it is there in time, and is stamped with the end.

    In a step that tracks, a power or a resistance, the current is moved after each reading to what the voltage then
    asks for; readings come at least once a second, so that in between it is off by what the voltage moves meanwhile.

    Readings beyond what the instrument can measure (overflow and not-a-number among them) are not readings.
    Three of them in a row, or of failed exchanges, end the step with the error.

    Raises:
        InvalidReading: no valid reading three times in a row.
        LinkError: the instrument could not be reached, or not made to begin, three times in a row.
    """
    most_V, most_A = BEYOND_RANGE * traits.voltage_max_V, BEYOND_RANGE * traits.current_max_A
    start_s = await begin(step, instrument)
    tracks, moved_A = step.tracks, math.inf
    rhythm = _Rhythm(step, start_s, traits.shortest_interval_s)
    failures = 0
    missed: list[Sample] = []
    while True:
        fresh = not missed
        if missed:
            sample = missed.pop(0)
        else:
            await clock.sleep_until(rhythm.next_s)
            try:
                sample = await instrument.measure()
                _, voltage_V, current_A, _, _ = sample
                # Overflow and not-a-number fail these comparisons as well.
                if not (-most_V <= voltage_V <= most_V and -most_A <= current_A <= most_A):
                    raise InvalidReading(f"{voltage_V:g} V, {current_A:g} A is not a reading", traits.model)
            except (InvalidReading, LinkError) as error:
                failures += 1
                if failures == _ATTEMPTS:
                    raise
                if isinstance(error, LinkError):
                    missed = list(await instrument.recover())
                else:
                    await clock.sleep_until(clock.now() + traits.shortest_interval_s)
                continue
            took_s, of_late_s = clock.now() - sample.time_s, _FORGETTING * rhythm.takes_s
            rhythm.takes_s = took_s if took_s > of_late_s else of_late_s
            failures = 0
        rhythm.take(sample)
        if rhythm.cutoff is not None:
            yield sample._replace(cutoff=rhythm.cutoff)
            return
        if rhythm.at_end and fresh:  # after an outage another reading tells how it stands by then
            await clock.sleep_until(rhythm.end_s)
            yield sample._replace(time_s=max(clock.now(), rhythm.end_s), cutoff=rhythm.end_cutoff)
            return
        if rhythm.keep:
            yield sample
        if tracks:
            wanted_A = step.current_A(sample.voltage_V)
            if abs(wanted_A - moved_A) > _WORTH_MOVING * abs(wanted_A):
                await instrument.move(wanted_A)
                moved_A = wanted_A


async def begin(step: Step, instrument: HostPaced) -> float:
    """Beginning switches off before it arms, so that it can be done again when an answer was lost."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return await instrument.begin(step)
        except LinkError:
            await instrument.reconnect()
    return await instrument.begin(step)


class _Rhythm:
    """Decides after each reading whether to keep it, and when to take the next.

    Attributes:
        keep: the last reading is to be kept.
        cutoff: the cut-off that the last reading reached.
        at_end: the last reading was the one for the end that was known beforehand.
        end_s, end_cutoff: that end.
        next_s: when to read next.
        takes_s: how long a reading may take, from question to answer: the longest of late.
    """

    def __init__(self, step: Step, start_s: float, interval_s: float) -> None:
        self.keep = True
        self.cutoff: Cutoff | None = None
        self.at_end = False
        self.next_s = start_s
        self.takes_s = 0.0
        self._approach = Approach(step, start_s)
        self.end_s = self._approach.end_s
        self.end_cutoff = self._approach.end_cutoff
        self._safety = step.safety
        self._every_s = step.sampling.every_s
        self._longest_s = min(self._every_s, TRACKING_S) if step.tracks else self._every_s
        self._change_V = step.sampling.voltage_change_V or math.inf
        self._change_A = step.sampling.current_change_A or math.inf
        self._start_s = start_s
        self._grid_number = 0
        self._grid_s = start_s
        self._interval_s = interval_s
        self._pause_s = interval_s
        self._for_end = False
        self._last_s = start_s
        self._last_V = self._last_A = 0.0
        self._kept_V = self._kept_A = math.inf  # so that the first reading is a change

    def take(self, sample: Sample) -> None:
        """Take a reading."""
        time_s, voltage_V, current_A, _, _ = sample
        approach = self._approach
        self.cutoff = approach.look(time_s, voltage_V, current_A)
        end_s = approach.end_s
        self.at_end = time_s >= end_s or (self._for_end and end_s <= self.end_s)
        self.end_s, self.end_cutoff = end_s, approach.end_cutoff
        self._decide_keep(time_s, voltage_V, current_A)
        change_due_s = self._change_due_s(time_s, voltage_V, current_A)
        self._schedule(time_s, change_due_s if change_due_s < approach.due_s else approach.due_s)
        self._last_s, self._last_V, self._last_A = time_s, voltage_V, current_A

    def _decide_keep(self, time_s: float, voltage_V: float, current_A: float) -> None:
        safety = self._safety
        on_grid = time_s >= self._grid_s - 0.5 * self._interval_s
        self.keep = (
            on_grid
            or abs(voltage_V - self._kept_V) >= self._change_V
            or abs(current_A - self._kept_A) >= self._change_A
            or not safety.voltage_min_V <= voltage_V <= safety.voltage_max_V
            or abs(current_A) > safety.current_max_A
        )
        if self.keep:
            self._kept_V, self._kept_A = voltage_V, current_A
        if on_grid:
            self._grid_number += 1
            self._grid_s = self._start_s + self._grid_number * self._every_s
            if self._grid_s <= time_s:  # readings were missed
                self._grid_number = int((time_s - self._start_s) / self._every_s) + 1
                self._grid_s = self._start_s + self._grid_number * self._every_s

    def _change_due_s(self, time_s: float, voltage_V: float, current_A: float) -> float:
        """When voltage or current will have moved by what is to be kept, if they go on as they do."""
        elapsed_s = time_s - self._last_s
        due_s = math.inf
        if elapsed_s > 0.0:
            if self._change_V < math.inf and voltage_V != self._last_V:
                slope = (voltage_V - self._last_V) / elapsed_s
                target_V = self._kept_V + math.copysign(_BEYOND * self._change_V, slope)
                due_s = time_s + (target_V - voltage_V) / slope
            if self._change_A < math.inf and current_A != self._last_A:
                slope = (current_A - self._last_A) / elapsed_s
                target_A = self._kept_A + math.copysign(_BEYOND * self._change_A, slope)
                due_s = min(due_s, time_s + (target_A - current_A) / slope)
        return due_s

    def _schedule(self, time_s: float, due_s: float) -> None:
        """The next reading: on the grid, or earlier, but never sooner than the instrument can follow."""
        pause_s = due_s - time_s
        if pause_s > self._pause_s:
            pause_s = self._pause_s
        if pause_s < self._interval_s:
            pause_s = self._interval_s
        longest_s = _GROWTH * pause_s
        self._pause_s = longest_s if longest_s < self._longest_s else self._longest_s
        next_s = time_s + pause_s
        self.next_s = next_s = next_s if next_s < self._grid_s else self._grid_s
        takes_s = self.takes_s
        end_look_s = self.end_s - takes_s
        done_s = (next_s if next_s > time_s + takes_s else time_s + takes_s) + takes_s
        self._for_end = done_s >= end_look_s  # one more reading before the last would make that one late
        if self._for_end:
            self.next_s = end_look_s
