"""Measuring ranges of a simulated potentiostat: resolution, noise, overload and autoranging of one quantity."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

# Thresholds relative to a range's nominal value, in both directions.
# Source: EmStat4 status thresholds of the MethodSCRIPT manual v1.8, appendix B.
OVERLOAD = 2.92
OVERLOAD_WARNING = 2.46
UNDERLOAD = 0.123

# A range is converted with 16 bits over -3 .. +3 times its nominal value: 0.009 % of the range, as the EmStat4S
# data sheet gives it. Assumed: bell-shaped noise of half a step (standard deviation), whatever the bandwidth: the
# sum of three uniform numbers, whose variance is 3/12.
_STEP = 6.0 / 65536

_STATUS_OVERLOAD, _STATUS_UNDERLOAD, _STATUS_WARNING = 2, 4, 8


class Range(NamedTuple):
    """One range: its code in packages and the value (A or V) up to which it is meant to be used."""

    code: int
    nominal: float


class _Limits(NamedTuple):
    underload: float
    warning: float
    overload: float
    step: float


class Ranging:
    """The ranges of one measured quantity and which of them is in use.

    ``reach`` widens the upper thresholds: the 1 V range of an EmStat4 HR goes to 6 V, that of an LR to 3 V.
    """

    def __init__(self, ranges: Sequence[Range], reach: float = 1.0) -> None:
        self._ranges = ranges
        self._limits = [
            _Limits(
                UNDERLOAD * entry.nominal if place else 0.0,  # nothing finer could be chosen
                OVERLOAD_WARNING * reach * entry.nominal,
                OVERLOAD * reach * entry.nominal,
                _STEP * reach * entry.nominal,
            )
            for place, entry in enumerate(ranges)
        ]
        self._metadata: dict[int, str] = {}
        self._place = self._lowest = self._highest = len(ranges) - 1

    @property
    def overload(self) -> float:
        """Largest magnitude that the range in use can measure or apply."""
        return self._limits[self._place].overload

    @property
    def step(self) -> float:
        """Resolution of the range in use."""
        return self._limits[self._place].step

    def fix(self, magnitude: float) -> None:
        """Use the smallest range that takes ``magnitude`` without a warning, else the largest; no autoranging."""
        self._place = self._lowest = self._highest = self._smallest_for(magnitude)

    def automatic(self, low: float, high: float) -> None:
        """Let each reading choose its range between those for ``low`` and ``high``."""
        self._lowest, self._highest = sorted((self._smallest_for(low), self._smallest_for(high)))
        self._place = min(max(self._place, self._lowest), self._highest)

    def choose(self, magnitude: float) -> int:
        """Autorange for ``magnitude``; returns the status bits of a reading of that size."""
        limits = self._limits
        place = self._place
        if self._lowest != self._highest:
            while place < self._highest and magnitude > limits[place].warning:
                place += 1
            while place > self._lowest and magnitude < limits[place].underload:
                place -= 1
            self._place = place
        if magnitude < limits[place].underload:
            return _STATUS_UNDERLOAD
        if magnitude <= limits[place].warning:
            return 0
        return _STATUS_WARNING if magnitude <= limits[place].overload else _STATUS_OVERLOAD

    def read(self, truth: float, noise: random.Random, timing: int = 0) -> tuple[float, str]:
        """A reading of ``truth`` with its metadata: noise, resolution, saturation, autoranging.

        ``timing`` is 1 if the sample is late. The metadata are status, range index and noise level 0, as in
        ``,10,206,40``.
        """
        magnitude = truth if truth >= 0.0 else -truth
        status = timing
        underload, warning, overload, step = self._limits[self._place]
        if not underload <= magnitude <= warning:
            status |= self.choose(magnitude)
            _, _, overload, step = self._limits[self._place]
        uniform = noise.random
        value = round(truth / step + uniform() + uniform() + uniform() - 1.5) * step
        if status & _STATUS_OVERLOAD:
            value = overload if truth > 0.0 else -overload
        key = self._place << 4 | status
        metadata = self._metadata.get(key)
        if metadata is None:
            metadata = self._metadata[key] = f"{self.metadata(status)},40"
        return value, metadata

    def metadata(self, status: int) -> str:
        """Metadata of a value measured in the range in use, without a noise level."""
        return f",1{status:X},2{self._ranges[self._place].code:02X}"

    def _smallest_for(self, magnitude: float) -> int:
        for place, limits in enumerate(self._limits):
            if magnitude <= limits.warning:
                return place
        return len(self._limits) - 1
