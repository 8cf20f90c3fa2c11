"""Measurement loops of MethodSCRIPT at a constant set point: CA, CP, OCP; and what all loops have in common.

Points lie at the end of their interval: the k-th (from 1) k intervals after the loop starts, the last one at the
end of the run time. Assumed: the manual gives interval and run time, not the place of the sample in its
interval. What was applied last stays applied when the loop ends.

Source: MethodSCRIPT manual v1.8, section 14.11.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from .methodscript_errors import Code, ScriptFault
from .methodscript_machine import Machine, OpenScope
from .methodscript_potentiostat import Potentiostat
from .methodscript_variables import Operand, Target

SHORTEST_INTERVAL_S = 1e-3  # Assumed: shorter ones need meas_fast_ca


class Extra(NamedTuple):
    """``add_meas(0 type variable)``: a further quantity measured at each point."""

    quantity: str
    variable: Target


class Loop(NamedTuple):
    """What every measurement loop works with."""

    machine: Machine
    front: Potentiostat
    scope: OpenScope
    extras: tuple[Extra, ...]


class MeasurementLoop(ABC):
    """One measurement loop of a script.

    The compiler calls ``check`` and ``begin`` when the loop starts, ``point`` when its next point is due and
    ``proceed`` when the body has been executed; ``proceed`` is False when there is no further point.
    """

    technique = ""
    galvanostatic = False
    measures = ""

    def __init__(self, loop: Loop) -> None:
        self.machine, self.front, self.scope, extras = loop
        readers = {"ab": self.front.read_potential, "ba": self.front.read_current}
        self.extras = [(readers[quantity], variable, quantity) for quantity, variable in extras]
        self.late = 0

    def check(self) -> None:
        """Refuse what is impossible as the instrument stands: 0023 in the wrong mode, 4027 with the cell off."""
        if self.front.galvanostatic is not self.galvanostatic:
            raise ScriptFault(Code.PGSTAT_MODE_WRONG)
        if not self.front.cell_on:
            raise ScriptFault(Code.CELL_ON_REQUIRED)

    def begin(self) -> None:
        """Start the loop's time; read the arguments; apply the first point and say when it is due."""
        self.front.advance(self.machine.due_s)
        self.machine.measurement_start_s = self.machine.due_s
        self.late = 0
        self.start()

    @abstractmethod
    def start(self) -> None:
        """Read the arguments and apply the first point."""

    @abstractmethod
    def apply(self, level: float) -> None:
        """Set the quantity that the technique controls."""

    @abstractmethod
    def point(self) -> None:
        """Measure at the time that has come."""

    @abstractmethod
    def proceed(self) -> bool:
        """Apply the next point and move the machine's time to it; False if there is none."""

    def wait_until(self, elapsed_s: float) -> None:
        """The next point is due then; a body that took longer makes it late, which its status says."""
        time_s = self.machine.measurement_start_s + elapsed_s
        self.late = 0 if time_s >= self.machine.due_s else 1
        if not self.late:
            self.machine.due_s = time_s

    def read_extras(self) -> None:
        """Measure what ``add_meas`` asked for."""
        for read, variable, quantity in self.extras:
            put(variable, read(self.late), quantity)


class Potentiostatic(MeasurementLoop):
    """Sets the potential and measures the current: outputs ``da`` and ``ba``."""

    measures = "ba"

    def __init__(self, loop: Loop, potential: Target, current: Target) -> None:
        super().__init__(loop)
        self.potential, self.current = potential, current

    def apply(self, level: float) -> None:
        """Set the potential."""
        self.front.apply_potential(level)

    def point(self) -> None:
        """Measure the current."""
        front = self.front
        front.advance(self.machine.due_s)
        put(self.potential, (front.potential_V, ""), "da")
        put(self.current, front.read_current(self.late), "ba")
        self.read_extras()


class Galvanostatic(MeasurementLoop):
    """Sets the current and measures the potential: outputs ``ab`` and ``db``."""

    galvanostatic = True
    measures = "ab"

    def __init__(self, loop: Loop, potential: Target, current: Target) -> None:
        super().__init__(loop)
        self.potential, self.current = potential, current

    def apply(self, level: float) -> None:
        """Set the current."""
        self.front.apply_current(level)

    def point(self) -> None:
        """Measure the potential."""
        front = self.front
        front.advance(self.machine.due_s)
        put(self.potential, front.read_potential(self.late), "ab")
        put(self.current, (front.current_A, ""), "db")
        self.read_extras()


class OpenCircuit(MeasurementLoop):
    """Sets nothing and measures the potential with the cell off: output ``ab``."""

    measures = "ab"

    def apply(self, level: float) -> None:
        """Nothing is applied: the cell is off."""

    def __init__(self, loop: Loop, potential: Target) -> None:
        super().__init__(loop)
        self.potential = potential

    def check(self) -> None:
        """Any mode will do; 0014 with the cell on."""
        if self.front.cell_on:
            raise ScriptFault(Code.OCP_WITH_CELL_ON)

    def point(self) -> None:
        """Measure the potential."""
        self.front.advance(self.machine.due_s)
        put(self.potential, self.front.read_potential(self.late), "ab")
        self.read_extras()


class Chrono(MeasurementLoop):
    """Points at equal intervals. Mixed with what is measured."""

    interval: Operand
    run_time: Operand
    _interval_s = 0.0
    _count = 0
    _done = 0

    def start(self) -> None:
        """Take the interval and the number of points; 4029 if there is none."""
        self._interval_s = check_interval(self.interval.value)
        self._count = int(self.run_time.value / self._interval_s + 1e-9)
        if self._count < 1:
            raise ScriptFault(Code.NO_STEP)
        self._done = 0
        self.hold()
        self.wait_until(self._interval_s)

    def hold(self) -> None:
        """Apply what the technique holds."""

    def proceed(self) -> bool:
        """Move on by one interval, counted from the start so that rounding does not add up."""
        self._done += 1
        if self._done >= self._count:
            return False
        self.wait_until((self._done + 1) * self._interval_s)
        return True


class ChronoAmperometry(Chrono, Potentiostatic):
    """``meas_loop_ca``."""

    technique = "0007"

    def __init__(
        self,
        loop: Loop,
        potential: Target,
        current: Target,
        level: Operand,
        interval: Operand,
        run_time: Operand,
    ) -> None:
        super().__init__(loop, potential, current)
        self.level, self.interval, self.run_time = level, interval, run_time

    def hold(self) -> None:
        """Apply the potential."""
        self.apply(self.level.value)


class ChronoPotentiometry(Chrono, Galvanostatic):
    """``meas_loop_cp``."""

    technique = "000A"

    def __init__(
        self,
        loop: Loop,
        potential: Target,
        current: Target,
        level: Operand,
        interval: Operand,
        run_time: Operand,
    ) -> None:
        super().__init__(loop, potential, current)
        self.level, self.interval, self.run_time = level, interval, run_time

    def hold(self) -> None:
        """Apply the current."""
        self.apply(self.level.value)


class OpenCircuitPotentiometry(Chrono, OpenCircuit):
    """``meas_loop_ocp``."""

    technique = "000B"

    def __init__(self, loop: Loop, potential: Target, interval: Operand, run_time: Operand) -> None:
        super().__init__(loop, potential)
        self.interval, self.run_time = interval, run_time


def put(variable: Target, reading: tuple[float, str], vartype: str) -> None:
    """Write a reading (value and metadata) into a variable of the script."""
    variable.value, variable.metadata = reading
    variable.vartype = vartype


def check_interval(interval_s: float) -> float:
    """The interval in s, or 005A if the instrument cannot measure that fast."""
    if interval_s < SHORTEST_INTERVAL_S * (1.0 - 1e-9):
        raise ScriptFault(Code.TIMING_IMPOSSIBLE)
    return interval_s
