"""Watching a level against the cell's own history at equal passed charge: what the voltage rules have in common.

A *level* is a voltage counted so that higher is worse: the overpotential where a rise is looked for, its negative
where a collapse is. At the start of a half-cycle the limit is worked out for each part of its charge; a sample then
costs a few comparisons.
"""

import math
import statistics
from array import array
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from labctl.half_cycle import HalfCycle
from labctl.rules.decision import HalfCycleStart
from labctl.rules.own_history import PARTS, Baseline, Levels, OwnHistory, Series, highest_nearby
from labctl.rules.streak import Streak

UNCHANGED_CURRENT = 0.1  # the current counts as unchanged within this fraction of its set point
NOISE = 5 * 1.4826  # five standard deviations, in median absolute deviations of normal noise
RECORDS = 1000  # about so many samples of a half-cycle are kept for its profile
CUT_SHORT = 0.9  # a half-cycle with less than this part of the usual charge was cut short
JUST_BEFORE = 5  # samples
OFFSET_V = (
    0.010  # Assumed: a collapsed overpotential that reads further below zero is a wrong reading, not a short
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """When a level is too high.

    Attributes:
        factor: of the baseline.
        minimum_V: and at least so far above it.
        hold_s: for so long.
        grace_fraction: not in this first part of the charge.
        least_samples: and not on fewer samples, however far apart they are.
        believed_to_V: a higher level is a wrong reading.
    """

    factor: float
    minimum_V: float
    hold_s: float
    grace_fraction: float
    least_samples: int = 5
    believed_to_V: float = math.inf

    def limits(self, baseline: Baseline) -> Levels:
        """The limit in each part of the charge; infinite where there is no baseline."""
        level = highest_nearby(baseline.level)
        noise = NOISE * highest_nearby(baseline.scatter)
        limits = np.maximum(level * self.factor, level + np.maximum(noise, self.minimum_V))
        return np.where(np.isnan(baseline.level), np.inf, limits)


@dataclass(frozen=True, slots=True)
class Excess:
    """A level that stayed above its limit.

    Attributes:
        level, limit, baseline: V, at equal charge.
        charge_fraction: of the usual charge of a half-cycle, 0..1.
        lasted_s: how long.
        first_seq, last_seq: the samples; None if it was seen only when the half-cycle was over.
    """

    level: float
    limit: float
    baseline: float
    charge_fraction: float
    lasted_s: float
    first_seq: int | None
    last_seq: int | None


class EqualChargeWatch:
    """Records the levels of each half-cycle and tells when they stay above the limit."""

    def __init__(self, criterion: Criterion, cycles: int, drift: float | None) -> None:
        self._criterion = criterion
        self._history = OwnHistory(cycles, drift)
        self._streak = Streak(criterion.least_samples)
        self._charges, self._levels = array("d"), array("d")
        self._limits: list[float] = []
        self._baseline: list[float] = []
        self._series: Series | None = None
        self.ignore()

    def ignore(self) -> None:
        """Pay no heed to what follows, until the next ``begin``."""
        self._series = None
        self._least_A, self._most_A = math.inf, -math.inf

    def begin(self, start: HalfCycleStart, factor: float, offset_V: float, flat: bool = False) -> None:
        """A half-cycle begins; its level is ``factor * voltage + offset_V``.

        Args:
            start: as given to the rule.
            factor: +1 or -1.
            offset_V: in V.
            flat: compare with the highest level of the whole baseline, not at equal charge.
        """
        current_A = start.set_current_A
        if current_A == 0:  # no set point: the current follows the cell, and is never "unchanged"
            self.ignore()
            return
        tolerance_A = UNCHANGED_CURRENT * abs(current_A)
        self._least_A, self._most_A = current_A - tolerance_A, current_A + tolerance_A
        self._current_A = abs(current_A)
        self._factor, self._offset_V = factor, offset_V
        self._charges, self._levels = array("d"), array("d")
        self._streak.clear()
        self._streak_from_C = 0.0
        self._next_record_C = 0.0
        self._masked = self._waiting = False
        self._series = self._history.series(start.sign, self._current_A)
        self._set_limits(self._series.baseline, flat)

    def _set_limits(self, baseline: Baseline | None, flat: bool) -> None:
        self._limit = math.inf  # throughout the grace period
        if baseline is None:
            self._limits = []
            self._part_end_C = math.inf
            self._record_step_C = self._current_A  # one a second until the charge of a half-cycle is known
            return
        if flat:
            highest = np.full(PARTS, np.nanmax(baseline.level))
            baseline = Baseline(baseline.charge_C, highest, baseline.scatter)
        self._baseline = baseline.level.tolist()
        self._limits = self._criterion.limits(baseline).tolist()
        self._usual_C = baseline.charge_C
        self._grace_C = self._part_end_C = self._criterion.grace_fraction * baseline.charge_C
        self._record_step_C = baseline.charge_C / RECORDS

    def mask(self) -> None:
        """The current was interrupted: allow the cell the grace period again."""
        if self._series is not None and self._limits:
            self._masked = True
            self._part_end_C = -math.inf

    def wait_for_recovery(self) -> None:
        """Do not report the present excess again."""
        self._waiting = True

    def sample(
        self, seq: int, time_s: float, voltage_V: float, current_A: float, charge_C: float
    ) -> Excess | None:
        """A reading; the excess if it has lasted long enough."""
        if not self._least_A <= current_A <= self._most_A:
            return None
        level = self._factor * voltage_V + self._offset_V
        if charge_C >= self._next_record_C:
            self._next_record_C = charge_C + self._record_step_C
            self._charges.append(charge_C)
            self._levels.append(level)
        if charge_C >= self._part_end_C:
            self._enter_part(charge_C)
        streak = self._streak
        if not level > self._limit:
            if streak.levels:
                streak.fall_back()
                self._waiting = self._waiting and bool(streak.levels)
            return None
        if self._waiting or level > self._criterion.believed_to_V:
            return None
        if not streak.levels:
            self._streak_from_C = charge_C
        streak.beyond(seq, time_s, level)
        if not streak.lasts(time_s, self._criterion.hold_s):
            return None
        return self._excess(streak.typical(), self._limit, charge_C, time_s - streak.first_s, seq)

    def _enter_part(self, charge_C: float) -> None:
        if self._masked:
            self._masked = False
            self._streak.clear()
            self._limit, self._part_end_C = math.inf, charge_C + self._grace_C
            return
        part = int(charge_C * PARTS / self._usual_C)
        beyond = part >= PARTS
        self._limit = math.inf if beyond else self._limits[part]
        self._part_end_C = math.inf if beyond else (part + 1) * self._usual_C / PARTS

    def end(self, half_cycle: HalfCycle) -> None:
        """The half-cycle is over: a complete one becomes part of the history."""
        if self._series is not None and half_cycle.complete:
            self._series.learn(self._charges, self._levels, half_cycle.charge_C)
        self.ignore()

    def excess_at_end(self, level: float, charge_C: float) -> Excess | None:
        """Whether the half-cycle was cut short at a level above the limit, grace period or not.

        A voltage cut-off can end a half-cycle before a jump has lasted ``hold_s``, even within the grace period.
        """
        if self._series is None or not self._limits or charge_C >= CUT_SHORT * self._usual_C:
            return None
        limit = self._limits[int(charge_C * PARTS / self._usual_C)]
        return self._excess(level, limit, charge_C, 0.0, None) if level > limit else None

    @property
    def excess_samples(self) -> int:
        """How many samples in a row have been above the limit."""
        return len(self._streak.levels)

    def level_before(self, window_s: float) -> float | None:
        """Median of the last few levels in the ``window_s`` before the present excess; None if none was recorded."""
        window_C = window_s * self._current_A  # at unchanged current, charge tells the time
        first = bisect_left(self._charges, self._streak_from_C - window_C)
        after = bisect_left(self._charges, self._streak_from_C)
        earlier = self._levels[max(first, after - JUST_BEFORE) : after]
        return statistics.median(earlier) if earlier else None

    def _excess(
        self, level: float, limit: float, charge_C: float, lasted_s: float, seq: int | None
    ) -> Excess:
        fraction = charge_C / self._usual_C
        return Excess(
            level=level,
            limit=limit,
            baseline=self._baseline[int(fraction * PARTS)],
            charge_fraction=fraction,
            lasted_s=lasted_s,
            first_seq=None if seq is None else self._streak.first_seq,
            last_seq=seq,
        )
