"""The keeper's own look at every reading: safety limits, cut-offs, and whether readings still come."""

import math
from typing import NamedTuple

from labctl.instrument.channel import Sample
from labctl.instrument.cutoff_watch import CutoffWatch
from labctl.instrument.impedance import ImpedanceSpec
from labctl.instrument.step import Cutoff, Step

_START_S = 10.0  # on the wall: identify, arm and read back everything, upload a script
_GRACE_S = 2.0  # on the wall: what a reading may be late
_GRACE_AUTONOMOUS_S = 10.0  # its cut-offs act without us, and its program goes on while a link is repaired
_POINT_S, _POINT_PERIODS = 10.0, 20.0  # Assumed: how long one point of a sweep takes at most


class Verdict(NamedTuple):
    """What the keeper says to a reading.

    Attributes:
        fault: why the circuit must be opened, empty if it need not.
        cutoff: the cut-off that has been reached; None if the step goes on.
    """

    fault: str = ""
    cutoff: Cutoff | None = None


_GO_ON = Verdict()


class StepWatch:
    """Follows one step, from its samples alone.

    Args:
        step: the step.
        speed: experiment seconds per second on the wall.
        autonomous: the instrument meets cut-offs by itself.
    """

    def __init__(self, step: Step, speed: float, autonomous: bool) -> None:
        self._step = step
        self._interval_s = step.sampling.every_s / speed
        self._grace_s = _GRACE_AUTONOMOUS_S if autonomous else _GRACE_S
        self._cutoffs: CutoffWatch | None = None
        self._last: Sample | None = None
        self._charge_C = 0.0
        self._energy_J = 0.0

    def look(self, sample: Sample, began_s: float) -> Verdict:
        """Judge one reading.

        Args:
            sample: the reading.
            began_s: experiment time from which the step has acted on the cell.
        """
        if fault := self._step.safety.left_by(sample.voltage_V, sample.current_A):
            return Verdict(fault=fault)
        if self._cutoffs is None:
            self._cutoffs = CutoffWatch(self._step, began_s)
            self._last = sample._replace(time_s=began_s)
        self._integrate(sample)
        if sample.cutoff is not None:
            return Verdict(cutoff=sample.cutoff)
        reached = self._cutoffs.reached(
            sample.time_s, sample.voltage_V, sample.current_A, abs(self._charge_C), abs(self._energy_J)
        )
        return Verdict(cutoff=reached) if reached else _GO_ON

    def patience_s(self) -> float:
        """For how long, on the wall, no reading may come from here on before they are called stale."""
        return self._interval_s + (_START_S if self._last is None else self._grace_s)

    def _integrate(self, sample: Sample) -> None:
        last = self._last or sample
        elapsed_s = sample.time_s - last.time_s
        self._charge_C += 0.5 * (sample.current_A + last.current_A) * elapsed_s
        power_W = sample.current_A * sample.voltage_V, last.current_A * last.voltage_V
        self._energy_J += 0.5 * sum(power_W) * elapsed_s
        self._last = sample


class SweepWatch:
    """Follows one impedance sweep: a point takes longer, the lower its frequency.

    Args:
        spec: the sweep.
        speed: experiment seconds per second on the wall.
    """

    def __init__(self, spec: ImpedanceSpec, speed: float) -> None:
        self._frequencies_Hz = spec.frequencies_Hz()
        self._speed = speed
        self._count = 0

    def count(self) -> None:
        """A point has come."""
        self._count += 1

    def patience_s(self) -> float:
        """For how long, on the wall, no point may come from here on."""
        next_Hz = self._frequencies_Hz[min(self._count, len(self._frequencies_Hz) - 1)]
        return _START_S + (_POINT_S + _POINT_PERIODS / next_Hz) / self._speed


class Freshness:
    """Whether readings come as they should. Times are monotonic, on the wall."""

    def __init__(self) -> None:
        self._due_s = math.inf
        self._heard_s = -math.inf

    def heard(self, now_s: float, patience_s: float) -> None:
        """Something came, or has just begun; the next is due after ``patience_s``."""
        self._heard_s, self._due_s = now_s, now_s + patience_s

    def rest(self) -> None:
        """No reading is expected."""
        self._due_s = math.inf

    def lost(self, now_s: float) -> str:
        """What is wrong, in words; empty if readings are fresh, or none is due."""
        if now_s <= self._due_s:
            return ""
        return f"no valid reading has come for {now_s - self._heard_s:.1f} s"
