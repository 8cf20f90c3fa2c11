"""Whole lives of the symmetric cells at 0.4 mA/cm2 and 1 mAh/cm2, against what the paper reports.

Source: H. Koh et al., Chem. Eng. J. (2024) 151578, Figs. 2 and 6.
"""

import statistics
from dataclasses import dataclass, field
from functools import cache

import pytest

from labctl_simulators.cells import Cell
from labctl_simulators.cells.symmetric import na, na50k50, na50k50_nafsi, na60k40, na80k20

CURRENT_A, HALF_CYCLE_S, WINDOW_V = 113.1e-6, 9000.0, 0.9
CELLS = {
    "na": na,
    "na50k50": na50k50,
    "na50k50-nafsi": na50k50_nafsi,
    "na60k40": na60k40,
    "na80k20": na80k20,
}
FREQUENCIES_HZ = [10.0 ** (5.0 - index / 10.0) for index in range(61)]


@dataclass
class Life:
    """What cycling a cell showed; lists hold one item per half-cycle, magnitudes in V."""

    traces: list[list[float]] = field(default_factory=list)
    spectra: dict[int, list[complex]] = field(default_factory=dict)
    test_time_s: float = 0.0

    def overpotential_V(self, cycle: int) -> float:
        return statistics.median(self.traces[2 * cycle - 2] + self.traces[2 * cycle - 1])

    def doubled(self) -> int:
        """First cycle at twice the overpotential of the first five."""
        limit_V = 2.0 * statistics.median(self.overpotential_V(cycle) for cycle in range(1, 6))
        return next(cycle for cycle in range(1, 201) if self.overpotential_V(cycle) > limit_V)


def half_cycle(cell: Cell, current_A: float, sample_s: float) -> list[float]:
    trace: list[float] = []
    while len(trace) * sample_s < HALF_CYCLE_S and (not trace or trace[-1] <= WINDOW_V):
        cell.advance_current(sample_s, current_A)
        trace.append(abs(cell.voltage_V(current_A)))
    return trace


@cache
def live(name: str, seed: int, cycles: int, sample_s: float = 50.0) -> Life:
    cell, life = CELLS[name](None, seed), Life()
    for cycle in range(1, cycles + 1):
        for current_A in (CURRENT_A, -CURRENT_A):
            life.traces.append(half_cycle(cell, current_A, sample_s))
            life.test_time_s += len(life.traces[-1]) * sample_s
        if cycle in (1, 30, 35, 40, 50):
            life.spectra[cycle] = [cell.impedance_ohm(frequency_Hz) for frequency_Hz in FREQUENCIES_HZ]
    return life


def peaks(spectrum: list[complex]) -> list[float]:
    """Frequencies of the maxima of -Z'' between 100 kHz and 0.1 Hz."""
    heights = [-impedance.imag for impedance in spectrum]
    return [
        FREQUENCIES_HZ[index]
        for index in range(1, len(heights) - 1)
        if heights[index - 1] < heights[index] > heights[index + 1]
    ]


@pytest.mark.parametrize("seed", range(10))
def test_na50k50_doubles_its_overpotential_between_cycles_33_and_42(seed: int) -> None:
    assert 33 <= live("na50k50", seed, 60).doubled() <= 42


def test_na50k50_cells_scatter_about_cycle_37() -> None:
    doubled = [live("na50k50", seed, 60).doubled() for seed in range(10)]
    assert 36 <= statistics.median(doubled) <= 38
    assert len(set(doubled)) > 1


@pytest.mark.parametrize("seed", range(10))
def test_na50k50_impedance_grows_from_half_a_kilohm_to_seventy(seed: int) -> None:
    spectra = live("na50k50", seed, 60).spectra
    assert abs(spectra[1][-1]) == pytest.approx(500.0, rel=0.1)
    assert abs(spectra[30][-1]) < 700.0
    assert 1000.0 < abs(spectra[40][-1]) < 6000.0
    assert 45e3 < abs(spectra[50][-1]) < 115e3


def test_na50k50_median_impedance_after_cycle_50_is_70_kohm() -> None:
    values = [abs(live("na50k50", seed, 60).spectra[50][-1]) for seed in range(10)]
    assert statistics.median(values) == pytest.approx(70e3, rel=0.15)


@pytest.mark.parametrize("cycle", [1, 30, 35, 40])
@pytest.mark.parametrize("seed", range(5))
def test_na50k50_shows_two_separable_arcs(seed: int, cycle: int) -> None:
    film_Hz, transfer_Hz = peaks(live("na50k50", seed, 60).spectra[cycle])
    assert 1e3 < film_Hz < 3e4
    assert 1.0 < transfer_Hz < 100.0


@pytest.mark.parametrize("seed", range(10))
def test_na50k50_is_dead_at_about_250_hours(seed: int) -> None:
    life = live("na50k50", seed, 60)
    first = next(index for index, trace in enumerate(life.traces) if trace[-1] > WINDOW_V)
    assert 50 <= first // 2 + 1 <= 53
    assert all(len(trace) < 0.2 * HALF_CYCLE_S / 50.0 for trace in life.traces[110:])
    assert 245.0 < life.test_time_s / 3600.0 < 275.0


@pytest.mark.parametrize("half", [0, 1, 8, 9])
def test_na50k50_half_cycle_is_a_spike_and_a_uniform_climb(half: int) -> None:
    trace = live("na50k50", 0, 60).traces[half]
    low = trace.index(min(trace))
    assert trace[0] > 1.4 * trace[low]
    assert low < 0.15 * len(trace)
    rises = [later - earlier for earlier, later in zip(trace[low:], trace[low + 1 :], strict=False)]
    assert all(rise > 0.0 for rise in rises)
    assert max(rises) < 10.0 * statistics.median(rises)
    assert 1.08 * trace[low] < trace[-1] < trace[0]


@pytest.mark.parametrize("half", [0, 1, 8, 9, 201])
def test_na_half_cycle_is_a_spike_a_low_and_a_higher_plateau(half: int) -> None:
    trace = live("na", 0, 160).traces[half]
    at = [trace[int(share * len(trace))] for share in (0.0, 0.25, 0.4, 0.85, 0.97)]
    assert at[0] > 2.0 * at[1]
    assert at[2] == pytest.approx(at[1], rel=0.05)
    assert at[3] > 1.3 * at[2]
    assert at[4] == pytest.approx(at[3], rel=0.05)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["na", "na80k20"])
def test_sodium_rich_cells_stay_low_for_over_700_hours_then_short(name: str, seed: int) -> None:
    life = live(name, seed, 160)
    for cycle in range(1, 141):
        assert 0.02 < life.overpotential_V(cycle) < 0.07
    assert life.overpotential_V(140) < 1.15 * life.overpotential_V(5)
    short = next(index for index, trace in enumerate(life.traces) if min(trace[10:]) < 5e-3)
    assert 720.0 <= 2.5 * short + 2.5 <= 770.0
    assert all(max(trace) < 5e-3 for trace in life.traces[short + 1 :])


def step_between_plateaus(trace: list[float]) -> float:
    """The voltage at the end of a half-cycle relative to that of its lowest point."""
    return trace[-1] / min(trace)


def low_share(trace: list[float]) -> float:
    """Share of a half-cycle within a fifth of its lowest point."""
    return sum(volt < 1.2 * min(trace) for volt in trace) / len(trace)


def test_na50k50_in_nafsi_goes_from_the_climb_of_the_alloy_to_the_two_plateaus_of_sodium() -> None:
    life, alloy, sodium = (live(name, 0, 160) for name in ("na50k50-nafsi", "na50k50", "na"))
    first, tenth, last = (life.traces[2 * cycle - 2] for cycle in (1, 10, 140))
    assert step_between_plateaus(first) == pytest.approx(step_between_plateaus(alloy.traces[0]), rel=0.03)
    assert step_between_plateaus(first) < 1.2 < 1.35 < step_between_plateaus(tenth)
    assert step_between_plateaus(last) == pytest.approx(step_between_plateaus(sodium.traces[280]), rel=0.15)
    assert 0.05 < low_share(tenth) < 0.8 * low_share(last)
    assert low_share(last) == pytest.approx(low_share(sodium.traces[280]), rel=0.2)


@pytest.mark.parametrize("seed", range(3))
def test_na50k50_in_nafsi_shows_no_jump_and_no_insulating_layer(seed: int) -> None:
    life = live("na50k50-nafsi", seed, 140)
    for cycle in range(1, 141):
        assert 0.03 < life.overpotential_V(cycle) < 0.07
        assert life.overpotential_V(cycle) < 1.1 * life.overpotential_V(1)
    assert abs(life.spectra[50][-1]) < 1.1 * abs(life.spectra[1][-1])


def test_na_arcs_do_not_grow_much() -> None:
    spectra = live("na", 0, 160).spectra
    assert abs(spectra[50][-1]) < 1.1 * abs(spectra[1][-1])
    assert len(peaks(spectra[50])) == 2


@pytest.mark.parametrize("seed", range(4))
def test_na60k40_rises_likewise_but_after_several_hundred_hours(seed: int) -> None:
    life = live("na60k40", seed, 145)
    assert 300.0 < 5.0 * life.doubled() < 500.0
    assert life.overpotential_V(60) < 1.1 * life.overpotential_V(5)
    assert life.overpotential_V(110) > 6.0 * life.overpotential_V(5)


def test_sampling_does_not_change_a_life() -> None:
    coarse, fine = live("na50k50", 1, 45, 150.0), live("na50k50", 1, 45, 10.0)
    for cycle in (1, 20, 38, 45):
        assert fine.traces[2 * cycle - 1][-1] == pytest.approx(coarse.traces[2 * cycle - 1][-1], abs=1e-9)
