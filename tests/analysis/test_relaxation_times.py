import numpy as np
import pytest

from labctl.analysis.relaxation_times import relaxation_times
from tests.analysis.synthetic import FREQUENCY_HZ, SEI, TRANSFER, impedance


def peaks_s(found):
    """Time constants of peaks that are at least a tenth as high as the highest."""
    gamma = found.gamma_ohm
    inner = (gamma[1:-1] > gamma[:-2]) & (gamma[1:-1] >= gamma[2:]) & (gamma[1:-1] > 0.1 * gamma.max())
    return found.tau_s[1:-1][inner]


def test_two_arcs_are_two_peaks_at_their_time_constants():
    found = relaxation_times(FREQUENCY_HZ, impedance(SEI, TRANSFER, noise=0.003))
    assert peaks_s(found) == pytest.approx([3e-5, 1e-2], rel=0.25)
    assert found.polarisation_ohm() == pytest.approx(450.0, rel=0.03)
    assert found.ohmic_ohm == pytest.approx(18.0, rel=0.3)


def test_arcs_a_decade_apart_stay_two():
    found = relaxation_times(FREQUENCY_HZ, impedance((150, 1e-3, 0.9), (300, 1e-2, 0.9), noise=0.003))
    assert len(peaks_s(found)) == 2


@pytest.mark.parametrize("seed", range(5))
def test_one_depressed_arc_stays_one(seed):
    found = relaxation_times(FREQUENCY_HZ, impedance((300, 1e-3, 0.8), noise=0.003, seed=seed))
    assert len(peaks_s(found)) == 1


def test_nothing_is_negative():
    found = relaxation_times(FREQUENCY_HZ, impedance(SEI, TRANSFER, noise=0.01))
    assert np.all(found.gamma_ohm >= 0.0)


def test_more_smoothing_makes_peaks_lower():
    z = impedance((300, 1e-3, 1.0))
    heights = [relaxation_times(FREQUENCY_HZ, z, s).gamma_ohm.max() for s in (1e-6, 1e-4, 1e-2)]
    assert heights[0] > heights[1] > heights[2]
