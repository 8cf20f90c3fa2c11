"""The analogue front end of a simulated MethodSCRIPT instrument: modes, relay, ranges, and the cell behind it."""

from __future__ import annotations

import random
from enum import IntEnum

from labctl_simulators.cells import Cell

from .methodscript_errors import Code, ScriptFault
from .methodscript_models import Model
from .methodscript_ranges import Range, Ranging


class Mode(IntEnum):
    """Modes of ``set_pgstat_mode``. Low speed, high speed and maximum range do not differ on these models."""

    OFF = 0
    LOW_SPEED = 2
    HIGH_SPEED = 3
    MAX_RANGE = 4
    GALVANOSTATIC = 6


_GALVANOSTATIC = Mode.GALVANOSTATIC  # looked up with each sample; a member of an enumeration takes longer


class Potentiostat:
    """Holds a cell at a potential, at a current, or open; reads it.

    Theory of operation. The relay (``cell_on``) connects the cell; open, the cell rests. Closed, it is held at
    ``potential_V`` or ``current_A`` according to the mode. Time passes only in ``advance``, so whoever changes
    a set point or the relay first advances to the moment of the change. Positive current charges the cell.
    """

    def __init__(self, cell: Cell, model: Model, noise: random.Random) -> None:
        self.cell = cell
        self.model = model
        self.noise = noise
        self.mode = Mode.OFF
        self.cell_on = False
        self.potential_V = 0.0
        self.current_A = 0.0
        self.potential_ranging = Ranging(model.potential_ranges, model.potential_reach)
        # The potential DAC has one range: what a script sets here is checked, and changes nothing.
        self.applied_potential_ranging = Ranging(model.potential_ranges, model.potential_reach)
        self.current_ranging = Ranging(model.current_ranges)
        offset = model.applied_current_offset
        applied = [Range(entry.code + offset, entry.nominal) for entry in model.current_ranges]
        self.applied_ranging = Ranging(applied)
        self._compliance_V = model.compliance_V
        self._deliverable_A = 1.25 * model.current_limit_A  # Assumed: no manual gives the figure.
        self._time_s: float | None = None

    @property
    def galvanostatic(self) -> bool:
        """True if the current is what is set."""
        return self.mode is _GALVANOSTATIC

    def advance(self, time_s: float) -> None:
        """Let the cell live until ``time_s`` under what is applied to it."""
        elapsed_s = 0.0 if self._time_s is None else time_s - self._time_s
        self._time_s = time_s
        if elapsed_s <= 0.0:
            return
        if not self.cell_on:
            self.cell.advance_current(elapsed_s, 0.0)
        elif self.mode is _GALVANOSTATIC:
            self.cell.advance_current(elapsed_s, self.current_A)
        else:
            self.cell.advance_voltage(elapsed_s, self.potential_V)

    def true_potential_V(self) -> float:
        """Potential of the working against the reference electrode."""
        if not self.cell_on:
            return self.cell.voltage_V(0.0)
        return self.cell.voltage_V(self.current_A) if self.mode is _GALVANOSTATIC else self.potential_V

    def true_current_A(self) -> float:
        """Current through the cell."""
        if not self.cell_on:
            return 0.0
        return self.current_A if self.mode is _GALVANOSTATIC else self.cell.current_A(self.potential_V)

    def check_overload(self, potential_V: float, current_A: float) -> None:
        """Raise 0032 beyond the compliance voltage, or where the cell draws more than the instrument can deliver."""
        most_V, most_A = self._compliance_V, self._deliverable_A
        if not (-most_V <= potential_V <= most_V and -most_A <= current_A <= most_A):
            raise ScriptFault(Code.CRITICAL_OVERLOAD)

    def read_potential(self, late: int = 0) -> tuple[float, str]:
        """Measured potential in V and its metadata; ``late`` is 1 if the sample missed its time."""
        truth = self.true_potential_V()
        self.check_overload(truth, 0.0)
        return self.potential_ranging.read(truth, self.noise, late)

    def read_current(self, late: int = 0) -> tuple[float, str]:
        """Measured current in A and its metadata; ``late`` is 1 if the sample missed its time."""
        truth = self.true_current_A()
        self.check_overload(0.0, truth)
        ranging = self.applied_ranging if self.mode is _GALVANOSTATIC else self.current_ranging
        return ranging.read(truth, self.noise, late)

    def check_potential(self, potential_V: float) -> None:
        """Raise 000F for a potential beyond the instrument's."""
        if not abs(potential_V) <= self.model.potential_limit_V:
            raise ScriptFault(Code.POTENTIAL_INVALID)

    def check_current(self, current_A: float) -> None:
        """Raise 4205 for a current beyond the instrument's."""
        if not abs(current_A) <= self.model.current_limit_A:
            raise ScriptFault(Code.OUT_OF_BOUNDS)

    def apply_potential(self, potential_V: float) -> None:
        """Set the potential; 0023 in galvanostatic mode."""
        if self.galvanostatic:
            raise ScriptFault(Code.PGSTAT_MODE_WRONG)
        self.potential_V = float(potential_V)

    def apply_current(self, current_A: float) -> None:
        """Set the current; 0023 unless galvanostatic, 4205 if the range cannot deliver it."""
        if not self.galvanostatic:
            raise ScriptFault(Code.PGSTAT_MODE_WRONG)
        if abs(current_A) > self.applied_ranging.overload:
            raise ScriptFault(Code.OUT_OF_BOUNDS)
        self.current_A = float(current_A)

    def switch_mode(self, mode: Mode) -> None:
        """Open the relay and change the mode; set current 0, as a switched galvanostat starts from nothing."""
        self.cell_on = False
        self.mode = mode
        self.current_A = 0.0

    def close_relay(self) -> None:
        """Connect the cell; 0023 if no mode was chosen."""
        if self.mode is Mode.OFF:
            raise ScriptFault(Code.PGSTAT_MODE_WRONG)
        self.cell_on = True

    def open_relay(self) -> None:
        """Disconnect the cell."""
        self.cell_on = False
