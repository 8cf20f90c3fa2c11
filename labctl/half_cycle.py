"""The figures of a half-cycle: what a cycling run is judged by, and how they are gathered from samples."""

from array import array
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class HalfCycle:
    """A finished half-cycle: everything between two reversals of the current in one cycle.

    Attributes:
        cycle, sign: cycle of the run counted from 1; +1 charging, -1 discharging.
        start_s, end_s: experiment time.
        charge_C, energy_J: magnitudes.
        mean_voltage_V: energy over charge, with the sign of the voltage.
        overpotential_median_V, overpotential_end_V, overpotential_max_V: beyond equilibrium, positive in the direction
            of the current; None if the equilibrium voltage is not known.
        end_reason: the cut-off that ended it, in words.
        complete: it ended by a cut-off of the plan, not by a stop or a fault.
    """

    cycle: int
    sign: int
    start_s: float
    end_s: float
    charge_C: float
    energy_J: float
    mean_voltage_V: float
    overpotential_median_V: float | None
    overpotential_end_V: float | None
    overpotential_max_V: float | None
    end_reason: str
    complete: bool = True


class HalfCycleFigures:
    """Gathers the figures of one half-cycle while its samples come in.

    Charge and energy are trapezoidal sums over the samples; before the first sample the current is taken to be that
    sample's. ``cycle``, ``sign`` and ``start_s`` are as in ``HalfCycle``. The median overpotential is weighted by
    charge, so that a denser sampling of a steep part does not shift it. Memory: 16 bytes a sample until the half-cycle
    is over.
    """

    __slots__ = (
        "_charges",
        "_current_A",
        "_energy_J",
        "_equilibrium_V",
        "_joined",
        "_levels",
        "_max_V",
        "_time_s",
        "_voltage_V",
        "charge_C",
        "cycle",
        "sign",
        "start_s",
    )

    charge_C: float
    """Charge passed so far, as a magnitude."""

    def __init__(self, cycle: int, sign: int, start_s: float, equilibrium_voltage_V: float | None) -> None:
        self.cycle = cycle
        self.sign = sign
        self.start_s = self._time_s = start_s
        self._equilibrium_V = equilibrium_voltage_V
        self._joined = False  # whether the current has flowed since the sample before
        self._voltage_V = self._current_A = 0.0
        self._energy_J = 0.0
        self._max_V = -np.inf
        self._levels = array("d")  # mean signed voltage of each interval ...
        self._charges = array("d")  # ... and the charge that passed in it
        self.charge_C = 0.0

    @property
    def energy_J(self) -> float:
        """Energy passed so far, as a magnitude."""
        return abs(self._energy_J)

    def add(self, time_s: float, voltage_V: float, current_A: float) -> float:
        """Take in a sample; samples come in the order of their time.

        Returns:
            The charge passed in this half-cycle so far, C, as a magnitude: what stop rules are fed with.
        """
        if not self._joined:
            self._joined = True
            self._voltage_V = voltage_V
            self._current_A = current_A
        half_s = 0.5 * (time_s - self._time_s) * self.sign
        charge_C = half_s * (current_A + self._current_A)
        self._energy_J += half_s * (voltage_V * current_A + self._voltage_V * self._current_A)
        level_V = voltage_V * self.sign
        if level_V > self._max_V:
            self._max_V = level_V
        self._levels.append(0.5 * (level_V + self._voltage_V * self.sign))
        self._charges.append(charge_C)
        self._time_s = time_s
        self._voltage_V = voltage_V
        self._current_A = current_A
        self.charge_C += charge_C
        return self.charge_C

    def resume(self, time_s: float) -> None:
        """The current flows again after a pause (rest, impedance): nothing passed since the sample before."""
        self._time_s = time_s
        self._joined = False

    def miss(self, charge_C: float) -> None:
        """Charge has passed that no sample saw; it is taken to have passed at the last voltage that was seen."""
        self.charge_C += charge_C
        self._energy_J += charge_C * self._voltage_V

    @property
    def has_samples(self) -> bool:
        """Whether there is anything to make figures of."""
        return bool(self._levels)

    def finish(self, end_reason: str, complete: bool = True) -> HalfCycle:
        """The figures.

        Raises:
            ValueError: there was no sample, so there are no figures.
        """
        if not self._levels:
            raise ValueError("a half-cycle without a sample has no figures")
        passed = self.charge_C > 0
        return HalfCycle(
            cycle=self.cycle,
            sign=self.sign,
            start_s=self.start_s,
            end_s=self._time_s,
            charge_C=self.charge_C,
            energy_J=abs(self._energy_J),
            # Energy summed with the sign of the half-cycle, so that their quotient has the sign of the voltage.
            mean_voltage_V=self._energy_J / self.charge_C if passed else self._voltage_V,
            overpotential_median_V=self._overpotential(self._median_level()),
            overpotential_end_V=self._overpotential(self._voltage_V * self.sign),
            overpotential_max_V=self._overpotential(self._max_V),
            end_reason=end_reason,
            complete=complete,
        )

    def _overpotential(self, level_V: float) -> float | None:
        return None if self._equilibrium_V is None else level_V - self._equilibrium_V * self.sign

    def _median_level(self) -> float:
        """The level below which half of the charge passed."""
        levels, charges = np.array(self._levels), np.array(self._charges)
        if not self.charge_C > 0:
            return float(np.median(levels))
        order = np.argsort(levels)
        passed = np.cumsum(charges[order])
        return float(levels[order][np.searchsorted(passed, 0.5 * passed[-1])])
