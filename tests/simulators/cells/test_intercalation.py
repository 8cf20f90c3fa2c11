"""The open-circuit curve and the diffusion ladder against the formulas that they stand for."""

import cmath
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.cells.intercalation import SPHERE, Galleries, OpenCircuitCurve
from labctl_simulators.cells.nnmo import CathodeParameters

NNMO = CathodeParameters()
CURVE = OpenCircuitCurve(NNMO.sodium, NNMO.potassium)


def held(galleries: Galleries, potential_V: float) -> float:
    return sum(share / (1.0 + math.exp((potential_V - at_V) / width_V)) for at_V, share, width_V in galleries)


@pytest.mark.parametrize("galleries", [NNMO.sodium, NNMO.potassium])
def test_galleries_hold_one_ion_a_formula_unit(galleries: Galleries) -> None:
    assert sum(gallery.share for gallery in galleries) == pytest.approx(1.0)


@pytest.mark.parametrize(("fraction", "upper_V", "lower_V"), [(0.0, 3.68, 3.30), (1.0, 3.47, 3.02)])
def test_plateaus_lie_between_a_third_and_two_thirds(fraction: float, upper_V: float, lower_V: float) -> None:
    assert CURVE.potential_V(5 / 12, fraction) == pytest.approx(upper_V, abs=2e-3)
    assert CURVE.potential_V(7 / 12, fraction) == pytest.approx(lower_V, abs=2e-3)


@pytest.mark.parametrize("fraction", [0.0, 0.13, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("potential_V", [1.9, 2.95, 3.1, 3.28, 3.45, 3.65, 3.71, 4.2])
def test_a_mixture_holds_what_its_domains_hold_at_one_potential(fraction: float, potential_V: float) -> None:
    content = (1.0 - fraction) * held(NNMO.sodium, potential_V)
    content += fraction * held(NNMO.potassium, potential_V)
    found = CURVE.potential_V(content, fraction)
    domains = ((1.0 - fraction, NNMO.sodium), (fraction, NNMO.potassium))
    assert sum(share * held(galleries, found) for share, galleries in domains) == pytest.approx(
        content, abs=1e-3
    )


@given(contents=st.lists(st.floats(-3.0, 4.0), min_size=2, max_size=2), fraction=st.floats(0.0, 1.0))
def test_potential_falls_with_content_even_beyond_an_empty_and_a_full_host(
    contents: list[float], fraction: float
) -> None:
    less, more = sorted(contents)
    assert math.isfinite(CURVE.potential_V(less, fraction))
    if more - less > 1e-9:
        assert CURVE.potential_V(more, fraction) < CURVE.potential_V(less, fraction)


@pytest.mark.parametrize("content", [-0.5, 0.2, 0.41003, 0.50003, 0.6666, 0.9, 1.4])
def test_slope_is_the_derivative(content: float) -> None:
    rise_V = CURVE.potential_V(content + 1e-6, 0.3) - CURVE.potential_V(content - 1e-6, 0.3)
    assert CURVE.slope_V(content, 0.3) == pytest.approx(rise_V / 2e-6, rel=0.02)


def test_ladder_is_the_diffusion_impedance_of_a_sphere() -> None:
    """Against tanh / (root - tanh) less storage, in units of the diffusion time; six decades."""
    assert sum(gain for gain, _ in SPHERE) == pytest.approx(1.0 / 15.0)
    for tenth in range(-10, 51):
        omega = 10.0 ** (tenth / 10.0)
        root = cmath.sqrt(1j * omega)
        ratio = cmath.tanh(root) if root.real < 20.0 else 1.0
        exact = ratio / (root - ratio) / 3.0 - 1.0 / (1j * omega)
        ladder = sum(gain / (1.0 + 1j * omega * span) for gain, span in SPHERE)
        assert abs(ladder - exact) < max(0.006 / 15.0, 0.07 * abs(exact))
