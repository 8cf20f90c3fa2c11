import numpy as np
import pytest

from labctl.analysis.curve_shape import nucleation_spike, plateaus

SHARE = np.linspace(0.0, 1.0, 901)
CHARGE_C = 1.0179 * SHARE
SPIKE_V = 0.05 * np.exp(-SHARE / 0.01)


def step(low_V, high_V, at=0.6, width=0.02):
    return low_V + (high_V - low_V) / (1.0 + np.exp(-(SHARE - at) / width))


def noisy(level_V, seed=0, deviation_V=0.1e-3):
    return level_V + deviation_V * np.random.default_rng(seed).standard_normal(len(level_V))


@pytest.mark.parametrize("spike_V", [0.0, SPIKE_V], ids=["no spike", "spike"])
@pytest.mark.parametrize("slope_V", [0.0, 1e-3])
def test_a_step_has_a_plateau_before_it_and_one_after_it(spike_V, slope_V):
    found = plateaus(CHARGE_C, noisy(step(0.030, 0.050) + spike_V + slope_V * SHARE))
    assert [p.level_V for p in found] == pytest.approx([0.030, 0.050], abs=1e-3)
    assert found[0].to_C < 0.6 * 1.0179 < found[1].from_C
    assert found[1].to_C == pytest.approx(1.0179, rel=0.02)


@pytest.mark.parametrize("rise_V", [0.005, 0.05, 0.5])
@pytest.mark.parametrize("spike_V", [0.0, SPIKE_V], ids=["no spike", "spike"])
def test_a_climb_has_no_plateau_however_slight_it_is(rise_V, spike_V):
    assert plateaus(CHARGE_C, noisy(0.050 + spike_V + rise_V * SHARE)) == ()
    curved = 1.0 - np.exp(-SHARE)
    assert plateaus(CHARGE_C, noisy(0.050 + spike_V + rise_V * curved)) == ()


@pytest.mark.parametrize("level_V", [0.002, 0.05, 3.3])
def test_a_curve_that_does_not_move_is_one_plateau(level_V):
    (only,) = plateaus(CHARGE_C, noisy(np.full(901, level_V), deviation_V=1e-5))
    assert only.level_V == pytest.approx(level_V, rel=0.01)
    assert only.to_C - only.from_C > 0.7 * 1.0179


def test_three_plateaus_are_three():
    assert len(plateaus(CHARGE_C, noisy(step(0.02, 0.04, at=0.3) + step(0.0, 0.03, at=0.7)))) == 3


def test_a_bend_is_no_plateau():
    """Flat for a twentieth of the charge between two climbs."""
    level = np.interp(SHARE, [0.0, 0.5, 0.55, 1.0], [0.03, 0.08, 0.08, 0.13])
    assert plateaus(CHARGE_C, level) == ()


def test_sampling_does_not_matter():
    """Samples come densely where the voltage moves: the same curve, the same plateaus."""
    uneven = np.sort(np.concatenate([np.linspace(0, 1, 200), np.linspace(0.55, 0.65, 2000)]))
    level = np.interp(uneven, SHARE, step(0.030, 0.050))
    dense, even = plateaus(uneven, level), plateaus(SHARE, step(0.030, 0.050))
    assert [p.level_V for p in dense] == pytest.approx([p.level_V for p in even], abs=1e-4)


def test_a_spike_is_as_high_as_it_stands_over_the_minimum_after_it():
    level = 0.030 + SPIKE_V + 0.010 * SHARE
    found = nucleation_spike(CHARGE_C, level)
    assert found.height_V == pytest.approx(level[0] - level.min())
    assert found.peak_C == 0.0
    assert found.minimum_C == CHARGE_C[np.argmin(level)]
    assert found.peak_V - found.minimum_V == pytest.approx(found.height_V)


def test_a_spike_may_take_a_moment_to_rise():
    level = 0.030 + 0.05 * (np.exp(-SHARE / 0.02) - np.exp(-SHARE / 0.002))
    found = nucleation_spike(CHARGE_C, level)
    assert 0.0 < found.peak_C < 0.02 * 1.0179
    assert found.height_V == pytest.approx(level.max() - 0.030, rel=0.05)


@pytest.mark.parametrize(
    "level",
    [0.05 + 0.02 * SHARE, np.full(901, 0.05), step(0.03, 0.05), 0.05 + 0.001 * np.sin(9 * SHARE)],
    ids=["climb", "flat", "step", "wave"],
)
def test_without_nucleation_there_is_no_spike(level):
    assert nucleation_spike(CHARGE_C, level) is None


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_handful_of_samples_has_no_shape(count):
    few, level = np.linspace(0.0, 1.0, count), np.full(count, 0.9)
    assert nucleation_spike(few, level) is None
    assert plateaus(few, level) == ()


def test_without_charge_there_is_no_shape():
    assert plateaus(np.zeros(50), np.linspace(0, 1, 50)) == ()
