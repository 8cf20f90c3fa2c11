"""One cell between a laboratory supply, behind a diode, and an electronic load: who drives what, and for how long.

Theory of operation. The supply holds its voltage as long as that takes no more than its current, and its current
beyond (CV and CC). It cannot take current in: an ideal diode stands in its positive lead, as it has to where a cell is
charged, so that with the output off nothing flows back. The load takes a current, or what holds a voltage, a
resistance or a power; it conducts like a resistor of ``LOWEST_OHM`` at best, so that it takes less at a low voltage,
and takes nothing below its starting voltage (DL3000 Programming Guide p. 2-24). Both may be on: then the cell gets the
difference. Leads are ideal. The cell is advanced lazily, up to the time that somebody names, in steps in which its
voltage moves by about ``FINEST_V``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from labctl_simulators.cells import Cell

LOWEST_OHM = 0.0325
"""Assumed: 1.3 V at 40 A, the least voltage at which a DL3021 takes its full current."""
FINEST_V = 2e-3
SHORTEST_STEP_s, LONGEST_STEP_s, LONGEST_STEERED_s = 1e-2, 30.0, 1.0
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Supply:
    """A supply's output that is on."""

    voltage_V: float
    current_A: float


@dataclass(frozen=True, slots=True)
class Sink:
    """A load's input that is on.

    Attributes:
        mode: ``CC``, ``CV``, ``CR`` or ``CP``.
        level: A, V, ohm or W.
        most_A: more it does not take.
        starts_V: below it takes nothing.
    """

    mode: str
    level: float
    most_A: float
    starts_V: float = 0.0


class Point(NamedTuple):
    """What flows and stands at a moment.

    Attributes:
        supply_A, load_A: out of the supply, into the load; the cell gets the difference.
        held: one of the two holds the voltage, alone.
    """

    voltage_V: float
    supply_A: float = 0.0
    load_A: float = 0.0
    held: bool = False


class Circuit:
    """The cell and both instruments; either may be missing.

    Attributes:
        time_s: up to when the cell has lived.
        point: what flows at that time.
        taken_C, taken_J: what the load has taken since it was last reset.
        guards: asked after each step; each may switch its instrument off.
    """

    def __init__(self, cell: Cell) -> None:
        self.time_s = 0.0
        self.taken_C = self.taken_J = 0.0
        self.guards: list[Callable[[], None]] = []
        self._cell = cell
        self._supply: Supply | None = None
        self._sink: Sink | None = None
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._step_s = SHORTEST_STEP_s
        self.point = self._resolved()

    @property
    def closed(self) -> bool:
        """Whether the supply is on, or the load."""
        return self._supply is not None or self._sink is not None

    @property
    def supply_limited(self) -> bool:
        """Whether the supply holds its current in place of its voltage."""
        supply = self._supply
        return supply is not None and self.point.voltage_V < supply.voltage_V - 1e-9

    def set_supply(self, supply: Supply | None) -> None:
        """Change what the supply does, at ``time_s``."""
        if supply != self._supply:
            self._supply = supply
            self._settle()

    def set_sink(self, sink: Sink | None) -> None:
        """Change what the load does, at ``time_s``."""
        if sink != self._sink:
            self._sink = sink
            self._settle()

    def at(self, time_s: float, action: Callable[[], None]) -> None:
        """Do something when that time has come."""
        self._due.append((time_s, action))
        self._due.sort(key=lambda due: due[0])

    def advance_to(self, time_s: float) -> None:
        """Let the cell live until ``time_s``. A time already passed changes nothing."""
        while self._due and self._due[0][0] <= time_s:
            due_s, action = self._due.pop(0)
            self._live_until(due_s)
            action()
        self._live_until(time_s)

    def _live_until(self, time_s: float) -> None:
        while (left_s := time_s - self.time_s) > 0.0:
            open_circuit = not self.closed
            step_s = left_s if open_circuit else min(self._step_s, left_s)
            before = self.point
            if before.held:
                self._cell.advance_voltage(step_s, before.voltage_V)
            else:
                self._cell.advance_current(step_s, before.supply_A - before.load_A)
            self.taken_C += before.load_A * step_s
            self.taken_J += before.load_A * before.voltage_V * step_s
            self.time_s = time_s if step_s == left_s else self.time_s + step_s
            self.point = self._resolved()
            self._ask_guards()
            slope = abs(self.point.voltage_V - before.voltage_V) / step_s
            finest_s = FINEST_V / slope if slope else math.inf
            self._step_s = max(SHORTEST_STEP_s, min(finest_s, 2.0 * step_s, self._longest_s()))

    def _longest_s(self) -> float:
        """Where a current follows the voltage it is set anew more often."""
        steered = self._sink is not None and (self._sink.mode in ("CR", "CP") or self._supply is not None)
        return LONGEST_STEERED_s if steered else LONGEST_STEP_s

    def _settle(self) -> None:
        self.point = self._resolved()
        self._step_s = SHORTEST_STEP_s
        self._ask_guards()

    def _ask_guards(self) -> None:
        for guard in self.guards:
            guard()

    def _resolved(self) -> Point:
        """What flows in the cell's present state; a load that would be below its starting voltage takes nothing."""
        sink = self._sink
        if sink is not None:
            point = self._point(self._supply, sink)
            if point.voltage_V >= sink.starts_V:
                return point
        return self._point(self._supply, None)

    def _point(self, supply: Supply | None, sink: Sink | None) -> Point:
        if supply is None and sink is None:
            return Point(self._cell.voltage_V(0.0))
        if sink is None:
            assert supply is not None
            return self._charged(supply)
        if supply is None:
            return self._discharged(sink)
        return self._balanced(supply, sink)

    def _charged(self, supply: Supply) -> Point:
        current_A = self._cell.current_A(supply.voltage_V)
        if current_A <= 0.0:
            return Point(self._cell.voltage_V(0.0))
        if current_A <= supply.current_A:
            return Point(supply.voltage_V, supply_A=current_A, held=True)
        return Point(self._cell.voltage_V(supply.current_A), supply_A=supply.current_A)

    def _discharged(self, sink: Sink) -> Point:
        if sink.mode == "CV":
            current_A = max(0.0, -self._cell.current_A(sink.level))
            if 0.0 < current_A <= min(sink.most_A, sink.level / LOWEST_OHM):
                return Point(sink.level, load_A=current_A, held=True)
            if not current_A:
                return Point(self._cell.voltage_V(0.0))
        if sink.mode == "CC":
            current_A = min(sink.level, sink.most_A)
            voltage_V = self._cell.voltage_V(-current_A)
            if voltage_V >= LOWEST_OHM * current_A:
                return Point(voltage_V, load_A=current_A)
        return self._balanced(None, sink)

    def _balanced(self, supply: Supply | None, sink: Sink) -> Point:
        """Where the cell's voltage at the difference of the currents is that at which they flow: by halving."""
        low_A, high_A = -sink.most_A, 0.0 if supply is None else supply.current_A
        for _ in range(_HALVINGS):
            current_A = 0.5 * (low_A + high_A)
            voltage_V = self._cell.voltage_V(current_A)
            if current_A < _supplied_A(supply, voltage_V) - _taken_A(sink, voltage_V):
                low_A = current_A
            else:
                high_A = current_A
        voltage_V = self._cell.voltage_V(high_A)
        load_A = _taken_A(sink, voltage_V)
        return Point(voltage_V, max(0.0, high_A + load_A) if supply else 0.0, load_A if supply else -high_A)


def _supplied_A(supply: Supply | None, voltage_V: float) -> float:
    if supply is None:
        return 0.0
    return supply.current_A if voltage_V < supply.voltage_V else 0.0


def _taken_A(sink: Sink, voltage_V: float) -> float:
    if voltage_V <= 0.0:
        return 0.0
    wanted_A = sink.level
    if sink.mode == "CV":
        wanted_A = sink.most_A if voltage_V > sink.level else 0.0
    elif sink.mode == "CR":
        wanted_A = voltage_V / sink.level
    elif sink.mode == "CP":
        wanted_A = sink.level / voltage_V
    return min(wanted_A, sink.most_A, voltage_V / LOWEST_OHM)
