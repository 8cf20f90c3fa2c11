"""What a cell showed at equal passed charge in its own earlier half-cycles: the baseline that rules compare with.

Half-cycles are compared only with those of the same direction and (within 5 %) the same current. Each is reduced to
a profile: the median level in each of 50 equal parts of its charge. The baseline of a part is the median of the last
few profiles, its scatter their median absolute deviation.

A level that rises steeply over a few cycles would soon be its own baseline. So baseline and scatter follow a rise by
no more than ``drift`` a cycle, and a fall at once: ageing that is slower than ``drift`` is followed for ever, and
what is faster shows as an excess, however many cycles it takes. A level that is a quarter above its baseline may be a
fault on its way, and is followed four times more slowly. "Rise" means away from health: a rule that looks for a
collapse feeds levels with their sign reversed.

The boundary between two plateaus wanders along the charge axis from cycle to cycle. Hence the baseline may rise to what
its neighbouring part was, and ``highest_nearby`` compares with the neighbourhood, not with one part.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PARTS = 50
SAME_CURRENT = 0.05
LEAST_HALF_CYCLES = 3
LEAST_SAMPLES = 5
LATEST = 3
SUSPECT = 0.25
SUSPECT_SHARE = 0.25
NEIGHBOURHOOD = 2  # parts to each side: 4 % of the charge

Levels = NDArray[np.float64]

_CENTRES = (np.arange(PARTS) + 0.5) / PARTS


@dataclass(frozen=True, slots=True)
class Profile:
    """Levels by passed charge.

    Attributes:
        charge_C: charge of the whole half-cycle.
        levels: one for each part of it, NaN where nothing is known.
    """

    charge_C: float
    levels: Levels

    def at_equal_charge(self, charge_C: float) -> Levels:
        """The levels on the parts of another charge; NaN beyond the charge that this profile reached."""
        wanted = _CENTRES * charge_C
        levels = np.interp(wanted, _CENTRES * self.charge_C, self.levels)
        return np.where(wanted <= self.charge_C, levels, np.nan)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The level expected of a healthy half-cycle, and how much it scatters, for each part of ``charge_C``."""

    charge_C: float
    level: Levels
    scatter: Levels

    def level_at(self, charge_C: float, neighbours: int) -> Levels:
        """The highest level nearby, on the parts of another charge."""
        return highest_nearby(Profile(self.charge_C, self.level).at_equal_charge(charge_C), neighbours)

    def scatter_at(self, charge_C: float) -> Levels:
        """The scatter on the parts of another charge."""
        return Profile(self.charge_C, self.scatter).at_equal_charge(charge_C)


class Series:
    """The half-cycles of one direction and current, and the baseline that follows from them."""

    def __init__(self, sign: int, current_A: float, cycles: int, drift: float | None) -> None:
        self.sign = sign
        self.current_A = current_A
        self.baseline: Baseline | None = None
        self._drift = drift
        self._least = min(LEAST_HALF_CYCLES, cycles)
        self._profiles: deque[Profile] = deque(maxlen=cycles)

    def learn(self, charges_C: Sequence[float], levels: Sequence[float], total_C: float) -> None:
        """Take in a complete half-cycle."""
        profile = profile_of(charges_C, levels, total_C)
        if profile is None:
            return
        self._profiles.append(profile)
        if len(self._profiles) >= self._least:
            self.baseline = self._next_baseline()

    def _next_baseline(self) -> Baseline:
        charge_C = float(np.median([profile.charge_C for profile in self._profiles]))
        stack = np.array([profile.at_equal_charge(charge_C) for profile in self._profiles])
        level = _medians(stack, self._least)
        if (
            len(stack) > LATEST
        ):  # a cell that settles down falls from cycle to cycle: the median of all lags behind
            level = _at_most(level, highest_nearby(_medians(stack[-LATEST:], 2), 1))
        scatter = _medians(np.abs(stack - level), self._least)
        if self.baseline is None or self._drift is None:
            return Baseline(charge_C, level, scatter)
        old_level = self.baseline.level_at(charge_C, neighbours=1)
        growth = self._drift * np.abs(old_level)
        suspect = stack[-1] - old_level > SUSPECT * np.abs(old_level)
        growth[suspect] *= SUSPECT_SHARE
        return Baseline(
            charge_C,
            level=_at_most(level, old_level + growth),
            scatter=_at_most(scatter, self.baseline.scatter_at(charge_C) + growth),
        )


class OwnHistory:
    """All the series of a run."""

    def __init__(self, cycles: int, drift: float | None) -> None:
        """Args:
        cycles: how many half-cycles of one direction make the baseline.
        drift: fraction by which the baseline may rise from one half-cycle to the next; None: without limit.
        """
        self._cycles = cycles
        self._drift = drift
        self._series: list[Series] = []

    def series(self, sign: int, current_A: float) -> Series:
        """The series of this direction and magnitude of the current, an empty one if it is new."""
        for known in self._series:
            if known.sign == sign and math.isclose(known.current_A, current_A, rel_tol=SAME_CURRENT):
                return known
        self._series.append(Series(sign, current_A, self._cycles, self._drift))
        return self._series[-1]


def profile_of(charges_C: Sequence[float], levels: Sequence[float], total_C: float) -> Profile | None:
    """Median level in each part of the charge, parts without a sample interpolated; None if there is too little."""
    charge, level = np.array(charges_C), np.array(levels)
    usable = np.isfinite(charge) & np.isfinite(level)
    charge, level = charge[usable], level[usable]
    if len(charge) < LEAST_SAMPLES or not total_C > 0:
        return None
    part = np.clip(charge * (PARTS / total_C), 0, PARTS - 1).astype(np.intp)
    order = np.lexsort((level, part))
    part, level = part[order], level[order]
    first = np.searchsorted(part, np.arange(PARTS), side="left")
    after = np.searchsorted(part, np.arange(PARTS), side="right")
    filled = after > first
    low, high = (first + after - 1)[filled] // 2, (first + after)[filled] // 2
    medians = 0.5 * (level[low] + level[high])
    return Profile(total_C, np.interp(_CENTRES, _CENTRES[filled], medians))


def highest_nearby(levels: Levels, parts: int = NEIGHBOURHOOD) -> Levels:
    """The highest level within so many parts to each side; NaN only where all are."""
    padded = np.full(len(levels) + 2 * parts, np.nan)
    padded[parts:-parts] = levels
    shifted = [padded[k : k + len(levels)] for k in range(2 * parts + 1)]
    return np.asarray(np.fmax.reduce(shifted), dtype=np.float64)


def _medians(stack: Levels, least: int) -> Levels:
    """Median of each column over what is known; NaN where less than ``least`` is.

    ``np.nanmedian`` does the same, 20 times slower.
    """
    known = np.isfinite(stack).sum(axis=0)
    ordered = np.sort(stack, axis=0)  # NaN come last
    columns = np.arange(stack.shape[1])
    low, high = np.maximum(known - 1, 0) // 2, np.minimum(known // 2, len(stack) - 1)
    middle = 0.5 * (ordered[low, columns] + ordered[high, columns])
    return np.where(known >= least, middle, np.nan)


def _at_most(values: Levels, limit: Levels) -> Levels:
    """The smaller of both; unknown where the value is, unlimited where the limit is."""
    return np.where(values > limit, limit, values)
