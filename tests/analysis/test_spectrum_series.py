import math
from dataclasses import replace

import pytest

from labctl.analysis.circuit_fit import Estimate
from labctl.analysis.spectrum_fit import fit_spectrum
from labctl.analysis.spectrum_series import exchange_current, series_figures
from tests.analysis.synthetic import FREQUENCY_HZ, SEI, TRANSFER, impedance, spectrum


def growing(factors, noise=0.003):
    """Spectra whose charge transfer is 300 ohm times these factors."""
    return [
        spectrum(impedance(SEI, (300.0 * f, 1e-2, 0.88), noise=noise, seed=n), cycle=n)
        for n, f in enumerate(factors, start=1)
    ]


def test_what_changes_slowly_is_followed_without_a_word():
    factors = [1.2**n for n in range(12)]
    figures = series_figures(growing(factors))
    assert [f.remarks for f in figures] == [()] * 12
    assert [f.cycle for f in figures] == list(range(1, 13))
    assert [f.fit.charge_transfer_ohm.value for f in figures] == pytest.approx(
        [300 * f for f in factors], rel=0.02
    )


def test_what_changes_at_once_is_found_and_told():
    figures = series_figures(growing([1, 1, 30, 30]))
    assert [bool(f.remarks) for f in figures] == [False, False, True, False]
    (remark,) = figures[2].remarks
    assert remark.startswith("jump: resistance of charge transfer is 30")
    assert figures[2].fit.charge_transfer_ohm.value == pytest.approx(9000, rel=0.02)


def test_an_arc_that_vanishes_is_told():
    z = impedance((300.0, 1e-2, 0.88), noise=0.003)
    figures = series_figures([*growing([1]), spectrum(z, 2)])
    assert figures[1].remarks == ("jump: 2 arcs in the spectrum before, 1 here",)


def test_a_fit_goes_on_from_the_one_before_it():
    """Where two fits are nearly as good, the series keeps to the one it came from."""
    z = impedance((150.0, 1e-3, 0.85), (300.0, 3e-3, 0.88), noise=0.005)
    before = fit_spectrum(FREQUENCY_HZ, z)
    again = fit_spectrum(FREQUENCY_HZ, z, before)
    assert again.best.parameters == pytest.approx(before.best.parameters, abs=1e-3)


def test_points_that_the_instrument_flagged_are_left_out():
    z = impedance(SEI, TRANSFER, noise=0.001)
    z[50:] *= 3.0
    (figures,) = series_figures([spectrum(z, flagged=range(50, 61))])
    assert (figures.points, figures.flagged) == (61, 11)
    assert figures.remarks[0] == "11 points that the instrument flagged are left out"
    assert figures.fit.charge_transfer_ohm.value == pytest.approx(300.0, rel=0.03)
    assert figures.validity.valid


def test_a_circuit_that_does_not_describe_the_cell_is_told():
    three = impedance(SEI, TRANSFER, (400.0, 0.5, 1.0), noise=0.001)
    (figures,) = series_figures([spectrum(three)])
    assert figures.validity.valid
    assert "there is more in this spectrum than these arcs" in figures.remarks[0]


def test_a_spectrum_of_five_points_has_no_figures():
    (figures,) = series_figures([spectrum(impedance(SEI)[:5], frequency_Hz=FREQUENCY_HZ[:5])])
    assert (figures.validity, figures.fit, figures.exchange_current_A) == (None, None, None)


def test_the_exchange_current_of_the_paper():
    """70 kohm of charge transfer in the two electrodes together are 0.73 uA, 0.3 kohm are 171 uA."""
    current = exchange_current(Estimate(70e3, 65e3, 75e3))
    assert current.value == pytest.approx(0.734e-6, rel=1e-3)
    assert current.low < current.value < current.high
    assert exchange_current(Estimate(300.0, 300.0, 300.0)).value == pytest.approx(171e-6, rel=2e-3)
    assert math.isclose(
        exchange_current(Estimate(1.0, 1.0, 1.0)).value, 2 * 8.314462618 * 298.15 / 96485.33212
    )


def test_the_recorded_temperature_is_used_where_there_is_one() -> None:
    cold, usual = growing([1, 1], noise=0.001)
    figures = series_figures([replace(cold, temperature_K=273.15), usual])
    assert [f.temperature_K for f in figures] == [273.15, None]
    at_0_C, at_25_C = (f.exchange_current_A for f in figures)
    assert at_0_C is not None
    assert at_25_C is not None
    of_the_same = at_0_C.value * figures[0].fit.charge_transfer_ohm.value
    assert of_the_same / (at_25_C.value * figures[1].fit.charge_transfer_ohm.value) == pytest.approx(
        273.15 / 298.15
    )
