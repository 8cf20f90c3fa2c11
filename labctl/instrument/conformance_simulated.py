"""Benches for the checks of conformance whose instrument is simulated in memory, where the truth is known.

Driver packages apply ``EVERY_CHECK`` to their driver and their simulated instrument as labctl's own tests do.
"""

from collections.abc import Callable
from typing import Any

from labctl.clock import VirtualClock
from labctl.instrument.channel import Driver
from labctl.instrument.conformance import Bench, Check
from labctl.instrument.conformance_checks import WITH_A_CAPACITOR, WITH_A_RESISTOR
from labctl.instrument.conformance_load import OF_A_RESISTOR
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl.link.tapped import TappedPort

RESISTOR = "resistor:1000"
CAPACITOR = "rc:R0=900,R1=100,C1=1e-3,C=0.05"  # at 0.1 mA: 0.1 V at once, 2 mV/s from then on
_LATE_S = 0.2

EVERY_CHECK: tuple[tuple[Check, str], ...] = (
    *((check, RESISTOR) for check in (*WITH_A_RESISTOR, *OF_A_RESISTOR)),
    *((check, CAPACITOR) for check in WITH_A_CAPACITOR),
)
"""Each check, and the simulated cell that it needs."""


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
        """As the cell's."""
        return self._cell.voltage_V(current_A)  # type: ignore[no-any-return]

    def current_A(self, voltage_V: float) -> float:
        """As the cell's."""
        return self._cell.current_A(voltage_V)  # type: ignore[no-any-return]

    def advance_current(self, duration_s: float, current_A: float) -> None:
        """As the cell's, counted."""
        self._cell.advance_current(duration_s, current_A)
        self._add(current_A * duration_s)

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        """As the cell's, counted."""
        charge_C: float = self._cell.advance_voltage(duration_s, voltage_V)
        self._add(charge_C)
        return charge_C

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        """As the cell's."""
        return self._cell.impedance_ohm(frequency_Hz, bias_current_A)  # type: ignore[no-any-return]

    def _add(self, charge_C: float) -> None:
        self.charge_C += charge_C
        self.passed_C += abs(charge_C)


def bench_in_memory(driver: Driver, make_device: Callable[[Any, int], Any], cell: Any) -> Bench:
    """A driver, its simulated instrument and a simulated cell, in virtual time.

    Args:
        driver: which driver.
        make_device: makes the instrument of a cell and a seed; its ``circuit_closed`` is the truth.
        cell: what is connected.
    """
    counted, clock = CountingCell(cell), VirtualClock()
    sent: list[bytes] = []
    device = make_device(counted, 1)
    link = Link(TappedPort(MemoryPort(device.port, clock), sent), clock, driver.terminator)
    return Bench(
        driver.open(link, clock), clock, lambda: device.circuit_closed, counted, sent, late_s=_LATE_S
    )
