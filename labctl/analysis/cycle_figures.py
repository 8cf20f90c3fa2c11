"""Half-cycle and cycle tables: charge, energy, voltages, overpotential, efficiency, spike and plateaus."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from labctl.analysis.curve import Curve, Overpotential, mean_voltage_V, overpotential
from labctl.analysis.curve_shape import NucleationSpike, Plateau, nucleation_spike, plateaus


@dataclass(frozen=True, slots=True)
class HalfCycleRow:
    """One half-cycle.

    Attributes:
        cycle, sign: counted from 1; +1 charging, -1 discharging.
        complete: it ended by a cut-off of the plan.
        charge_C, energy_J: magnitudes, but for energy that flowed against the rule (a symmetric cell takes energy
            both ways, so its discharge energy is negative).
        mean_voltage_V: energy over charge.
        overpotential: None if the equilibrium voltage is not known.
        spike: the nucleation spike; None if there is none.
        plateaus: in the order of charge; empty for a climb.
    """

    cycle: int
    sign: int
    complete: bool
    charge_C: float
    energy_J: float
    mean_voltage_V: float
    overpotential: Overpotential | None
    spike: NucleationSpike | None
    plateaus: tuple[Plateau, ...]


@dataclass(frozen=True, slots=True)
class CycleRow:
    """One cycle; what needs both of its half-cycles is None until both are complete.

    Attributes:
        cycle: counted from 1.
        charge_C, discharge_C: what passed in each direction.
        coulombic_efficiency: discharge over charge, 0 to 1 for a cell that loses some.
        energy_efficiency: the same of energies; None also where discharging takes energy, as in a symmetric cell.
        voltage_gap_V: mean voltage of charge minus that of discharge; of a symmetric cell twice its overpotential.
    """

    cycle: int
    charge_C: float
    discharge_C: float
    coulombic_efficiency: float | None
    energy_efficiency: float | None
    voltage_gap_V: float | None


def half_cycle_row(curve: Curve, equilibrium_voltage_V: float | None) -> HalfCycleRow:
    """The figures of one half-cycle."""
    return HalfCycleRow(
        cycle=curve.cycle,
        sign=curve.sign,
        complete=curve.complete,
        charge_C=curve.charge_C,
        energy_J=curve.energy_J,
        mean_voltage_V=mean_voltage_V(curve),
        overpotential=None if equilibrium_voltage_V is None else overpotential(curve, equilibrium_voltage_V),
        spike=nucleation_spike(curve.passed_C, curve.level_V),
        plateaus=plateaus(curve.passed_C, curve.level_V),
    )


def cycle_rows(half_cycles: Iterable[HalfCycleRow]) -> list[CycleRow]:
    """The cycles that these half-cycles make up, whichever direction comes first."""
    return [_cycle(cycle, list(rows)) for cycle, rows in groupby(half_cycles, key=lambda row: row.cycle)]


def _cycle(cycle: int, rows: Sequence[HalfCycleRow]) -> CycleRow:
    charging = [row for row in rows if row.sign > 0]
    discharging = [row for row in rows if row.sign < 0]
    charge_C, discharge_C = sum(r.charge_C for r in charging), sum(r.charge_C for r in discharging)
    given_J, taken_J = sum(r.energy_J for r in discharging), sum(r.energy_J for r in charging)
    whole = charge_C > 0.0 and discharge_C > 0.0 and all(row.complete for row in rows)
    return CycleRow(
        cycle=cycle,
        charge_C=charge_C,
        discharge_C=discharge_C,
        coulombic_efficiency=discharge_C / charge_C if whole else None,
        energy_efficiency=given_J / taken_J if whole and given_J > 0.0 and taken_J > 0.0 else None,
        voltage_gap_V=taken_J / charge_C - given_J / discharge_C if whole else None,
    )
