"""Cells: what is connected to a simulated instrument; one state gives both polarisation and impedance."""

from typing import Protocol


class Cell(Protocol):
    """An electrochemical cell seen from its two terminals.

    Positive current enters the working electrode's terminal (it charges the cell). A cell knows no clock and
    no randomness of its own: durations and seeds are arguments. Temperatures in K, everything else SI.
    """

    def voltage_V(self, current_A: float) -> float:
        """Terminal voltage of the present state while ``current_A`` flows. Changes nothing."""
        ...

    def current_A(self, voltage_V: float) -> float:
        """Current that flows in the present state while the terminals are held at ``voltage_V``. Changes nothing."""
        ...

    def advance_current(self, duration_s: float, current_A: float) -> None:
        """Let ``duration_s`` pass at a constant current (0.0 is open circuit). Any duration is allowed."""
        ...

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        """Let ``duration_s`` pass with the terminals held at ``voltage_V``; returns the charge passed in C."""
        ...

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        """Small-signal impedance Z' + jZ'' about the present state at a bias current; capacitive Z'' < 0."""
        ...
