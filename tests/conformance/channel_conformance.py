"""What every channel promises, applied to simulated instruments: each check, and the simulated cell that it needs.

The checks themselves are labctl's (``labctl.instrument.conformance_checks``): ``labctl conformance`` applies them to an
instrument on a bench. Apply them here by parametrizing a test over ``EVERY_CHANNEL``.
"""

from typing import Any

from labctl.instrument.conformance import Bench, Check
from labctl.instrument.conformance_checks import WITH_A_CAPACITOR, WITH_A_RESISTOR
from labctl.instrument.step import SafetyLimits

__all__ = ["CAPACITOR", "CURRENT_A", "EVERY_CHANNEL", "RESISTOR", "SAFETY", "Bench", "Check", "CountingCell"]

SAFETY = SafetyLimits(-1.0, 1.0, 5e-4)
CURRENT_A = 1e-4
RESISTOR = "resistor:1000"
CAPACITOR = "rc:R0=900,R1=100,C1=1e-3,C=0.05"  # at 0.1 mA: 0.1 V at once, 2 mV/s from then on


class CountingCell:
    """A simulated cell that adds up the charge it receives.

    Attributes:
        charge_C: net charge since it was made.
        passed_C: magnitudes added up.
    """

    def __init__(self, cell: Any) -> None:
        self._cell = cell
        self.charge_C = 0.0
        self.passed_C = 0.0

    def voltage_V(self, current_A: float) -> float:
        return self._cell.voltage_V(current_A)  # type: ignore[no-any-return]

    def current_A(self, voltage_V: float) -> float:
        return self._cell.current_A(voltage_V)  # type: ignore[no-any-return]

    def advance_current(self, duration_s: float, current_A: float) -> None:
        self._cell.advance_current(duration_s, current_A)
        self._add(current_A * duration_s)

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        charge_C: float = self._cell.advance_voltage(duration_s, voltage_V)
        self._add(charge_C)
        return charge_C

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        return self._cell.impedance_ohm(frequency_Hz, bias_current_A)  # type: ignore[no-any-return]

    def _add(self, charge_C: float) -> None:
        self.charge_C += charge_C
        self.passed_C += abs(charge_C)


EVERY_CHANNEL: tuple[tuple[Check, str], ...] = (
    *((check, RESISTOR) for check in WITH_A_RESISTOR[:3]),
    *((check, CAPACITOR) for check in WITH_A_CAPACITOR),
    *((check, RESISTOR) for check in WITH_A_RESISTOR[3:]),
)
