"""What every channel promises, applied to simulated instruments: each check, and the simulated cell that it needs.

The checks themselves are labctl's (``labctl.instrument.conformance_checks``): ``labctl conformance`` applies them to an
instrument on a bench. Apply them here by parametrizing a test over ``EVERY_CHANNEL``.
"""

from labctl.instrument.conformance import Bench, Check
from labctl.instrument.conformance_checks import WITH_A_CAPACITOR, WITH_A_RESISTOR
from labctl.instrument.conformance_simulated import CAPACITOR, RESISTOR, CountingCell
from labctl.instrument.step import SafetyLimits

__all__ = ["CAPACITOR", "CURRENT_A", "EVERY_CHANNEL", "RESISTOR", "SAFETY", "Bench", "Check", "CountingCell"]

SAFETY = SafetyLimits(-1.0, 1.0, 5e-4)
CURRENT_A = 1e-4


EVERY_CHANNEL: tuple[tuple[Check, str], ...] = (
    *((check, RESISTOR) for check in WITH_A_RESISTOR[:3]),
    *((check, CAPACITOR) for check in WITH_A_CAPACITOR),
    *((check, RESISTOR) for check in WITH_A_RESISTOR[3:]),
)
