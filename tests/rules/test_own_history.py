import numpy as np
import pytest

from labctl.rules.own_history import PARTS, OwnHistory, highest_nearby, profile_of
from labctl.rules.streak import Streak

CHARGE = list(np.linspace(0.005, 1.0, 200))


def learned(levels_by_cycle, cycles=5, drift=0.02, charge=CHARGE):
    history = OwnHistory(cycles, drift)
    for levels in levels_by_cycle:
        history.series(+1, 1.0).learn(charge, list(levels * np.ones(len(charge))), charge[-1])
    return history.series(+1, 1.0).baseline


def test_three_half_cycles_make_a_baseline():
    assert learned([1.0, 1.0]) is None
    assert learned([1.0, 2.0, 1.0]).level == pytest.approx(np.ones(PARTS))


def test_the_baseline_follows_slow_growth_and_lags_behind_a_steep_one():
    slow = [1.01**n for n in range(40)]
    steep = [1.0] * 10 + [1.3**n for n in range(5)]
    assert learned(slow).level[10] == pytest.approx(1.01**38, rel=0.02)
    assert learned(steep).level[10] < 1.06


def test_the_baseline_follows_a_fall_within_the_latest_cycles():
    assert learned([1.0] * 10 + [0.5] * 2).level[10] == pytest.approx(0.5)


def test_scatter_is_the_median_absolute_deviation():
    baseline = learned([1.0, 1.1, 0.9, 1.0, 5.0], drift=None)
    assert baseline.level == pytest.approx(np.ones(PARTS))
    assert baseline.scatter == pytest.approx(0.1 * np.ones(PARTS))


def test_directions_and_currents_are_kept_apart():
    history = OwnHistory(5, 0.02)
    series = history.series(+1, 1.0)
    assert history.series(+1, 1.04) is series
    assert history.series(-1, 1.0) is not series
    assert history.series(+1, 1.06) is not series


def test_nothing_is_known_beyond_the_charge_that_was_reached():
    history = OwnHistory(5, None)
    for total in (1.0, 0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 1.0):
        history.series(+1, 1.0).learn(list(np.linspace(0, total, 100)), [1.0] * 100, total)
    baseline = history.series(+1, 1.0).baseline
    assert baseline.charge_C == 1.0
    assert np.isfinite(baseline.level[:25]).all()
    for total in (0.5, 0.5, 0.5):
        history.series(+1, 1.0).learn(list(np.linspace(0, total, 100)), [1.0] * 100, total)
    assert history.series(+1, 1.0).baseline.charge_C == 0.5


def test_a_profile_is_the_median_in_each_part_and_bridges_gaps():
    charge = np.linspace(0, 1, 1000, endpoint=False)
    levels = 2 * charge
    levels[::10] = 99.0
    kept = (charge < 0.3) | (charge > 0.5)
    profile = profile_of(list(charge[kept]), list(levels[kept]), 1.0)
    assert profile.levels == pytest.approx(2 * (np.arange(PARTS) + 0.5) / PARTS, abs=0.01)


def test_a_profile_needs_a_few_readings():
    assert profile_of([0.1, 0.2, 0.3, 0.4], [1.0] * 4, 1.0) is None
    assert profile_of([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [1.0, np.nan] * 3, 1.0) is None


def test_highest_nearby():
    levels = np.array([1.0, np.nan, 3.0, 1.0, 1.0, 1.0])
    assert highest_nearby(levels, 1).tolist() == [1, 3, 3, 3, 1, 1]


def streak_after(pattern, least_samples=4):
    streak = Streak(least_samples)
    for k, sign in enumerate(pattern):
        streak.beyond(k, 10.0 * k, 1.0) if sign == "+" else streak.fall_back()
    return streak


@pytest.mark.parametrize(
    ("pattern", "lasts"),
    [
        ("++++", True),
        ("+++", False),
        ("+-++", False),
        ("+-+-+-+-", False),
        ("++++-", True),
        ("++++--", False),
        ("++++-+++", True),
    ],
)
def test_a_streak_survives_single_outliers(pattern, lasts):
    assert streak_after(pattern).lasts(10.0 * len(pattern), hold_s=30.0) is lasts


def test_a_streak_needs_its_time():
    assert not streak_after("++++").lasts(30.0, hold_s=31.0)
    assert streak_after("++++").lasts(31.0, hold_s=31.0)
