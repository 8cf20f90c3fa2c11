"""The output stage of a source-measure unit and the cell behind its relay: who holds what, and for how long.

Theory of operation. A current source holds its current as long as the voltage it needs stays within the voltage
limit; beyond, it holds the limit and the current is what the cell then takes (compliance). A voltage source does
the same with a current limit. Both limits are magnitudes and act for both signs (2461 Reference Manual p. 6-94).
Leads and regulation are ideal: no overshoot, no lead resistance, no gain error; the cell sees the commanded value
from the moment it is set. The cell is advanced lazily, up to the time that somebody names, in steps that shorten
on the way to a limit, so that the change of regulation happens within ``SHORTEST_STEP_s`` of the right moment
unless the cell's voltage runs away within one step.
"""

from dataclasses import dataclass

from labctl_simulators.cells import Cell

LONGEST_STEP_s = 30.0
"""Longest time for which the regulation mode is not looked at again. Assumed: cells change over minutes."""
SHORTEST_STEP_s = 1e-3
_FIRST_STEP_s = 0.1
_GROWTH = 4.0
_CAUTION = 0.8


@dataclass(frozen=True, slots=True)
class Drive:
    """What the output stage tries to do: a current with a voltage limit, or a voltage with a current limit."""

    sources_current: bool
    level: float
    """A or V, signed; positive current charges the cell."""
    limit: float
    """V or A, a magnitude."""


class Circuit:
    """A cell and what is applied to it.

    ``voltage_V`` and ``current_A`` are the operating point at ``time_s``, seen from the instrument: 0 while the relay
    is open, as its input then floats (Assumed).
    """

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.time_s = 0.0
        self.drive: Drive | None = None
        """None while the relay is open."""
        self.limited = False
        """True while the limit is held instead of the level."""
        self.voltage_V = 0.0
        self.current_A = 0.0
        self._margin = 0.0
        self._step_s = _FIRST_STEP_s
        self._resolve()

    def apply(self, drive: Drive | None) -> None:
        """Change what is applied, at ``time_s``; None opens the relay."""
        if drive != self.drive:
            self.drive = drive
            self._resolve()
            self._step_s = SHORTEST_STEP_s if self.limited else _FIRST_STEP_s

    def advance_to(self, time_s: float) -> None:
        """Let the cell live until ``time_s`` under what is applied. A time already passed changes nothing."""
        remaining_s = time_s - self.time_s
        if remaining_s <= 0.0:
            return
        self.time_s = time_s
        if self.drive is None:
            self.cell.advance_current(remaining_s, 0.0)
            self._resolve()
            return
        while remaining_s > 0.0:
            step_s = self._step_s if self._step_s < remaining_s else remaining_s
            margin = self._margin
            held = self._held() if self.limited else 0.0
            if self.drive.sources_current is not self.limited:
                self.cell.advance_current(step_s, self.current_A)
            else:
                self.cell.advance_voltage(step_s, self.voltage_V)
            remaining_s -= step_s
            self._resolve()
            self._choose_step(margin, step_s)
            if self.limited and held * self._held() < 0.0:
                self._regulate()

    def _resolve(self) -> None:
        """Find the operating point of the cell's present state, and how far it is from its limit."""
        drive = self.drive
        if drive is None:
            self.limited, self.current_A, self.voltage_V = False, 0.0, 0.0
            return
        level, limit = drive.level, drive.limit
        needed = self.cell.voltage_V(level) if drive.sources_current else self.cell.current_A(level)
        self._margin = limit - abs(needed)
        self.limited = self._margin < 0.0
        if drive.sources_current:
            self.current_A, self.voltage_V = level, needed
            if self.limited:
                self.voltage_V = limit if needed > 0.0 else -limit
                self.current_A = self.cell.current_A(self.voltage_V)
        else:
            self.voltage_V, self.current_A = level, needed
            if self.limited:
                self.current_A = limit if needed > 0.0 else -limit
                self.voltage_V = self.cell.voltage_V(self.current_A)

    def _held(self) -> float:
        """The limit that is held, with its sign."""
        assert self.drive is not None
        return self.voltage_V if self.drive.sources_current else self.current_A

    def _regulate(self) -> None:
        """From one limit to the opposite one within a step: in between, the level was reached and is held.

        The cell went past it only because the step was longer than the cell's own relaxation.
        """
        drive = self.drive
        assert drive is not None
        self.limited = False
        self._step_s = SHORTEST_STEP_s
        if drive.sources_current:
            self.current_A, self.voltage_V = drive.level, self.cell.voltage_V(drive.level)
        else:
            self.voltage_V, self.current_A = drive.level, self.cell.current_A(drive.level)

    def _choose_step(self, margin_before: float, step_s: float) -> None:
        """Lengthen the step, but never past the moment at which the margin, extrapolated, vanishes."""
        longest_s = _GROWTH * self._step_s
        if longest_s > LONGEST_STEP_s:
            longest_s = LONGEST_STEP_s
        margin = abs(self._margin)
        closed = abs(margin_before) - margin
        if closed > 0.0 and _CAUTION * margin * step_s < longest_s * closed:
            longest_s = max(_CAUTION * margin * step_s / closed, SHORTEST_STEP_s)
        self._step_s = longest_s
