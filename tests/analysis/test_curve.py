import numpy as np
import pytest

from labctl.analysis.battery_data import BatteryData
from labctl.analysis.curve import curves, mean_voltage_V, overpotential, passed_charge
from labctl.analysis.cycle_figures import cycle_rows, half_cycle_row
from labctl.analysis.recordings import find_half_cycles
from labctl.half_cycle import HalfCycleFigures
from labctl.rules.replay import Recording

CURRENT_A = 1e-4


def recorded(*parts):
    """A recording of (current, voltages) parts, one sample every 10 s."""
    current_A = np.concatenate([np.full(len(voltages), current) for current, voltages in parts])
    voltage_V = np.concatenate([np.asarray(voltages, float) for _, voltages in parts])
    time_s = 10.0 * np.arange(1, len(current_A) + 1)
    half_cycles = tuple(find_half_cycles(BatteryData("cell", time_s, voltage_V, current_A, None)))
    return Recording("cell", 0.0, np.arange(len(time_s)), time_s, voltage_V, current_A, half_cycles)


def one(current_A, voltages):
    return next(curves(recorded((current_A, voltages), (0.0, [0.0]))))


def test_charge_is_counted_from_when_the_current_began():
    time_s, current_A = np.array([10.0, 20.0, 30.0]), np.array([1.0, 1.0, 3.0])
    assert passed_charge(time_s, current_A, 5.0) == pytest.approx([5.0, 15.0, 35.0])


@pytest.mark.parametrize("sign", [+1, -1])
def test_polarisation_is_positive_in_both_directions(sign):
    curve = one(sign * CURRENT_A, sign * np.linspace(0.04, 0.06, 101))
    assert curve.sign == sign
    assert curve.charge_C == pytest.approx(0.1)
    assert mean_voltage_V(curve) == pytest.approx(sign * 0.05, rel=1e-3)
    found = overpotential(curve, 0.0)
    assert found.median_V == pytest.approx(0.05, rel=0.02)
    assert found.half_charge_V == pytest.approx(0.05, rel=0.02)
    assert found.end_V == found.max_V == pytest.approx(0.06)


def test_overpotential_is_beyond_equilibrium():
    found = overpotential(one(-CURRENT_A, np.full(50, 3.2)), 3.3)
    assert found.median_V == found.half_charge_V == pytest.approx(0.1)


def test_definitions_differ_where_they_should():
    """A spike raises the maximum; the last minute, the end; neither moves the two in the middle."""
    voltages = np.full(1000, 0.05)
    voltages[:3], voltages[-3:] = 0.2, 0.1
    found = overpotential(one(CURRENT_A, voltages), 0.0)
    assert (found.median_V, found.half_charge_V) == pytest.approx((0.05, 0.05))
    assert (found.end_V, found.max_V) == pytest.approx((0.1, 0.2))


def test_a_pause_passes_no_charge():
    whole = next(curves(recorded((CURRENT_A, np.full(41, 0.05)), (0.0, [0.0]))))
    paused = next(
        curves(
            recorded(
                (CURRENT_A, np.full(21, 0.05)),
                (0.0, np.zeros(500)),
                (CURRENT_A, np.full(21, 0.05)),
                (0.0, [0.0]),
            )
        )
    )
    assert paused.charge_C == pytest.approx(whole.charge_C)
    assert paused.energy_J == pytest.approx(whole.energy_J)
    assert len(paused.time_s) == 42


@pytest.mark.parametrize("sign", [+1, -1])
def test_arrays_and_the_streaming_figures_of_a_run_agree(sign):
    random = np.random.default_rng(5)
    voltages = sign * (0.05 + 0.1 * np.exp(-np.arange(400) / 20) + 0.001 * random.standard_normal(400))
    curve = one(sign * CURRENT_A, voltages)
    streamed = HalfCycleFigures(1, sign, float(curve.time_s[0]), 0.0)
    for sample in zip(curve.time_s, curve.voltage_V, curve.current_A, strict=True):
        streamed.add(*map(float, sample))
    expected, found = streamed.finish("capacity"), overpotential(curve, 0.0)
    assert curve.charge_C == pytest.approx(expected.charge_C)
    assert abs(curve.energy_J) == pytest.approx(expected.energy_J)
    assert mean_voltage_V(curve) == pytest.approx(expected.mean_voltage_V)
    assert found.median_V == pytest.approx(expected.overpotential_median_V)
    assert found.end_V == pytest.approx(expected.overpotential_end_V)
    assert found.max_V == pytest.approx(expected.overpotential_max_V)


def rows(*parts, equilibrium_V=None):
    return [half_cycle_row(curve, equilibrium_V) for curve in curves(recorded(*parts, (0.0, [0.0])))]


def test_a_full_cell_gives_back_less_than_it_took():
    charge, discharge = (CURRENT_A, np.full(101, 3.6)), (-CURRENT_A, np.full(91, 3.2))
    (cycle,) = cycle_rows(rows(charge, discharge))
    assert cycle.coulombic_efficiency == pytest.approx(0.9)
    assert cycle.energy_efficiency == pytest.approx(0.9 * 3.2 / 3.6)
    assert cycle.voltage_gap_V == pytest.approx(0.4)


def test_a_symmetric_cell_has_no_energy_efficiency():
    (cycle,) = cycle_rows(rows((CURRENT_A, np.full(101, 0.05)), (-CURRENT_A, np.full(101, -0.05))))
    assert cycle.coulombic_efficiency == pytest.approx(1.0)
    assert cycle.energy_efficiency is None
    assert cycle.voltage_gap_V == pytest.approx(0.1)


def test_a_cycle_without_its_second_half_has_no_efficiency():
    (cycle,) = cycle_rows(rows((CURRENT_A, np.full(101, 0.05))))
    assert cycle.discharge_C == 0
    assert cycle.coulombic_efficiency is None


def test_a_half_cycle_that_was_stopped_says_nothing_about_efficiency():
    recording = recorded((CURRENT_A, np.full(101, 3.6)), (-CURRENT_A, np.full(51, 3.2)))
    assert [c.complete for c in curves(recording)] == [True, False]
    (cycle,) = cycle_rows(half_cycle_row(curve, None) for curve in curves(recording))
    assert cycle.coulombic_efficiency is None


def test_overpotential_is_unknown_without_an_equilibrium_voltage():
    (row,) = rows((CURRENT_A, np.full(101, 3.6)))
    assert row.overpotential is None
