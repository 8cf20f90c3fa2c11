"""The ladders: what they stand for in frequency, and that time and frequency are one model."""

import cmath
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells.arcs import SETTLING, TAFEL_V, ChargeTransferArc, FilmArc, cole_cole_ladder


@pytest.mark.parametrize("exponent", [0.8, 0.85, 0.9, 0.95])
def test_ladder_stands_for_a_resistance_parallel_to_a_cpe(exponent: float) -> None:
    film = FilmArc(exponent, tau_s=1e-3)
    assert sum(cole_cole_ladder(exponent).shares) == pytest.approx(1.0)
    for tenth in range(-20, 61):
        omega = 2.0 * math.pi * 10.0 ** (tenth / 10.0)
        assert abs(film.impedance(omega) - 1.0 / (1.0 + (1j * omega * 1e-3) ** exponent)) < 0.007


def test_settled_charge_transfer_is_butler_volmer() -> None:
    arc = ChargeTransferArc(0.88)
    for current_A in (-3e-4, -1e-9, 0.0, 1e-6, 1.0):
        arc.settle(current_A, exchange_A=1e-6)
        eta_V = arc.overpotential_V(arc.states)
        assert eta_V == pytest.approx(TAFEL_V * math.asinh(current_A / 2e-6), rel=1e-9, abs=1e-15)
        assert arc.overpotential_V(arc.after(1e6, current_A, 1e-6, 1e-5)) == pytest.approx(eta_V, rel=1e-9)


def test_zero_bias_resistance_is_rt_over_f_i0() -> None:
    resistance_ohm = ChargeTransferArc(0.88).impedance_ohm(1e-6, 0.0, 171e-6, 5e-5).real
    assert resistance_ohm == pytest.approx(8.314462618 * 298.15 / (96485.33212 * 171e-6))
    assert 2.0 * resistance_ohm == pytest.approx(300.0, rel=0.01)


def test_the_closed_solution_obeys_its_differential_equation() -> None:
    exchange_A, capacitance_F, current_A, step_s = 2e-6, 1e-5, 1e-4, 1e-7
    arc = ChargeTransferArc(0.9)
    arc.settle(-5e-5, exchange_A)
    before = arc.states
    after = arc.after(step_s, current_A, exchange_A, capacitance_F)
    for index, span in enumerate(cole_cole_ladder(0.9).spans):
        eta_V = TAFEL_V * math.log(before[index])
        faradaic_A = 2.0 * exchange_A * math.sinh(eta_V / TAFEL_V)
        expected_V = (current_A - faradaic_A) / (capacitance_F * span) * step_s
        moved_V = TAFEL_V * math.log(after[index] / before[index])
        assert moved_V == pytest.approx(expected_V, rel=0.05 if span < 0.1 else 2e-3)


@settings(deadline=None)
@given(
    currents=st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=6),
    log_exchange=st.floats(-10.0, -3.0),
    log_duration=st.floats(-6.0, 4.0),
    share=st.floats(0.1, 0.9),
)
def test_any_duration_in_one_step_or_two(
    currents: list[float], log_exchange: float, log_duration: float, share: float
) -> None:
    exchange_A, duration_s = 10.0**log_exchange, 10.0**log_duration
    one, two = ChargeTransferArc(0.88), ChargeTransferArc(0.88)
    for current_A in currents:
        one.states = one.after(duration_s, current_A, exchange_A, 1e-5)
        for part in (share, 1.0 - share):
            two.states = two.after(duration_s * part, current_A, exchange_A, 1e-5)
    eta_V = one.overpotential_V(one.states)
    assert math.isfinite(eta_V)
    assert two.overpotential_V(two.states) == pytest.approx(eta_V, abs=1e-6)


@pytest.mark.parametrize("bias_A", [0.0, 1e-4])
def test_a_small_sine_in_time_meets_the_impedance(bias_A: float) -> None:
    exchange_A, capacitance_F, steps = 5e-6, 2e-6, 200
    arc = ChargeTransferArc(0.88)
    arc.settle(bias_A, exchange_A)
    frequency_Hz = 20.0
    total, amplitude_A = 0j, 1e-7
    for index in range(20 * steps):
        phase = 2.0 * math.pi * (index + 0.5) / steps
        current_A = bias_A + amplitude_A * math.cos(phase)
        before_V = arc.overpotential_V(arc.states)
        arc.states = arc.after(1.0 / (frequency_Hz * steps), current_A, exchange_A, capacitance_F)
        if index >= 19 * steps:
            total += 0.5 * (before_V + arc.overpotential_V(arc.states)) * cmath.exp(-1j * phase)
    measured_ohm = 2.0 * total / (steps * amplitude_A)
    expected_ohm = arc.impedance_ohm(2.0 * math.pi * frequency_Hz, bias_A, exchange_A, capacitance_F)
    assert abs(measured_ohm - expected_ohm) < 0.002 * abs(expected_ohm)


def test_settling_time_is_long_enough() -> None:
    arc = ChargeTransferArc(0.88)
    arc.settle(1e-4, 1e-6)
    settling_s = arc.settling_s(0.0, 1e-6, 1e-5)
    assert max(arc.after(settling_s, 0.0, 1e-6, 1e-5)) == pytest.approx(1.0, abs=100 * math.exp(-SETTLING))
