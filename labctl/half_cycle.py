"""The figures of a half-cycle: what a cycling run is judged by."""

from dataclasses import dataclass


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
