"""The cathode alone: ions are conserved, steps may be cut, diffusion and exchange follow their laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.cells.cathode import Cathode
from labctl_simulators.cells.nnmo import CathodeParameters

NNMO = CathodeParameters()
LOADS = st.lists(
    st.tuples(st.floats(0.1, 2000.0), st.floats(-5e-4, 5e-4), st.floats(0.0, 1.0)), min_size=1, max_size=6
)


def test_site_charge_follows_from_mass_and_formula() -> None:
    # 1.27 mg at 103.5 g/mol are 12.27 umol; a third of them is the capacity, 0.11 mAh.
    assert NNMO.site_C == pytest.approx(12.27e-6 * 96485.3, rel=1e-3)


@given(loads=LOADS)
def test_content_is_what_has_been_passed(loads: list[tuple[float, float, float]]) -> None:
    cathode, passed_C, potassium_C = Cathode(NNMO), 0.0, 0.0
    for duration_s, current_A, potassium in loads:
        if not 0.05 < cathode.content - current_A * duration_s / NNMO.site_C < 1.0:
            continue
        before_C = cathode.potassium * cathode.content
        cathode.advance(duration_s, current_A, potassium)
        ions_C = cathode.intercalating_A(current_A) * duration_s
        passed_C += ions_C
        if current_A < 0.0:
            potassium_C = before_C * NNMO.site_C - potassium * ions_C
            assert cathode.potassium_C() == pytest.approx(potassium_C, abs=1e-12)
        else:
            assert cathode.potassium * cathode.content <= before_C + 1e-12
    assert cathode.content == pytest.approx(NNMO.pristine_content - passed_C / NNMO.site_C, abs=1e-12)


@given(loads=LOADS, share=st.floats(0.01, 0.99))
def test_a_step_may_be_cut(loads: list[tuple[float, float, float]], share: float) -> None:
    one, two = Cathode(NNMO), Cathode(NNMO)
    for duration_s, current_A, _ in loads:
        one.advance(duration_s, current_A, 0.0)
        two.advance(duration_s * share, current_A, 0.0)
        two.advance(duration_s * (1.0 - share), current_A, 0.0)
    assert two.content == pytest.approx(one.content, abs=1e-9)
    assert two.surface == pytest.approx(one.surface, abs=1e-9)


@given(loads=LOADS, duration_s=st.floats(1e-6, 1e4), current_A=st.floats(-5e-4, 5e-4))
def test_response_foretells_the_surface(
    loads: list[tuple[float, float, float]], duration_s: float, current_A: float
) -> None:
    cathode = Cathode(NNMO)
    for load in loads:
        cathode.advance(*load[:2], 0.0)
    rest, by_ampere = cathode.response(duration_s)
    expected = rest + by_ampere * cathode.intercalating_A(current_A)
    cathode.advance(duration_s, current_A, 0.0)
    assert cathode.surface == pytest.approx(expected, abs=1e-12)


def test_a_steady_current_leads_by_a_fifteenth_of_the_diffusion_time() -> None:
    cathode, current_A = Cathode(NNMO), -1e-6
    cathode.advance(2e4, current_A, 0.0)
    ahead = -current_A / NNMO.site_C * (NNMO.diffusion_s + NNMO.pores_s) / 15.0
    assert cathode.surface - cathode.content == pytest.approx(ahead, rel=1e-6)


def test_potassium_and_thin_electrolyte_slow_it_down() -> None:
    sodium, potassium, thin = Cathode(NNMO), Cathode(NNMO), Cathode(NNMO)
    thin.take_salt(0.1)
    for cathode, entering in ((sodium, 0.0), (potassium, 1.0), (thin, 0.0)):
        for current_A in (2e-4, -2e-4):
            cathode.advance(1500.0, current_A, entering)
    ahead = [cathode.surface - cathode.content for cathode in (sodium, potassium, thin)]
    assert 0.3 < potassium.potassium < 0.5
    assert ahead[1] > 2.0 * ahead[0]
    assert ahead[2] > 1.5 * ahead[0]
    assert potassium.exchange_A < 0.6 * sodium.exchange_A
    assert thin.exchange_A == sodium.exchange_A
