import numpy as np
import pytest

from labctl.analysis.circuit import Circuit, arcs_in_order
from tests.analysis.synthetic import SEI, TRANSFER, parameters

FREQUENCY_HZ = np.array([1e5, 1e3, 10.0, 0.1])


def test_elements_are_those_of_impedance_py():
    """impedance.py 1.7.1: R0-p(R1,CPE1)-p(R2,CPE2)-W1-L1 with Q = tau^a / R, W = 12, L = 2 uH."""
    circuit = Circuit(2, diffusion=True, inductance=True)
    diffusion_and_cable = np.log([12.0 * np.sqrt(2.0), 2e-6])
    known = [
        21.768591915189166 - 10.37131957206364j,
        154.7049178809038 - 37.355231592990876j,
        371.2061880717483 - 121.19831175339539j,
        482.6149561404531 - 18.23349044011836j,
    ]
    values = np.concatenate([parameters(18.0, SEI, (300.0, 1e-2, 0.9)), diffusion_and_cable])
    assert circuit.impedance(values, FREQUENCY_HZ) == pytest.approx(known, rel=1e-12)


@pytest.mark.parametrize(
    "circuit", [Circuit(0), Circuit(1, True), Circuit(2), Circuit(2, True, True)], ids=str
)
def test_slopes_are_those_of_the_impedance(circuit):
    values = np.concatenate([parameters(18.0, SEI, TRANSFER), [np.log(17.0), np.log(2e-6)]])
    values = np.concatenate([values[: 1 + 3 * circuit.arcs], values[7:]])[: circuit.size]
    _, slopes = circuit.with_slopes(values, FREQUENCY_HZ)
    for k in range(circuit.size):
        step = np.zeros(circuit.size)
        step[k] = 1e-6
        above, below = (circuit.impedance(values + s, FREQUENCY_HZ) for s in (step, -step))
        assert slopes[:, k] == pytest.approx((above - below) / 2e-6, rel=1e-6, abs=1e-6)


def test_a_cell_is_capacitive_and_a_cable_is_not():
    assert Circuit(1).impedance(parameters(18.0, SEI), FREQUENCY_HZ).imag.max() < 0.0
    cable = Circuit(0, inductance=True).impedance(np.log([18.0, 1e-6]), FREQUENCY_HZ)
    assert cable.imag.min() > 0.0


def test_the_fastest_arc_comes_first():
    swapped = arcs_in_order(parameters(18.0, TRANSFER, SEI), Circuit(2))
    assert swapped == pytest.approx(parameters(18.0, SEI, TRANSFER))
