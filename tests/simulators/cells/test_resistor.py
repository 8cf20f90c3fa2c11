"""The resistor."""

import pytest

from labctl_simulators.cells.resistor import resistor


def test_ohms_law_in_both_directions() -> None:
    cell = resistor("100", seed=0)
    assert cell.voltage_V(-1e-3) == pytest.approx(-0.1)
    assert cell.current_A(0.5) == pytest.approx(5e-3)
    assert cell.impedance_ohm(1e3) == 100 + 0j


def test_charge_at_constant_voltage() -> None:
    cell = resistor("4.7e3", seed=0)
    cell.advance_current(3600.0, 1e-3)
    assert cell.advance_voltage(10.0, 4.7) == pytest.approx(0.01)


@pytest.mark.parametrize("argument", [None, "", "abc", "0", "-5", "nan", "inf", "100,2"])
def test_refuses_what_is_not_a_resistance_in_one_line(argument: str | None) -> None:
    with pytest.raises(ValueError, match="ohm") as refusal:
        resistor(argument, seed=0)
    assert "\n" not in str(refusal.value)
