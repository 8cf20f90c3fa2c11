import numpy as np
import pytest

from labctl.analysis.kramers_kronig import lin_kk
from tests.analysis.synthetic import FREQUENCY_HZ, SEI, TRANSFER, impedance


@pytest.mark.parametrize("arcs", [(SEI,), (SEI, TRANSFER), ((300.0, 3e-5, 0.85), (70e3, 5e-2, 0.88))])
def test_what_a_cell_can_show_passes(arcs):
    found = lin_kk(FREQUENCY_HZ, impedance(*arcs))
    assert found.valid
    assert found.worst_percent < 0.5


@pytest.mark.parametrize("share", [0.001, 0.005])
def test_the_residual_of_a_valid_spectrum_is_its_noise(share):
    z = impedance(SEI, TRANSFER, noise=share)
    found = lin_kk(FREQUENCY_HZ, z)
    assert found.valid
    # What the elements follow of the noise is missing: n points are 2n data, for some 25 resistances.
    assert 0.7 < found.rms_percent / (100.0 * share * np.sqrt(2.0)) < 1.0
    assert np.hypot(found.real_percent, found.imaginary_percent).max() == pytest.approx(found.worst_percent)


def test_a_bad_point_is_found_and_named():
    z = impedance(SEI, TRANSFER, noise=0.001)
    z[40] *= 1.1
    found = lin_kk(FREQUENCY_HZ, z)
    assert not found.valid
    assert found.worst_Hz == FREQUENCY_HZ[40]


def test_a_cell_that_changes_during_the_sweep_fails():
    z = impedance(SEI, TRANSFER)
    time = np.cumsum(2.0 / FREQUENCY_HZ)
    assert not lin_kk(FREQUENCY_HZ, z * (1.0 + 0.4 * time / time[-1])).valid


def test_a_real_part_that_does_not_belong_to_its_imaginary_part_fails():
    z = impedance(SEI, TRANSFER)
    assert not lin_kk(FREQUENCY_HZ, z.real + 1.2j * z.imag).valid


def test_a_cable_and_a_blocking_electrode_obey():
    s = 2j * np.pi * FREQUENCY_HZ
    assert lin_kk(FREQUENCY_HZ, impedance(SEI) + 1e-6 * s + 1.0 / (1e-3 * s)).valid


def test_the_order_of_the_points_does_not_matter():
    z = impedance(SEI, TRANSFER, noise=0.002)
    assert lin_kk(FREQUENCY_HZ[::-1], z[::-1]).rms_percent == pytest.approx(
        lin_kk(FREQUENCY_HZ, z).rms_percent
    )


def test_five_points_are_too_few():
    with pytest.raises(ValueError, match="needs 6 points"):
        lin_kk(FREQUENCY_HZ[:5], impedance(SEI)[:5])
