"""How near a step is to its cut-offs: which one is reached, and when the next may be."""

import math
from collections import deque
from dataclasses import dataclass

from labctl.instrument.step import Control, Cutoff, Quantity, Side, Step

_CAUTION = 0.5  # look again when this part of the predicted time to a cut-off has passed
_NOT_HELD = (
    0.01  # beyond this part of the set current, the instrument does not hold it (compliance, open lead)
)
_SLOPE_SHORTEST_S = 60.0
_SLOPE_INTERVALS = 5
_SLOPE_READINGS = 3


class Approach:
    """Follows the readings of one step towards its cut-offs.

    A time limit, and a charge limit at constant current, have an end that is known beforehand: ``end_s``. Charge
    that the instrument did not pass although it was set to (it was in compliance) moves that end. Every other
    cut-off is approached: its distance and how fast the distance shrinks say when it may be reached, and ``due_s``
    asks for a reading half-way, so that the readings close in on it, from whatever distance, by halves.

    The rate of the voltage is the slope of a straight line through the readings of the last
    max(60 s, 5 sampling intervals), and is not judged before the step has lasted that long.

    Args:
        step: the step.
        start_s: when its set point took effect.

    Attributes:
        end_s: when the step ends by itself; infinite if no end is known beforehand.
        end_cutoff: the cut-off behind ``end_s``.
        due_s: not later than this a reading is needed; set by ``look``.
    """

    def __init__(self, step: Step, start_s: float) -> None:
        self.due_s = math.inf
        self._last_s = start_s
        self._last_V: float | None = None
        self._last_A = 0.0
        self._charge_C = 0.0
        self._energy_J = 0.0
        self._set_A = step.value if step.control is Control.CURRENT else 0.0
        self._lacking_C = 0.0
        self._time_end = _earliest(step, Quantity.TIME, start_s, per_second=1.0)
        self._charge_end = _earliest(step, Quantity.CHARGE, start_s, per_second=abs(self._set_A))
        scheduled = {Quantity.TIME, Quantity.CHARGE} if self._set_A else {Quantity.TIME}
        self._tracks = [_Track(c) for c in step.cutoffs if c.quantity not in scheduled]
        rates = any(track.quantity is Quantity.VOLTAGE_RATE for track in self._tracks)
        window_s = max(_SLOPE_SHORTEST_S, _SLOPE_INTERVALS * step.sampling.every_s)
        self._slope = _Slope(window_s, start_s) if rates else None
        self._integrates = any(track.quantity in (Quantity.CHARGE, Quantity.ENERGY) for track in self._tracks)
        self.end_s = math.inf
        self.end_cutoff: Cutoff | None = None
        self._settle_end()

    def look(self, time_s: float, voltage_V: float, current_A: float) -> Cutoff | None:
        """Take a reading; returns the cut-off that it has reached."""
        elapsed_s = time_s - self._last_s
        if self._charge_end is not None:
            self._count_lacking(elapsed_s, current_A)
        if self._integrates:
            self._integrate(elapsed_s, voltage_V, current_A)
        if self._slope is not None:
            self._slope.add(time_s, voltage_V)
        self._last_s, self._last_V, self._last_A = time_s, voltage_V, current_A
        due_s = math.inf
        for track in self._tracks:
            value = self._value(track.quantity, voltage_V, current_A)
            if value is None:
                continue
            if track.reached(value, time_s):
                return track.cutoff
            track_due_s = track.due_s(time_s, elapsed_s)
            if track_due_s < due_s:
                due_s = track_due_s
        self.due_s = due_s
        return None

    def _value(self, quantity: Quantity, voltage_V: float, current_A: float) -> float | None:
        if quantity is Quantity.VOLTAGE:
            return voltage_V
        if quantity is Quantity.CURRENT:
            return abs(current_A)
        if quantity is Quantity.CHARGE:
            return abs(self._charge_C)
        if quantity is Quantity.ENERGY:
            return abs(self._energy_J)
        return self._slope.magnitude() if self._slope is not None else None

    def _integrate(self, elapsed_s: float, voltage_V: float, current_A: float) -> None:
        """Trapezoids; before the first reading, what it shows is taken to have lasted since the start."""
        last_V, last_A = (voltage_V, current_A) if self._last_V is None else (self._last_V, self._last_A)
        self._charge_C += 0.5 * (current_A + last_A) * elapsed_s
        self._energy_J += 0.5 * (current_A * voltage_V + last_A * last_V) * elapsed_s

    def _count_lacking(self, elapsed_s: float, current_A: float) -> None:
        lacking_A = self._set_A - current_A
        if abs(lacking_A) > _NOT_HELD * abs(self._set_A):
            self._lacking_C += math.copysign(1.0, self._set_A) * lacking_A * elapsed_s
            self._settle_end()

    def _settle_end(self) -> None:
        if self._charge_end is not None:
            self.end_s = self._charge_end.end_s + self._lacking_C / abs(self._set_A)
            self.end_cutoff = self._charge_end.cutoff
        time_end = self._time_end
        if time_end is not None and (self.end_cutoff is None or time_end.end_s <= self.end_s):
            self.end_s, self.end_cutoff = time_end.end_s, time_end.cutoff


@dataclass(frozen=True, slots=True)
class _Scheduled:
    """A cut-off whose time is known beforehand."""

    cutoff: Cutoff
    end_s: float


def _earliest(step: Step, quantity: Quantity, start_s: float, per_second: float) -> _Scheduled | None:
    """The first cut-off on a quantity that grows steadily from zero; None if it does not grow."""
    if not per_second:
        return None
    cutoffs = [c for c in step.cutoffs if c.quantity is quantity]
    ends = [_Scheduled(c, start_s + c.threshold / per_second + c.hold_s) for c in cutoffs]
    return min(ends, key=lambda end: end.end_s, default=None)


class _Track:
    """One cut-off that has to be approached, and its distance: positive until it is reached."""

    __slots__ = ("_before", "_distance", "_hold_s", "_sign", "_since_s", "_threshold", "cutoff", "quantity")

    def __init__(self, cutoff: Cutoff) -> None:
        self.cutoff = cutoff
        self.quantity = cutoff.quantity
        self._sign = 1.0 if cutoff.side is Side.ABOVE else -1.0
        self._threshold = cutoff.threshold
        self._hold_s = cutoff.hold_s
        self._before = self._distance = math.inf
        self._since_s: float | None = None

    def reached(self, value: float, time_s: float) -> bool:
        """Take the quantity's value; whether it has been beyond the threshold for as long as it has to."""
        self._before, self._distance = self._distance, self._sign * (self._threshold - value)
        if self._distance > 0.0:
            self._since_s = None
            return False
        if self._since_s is None:
            self._since_s = time_s
        return time_s - self._since_s >= self._hold_s

    def due_s(self, time_s: float, elapsed_s: float) -> float:
        """When to look again: half-way to where the last two readings, ``elapsed_s`` apart, point."""
        if self._since_s is not None:
            return self._since_s + self._hold_s
        nearer = self._before - self._distance
        if not 0.0 < nearer < math.inf:
            return math.inf
        return time_s + _CAUTION * self._distance * elapsed_s / nearer


class _Slope:
    """Slope of the straight line through the readings of the last ``window_s``."""

    def __init__(self, window_s: float, start_s: float) -> None:
        self._window_s = window_s
        self._valid_s = start_s + window_s
        self._readings: deque[tuple[float, float]] = deque()

    def add(self, time_s: float, voltage_V: float) -> None:
        """Take a reading, and drop those that are older than the window."""
        self._readings.append((time_s, voltage_V))
        while len(self._readings) > _SLOPE_READINGS and self._readings[1][0] <= time_s - self._window_s:
            self._readings.popleft()

    def magnitude(self) -> float | None:
        """In V/s; None while the window is not full."""
        count = len(self._readings)
        if count < _SLOPE_READINGS or self._readings[-1][0] < self._valid_s:
            return None
        mean_s = sum(t for t, _ in self._readings) / count
        mean_V = sum(v for _, v in self._readings) / count
        spread = sum((t - mean_s) ** 2 for t, _ in self._readings)
        slope = sum((t - mean_s) * (v - mean_V) for t, v in self._readings) / spread
        return abs(slope)
