"""A cell behind leads that can break."""

from labctl_simulators.cells import Cell

_BROKEN_OHM = 1e7


class BreakableLeads:
    """A cell; while ``broken`` it is reached through 10 Mohm, as through a contact that only just touches."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self.broken = False

    def voltage_V(self, current_A: float) -> float:
        """Terminal voltage, V."""
        cell_V = self._cell.voltage_V(current_A)
        return cell_V + _BROKEN_OHM * current_A if self.broken else cell_V

    def current_A(self, voltage_V: float) -> float:
        """Terminal current, A."""
        if self.broken:
            return (voltage_V - self._cell.voltage_V(0.0)) / _BROKEN_OHM
        return self._cell.current_A(voltage_V)

    def advance_current(self, duration_s: float, current_A: float) -> None:
        """Let time pass at a current."""
        self._cell.advance_current(duration_s, current_A)

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        """Let time pass at a voltage; the charge passed in C."""
        if not self.broken:
            return self._cell.advance_voltage(duration_s, voltage_V)
        current_A = self.current_A(voltage_V)
        self._cell.advance_current(duration_s, current_A)
        return duration_s * current_A

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        """Impedance of cell and leads, ohm."""
        own_ohm = self._cell.impedance_ohm(frequency_Hz, bias_current_A)
        return own_ohm + _BROKEN_OHM if self.broken else own_ohm
