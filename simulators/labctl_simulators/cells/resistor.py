"""A resistor: the cell whose every answer is known beforehand."""

import math

from labctl_simulators.cells import Cell


class Resistor:
    """An ohmic resistance between the terminals; it remembers nothing.

    Args:
        resistance_ohm: Resistance in ohm, finite and greater than zero.

    Raises:
        ValueError: The resistance is not a finite number above zero.
    """

    __slots__ = ("resistance_ohm",)

    def __init__(self, resistance_ohm: float) -> None:
        if not (0.0 < resistance_ohm < math.inf):
            raise ValueError(f"a resistor needs a resistance above 0 ohm, not {resistance_ohm:g}")
        self.resistance_ohm = resistance_ohm

    def voltage_V(self, current_A: float) -> float:
        """Ohm's law, V."""
        return self.resistance_ohm * current_A

    def current_A(self, voltage_V: float) -> float:
        """Ohm's law, A."""
        return voltage_V / self.resistance_ohm

    def advance_current(self, duration_s: float, current_A: float) -> None:
        """Nothing changes in a resistor."""

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        """The charge in C that ``voltage_V`` drives through in ``duration_s``; nothing changes."""
        return duration_s * voltage_V / self.resistance_ohm

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        """The resistance, at every frequency and bias."""
        return complex(self.resistance_ohm, 0.0)


def resistor(argument: str | None, seed: int) -> Cell:
    """Make the cell ``resistor:OHM``.

    Args:
        argument: Resistance in ohm as text, such as ``100`` or ``4.7e3``.
        seed: Ignored: a resistor has no manufacturing spread.

    Raises:
        ValueError: No resistance, not a number, or not above zero.
    """
    try:
        resistance_ohm = float(argument or "")
    except ValueError:
        raise ValueError(
            f"a resistor needs its resistance in ohm, such as resistor:100, not {argument or 'nothing'!r}"
        ) from None
    return Resistor(resistance_ohm)
