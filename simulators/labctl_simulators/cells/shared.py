"""One cell at two instruments: whoever comes to a moment first lets the cell live until then, the other finds it so.

Only one of the two may drive direct current at a time: the other one is switched off, or behind a capacitor.
"""

from labctl_simulators.cells import Cell


class _Lived:
    """The cell, and until when it has lived."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.time_s = 0.0


class SharedLeads:
    """The cell as one of the instruments sees it."""

    def __init__(self, lived: _Lived) -> None:
        self._lived = lived
        self._time_s = 0.0

    def voltage_V(self, current_A: float) -> float:
        """Terminal voltage of the present state, V."""
        return self._lived.cell.voltage_V(current_A)

    def current_A(self, voltage_V: float) -> float:
        """Current of the present state, A."""
        return self._lived.cell.current_A(voltage_V)

    def advance_current(self, duration_s: float, current_A: float) -> None:
        """Let pass what of the duration has not passed yet."""
        if (left_s := self._left_s(duration_s)) > 0.0:
            self._lived.cell.advance_current(left_s, current_A)

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        """Let pass what of the duration has not passed yet; the charge passed, C."""
        if (left_s := self._left_s(duration_s)) > 0.0:
            return self._lived.cell.advance_voltage(left_s, voltage_V)
        return 0.0

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        """Small-signal impedance of the present state, ohm."""
        return self._lived.cell.impedance_ohm(frequency_Hz, bias_current_A)

    def _left_s(self, duration_s: float) -> float:
        self._time_s += duration_s
        left_s = min(self._time_s - self._lived.time_s, duration_s)
        self._lived.time_s = max(self._lived.time_s, self._time_s)
        return left_s


def shared(cell: Cell) -> tuple[SharedLeads, SharedLeads]:
    """A cell as two instruments see it, which are switched on at the same moment."""
    lived = _Lived(cell)
    return SharedLeads(lived), SharedLeads(lived)
