"""The full cell as an instrument sees it: contract, linearisation, holds, absurd loads."""

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
from labctl_simulators.cells.full import (
    FullCell,
    na50k50_nnmo_naclo4,
    na50k50_nnmo_naclo4_fec,
    na50k50_nnmo_napf6,
    na_nnmo_naclo4,
)

Maker = Callable[[str | None, int], Cell]

ONE_C_A = 1e-4
MAKERS = [na_nnmo_naclo4, na50k50_nnmo_naclo4, na50k50_nnmo_naclo4_fec, na50k50_nnmo_napf6]
STATES = [
    pytest.param(na_nnmo_naclo4, 0, id="na, half charged"),
    pytest.param(na50k50_nnmo_napf6, 15, id="napf6, exchanged"),
    pytest.param(na50k50_nnmo_naclo4_fec, 160, id="naclo4, nearly closed"),
]


def aged(maker: Maker, cycles: int) -> FullCell:
    """A cell charged by 0.03 mAh after some cycles of 0.09 mAh, then an hour at rest."""
    return deepcopy(_aged(maker, cycles))


@cache
def _aged(maker: Maker, cycles: int) -> FullCell:
    cell = maker(None, 0)
    assert isinstance(cell, FullCell)
    for _ in range(cycles):
        cell.advance_current(3240.0, ONE_C_A)
        cell.advance_current(3240.0, -ONE_C_A)
    cell.advance_current(1080.0, ONE_C_A)
    cell.advance_current(3600.0, 0.0)
    return cell


@pytest.mark.parametrize(("maker", "cycles"), STATES)
@pytest.mark.parametrize("frequency_Hz", [2e-4, 2e-3, 0.05, 1.0, 20.0, 5e3])
def test_a_small_sine_in_time_meets_the_impedance(maker: Maker, cycles: int, frequency_Hz: float) -> None:
    """Within 1 % of |Z|, at a current that leaves the anode's nuclei alone."""
    cell, total = aged(maker, cycles), 0j
    amplitude_A = min(1e-7, 5e-5 * frequency_Hz)
    expected_ohm = cell.impedance_ohm(frequency_Hz)
    before_V = cell.voltage_V(0.0)
    periods, steps = min(20, 4 + math.ceil(2.0 * frequency_Hz)), 500
    for index in range(periods * steps):
        phase = 2.0 * math.pi * (index + 0.5) / steps
        current_A = amplitude_A * math.cos(phase)
        begin_V = cell.voltage_V(current_A) - before_V
        cell.advance_current(1.0 / (frequency_Hz * steps), current_A)
        if index >= (periods - 1) * steps:
            end_V = cell.voltage_V(current_A) - before_V
            total += 0.5 * (begin_V + end_V) * cmath.exp(-1j * phase)
    measured_ohm = 2.0 * total / (steps * amplitude_A)
    assert abs(measured_ohm - expected_ohm) < 0.01 * abs(expected_ohm)


@pytest.mark.parametrize(("maker", "cycles"), STATES)
def test_spectrum_is_arcs_then_diffusion_then_a_capacitor(maker: Maker, cycles: int) -> None:
    cell = aged(maker, cycles)
    high, middle, low = (cell.impedance_ohm(frequency_Hz) for frequency_Hz in (1e6, 1.0, 1e-5))
    assert 15.0 < high.real < 40.0
    assert middle.real > high.real + 100.0
    assert -low.imag > 10.0 * abs(low.real - middle.real)
    assert all(cell.impedance_ohm(10.0**power).imag < 0.0 for power in range(-5, 7))


@pytest.mark.parametrize(("maker", "cycles"), STATES)
@given(
    voltages=st.lists(st.floats(0.0, 6.0), min_size=2, max_size=2, unique=True), settle_s=st.floats(0.0, 3.0)
)
@settings(max_examples=25, deadline=None)
def test_current_is_the_increasing_inverse_of_voltage(
    maker: Maker, cycles: int, voltages: list[float], settle_s: float
) -> None:
    cell = aged(maker, cycles)
    cell.advance_current(settle_s, ONE_C_A)
    low_V, high_V = sorted(voltages)
    assert cell.voltage_V(cell.current_A(low_V)) == pytest.approx(low_V, abs=1e-9)
    if high_V - low_V > 1e-9:
        assert cell.current_A(low_V) < cell.current_A(high_V)


@pytest.mark.parametrize("maker", MAKERS)
@settings(deadline=None, max_examples=40)
@given(
    history=st.lists(
        st.tuples(st.floats(-1.0, 3.0), st.sampled_from([0.0, 2e-5, -2e-5, ONE_C_A, -ONE_C_A])),
        min_size=1,
        max_size=5,
    ),
    share=st.floats(0.01, 0.99),
)
def test_a_duration_in_one_piece_or_two(
    maker: Maker, history: list[tuple[float, float]], share: float
) -> None:
    """To 1 % of a plateau's width in content, of which the share of potassium that enters is the coarser part."""
    one, two = maker(None, 3), maker(None, 3)
    assert isinstance(one, FullCell)
    assert isinstance(two, FullCell)
    for log_duration, current_A in history:
        duration_s = 10.0**log_duration
        one.advance_current(duration_s, current_A)
        two.advance_current(duration_s * share, current_A)
        two.advance_current(duration_s * (1.0 - share), current_A)
    assert two.cathode.content == pytest.approx(one.cathode.content, abs=1e-12)
    assert two.cathode.surface == pytest.approx(one.cathode.surface, abs=2e-4)
    assert two.cathode.potassium == pytest.approx(one.cathode.potassium, abs=4e-3)
    assert two.anode.exchange_A == pytest.approx(one.anode.exchange_A, rel=1e-9)


@pytest.mark.parametrize(("maker", "cycles"), STATES)
@pytest.mark.parametrize("voltage_V", [3.45, 3.2])
def test_a_hold_in_one_piece_or_many(maker: Maker, cycles: int, voltage_V: float) -> None:
    one, many = aged(maker, cycles), aged(maker, cycles)
    charge_C = one.advance_voltage(600.0, voltage_V)
    split_C = sum(many.advance_voltage(2.0, voltage_V) for _ in range(300))
    assert split_C == pytest.approx(charge_C, rel=0.01, abs=1e-4)
    assert one.voltage_V(one.current_A(voltage_V)) == pytest.approx(voltage_V)
    assert many.current_A(voltage_V) == pytest.approx(one.current_A(voltage_V), rel=0.04, abs=5e-7)


@pytest.mark.parametrize("voltage_V", [3.6, 3.1])
def test_the_charge_of_a_hold_has_gone_into_the_cathode(voltage_V: float) -> None:
    cell = aged(na_nnmo_naclo4, 0)
    before, metal_C = cell.cathode.content, cell.anode.metal_C
    charge_C = cell.advance_voltage(1000.0, voltage_V)
    moved = before - cell.cathode.content
    site_C = 1.27e-3 / 103.5 * 96485.3
    assert moved == pytest.approx(charge_C / site_C, rel=0.03)
    assert cell.anode.metal_C - metal_C == pytest.approx(charge_C, rel=1e-9)
    assert math.copysign(1.0, charge_C) == math.copysign(1.0, voltage_V - 3.3)


def test_a_hold_continues_the_current_that_flowed() -> None:
    cell = aged(na_nnmo_naclo4, 0)
    cell.advance_current(600.0, ONE_C_A)
    assert cell.advance_voltage(0.1, cell.voltage_V(ONE_C_A)) == pytest.approx(0.1 * ONE_C_A, rel=2e-3)


def test_the_current_of_a_hold_replayed_gives_its_voltage() -> None:
    held, driven, duration_s = aged(na_nnmo_naclo4, 0), aged(na_nnmo_naclo4, 0), 1e-6
    held_V = held.voltage_V(0.0) + 0.03
    for _ in range(50):
        charge_C = held.advance_voltage(duration_s, held_V)
        driven.advance_current(duration_s, charge_C / duration_s)
        duration_s *= 1.4
    assert driven.voltage_V(held.current_A(held_V)) == pytest.approx(held_V, abs=2e-3)


def test_discharge_strips_and_charge_plates_the_anode() -> None:
    cell = aged(na_nnmo_naclo4, 0)
    metal_C = cell.anode.metal_C
    cell.advance_current(100.0, -ONE_C_A)
    assert cell.anode.metal_C == pytest.approx(metal_C - 0.01)
    cell.advance_current(200.0, ONE_C_A)
    assert cell.anode.metal_C == pytest.approx(metal_C + 0.01)


@pytest.mark.parametrize("maker", MAKERS)
def test_potassium_leaves_the_alloy_only_and_goes_where_there_is_room(maker: Maker) -> None:
    cell = aged(maker, 6)
    lost_C = cell.anode.potassium_lost_C()
    assert 0.0 <= cell.cathode.potassium_C() <= lost_C
    assert (lost_C > 0.0) == (maker is not na_nnmo_naclo4)


@pytest.mark.parametrize(("maker", "cycles"), STATES)
@pytest.mark.parametrize("current_A", [1.0, -1.0, 1e-9, 0.01])
@pytest.mark.parametrize("duration_s", [1e-6, 1.0, 3e4])
def test_absurd_currents_leave_finite_voltages(
    maker: Maker, cycles: int, current_A: float, duration_s: float
) -> None:
    cell = aged(maker, cycles)
    rest_V = cell.voltage_V(0.0)
    cell.advance_current(duration_s, current_A)
    voltage_V = cell.voltage_V(current_A)
    assert math.isfinite(voltage_V)
    assert math.copysign(1.0, voltage_V - rest_V) == math.copysign(1.0, current_A)
    assert math.isfinite(abs(cell.impedance_ohm(1e3, current_A)))
    assert math.isfinite(cell.advance_voltage(10.0, -5.0))


@pytest.mark.parametrize("maker", MAKERS)
def test_a_seed_is_a_cell(maker: Maker) -> None:
    def fingerprint(seed: int) -> tuple[float, complex]:
        cell = maker(None, seed)
        cell.advance_current(1234.5, ONE_C_A)
        return cell.voltage_V(ONE_C_A), cell.impedance_ohm(17.0)

    assert fingerprint(7) == fingerprint(7)
    assert len({fingerprint(seed) for seed in range(10)}) == 10


@pytest.mark.parametrize("maker", [na_nnmo_naclo4, na50k50_nnmo_naclo4, na50k50_nnmo_napf6])
def test_an_argument_is_refused(maker: Maker) -> None:
    with pytest.raises(ValueError, match="takes no argument"):
        maker("loading=27", 0)


def test_loadings_are_those_of_the_paper() -> None:
    as_made = [na50k50_nnmo_naclo4_fec(argument, 0) for argument in (None, "loading=9.9", "loading=27")]
    metals_C = [cell.anode.metal_C for cell in as_made if isinstance(cell, FullCell)]
    assert metals_C[0] == metals_C[1]
    assert metals_C[2] == pytest.approx(metals_C[1] * 27.0 / 9.9, rel=0.01)
    with pytest.raises(ValueError, match="takes loading="):
        na50k50_nnmo_naclo4_fec("loading=15", 0)


@pytest.mark.parametrize("current_A", [5.0 * ONE_C_A, -5.0 * ONE_C_A])
def test_a_sample_costs_microseconds(current_A: float) -> None:
    """Five times what it takes on an idle core, so that only a change of kind fails: see bench/cells.py."""
    cell = aged(na50k50_nnmo_napf6, 15)
    cell.advance_current(20.0, current_A)
    begin = time.process_time()
    for _ in range(5000):
        cell.advance_current(10.0 / 500.0, current_A)
        cell.voltage_V(current_A)
    assert time.process_time() - begin < 0.1
