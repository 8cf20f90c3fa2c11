import numpy as np
import pytest

from labctl.analysis.differential_capacity import differential_capacity

CHARGE_C = np.linspace(0.0, 10.0, 2000)


def two_plateaus(noise_V=0.0):
    volts = 3.0 + 0.3 / (1 + np.exp(-(CHARGE_C - 4.0) / 0.1)) + 0.01 * CHARGE_C
    return volts + noise_V * np.random.default_rng(2).standard_normal(2000)


@pytest.mark.parametrize("noise_V", [0.0, 1e-3])
@pytest.mark.parametrize("smoothing_V", [0.0, 5e-3])
def test_its_integral_is_the_charge(noise_V, smoothing_V):
    voltage_V, density = differential_capacity(CHARGE_C, two_plateaus(noise_V), 1e-3, smoothing_V)
    assert density.sum() * (voltage_V[1] - voltage_V[0]) == pytest.approx(10.0, rel=1e-6)
    assert density.min() >= 0.0


def test_plateaus_are_peaks():
    voltage_V, density = differential_capacity(CHARGE_C, two_plateaus(1e-3), 1e-3, 5e-3)
    low = voltage_V < 3.2
    assert voltage_V[low][np.argmax(density[low])] == pytest.approx(3.02, abs=0.02)
    assert voltage_V[~low][np.argmax(density[~low])] == pytest.approx(3.37, abs=0.03)
    assert density[np.argmin(np.abs(voltage_V - 3.2))] < 0.1 * density.max()


def test_a_straight_line_has_a_constant_density():
    voltage_V, density = differential_capacity(CHARGE_C, 3.0 + 0.05 * CHARGE_C, 1e-3, 0.0)
    inside = (voltage_V > 3.01) & (voltage_V < 3.49)
    assert density[inside] == pytest.approx(20.0, rel=0.06)


def test_coarse_samples_leave_no_gaps():
    voltage_V, density = differential_capacity(np.array([0.0, 1.0]), np.array([3.0, 3.5]), 1e-3, 0.0)
    inside = (voltage_V > 3.01) & (voltage_V < 3.49)
    assert density[inside] == pytest.approx(2.0, rel=0.06)


def test_smoothing_is_a_gaussian_of_the_width_that_was_asked_for():
    """A single voltage becomes the Gaussian itself: half as high 1.177 deviations away."""
    voltage_V, density = differential_capacity(CHARGE_C, np.full(2000, 3.3), 1e-4, 5e-3)
    wide = np.ptp(voltage_V[density > 0.5 * density.max()])
    assert wide == pytest.approx(2.355 * 5e-3, rel=0.03)
