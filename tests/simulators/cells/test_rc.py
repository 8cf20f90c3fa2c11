"""The RC cell: closed forms against textbook values, and consistency under splitting."""

import cmath
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells import Cell
from labctl_simulators.cells.rc import rc

STORING = "R0=10,R1=100,C1=1e-3,C=0.5"


def test_defaults_relax_with_their_time_constant() -> None:
    cell = rc(None, seed=0)
    cell.advance_current(0.1, 1e-3)
    assert cell.voltage_V(1e-3) == pytest.approx(1e-3 * (10.0 + 100.0 * (1.0 - math.exp(-1.0))))
    assert cell.voltage_V(0.0) == pytest.approx(0.1 * (1.0 - math.exp(-1.0)))


def test_storage_integrates_the_charge() -> None:
    cell = rc(STORING, seed=0)
    cell.advance_current(100.0, 1e-3)
    cell.advance_current(1e3, 0.0)
    assert cell.voltage_V(0.0) == pytest.approx(0.1 / 0.5)


def test_impedance_limits() -> None:
    cell = rc(STORING, seed=0)
    assert cell.impedance_ohm(1e7) == pytest.approx(10.0, abs=1e-3)
    corner = cell.impedance_ohm(1.0 / (2.0 * math.pi * 0.1))
    assert corner.imag == pytest.approx(-50.0 - 0.1 / 0.5)
    assert cell.impedance_ohm(0.01).imag < 0.0


@pytest.mark.parametrize("argument", [None, STORING])
@pytest.mark.parametrize("frequency_Hz", [0.2, 1.5, 20.0])
def test_a_sine_in_time_meets_the_impedance(argument: str | None, frequency_Hz: float) -> None:
    cell, steps, periods = rc(argument, seed=0), 400, 12
    step_s = 1.0 / (frequency_Hz * steps)
    total = 0j
    for index in range(periods * steps):
        current_A = 1e-3 * math.cos(2.0 * math.pi * (index + 0.5) / steps)
        cell.advance_current(step_s, current_A)
        if index >= (periods - 1) * steps:
            total += cell.voltage_V(current_A) * cmath.exp(-2j * math.pi * (index + 0.5) / steps)
    measured_ohm = total * 2.0 / (steps * 1e-3)
    assert measured_ohm == pytest.approx(cell.impedance_ohm(frequency_Hz), rel=0.01)


@pytest.mark.parametrize("argument", [None, STORING])
@settings(deadline=None)
@given(
    voltage_V=st.floats(-2.0, 2.0),
    bias_A=st.floats(-0.01, 0.01),
    log_duration=st.floats(-4.0, 3.0),
    share=st.floats(0.05, 0.95),
)
def test_one_hold_equals_two(
    argument: str | None, voltage_V: float, bias_A: float, log_duration: float, share: float
) -> None:
    def held(parts: list[float]) -> tuple[Cell, float]:
        cell = rc(argument, seed=0)
        cell.advance_current(0.3, bias_A)
        return cell, sum(cell.advance_voltage(part, voltage_V) for part in parts)

    duration_s = 10.0**log_duration
    one, charge_C = held([duration_s])
    two, split_charge_C = held([duration_s * share, duration_s * (1.0 - share)])
    assert split_charge_C == pytest.approx(charge_C, rel=1e-9, abs=1e-12)
    assert two.current_A(voltage_V) == pytest.approx(one.current_A(voltage_V), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("argument", [None, STORING])
def test_a_hold_at_the_settled_voltage_continues_the_current(argument: str | None) -> None:
    cell = rc(argument, seed=0)
    cell.advance_current(5.0, 2e-3)
    voltage_V = cell.voltage_V(2e-3)
    assert cell.current_A(voltage_V) == pytest.approx(2e-3)
    assert cell.advance_voltage(1e-4, voltage_V) == pytest.approx(2e-7, rel=1e-3)


@pytest.mark.parametrize("argument", ["R2=1", "R0", "R0=0", "R0=nan", "C=-1", "R0=1,R0=2", "R0=1,,C=1", "5"])
def test_refuses_what_it_does_not_know_in_one_line(argument: str) -> None:
    with pytest.raises(ValueError, match="rc cell") as refusal:
        rc(argument, seed=0)
    assert "\n" not in str(refusal.value)
