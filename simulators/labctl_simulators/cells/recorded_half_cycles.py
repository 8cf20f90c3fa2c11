"""A recording cut into half-cycles: voltage and current as functions of the charge that passed, and its pauses."""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from labctl_simulators.cells.recording import Readings

RUN_AWAY_V = 100.0
"""V over the charge of one half-cycle: 1 V with each 1 %."""
_NO_CURRENT = 0.01  # of the usual magnitude: no more than an offset of the reading
_LEAST_READINGS = 3  # fewer in one direction are wrong readings
_STEP = 0.3  # of the usual current: a change that counts as a current step


@dataclass(slots=True)
class Relaxation:
    """A recorded pause: voltages over the time since the current stopped, at a charge of its half-cycle."""

    at_C: float
    times_s: list[float] = field(default_factory=list)
    voltages_V: list[float] = field(default_factory=list)


@dataclass(slots=True)
class HalfCycle:
    """Voltage and current over the charge that had passed in one direction."""

    sign: int
    charges_C: list[float] = field(default_factory=list)
    voltages_V: list[float] = field(default_factory=list)
    currents_A: list[float] = field(default_factory=list)
    pauses: list[Relaxation] = field(default_factory=list)

    @property
    def charge_C(self) -> float:
        """All of it."""
        return self.charges_C[-1]


def cut(readings: Readings) -> tuple[Relaxation, list[HalfCycle]]:
    """The rest before the first half-cycle, and the half-cycles with their pauses."""
    first_rest, half_cycles = Relaxation(0.0), list[HalfCycle]()
    for sign, first, after in _stretches(readings):
        if sign == 0:
            _keep_pause(readings, first, after, half_cycles[-1] if half_cycles else None, first_rest)
            continue
        if not half_cycles or half_cycles[-1].sign != sign:
            half_cycles.append(HalfCycle(sign))
        _keep_stretch(readings, first, after, half_cycles[-1])
    return first_rest, [half_cycle for half_cycle in half_cycles if half_cycle.charge_C > 0.0]


def _stretches(readings: Readings) -> list[tuple[int, int, int]]:
    """Direction (0: none), first index and index after the last."""
    magnitudes = [abs(a) for a in readings.currents_A if a]
    least_A = _NO_CURRENT * median(magnitudes) if magnitudes else 0.0
    signs = [0 if abs(a) <= least_A else 1 if a > 0.0 else -1 for a in readings.currents_A]
    edges = [k for k in range(1, len(signs)) if signs[k] != signs[k - 1]]
    found = []
    for first, after in zip([0, *edges], [*edges, len(signs)], strict=True):
        if signs[first] == 0 or after - first >= _LEAST_READINGS:
            found.append((signs[first], first, after))
    return found


def _keep_stretch(readings: Readings, first: int, after: int, half_cycle: HalfCycle) -> None:
    """Add readings under current; a second stretch goes on from the charge of the one before."""
    charge_C = half_cycle.charges_C[-1] if half_cycle.charges_C else 0.0
    for k in range(first, after):
        if k > first:
            mean_A = 0.5 * (readings.currents_A[k] + readings.currents_A[k - 1])
            charge_C += abs(mean_A) * (readings.times_s[k] - readings.times_s[k - 1])
        half_cycle.charges_C.append(charge_C)
        half_cycle.voltages_V.append(readings.voltages_V[k])
        half_cycle.currents_A.append(readings.currents_A[k])


def _keep_pause(
    readings: Readings, first: int, after: int, half_cycle: HalfCycle | None, first_rest: Relaxation
) -> None:
    pause = first_rest
    if half_cycle is not None:
        pause = Relaxation(half_cycle.charge_C)
        half_cycle.pauses.append(pause)
    pause.times_s = [t - readings.times_s[first] for t in readings.times_s[first:after]]
    pause.voltages_V = readings.voltages_V[first:after]


def step_ohm(readings: Readings) -> float | None:
    """The median of dV/dI over current steps, that is between neighbouring readings; None: there is no such step.

    Raises:
        ValueError: it is negative, as in a file whose positive current discharges.
    """
    usual_A = median([abs(a) for a in readings.currents_A if a])
    pairs = list(zip(readings.voltages_V, readings.currents_A, strict=True))
    found = [
        (v2 - v1) / (a2 - a1) for (v1, a1), (v2, a2) in pairwise(pairs) if abs(a2 - a1) > _STEP * usual_A
    ]
    if found and median(found) < 0.0:
        raise ValueError(
            "the recording's current seems to have the other sign: its voltage falls where the current rises; "
            "positive current has to charge the cell"
        )
    return median(found) if found else None


def at(half_cycle: HalfCycle, charge_C: float) -> tuple[float, float]:
    """Voltage and current that were recorded at a charge; beyond the last they run away."""
    beyond_C = charge_C - half_cycle.charge_C
    if beyond_C > 0.0:
        away_V = half_cycle.sign * RUN_AWAY_V * beyond_C / half_cycle.charge_C
        return half_cycle.voltages_V[-1] + away_V, half_cycle.currents_A[-1]
    return (
        interpolate(charge_C, half_cycle.charges_C, half_cycle.voltages_V),
        interpolate(charge_C, half_cycle.charges_C, half_cycle.currents_A),
    )


def knots(half_cycle: HalfCycle, charge_C: float) -> tuple[float, float]:
    """The charges of the readings around a charge, which differ; the last part has no end but a far one."""
    charges_C = half_cycle.charges_C
    k = bisect_right(charges_C, charge_C)
    if k == len(charges_C):
        return half_cycle.charge_C, max(charge_C, half_cycle.charge_C) + half_cycle.charge_C
    k = max(k, 1)
    start = k - 1
    while start > 0 and charges_C[start] >= charges_C[k]:
        start -= 1
    return charges_C[start], charges_C[k]


def interpolate(x: float, xs: list[float], ys: list[float]) -> float:
    """Between two neighbours; constant outside."""
    k = bisect_right(xs, x)
    if k == 0:
        return ys[0]
    if k == len(xs):
        return ys[-1]
    return ys[k - 1] + (ys[k] - ys[k - 1]) * (x - xs[k - 1]) / (xs[k] - xs[k - 1])
