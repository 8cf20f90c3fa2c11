"""The curve of a half-cycle: voltage over passed charge, and the figures that are read off it.

All of it is arrays in, values out. ``level`` is the voltage in the direction of the current, sign times voltage, so
that polarisation is positive whichever way the current flows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labctl.analysis.arrays import Column
from labctl.rules.replay import RecordedHalfCycle, Recording


@dataclass(frozen=True, slots=True)
class Curve:
    """One half-cycle, without its pauses.

    Attributes:
        cycle, sign: counted from 1; +1 charging, -1 discharging.
        complete: it ended by a cut-off of the plan.
        time_s, voltage_V, current_A: shape (n,), as measured.
        passed_C: shape (n,), charge passed since the half-cycle began, a magnitude; never falling.
        energy_J: electric energy of the half-cycle, positive if the cell took it in while charging, or gave it off
            while discharging.
    """

    cycle: int
    sign: int
    complete: bool
    time_s: Column
    voltage_V: Column
    current_A: Column
    passed_C: Column
    energy_J: float

    @property
    def charge_C(self) -> float:
        """Charge of the half-cycle, a magnitude."""
        return float(self.passed_C[-1])

    @property
    def level_V(self) -> Column:
        """Voltage in the direction of the current, V."""
        return self.sign * self.voltage_V


@dataclass(frozen=True, slots=True)
class Overpotential:
    """Beyond equilibrium, V, positive in the direction of the current, by the definitions in use.

    Attributes:
        median_V: below it, half of the charge passed; blind to spikes and to how densely was sampled.
        half_charge_V: at half of the charge that passed.
        end_V: of the last sample.
        max_V: the largest: the nucleation spike, or the end.
    """

    median_V: float
    half_charge_V: float
    end_V: float
    max_V: float


def curves(recording: Recording) -> Iterator[Curve]:
    """The half-cycles of a recording."""
    for half_cycle in recording.half_cycles:
        yield _curve(recording, half_cycle)


def passed_charge(time_s: Column, current_A: Column, began_s: float) -> Column:
    """Charge in C, with its sign, at each sample of a stretch without pause.

    Trapezoids; before the first sample the current is taken to be that sample's.
    """
    first_C = float(current_A[0] * (time_s[0] - began_s))
    return first_C + _running_integral(time_s, current_A)


def overpotential(curve: Curve, equilibrium_voltage_V: float) -> Overpotential:
    """The overpotential of a half-cycle, by four definitions."""
    level = curve.level_V
    rest_V = curve.sign * equilibrium_voltage_V
    return Overpotential(
        median_V=_median_level(level, curve.passed_C) - rest_V,
        half_charge_V=float(np.interp(0.5 * curve.charge_C, curve.passed_C, level)) - rest_V,
        end_V=float(level[-1]) - rest_V,
        max_V=float(level.max()) - rest_V,
    )


def mean_voltage_V(curve: Curve) -> float:
    """Energy over charge, V; the last reading if no charge passed."""
    return curve.energy_J / curve.charge_C if curve.charge_C > 0.0 else float(curve.voltage_V[-1])


def _curve(recording: Recording, half_cycle: RecordedHalfCycle) -> Curve:
    parts = [slice(stretch.first, stretch.after) for stretch in half_cycle.stretches]
    time_s, voltage_V, current_A = (
        np.concatenate([column[part] for part in parts])
        for column in (recording.time_s, recording.voltage_V, recording.current_A)
    )
    passed_C, energy_J = [np.zeros(0)], 0.0
    for stretch, part in zip(half_cycle.stretches, parts, strict=True):
        time, current = recording.time_s[part], recording.current_A[part]
        power_W = recording.voltage_V[part] * current
        so_far = passed_C[-1][-1] if passed_C[-1].size else 0.0
        passed_C.append(so_far + half_cycle.sign * passed_charge(time, current, stretch.began_s))
        energy_J += half_cycle.sign * float(passed_charge(time, power_W, stretch.began_s)[-1])
    return Curve(
        cycle=half_cycle.cycle,
        sign=half_cycle.sign,
        complete=half_cycle.complete,
        time_s=time_s,
        voltage_V=voltage_V,
        current_A=current_A,
        passed_C=np.maximum.accumulate(np.maximum(np.concatenate(passed_C), 0.0)),
        energy_J=energy_J,
    )


def _running_integral(time_s: Column, values: Column) -> Column:
    steps: Column = 0.5 * (values[1:] + values[:-1]) * np.diff(time_s)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _median_level(level_V: Column, passed_C: Column) -> float:
    """As in ``labctl.half_cycle``: intervals by their mean level, each counting as much as the charge in it."""
    means = np.concatenate([level_V[:1], 0.5 * (level_V[1:] + level_V[:-1])])
    charges = np.diff(passed_C, prepend=0.0)
    if not passed_C[-1] > 0.0:
        return float(np.median(means))
    order = np.argsort(means)
    sums = np.cumsum(charges[order])
    return float(means[order][np.searchsorted(sums, 0.5 * sums[-1])])
