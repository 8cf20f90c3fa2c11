"""The root finder."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells.roots import increasing_root


@settings(deadline=None)
@given(
    target=st.floats(-10.0, 10.0),
    guess=st.floats(-1.0, 1.0),
    log_exchange=st.floats(-10.0, -3.0),
    slope=st.floats(0.1, 100.0),
)
def test_finds_the_current_of_a_load_line(
    target: float, guess: float, log_exchange: float, slope: float
) -> None:
    exchange_A = 10.0**log_exchange
    calls = 0

    def excess(current_A: float) -> float:
        nonlocal calls
        calls += 1
        return slope * current_A + 0.1 * math.asinh(current_A / exchange_A) - target

    root = increasing_root(excess, guess, slope, 1e-12)
    assert excess(root - 2e-12) <= 0.0 <= excess(root + 2e-12)
    assert calls < 80


def test_a_tolerance_below_what_floats_resolve_ends_the_search() -> None:
    assert increasing_root(lambda x: x**3 + x - 1e9 / 3.0, 1.0, 1.0, 0.0) == pytest.approx(693.36, abs=0.01)


@settings(deadline=None)
@given(target=st.floats(-1.0, 1.0), slope=st.floats(0.1, 10.0), offset=st.floats(-1.0, 1.0))
def test_a_straight_line_that_leaves_only_rounding(target: float, slope: float, offset: float) -> None:
    root = increasing_root(lambda x: slope * x + offset - target, target, slope, 1e-15)
    assert slope * root + offset == pytest.approx(target, abs=1e-12)


@pytest.mark.parametrize("guess", [0.0, 0.5, 1e6])
def test_an_exact_hit_ends_the_search(guess: float) -> None:
    assert increasing_root(lambda x: 2.0 * x - 1.0, guess, 2.0, 1e-12) == pytest.approx(0.5, abs=1e-9)
