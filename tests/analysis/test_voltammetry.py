import numpy as np
import pytest

from labctl.analysis.voltammetry import peaks, sweeps

RISING = np.linspace(2.0, 4.3, 2301)
CYCLE_V = np.concatenate([RISING, RISING[::-1][1:]])


def voltammogram(*, oxidation, reduction, noise_A=0.0):
    """Gaussian peaks of 30 mV deviation over a capacitive current, 1 uA high unless said."""
    up = np.arange(len(CYCLE_V)) < len(RISING)
    current = np.where(up, 1e-7, -1e-7)
    for volts, height in oxidation:
        current = current + np.where(up, height * np.exp(-0.5 * ((CYCLE_V - volts) / 0.03) ** 2), 0.0)
    for volts, height in reduction:
        current = current - np.where(up, 0.0, height * np.exp(-0.5 * ((CYCLE_V - volts) / 0.03) ** 2))
    return current + noise_A * np.random.default_rng(3).standard_normal(len(CYCLE_V))


@pytest.mark.parametrize("noise_A", [0.0, 1e-8])
def test_peaks_stand_where_they_are(noise_A):
    current = voltammogram(
        oxidation=[(3.3, 1e-6), (3.7, 2e-6)], reduction=[(3.6, 2e-6), (3.2, 1e-6)], noise_A=noise_A
    )
    found = peaks(CYCLE_V, current)
    assert [p.direction for p in found] == [1, 1, -1, -1]
    assert [p.voltage_V for p in found] == pytest.approx([3.3, 3.7, 3.6, 3.2], abs=6e-3)
    assert [p.current_A for p in found] == pytest.approx([1.1e-6, 2.1e-6, -2.1e-6, -1.1e-6], rel=0.05)
    assert [p.prominence_A for p in found] == pytest.approx([1e-6, 2e-6, 2e-6, 1e-6], rel=0.05)


def test_a_capacitor_has_no_peaks():
    assert peaks(CYCLE_V, voltammogram(oxidation=[], reduction=[], noise_A=0.0)) == []


def test_sweeps_end_where_the_voltage_turns():
    twice = np.concatenate([CYCLE_V, CYCLE_V[1:]])
    assert [(twice[s][0], twice[s][-1]) for s in sweeps(twice)] == [
        (2.0, 4.3),
        (4.3, 2.0),
        (2.0, 4.3),
        (4.3, 2.0),
    ]


def test_noise_does_not_turn_a_sweep():
    noisy = CYCLE_V + 2e-3 * np.random.default_rng(4).standard_normal(len(CYCLE_V))
    assert len(sweeps(noisy)) == 2


def test_a_voltage_that_stands_still_is_no_sweep():
    assert peaks(np.full(100, 3.0), np.zeros(100)) == []
