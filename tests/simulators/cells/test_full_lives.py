"""Whole lives of the full cells between 2.5 V and 4.0 V, against what the paper reports.

Source: H. Koh et al., Chem. Eng. J. (2024) 151578, Figs. 7 and S9.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

import pytest

from labctl_simulators.cells.full import (
    FullCell,
    na50k50_nnmo_naclo4,
    na50k50_nnmo_naclo4_fec,
    na50k50_nnmo_napf6,
    na_nnmo_naclo4,
)

ONE_C_A, LOWEST_V, HIGHEST_V = 1e-4, 2.5, 4.0
SCAN_V_S, SCAN_STEP_V = 1e-4, 1e-3
MAKERS = {
    "napf6": partial(na50k50_nnmo_napf6, None),
    "naclo4": partial(na50k50_nnmo_naclo4, None),
    "na": partial(na_nnmo_naclo4, None),
    "9.9": partial(na50k50_nnmo_naclo4_fec, "loading=9.9"),
    "27": partial(na50k50_nnmo_naclo4_fec, "loading=27"),
}


@dataclass
class Life:
    """What cycling a cell showed: voltages of charges and discharges, one sample each ``sample_s``."""

    cell: FullCell
    charges: list[list[float]] = field(default_factory=list)
    discharges: list[list[float]] = field(default_factory=list)

    def retention(self, cycle: int) -> float:
        """Discharge capacity relative to that of the second cycle."""
        return len(self.discharges[cycle - 1]) / len(self.discharges[1])


def made(name: str, seed: int) -> FullCell:
    maker: Callable[[int], object] = MAKERS[name]
    cell = maker(seed)
    assert isinstance(cell, FullCell)
    return cell


def half_cycle(cell: FullCell, current_A: float, sample_s: float) -> list[float]:
    trace: list[float] = []
    while not trace or LOWEST_V < trace[-1] < HIGHEST_V:
        cell.advance_current(sample_s, current_A)
        trace.append(cell.voltage_V(current_A))
    return trace


@cache
def live(name: str, seed: int, c_rate: float, cycles: int, sample_s: float = 10.0) -> Life:
    life = Life(made(name, seed))
    for _ in range(cycles):
        life.charges.append(half_cycle(life.cell, c_rate * ONE_C_A, sample_s))
        life.discharges.append(half_cycle(life.cell, -c_rate * ONE_C_A, sample_s))
    return life


def voltammogram(cell: FullCell) -> tuple[list[float], list[float]]:
    """Currents of an anodic and of a cathodic scan from 2.5 V, by step of a millivolt, A."""
    cell.advance_voltage(600.0, LOWEST_V)
    steps = round((HIGHEST_V - LOWEST_V) / SCAN_STEP_V)
    up_V = [LOWEST_V + SCAN_STEP_V * step for step in range(1, steps + 1)]
    duration_s = SCAN_STEP_V / SCAN_V_S
    anodic_A = [cell.advance_voltage(duration_s, volt) / duration_s for volt in up_V]
    cathodic_A = [cell.advance_voltage(duration_s, volt) / duration_s for volt in reversed(up_V)]
    return anodic_A, cathodic_A[::-1]


def peaks_V(currents_A: list[float]) -> list[float]:
    """Where a scan has maxima of at least half of its highest."""
    sizes = [abs(current_A) for current_A in currents_A]
    return [
        LOWEST_V + SCAN_STEP_V * (index + 1)
        for index in range(20, len(sizes) - 20)
        if sizes[index] == max(sizes[index - 20 : index + 21]) > 0.5 * max(sizes)
    ]


def plateaus_V(trace: list[float]) -> tuple[float, float]:
    """Voltages after a quarter and after three quarters of a half-cycle."""
    return trace[len(trace) // 4], trace[3 * len(trace) // 4]


def share_between(trace: list[float], low_V: float, high_V: float) -> float:
    """Share of a half-cycle's charge that passes between two voltages."""
    return sum(low_V < volt < high_V for volt in trace) / len(trace)


@pytest.mark.parametrize("name", ["napf6", "naclo4", "na"])
def test_first_charge_has_plateaus_near_3_3_and_3_7_volts(name: str) -> None:
    first = live(name, 0, 1.0, 20).charges[0]
    assert plateaus_V(first) == pytest.approx((3.32, 3.71), abs=0.05)
    assert len(first) * 10.0 * ONE_C_A / 3.6 == pytest.approx(0.1, rel=0.1)


def test_plateaus_shift_to_those_of_potassium_from_the_5th_cycle_on() -> None:
    life = live("napf6", 0, 1.0, 20)
    upper = [share_between(life.charges[cycle - 1], 3.43, 3.64) for cycle in (1, 5, 20)]
    lower = [share_between(life.discharges[cycle - 1], 2.5, 3.1) for cycle in (1, 5, 20)]
    for first, fifth, last in (upper, lower):
        assert first < 0.1
        assert 0.25 < fifth < 0.45
        assert last > 0.5
    assert plateaus_V(life.charges[19]) == pytest.approx((3.12, 3.55), abs=0.05)
    shares = [live("napf6", 0, 1.0, cycles).cell.cathode.potassium for cycles in (1, 5, 20)]
    assert shares[0] < 0.15
    assert shares[1] > 0.4
    assert shares[2] > 0.75


def test_plateaus_stay_where_potassium_precipitates() -> None:
    for name in ("naclo4", "na"):
        life = live(name, 0, 1.0, 20)
        assert plateaus_V(life.charges[19]) == pytest.approx(plateaus_V(life.charges[1]), abs=0.03)
        assert len(life.discharges[19]) > 0.97 * len(life.discharges[1])
    assert live("naclo4", 0, 1.0, 20).cell.anode.salt_layer_m() > 1e-6
    assert live("na", 0, 1.0, 20).cell.anode.salt_layer_m() == 0.0


@pytest.mark.parametrize("seed", range(2))
def test_voltammogram_after_20_cycles_tells_the_electrolytes_apart(seed: int) -> None:
    reference = voltammogram(made("na", seed))
    perchlorate = voltammogram(live("naclo4", seed, 1.0, 20).cell)
    phosphate = voltammogram(live("napf6", seed, 1.0, 20).cell)
    for scan in (0, 1):
        pairs = peaks_V(reference[scan])
        assert len(pairs) == 2
        assert peaks_V(perchlorate[scan]) == pytest.approx(pairs, abs=0.02)
        others = peaks_V(phosphate[scan])
        assert len(others) == 2
        assert all(before - after > 0.15 for before, after in zip(pairs, others, strict=True))


def test_voltammogram_conserves_charge_and_its_peaks_are_pairs() -> None:
    anodic_A, cathodic_A = voltammogram(made("na", 0))
    assert sum(anodic_A) == pytest.approx(-sum(cathodic_A), rel=0.03)
    assert sum(anodic_A) * SCAN_STEP_V / SCAN_V_S / 3.6e-3 == pytest.approx(105.0, rel=0.08)
    for up_V, down_V in zip(peaks_V(anodic_A), peaks_V(cathodic_A), strict=True):
        assert 0.05 < up_V - down_V < 0.25


def test_exchange_for_potassium_ruins_5C() -> None:
    fresh = len(half_cycles_at_5C(made("na", 0)))
    assert 0.65 < fresh * 10.0 * 5.0 * ONE_C_A / 0.36 < 0.85
    assert len(half_cycles_at_5C(live("naclo4", 0, 1.0, 20).cell)) > 0.8 * fresh
    assert len(half_cycles_at_5C(live("napf6", 0, 1.0, 20).cell)) < 0.5 * fresh


def half_cycles_at_5C(cell: FullCell) -> list[float]:
    """The second discharge at 5C."""
    for _ in range(2):
        half_cycle(cell, 5.0 * ONE_C_A, 10.0)
        discharge = half_cycle(cell, -5.0 * ONE_C_A, 10.0)
    return discharge


@pytest.mark.parametrize("seed", range(6))
def test_capacity_at_9_9_mg_cm2_collapses_after_some_150_cycles(seed: int) -> None:
    life = live("9.9", seed, 5.0, 240, 5.0)
    assert life.retention(135) > 0.8
    collapse = next(cycle for cycle in range(2, 241) if life.retention(cycle) < 0.5)
    assert 145 <= collapse <= 175
    assert life.retention(collapse + 15) < 0.35
    assert life.retention(240) < 0.15


@pytest.mark.parametrize("seed", range(4))
def test_capacity_at_27_mg_cm2_fades_gradually_to_nothing_in_some_1000_cycles(seed: int) -> None:
    life = live("27", seed, 5.0, 1050, 10.0)
    assert life.retention(150) > 0.75
    assert 0.2 < life.retention(600) < 0.55
    assert life.retention(1050) < 0.12
    steps = [life.retention(cycle) - life.retention(cycle + 50) for cycle in range(10, 1000, 50)]
    assert max(steps) < 0.13
    assert min(steps) > -0.03


def test_sampling_does_not_change_a_life() -> None:
    coarse, fine = live("9.9", 1, 5.0, 60, 5.0), live("9.9", 1, 5.0, 60, 1.0)
    assert fine.cell.anode.potassium_C == pytest.approx(coarse.cell.anode.potassium_C, rel=5e-3)
    assert len(fine.discharges[59]) / 5.0 == pytest.approx(len(coarse.discharges[59]), abs=2.0)
