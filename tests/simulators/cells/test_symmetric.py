"""The symmetric cell as an instrument sees it: contract, linearisation, time against frequency, shorts."""

import cmath
import math
import time
from collections.abc import Callable
from copy import deepcopy
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells import Cell
from labctl_simulators.cells.symmetric import na, na50k50, na50k50_nafsi, na60k40, na80k20

MAKERS = [na, na50k50, na50k50_nafsi, na60k40, na80k20]
CURRENT_A, HALF_CYCLE_S = 113.1e-6, 9000.0

Maker = Callable[[str | None, int], Cell]


def aged(maker: Maker, cycles: int) -> Cell:
    """A cell after some cycles and half an hour of rest."""
    return deepcopy(_aged(maker, cycles))


@cache
def _aged(maker: Maker, cycles: int) -> Cell:
    cell = maker(None, 0)
    for _ in range(cycles):
        cell.advance_current(HALF_CYCLE_S, CURRENT_A)
        cell.advance_current(HALF_CYCLE_S, -CURRENT_A)
    cell.advance_current(1800.0, 0.0)
    return cell


def settled_slope_ohm(cell: Cell, bias_A: float, step_A: float) -> float:
    """dV/di between two copies, each settled on its side of the bias."""
    volts = []
    for current_A in (bias_A + step_A, bias_A - step_A):
        copy = deepcopy(cell)
        copy.advance_current(30.0, current_A)
        volts.append(copy.voltage_V(current_A))
    return (volts[0] - volts[1]) / (2.0 * step_A)


STATES = [
    pytest.param(na, 1, id="na, 1"),
    pytest.param(na50k50, 1, id="na50k50, 1"),
    pytest.param(na50k50, 38, id="na50k50, 38"),
    pytest.param(na50k50, 50, id="na50k50, 50"),
    pytest.param(na50k50_nafsi, 20, id="na50k50-nafsi, 20"),
    pytest.param(na, 152, id="na, shorted"),
]


@pytest.mark.parametrize(("maker", "cycles"), STATES)
@pytest.mark.parametrize("bias_A", [0.0, 30e-6, -CURRENT_A])
def test_low_frequency_impedance_is_the_slope_of_the_polarisation(
    maker: Maker, cycles: int, bias_A: float
) -> None:
    cell = aged(maker, cycles)
    # An hour at the bias first: nucleation is over, and half a minute to settle hardly changes a surface.
    cell.advance_current(3600.0, bias_A)
    impedance_ohm = cell.impedance_ohm(1e-6, bias_A)
    assert impedance_ohm.real == pytest.approx(settled_slope_ohm(cell, bias_A, 2e-10), rel=1e-3)
    assert abs(impedance_ohm.imag) < 1e-4 * impedance_ohm.real


@pytest.mark.parametrize(("maker", "cycles"), STATES[:-1])
@pytest.mark.parametrize("frequency_Hz", [0.2, 5.0, 100.0, 5e3, 5e4])
def test_a_small_sine_in_time_meets_the_impedance(maker: Maker, cycles: int, frequency_Hz: float) -> None:
    """Within 1 % of |Z|, at 0.1 uA, which leaves the surfaces as they are."""
    cell, total, amplitude_A = aged(maker, cycles), 0j, 1e-7
    expected_ohm = cell.impedance_ohm(frequency_Hz)
    periods, steps = min(20, 2 + math.ceil(2.0 * frequency_Hz)), 500
    for index in range(periods * steps):
        phase = 2.0 * math.pi * (index + 0.5) / steps
        current_A = amplitude_A * math.cos(phase)
        before_V = cell.voltage_V(current_A)
        cell.advance_current(1.0 / (frequency_Hz * steps), current_A)
        if index >= (periods - 1) * steps:
            total += 0.5 * (before_V + cell.voltage_V(current_A)) * cmath.exp(-1j * phase)
    measured_ohm = 2.0 * total / (steps * amplitude_A)
    assert abs(measured_ohm - expected_ohm) < 0.01 * abs(expected_ohm)


@pytest.mark.parametrize(("maker", "cycles"), STATES[:-1])
def test_the_current_of_a_hold_replayed_gives_its_voltage(maker: Maker, cycles: int) -> None:
    """Held by its own steps, the cell passes a current; driven by that current in exact steps, it holds."""
    held, driven, duration_s = aged(maker, cycles), aged(maker, cycles), 1e-6
    for _ in range(40):
        current_A = held.current_A(0.05)
        held.advance_voltage(duration_s, 0.05)
        driven.advance_current(duration_s, 0.5 * (current_A + held.current_A(0.05)))
        duration_s *= 1.4
    current_A = held.current_A(0.05)
    assert driven.voltage_V(current_A) == pytest.approx(0.05, abs=2e-3)


@pytest.mark.parametrize("maker", MAKERS)
def test_settled_voltage_is_ohmic_part_and_butler_volmer(maker: Maker) -> None:
    cell = maker(None, 0)
    cell.advance_current(600.0, CURRENT_A)
    # Half of di/dV at a bias tells each i0; here both together are bounded by the zero-bias impedance.
    film_ohm = cell.impedance_ohm(1e-6, 1.0).real
    transfer_ohm = cell.impedance_ohm(1e-6).real - film_ohm
    like_electrodes_V = 2 * 0.05138 * math.asinh(0.5 * CURRENT_A * transfer_ohm / 0.05138)
    assert cell.voltage_V(CURRENT_A) == pytest.approx(film_ohm * CURRENT_A + like_electrodes_V, rel=0.12)


@pytest.mark.parametrize(("maker", "cycles"), STATES)
@given(
    voltages=st.lists(st.floats(-2.0, 2.0), min_size=2, max_size=2, unique=True),
    settle_s=st.floats(0.0, 3.0),
)
@settings(max_examples=25, deadline=None)
def test_current_is_the_increasing_inverse_of_voltage(
    maker: Maker, cycles: int, voltages: list[float], settle_s: float
) -> None:
    cell = aged(maker, cycles)
    cell.advance_current(settle_s, CURRENT_A)
    low_V, high_V = sorted(voltages)
    assert cell.voltage_V(cell.current_A(low_V)) == pytest.approx(low_V, abs=1e-9)
    if high_V - low_V > 1e-9:
        assert cell.current_A(low_V) < cell.current_A(high_V)


@pytest.mark.parametrize("maker", MAKERS)
@settings(deadline=None)
@given(
    history=st.lists(
        st.tuples(st.floats(-1.0, 3.7), st.sampled_from([0.0, 1e-6, -2e-5, CURRENT_A, -CURRENT_A, 3e-4])),
        min_size=1,
        max_size=5,
    ),
    share=st.floats(0.01, 0.99),
)
def test_a_duration_in_one_piece_or_two(
    maker: Maker, history: list[tuple[float, float]], share: float
) -> None:
    """To 0.3 mV, that of the first second of nucleation, while there is metal; the currents above never take it all."""
    one, two = maker(None, 3), maker(None, 3)
    for log_duration, current_A in history:
        duration_s = 10.0**log_duration
        one.advance_current(duration_s, current_A)
        two.advance_current(duration_s * share, current_A)
        two.advance_current(duration_s * (1.0 - share), current_A)
        assert two.voltage_V(current_A) == pytest.approx(one.voltage_V(current_A), abs=3e-4)
    assert two.impedance_ohm(1.0) == pytest.approx(one.impedance_ohm(1.0), rel=1e-6)


def test_ten_seconds_or_ten_times_one_over_a_life() -> None:
    coarse, fine = na50k50(None, 0), na50k50(None, 0)
    for sign in (1, -1) * 3:
        coarse.advance_current(HALF_CYCLE_S, sign * CURRENT_A)
        for _ in range(900):
            fine.advance_current(10.0, sign * CURRENT_A)
        assert fine.voltage_V(sign * CURRENT_A) == pytest.approx(coarse.voltage_V(sign * CURRENT_A), abs=1e-9)


@pytest.mark.parametrize(("maker", "cycles"), STATES)
@pytest.mark.parametrize("voltage_V", [0.05, -0.3])
def test_a_hold_in_one_piece_or_many(maker: Maker, cycles: int, voltage_V: float) -> None:
    cell = aged(maker, cycles)
    one, many = deepcopy(cell), deepcopy(cell)
    charge_C = one.advance_voltage(1200.0, voltage_V)
    split_C = sum(many.advance_voltage(12.0, voltage_V) for _ in range(100))
    assert split_C == pytest.approx(charge_C, rel=1e-3, abs=3e-5)
    assert many.current_A(voltage_V) == pytest.approx(one.current_A(voltage_V), rel=0.02)
    assert one.voltage_V(one.current_A(voltage_V)) == pytest.approx(voltage_V)


def test_a_hold_continues_the_current_that_flowed() -> None:
    cell = aged(na50k50, 38)
    cell.advance_current(3000.0, CURRENT_A)
    voltage_V = cell.voltage_V(CURRENT_A)
    assert cell.advance_voltage(1.0, voltage_V) == pytest.approx(CURRENT_A, rel=1e-3)


def test_a_hold_returns_the_charge_that_passed_the_terminals() -> None:
    cell = aged(na, 2)
    total_C = summed_C = 0.0
    cell.advance_voltage(30.0, 0.03)
    for _ in range(2000):
        before_A = cell.current_A(0.03)
        total_C += cell.advance_voltage(1.0, 0.03)
        summed_C += 0.5 * (before_A + cell.current_A(0.03))
    assert total_C == pytest.approx(summed_C, rel=1e-3)


def test_at_rest_a_symmetric_cell_returns_to_zero_and_stays() -> None:
    cell = na50k50(None, 0)
    cell.advance_current(3600.0, CURRENT_A)
    cell.advance_current(1e-3, 0.0)
    assert cell.voltage_V(0.0) > 1e-3
    cell.advance_current(3600.0, 0.0)
    assert cell.voltage_V(0.0) == 0.0


@pytest.mark.parametrize(("maker", "cycles"), STATES)
@pytest.mark.parametrize("current_A", [1.0, -1.0, 1e-9, 0.01])
@pytest.mark.parametrize("duration_s", [1e-6, 1.0, 3e4])
def test_absurd_currents_leave_finite_voltages(
    maker: Maker, cycles: int, current_A: float, duration_s: float
) -> None:
    cell = aged(maker, cycles)
    cell.advance_current(duration_s, current_A)
    voltage_V = cell.voltage_V(current_A)
    assert math.copysign(1.0, voltage_V) == math.copysign(1.0, current_A)
    assert abs(voltage_V) < 1e4
    assert math.isfinite(abs(cell.impedance_ohm(1e3, current_A)))
    assert math.isfinite(cell.advance_voltage(100.0, -5.0))


def test_a_short_collapses_voltage_and_impedance_wherever_the_step_began() -> None:
    coarse, fine = aged(na, 140), aged(na, 140)
    for sign in (1, -1) * 10:
        coarse.advance_current(HALF_CYCLE_S, sign * CURRENT_A)
        for _ in range(90):
            fine.advance_current(100.0, sign * CURRENT_A)
        assert fine.voltage_V(sign * CURRENT_A) == pytest.approx(coarse.voltage_V(sign * CURRENT_A), abs=2e-5)
    assert abs(coarse.voltage_V(CURRENT_A)) < 4e-3
    assert abs(coarse.impedance_ohm(0.1)) < 30.0
    assert coarse.current_A(0.5) > 0.02


@pytest.mark.parametrize("maker", MAKERS)
def test_a_seed_is_a_cell(maker: Maker) -> None:
    def fingerprint(seed: int) -> tuple[float, complex]:
        cell = maker(None, seed)
        cell.advance_current(1234.5, CURRENT_A)
        return cell.voltage_V(CURRENT_A), cell.impedance_ohm(17.0)

    assert fingerprint(7) == fingerprint(7)
    assert len({fingerprint(seed) for seed in range(10)}) == 10
    volts = [fingerprint(seed)[0] for seed in range(10)]
    assert max(volts) < 1.2 * min(volts)


@pytest.mark.parametrize("maker", MAKERS)
def test_an_argument_is_refused(maker: Maker) -> None:
    with pytest.raises(ValueError, match="takes no argument"):
        maker("100", 0)


def test_ninety_thousand_samples_are_a_matter_of_tenths_of_a_second() -> None:
    """Five times what it takes on an idle core, so that only a change of kind fails: see bench/cells.py."""
    cell = na50k50(None, 0)
    cell.advance_current(20.0, CURRENT_A)
    begin = time.process_time()
    for _ in range(9000):
        cell.advance_current(10.0, CURRENT_A)
        cell.voltage_V(CURRENT_A)
    assert time.process_time() - begin < 0.1
