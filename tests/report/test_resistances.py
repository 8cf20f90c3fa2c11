from types import SimpleNamespace

import numpy as np
import pytest

from labctl.analysis.spectrum_series import series_figures
from labctl.errors import NothingToDraw
from labctl.report.figures.resistances import distributions, resistances
from labctl.report.figures.subject import Layout
from tests.analysis.synthetic import FREQUENCY_HZ, SEI, TRANSFER, impedance, spectrum

TWO = impedance(SEI, TRANSFER, noise=0.003)
ONE = impedance((600.0, 1e-2, 0.88), noise=0.003)
RESISTOR = np.full(61, 100.0 + 0j) * (1.0 + 1e-3 * np.random.default_rng(0).standard_normal(61))


def drawn(draw, *spectra):
    """By one of the figures' functions, as if a run held just these spectra."""
    run = SimpleNamespace(run_id=1)
    subject = SimpleNamespace(run=run, label="cell", spectra=spectra, series=series_figures(spectra))
    return draw([subject], Layout())


def lines(figure):
    return {line.get_label(): line.get_xydata() for line in figure.axes[0].get_lines()}


def labels(figure):
    return {text.get_text() for text in figure.legends[0].get_texts()}


def test_what_is_not_resolved_has_no_marker():
    figure = drawn(resistances, spectrum(TWO, 1), spectrum(ONE, 10), spectrum(TWO, 20))
    assert labels(figure) == {"|Z| at the lowest frequency", "charge transfer", "SEI", "ohmic", "one arc"}
    assert lines(figure)["one arc"] == pytest.approx(np.array([[10, 600]]), rel=0.02)
    bars = figure.axes[0].containers[0]
    assert np.isnan(bars.lines[0].get_ydata()).tolist() == [False, True, False]


@pytest.mark.parametrize("z", [TWO, ONE, RESISTOR], ids=["two arcs", "one arc", "resistor"])
def test_a_single_spectrum_is_drawn(z, tmp_path):
    """On axes that can be read: at least one decade, and no warning of matplotlib's."""
    figure = drawn(resistances, spectrum(z))
    low, high = figure.axes[0].get_ylim()
    assert high / low >= 10.0
    figure.savefig(tmp_path / "resistances.png")
    drawn(distributions, spectrum(z)).savefig(tmp_path / "distributions.png")


def test_a_resistor_has_a_flat_distribution():
    def height(z):
        (line,) = drawn(distributions, spectrum(z)).axes[0].get_lines()
        return np.ptp(line.get_ydata())

    assert height(RESISTOR) < 0.2 * height(TWO)


def test_without_spectra_there_is_no_picture():
    few = spectrum(TWO[:4], frequency_Hz=FREQUENCY_HZ[:4])
    for draw, spectra in ((resistances, ()), (distributions, ()), (distributions, (few,))):
        with pytest.raises(NothingToDraw):
            drawn(draw, *spectra)
