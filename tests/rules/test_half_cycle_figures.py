import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.half_cycle import HalfCycleFigures


def figures_of(samples, sign=+1, equilibrium_V=0.0):
    figures = HalfCycleFigures(3, sign, 0.0, equilibrium_V)
    for time_s, voltage_V, current_A in samples:
        figures.add(time_s, voltage_V, current_A)
    return figures


def test_trapezoids_from_the_start_on():
    half_cycle = figures_of([(10.0, 0.1, 1.0), (20.0, 0.3, 2.0)]).finish("capacity")
    assert half_cycle.charge_C == pytest.approx(10.0 + 15.0)
    assert half_cycle.energy_J == pytest.approx(1.0 + 0.5 * 10 * (0.1 + 0.6))
    assert half_cycle.mean_voltage_V == pytest.approx(4.5 / 25)
    assert (half_cycle.start_s, half_cycle.end_s, half_cycle.cycle) == (0.0, 20.0, 3)
    assert half_cycle.complete
    assert half_cycle.end_reason == "capacity"


def test_discharging_a_symmetric_cell_mirrors_the_voltage_only():
    samples = [(10.0, 0.1, 1.0), (20.0, 0.3, 1.0), (30.0, 0.2, 1.0)]
    charging = figures_of(samples).finish("")
    discharging = figures_of([(t, -v, -i) for t, v, i in samples], sign=-1).finish("")
    for figure in (
        "charge_C",
        "energy_J",
        "overpotential_median_V",
        "overpotential_end_V",
        "overpotential_max_V",
    ):
        assert getattr(charging, figure) == pytest.approx(getattr(discharging, figure))
    assert discharging.mean_voltage_V == pytest.approx(-charging.mean_voltage_V)


def test_overpotential_counts_from_equilibrium_in_the_direction_of_the_current():
    samples = [(10.0, 3.4, -1.0), (20.0, 3.2, -1.0)]
    half_cycle = figures_of(samples, sign=-1, equilibrium_V=3.6).finish("")
    assert half_cycle.overpotential_end_V == pytest.approx(0.4)
    assert half_cycle.overpotential_max_V == pytest.approx(0.4)
    assert half_cycle.mean_voltage_V == pytest.approx((34.0 + 33.0) / 20)


def test_no_overpotential_without_an_equilibrium_voltage():
    half_cycle = figures_of([(10.0, 3.4, 1.0)], equilibrium_V=None).finish("")
    assert half_cycle.overpotential_median_V is None
    assert half_cycle.overpotential_end_V is None
    assert half_cycle.overpotential_max_V is None


def test_the_median_is_weighted_by_charge_not_by_the_number_of_samples():
    dense_start = [(0.001 * k, 1.0, 1.0) for k in range(1, 1000)]
    steady = [(1.0 + 10.0 * k, 0.1, 1.0) for k in range(1, 10)]
    assert figures_of(dense_start + steady).finish("").overpotential_median_V == pytest.approx(0.1)


def test_nothing_passes_during_a_pause():
    figures = figures_of([(10.0, 0.1, 1.0), (20.0, 0.1, 1.0)])
    figures.resume(1000.0)
    assert figures.add(1010.0, 0.5, 2.0) == pytest.approx(20.0 + 20.0)
    assert figures.finish("").overpotential_end_V == pytest.approx(0.5)


def test_without_a_sample_there_are_no_figures():
    with pytest.raises(ValueError, match="without a sample"):
        HalfCycleFigures(1, +1, 0.0, 0.0).finish("")


def test_a_half_cycle_that_a_stop_ended_is_not_complete():
    assert not figures_of([(1.0, 0.1, 1.0)]).finish("stop", complete=False).complete


@given(
    steps=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30),
    current_A=st.floats(1e-9, 100.0),
    voltage_V=st.floats(-5.0, 5.0),
)
def test_at_constant_current_charge_is_current_times_time_however_sampled(steps, current_A, voltage_V):
    figures, time_s = HalfCycleFigures(1, +1, 0.0, 0.0), 0.0
    for step in steps:
        time_s += step
        figures.add(time_s, voltage_V, current_A)
    half_cycle = figures.finish("")
    assert half_cycle.charge_C == pytest.approx(current_A * time_s, rel=1e-9)
    assert half_cycle.mean_voltage_V == pytest.approx(voltage_V, rel=1e-9, abs=1e-12)
    assert half_cycle.overpotential_median_V == pytest.approx(voltage_V)
