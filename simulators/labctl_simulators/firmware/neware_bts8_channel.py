"""One channel of the simulated Neware BTS 8: runs a step file on a cell, records rows, protects itself.

Theory of operation. The channel lives from look to look. A look measures, records a row where one is due, and ends
a step where a limit is reached; then it sets the time of the next look: the next row, an end that is known beforehand,
or half the time that the voltage or current still needs to its limit, never less than 10 ms. It lives lazily: when
somebody asks, everything that was due by then happens first, so how often it is asked makes no difference.

Source: the BTSServer protocol v1.19 for statuses and log codes. Assumed: the limits are judged every 10 ms or more.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import NamedTuple

from labctl_simulators.cells import Cell

from .neware_bts8_program import CYCLE, DISCHARGING, END, HOLDING, REST, WORDS, Program, Stage

LOG_STARTED, LOG_ENDED, LOG_STOPPED, LOG_RUNNING = 100000, 100001, 100007, 102000

_SOONEST_S = 0.01
_LATEST_S = 1.0
_GROWTH = 2.0
_CAUTION = 0.5
_NOISE_V = 5e-6
_NOISE = 1e-6  # of the current
_CAPACITY_SLACK_C = 1e-9


class Row(NamedTuple):
    """One row of a test; capacity and energy restart at zero in each step."""

    step: int
    cycle: int
    word: str
    time_s: float
    at_s: float
    voltage_V: float
    current_A: float
    capacity_C: float
    energy_J: float


class Layer(NamedTuple):
    """A step that was finished: the first and the last of its rows, counted from 0."""

    first: int
    last: int


@dataclass(slots=True)
class Test:
    """What was started once, and all that came of it."""

    number: int
    rows: list[Row] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    log: list[tuple[int, float]] = field(default_factory=list)
    finished: bool = False


class CyclerChannel:
    """A channel with its cell.

    Args:
        cell: what is connected to it.
        seed: of its noise.

    Attributes:
        status: ``finish``, ``working``, ``stop`` or ``protect``.
        barcode: as given with the last start.
        tests: all that were started, the last one last.
    """

    def __init__(self, cell: Cell, seed: int) -> None:
        self.status = "finish"
        self.barcode = ""
        self.tests: list[Test] = []
        self.voltage_V = cell.voltage_V(0.0)
        self.current_A = 0.0
        self._cell = cell
        self._noise = random.Random(seed)
        self._lived_s = 0.0
        self._next_s = math.inf
        self._program: Program | None = None
        self._passes: dict[int, int] = {}
        self._before_V = self._before_A = 0.0

    @property
    def stage(self) -> Stage | None:
        """What runs; None when nothing does."""
        return self._stage if self.status == "working" else None

    @property
    def circuit_closed(self) -> bool:
        """A step runs that is no rest."""
        return self.status == "working" and self._stage.kind != REST

    def start(self, program: Program, barcode: str, now_s: float) -> bool:
        """Begin a test; False where one runs."""
        self.live_until(now_s)
        if self.status == "working":
            return False
        self._live(now_s)
        self._program, self.barcode, self.status = program, barcode, "working"
        self.tests.append(Test(len(self.tests) + 1))
        self.tests[-1].log.append((LOG_STARTED, now_s))
        self._cycle, self._beyond_s = 1, math.inf
        self._passes.clear()
        self._enter(0)
        return True

    def stop(self, now_s: float) -> None:
        """End whatever runs, with a last row."""
        self.live_until(now_s)
        if self.status == "working":
            self._live(now_s)
            self._measure()
            self._record()
            self._finish("stop", LOG_STOPPED)

    def live_until(self, now_s: float) -> None:
        """Let everything happen that is due by ``now_s``."""
        while self.status == "working" and self._next_s <= now_s:
            self._live(self._next_s)
            self._look()
        if self.status != "working" and now_s > self._lived_s:
            self._live(now_s)
            self._measure()

    # --- the cell --------------------------------------------------------------------------------------------

    def _live(self, time_s: float) -> None:
        """Let time pass with what is set, and count capacity and energy."""
        duration_s, self._lived_s = time_s - self._lived_s, time_s
        if duration_s <= 0.0:
            return
        if not self.circuit_closed:
            self._cell.advance_current(duration_s, 0.0)
            return
        if self._holds():
            charge_C = self._cell.advance_voltage(duration_s, self._stage.voltage_V)
        else:
            charge_C = duration_s * self._stage.current_A
            self._cell.advance_current(duration_s, self._stage.current_A)
        self._capacity_C += abs(charge_C)
        self._energy_J += abs(charge_C) * abs(self.voltage_V)

    def _holds(self) -> bool:
        """Whether it holds its voltage: that is what it is for, and it needs no more than the current's limit."""
        stage = self._stage
        return stage.kind in HOLDING and abs(self._cell.current_A(stage.voltage_V)) <= abs(stage.current_A)

    def _measure(self) -> None:
        if not self.circuit_closed:
            current_A, voltage_V = 0.0, self._cell.voltage_V(0.0)
        elif self._holds():
            current_A, voltage_V = self._cell.current_A(self._stage.voltage_V), self._stage.voltage_V
        else:
            current_A = self._stage.current_A
            voltage_V = self._cell.voltage_V(current_A)
        self.voltage_V = round(voltage_V + _NOISE_V * self._noise.gauss(0.0, 1.0), 7)
        self.current_A = round(current_A * (1.0 + _NOISE * self._noise.gauss(0.0, 1.0)), 12)

    # --- a step ----------------------------------------------------------------------------------------------

    def _enter(self, index: int) -> None:
        """Begin with a step; cycles and ends are carried out at once."""
        assert self._program is not None
        stages = self._program.stages
        while index < len(stages) and stages[index].kind == CYCLE:
            cycle = stages[index]
            done = self._passes.get(index, 0) + 1
            self._passes[index] = 0 if done >= cycle.times else done
            if done < cycle.times:
                self._cycle += 1
            index = index + 1 if done >= cycle.times else cycle.back_to - 1
        if index >= len(stages) or stages[index].kind == END:
            self._finish("finish", LOG_ENDED)
            return
        self._index, self._stage = index, stages[index]
        self._began_s, self._pause_s, self._next_s = self._lived_s, 0.0, self._lived_s
        self._capacity_C = self._energy_J = 0.0
        self._first_row, self._row_due_s = len(self.tests[-1].rows), self._lived_s

    def _look(self) -> None:
        assert self._program is not None
        self._measure()
        if self._must_protect(self._program):
            self._record()
            self._finish("protect", LOG_STOPPED)
        elif self._reached():
            self._record()
            self.tests[-1].layers.append(Layer(self._first_row, len(self.tests[-1].rows) - 1))
            self._enter(self._index + 1)
        else:
            if self._row_is_due(self._program):
                self._record()
                elapsed = math.floor((self._lived_s - self._began_s) / self._program.record_s + 1e-9)
                self._row_due_s = self._began_s + (elapsed + 1) * self._program.record_s
            self._schedule(self._pause_s)

    def _must_protect(self, program: Program) -> bool:
        inside = (
            program.low_V <= self.voltage_V <= program.high_V
            and program.low_A <= self.current_A <= program.high_A
        )
        self._beyond_s = math.inf if inside else min(self._beyond_s, self._lived_s)
        return self._lived_s - self._beyond_s >= program.delay_s

    def _reached(self) -> bool:
        stage = self._stage
        sign = -1.0 if stage.kind in DISCHARGING else 1.0
        return (
            self._lived_s - self._began_s >= stage.time_s - 1e-9
            or sign * self.voltage_V >= sign * stage.stop_V
            or self._capacity_C >= stage.capacity_C - _CAPACITY_SLACK_C
            or (stage.kind in HOLDING and self._holds() and abs(self.current_A) <= stage.stop_A)
        )

    def _row_is_due(self, program: Program) -> bool:
        rows = self.tests[-1].rows
        return (
            self._lived_s >= self._row_due_s - 1e-9
            or abs(self.voltage_V - rows[-1].voltage_V) >= program.record_V
            or abs(self.current_A - rows[-1].current_A) >= program.record_A
        )

    def _record(self) -> None:
        self.tests[-1].rows.append(
            Row(
                self._stage.number,
                self._cycle,
                WORDS[self._stage.kind],
                self._lived_s - self._began_s,
                self._lived_s,
                self.voltage_V,
                self.current_A,
                self._capacity_C,
                self._energy_J,
            )
        )

    def _schedule(self, elapsed_s: float) -> None:
        """When to look next."""
        stage = self._stage
        pause_s = min(_GROWTH * self._pause_s, _LATEST_S)
        if elapsed_s > 0.0:
            towards_V = abs(self.voltage_V - self._before_V) / elapsed_s
            if towards_V > 0.0 and math.isfinite(stage.stop_V):
                pause_s = min(pause_s, _CAUTION * abs(stage.stop_V - self.voltage_V) / towards_V)
            towards_A = abs(self.current_A - self._before_A) / elapsed_s
            if towards_A > 0.0 and stage.stop_A > 0.0:
                pause_s = min(pause_s, _CAUTION * abs(abs(self.current_A) - stage.stop_A) / towards_A)
        self._before_V, self._before_A = self.voltage_V, self.current_A
        next_s = min(self._lived_s + max(pause_s, _SOONEST_S), self._row_due_s, self._began_s + stage.time_s)
        if self.current_A and math.isfinite(stage.capacity_C):
            left_C = max(stage.capacity_C - self._capacity_C, 0.0)
            next_s = min(
                next_s, self._lived_s + left_C / abs(stage.current_A if not self._holds() else self.current_A)
            )
        self._next_s = max(next_s, self._lived_s + 1e-6)
        self._pause_s = self._next_s - self._lived_s

    def _finish(self, status: str, code: int) -> None:
        test = self.tests[-1]
        rows = len(test.rows)
        if rows and (not test.layers or test.layers[-1].last < rows - 1):
            test.layers.append(Layer(self._first_row, rows - 1))
        test.log.append((code, self._lived_s))
        test.finished = True
        self.status, self._next_s = status, math.inf
        self._measure()
