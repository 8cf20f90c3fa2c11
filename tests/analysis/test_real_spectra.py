"""Spectra that were measured: a battery, a dummy cell of known parts, a battery that aged."""

from pathlib import Path

import numpy as np
import pytest

from labctl.analysis.kramers_kronig import lin_kk
from labctl.analysis.relaxation_times import relaxation_times
from labctl.analysis.spectrum_fit import fit_spectrum

SAMPLES = Path(__file__).parents[1] / "data" / "eis"
WHOLE = Path(__file__).parents[3] / "shared" / "data"


def table(path):
    frequency_Hz, real, imaginary = np.loadtxt(path, delimiter=",", unpack=True)
    return frequency_Hz, real + 1j * imaginary


def zplot(path):
    lines = path.read_text(encoding="latin-1").splitlines()
    first = next(k for k, line in enumerate(lines) if "End Comments" in line) + 1
    rows = np.array([[float(text) for text in line.split()[:6]] for line in lines[first:]])
    return rows[:, 0], rows[:, 4] + 1j * rows[:, 5]


def test_a_battery_is_valid_and_has_two_arcs_and_diffusion():
    """The cable shows too: the first points lie below the axis. Z' rises from 15 to 49 mohm in all."""
    frequency_Hz, z = table(SAMPLES / "exampleData.csv")
    assert lin_kk(frequency_Hz, z).rms_percent < 0.5
    found = fit_spectrum(frequency_Hz, z)
    assert str(found.best.circuit) == "R0 + (R||CPE) + (R||CPE) + W + L"
    assert found.best.residual < 0.02
    assert found.ohmic_ohm.value == pytest.approx(15e-3, rel=0.1)
    assert 10e-3 < found.arcs_ohm < 20e-3


def test_the_resistor_of_a_dummy_cell_is_found():
    frequency_Hz, z = zplot(SAMPLES / "Circuit1_EIS_1.z")
    assert lin_kk(frequency_Hz, z).valid
    found = fit_spectrum(frequency_Hz, z)
    resolved = [arc for arc in found.arcs if not arc.doubt]
    (arc,) = resolved
    assert arc.resistance_ohm.value == pytest.approx(46.7, rel=0.01)  # Z' falls from 75.8 to 29.1 ohm
    assert arc.exponent == pytest.approx(1.0, abs=0.01)  # a real capacitor
    assert arc.capacitance_F == pytest.approx(10e-6, rel=0.1)


@pytest.mark.parametrize(
    ("name", "resistance_ohm", "capacitance_F"),
    [("Circuit2_EIS_1.z", 503.0, 33e-9), ("Circuit3_EIS_1.z", 4640.0, 20e-9)],
)
def test_so_are_those_of_others(name, resistance_ohm, capacitance_F):
    path = WHOLE / "impedance_py" / name
    if not path.exists():
        pytest.skip("the whole collection of spectra is not here")
    found = fit_spectrum(*zplot(path))
    (arc,) = [arc for arc in found.arcs if not arc.doubt]
    assert arc.resistance_ohm.value == pytest.approx(resistance_ohm, rel=0.01)
    assert arc.capacitance_F == pytest.approx(capacitance_F, rel=0.1)


def test_the_resistance_of_an_ageing_battery_is_followed():
    before, totals, ends = None, [], []
    for frequency_Hz, z in np.load(SAMPLES / "battery_data_every_13th.npy"):
        frequency_Hz = frequency_Hz.real
        assert lin_kk(frequency_Hz, z).valid
        before = fit_spectrum(frequency_Hz, z, before)
        assert before.best.residual < 0.025
        assert before.verdict() == "two arcs"
        assert before.best.circuit.diffusion
        assert before.ohmic_ohm.value == pytest.approx(0.14, rel=0.25)
        totals.append(before.ohmic_ohm.value + before.arcs_ohm)
        ends.append(z.real.max())
    # What the fit calls ohmic and arcs ends where the diffusion line begins, short of the largest Z'.
    assert np.corrcoef(totals, ends)[0, 1] > 0.98
    assert np.all(np.array(totals) < ends)
    assert np.all(np.array(totals) > 0.7 * np.array(ends))


def test_the_distribution_of_a_real_spectrum_adds_up():
    frequency_Hz, z = zplot(SAMPLES / "Circuit1_EIS_1.z")
    found = relaxation_times(frequency_Hz, z)
    assert found.polarisation_ohm() == pytest.approx(46.7, rel=0.05)
    assert found.tau_s[np.argmax(found.gamma_ohm)] == pytest.approx(4.9e-4, rel=0.3)
