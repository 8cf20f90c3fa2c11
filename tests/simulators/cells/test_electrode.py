"""One electrode: its laws against their differential equations, conservation, independence of step size."""

import dataclasses
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells.electrode import Electrode
from labctl_simulators.cells.parameters import (
    HALF_CYCLE_C,
    NA,
    NA50K50,
    NA50K50_NAFSI,
    NA60K40,
    NA80K20,
    SymmetricParameters,
)

ALLOYS = [NA, NA50K50, NA50K50_NAFSI, NA60K40, NA80K20]


def cycled(parameters: SymmetricParameters, cycles: int) -> Electrode:
    electrode = Electrode(parameters)
    for _ in range(cycles):
        electrode.strip(HALF_CYCLE_C)
        electrode.plate(HALF_CYCLE_C)
    return electrode


def test_charges_of_potassium_and_metal_follow_from_mass_and_composition() -> None:
    # 2.8 mg at (22.990 + 39.098)/2 g/mol are 90.2 umol, half of them potassium.
    assert NA50K50.metal_C == pytest.approx(90.19e-6 * 96485.3, rel=1e-3)
    assert NA50K50.potassium_C == pytest.approx(0.5 * NA50K50.metal_C)
    assert NA.potassium_C == 0.0


@pytest.mark.parametrize("parameters", ALLOYS)
@settings(deadline=None)
@given(charges=st.lists(st.floats(-1.2, 1.2), max_size=8), parts=st.integers(2, 9))
def test_one_step_or_many(parameters: SymmetricParameters, charges: list[float], parts: int) -> None:
    one, many = Electrode(parameters), Electrode(parameters)
    for charge_C in charges:
        for electrode, count in ((one, 1), (many, parts)):
            step = electrode.strip if charge_C > 0.0 else electrode.plate
            for _ in range(count):
                step(abs(charge_C) / count)
    assert many.exchange_A == pytest.approx(one.exchange_A, rel=1e-7)
    assert many.layer_ohm == pytest.approx(one.layer_ohm, rel=1e-7, abs=1e-9)
    assert many.potassium_C == pytest.approx(one.potassium_C, rel=1e-12)
    assert many.metal_C == pytest.approx(one.metal_C, rel=1e-12)


@settings(deadline=None)
@given(charges=st.lists(st.floats(-1.2, 1.2), max_size=12))
def test_metal_is_conserved_and_potassium_only_leaves(charges: list[float]) -> None:
    electrode, potassium_C = Electrode(NA50K50), NA50K50.potassium_C
    for charge_C in charges:
        (electrode.strip if charge_C > 0.0 else electrode.plate)(abs(charge_C))
        assert 0.0 <= electrode.potassium_C <= potassium_C
        potassium_C = electrode.potassium_C
    assert electrode.metal_C == pytest.approx(NA50K50.metal_C - sum(charges))


def test_potassium_carries_the_share_it_should() -> None:
    electrode, small_C = Electrode(NA50K50), 1e-5
    electrode.strip(small_C)
    share = (NA50K50.potassium_C - electrode.potassium_C) / small_C
    assert share == pytest.approx(NA50K50.potassium_rate * 0.5**2, rel=1e-3)


def test_salt_layer_is_some_15_um_thick_after_40_cycles() -> None:
    assert cycled(NA50K50, 40).salt_layer_m() == pytest.approx(15e-6, rel=0.05)


def test_where_the_salt_dissolves_there_is_no_layer_and_the_metal_becomes_sodium() -> None:
    electrode = cycled(NA50K50_NAFSI, 100)
    assert electrode.bare == 1.0
    assert electrode.layer_ohm == electrode.salt_layer_m() == 0.0
    assert electrode.potassium_lost_C() > 0.9 * NA50K50_NAFSI.potassium_C
    pure = cycled(NA, 100)
    for _ in range(2):
        assert electrode.exchange_A == pytest.approx(pure.exchange_A, rel=0.15)
        electrode.strip(0.9)
        pure.strip(0.9)


def test_the_liquid_keeps_its_surface_until_sodium_separates() -> None:
    """Liquid Na70K30 is the last: 2.61 C of potassium in 8.70 C of metal."""
    electrode, kept = Electrode(NA50K50_NAFSI), Electrode(dataclasses.replace(NA50K50_NAFSI, sodium=None))
    separated = 0
    for _ in range(30):
        for each in (electrode, kept):
            each.strip(0.2)
            each.plate(0.2)
        same = electrode.exchange_A == kept.exchange_A
        assert same == (electrode.potassium_C > 0.3 * NA50K50_NAFSI.metal_C)
        separated += not same
    assert 0 < separated < 30


def test_coverage_collapses_where_there_is_potassium_enough() -> None:
    assert cycled(NA50K50, 28).bare > 0.98
    assert cycled(NA50K50, 50).bare < 0.01
    assert cycled(NA60K40, 60).bare > 0.98
    assert cycled(NA60K40, 130).bare < 0.05
    assert cycled(NA80K20, 400).bare > 0.999
    assert cycled(NA, 400).bare == 1.0


def test_dendrites_are_stripped_first_at_a_higher_exchange_current() -> None:
    electrode = cycled(dataclasses.replace(NA, wear=0.0, nucleation=0.0), 3)
    electrode.strip(0.2)
    with_dendrites_A = electrode.exchange_A
    electrode.strip(0.6)
    assert with_dendrites_A == pytest.approx(NA.exchange_A * (1.0 + NA.dendrite_gain), rel=0.01)
    assert electrode.exchange_A == pytest.approx(NA.exchange_A, rel=0.01)


def test_nuclei_are_missing_after_stripping_only_and_only_while_plating_begins() -> None:
    electrode = cycled(NA50K50, 1)
    ready_A = electrode.exchange_A
    electrode.strip(HALF_CYCLE_C)
    worn_A = electrode.exchange_A
    electrode.plate(3e-3)
    begun_A = electrode.exchange_A
    electrode.plate(0.2)
    assert begun_A < 0.5 * worn_A
    assert electrode.exchange_A == pytest.approx(ready_A, rel=0.02)


def test_an_electrode_without_metal_polarises_and_recovers() -> None:
    electrode = Electrode(NA)
    electrode.strip(NA.metal_C + 1.0)
    assert 0.0 < electrode.exchange_A < 1e-5 * NA.exchange_A
    electrode.plate(2.0)
    assert electrode.exchange_A > 0.5 * NA.exchange_A


@pytest.mark.parametrize("parameters", ALLOYS)
def test_absurd_charges_leave_finite_numbers(parameters: SymmetricParameters) -> None:
    electrode, random = Electrode(parameters), Random(1)
    for _ in range(50):
        (electrode.strip if random.random() < 0.5 else electrode.plate)(10.0 ** random.uniform(-12.0, 6.0))
        assert 0.0 < electrode.exchange_A < 1.0
        assert 0.0 <= electrode.layer_ohm < 1e5
        assert 0.0 < electrode.capacitance_F() < 1e-3
