"""One channel of the simulated Maccor: what it does to its cell, in direct mode or by a test procedure.

Theory of operation. A channel lives lazily: when somebody asks, everything that was due by then happens first. It goes
from look to look; a look measures, records, judges the safety limits and the ends of a step, then sets the time of
the next look. Between two looks the current is constant, or the voltage (maccor_4000_circuit).

Source: Maccor help, "Remote Control - MacNet", (3, 1), (4, 1), (4, 7), (6, 3) to (6, 10). Assumed: a crossed safety
limit makes the state Problem and opens the circuit; the capacity counts from the beginning of a step; limits are judged
every 10 ms or more.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

from labctl_simulators.cells import Cell

from .maccor_4000_circuit import Model, output
from .maccor_4000_procedure import (
    ADVANCE,
    CHARGE,
    DISCHARGE,
    DO,
    END,
    LOOP,
    PAUSE,
    REST,
    Condition,
    Procedure,
    Stage,
)

AVAILABLE, SELECTED, ACTIVE, SUSPENDED, COMPLETED, PROBLEM, STARTING = 0, 1, 2, 3, 4, 5, 12
IDLE = (AVAILABLE, SELECTED, SUSPENDED, COMPLETED, PROBLEM)
_RF1 = {CHARGE: 1, DISCHARGE: 2, REST: 4, PAUSE: 5}
_RF1_PROBLEM, _RF1_SUSPENDED, _RF1_COMPLETE = 29, 30, 31
_NONE, _OPERATOR, _NORMAL_END, _V_SAFETY, _I_SAFETY = 128, 192, 193, 253, 254
_STARTS_S = 0.1
_UPDATE_S = 0.1  # (6, 8): at least 100 ms between commands
_STEPS_OF_ADC = 65535
_NOISE = 0.2  # of one such step
_SOONEST_S, _LATEST_S, _GROWTH, _CAUTION = 0.01, 1.0, 2.0, 0.5
_MOST_AT_ONCE = 10_000  # steps without duration, before it is taken for an endless loop


@dataclass(slots=True)
class Safety:
    """The limits of (6, 10); a power of 0 does not limit."""

    high_V: float
    low_V: float
    charge_A: float
    discharge_A: float
    charge_W: float
    discharge_W: float


@dataclass(slots=True)
class _Direct:
    """Which set points were within range at the start, and when they were last changed."""

    active: frozenset[str]
    updated_s: float = -math.inf


@dataclass(slots=True)
class Channel:
    """A channel with its cell.

    Args:
        cell: what is connected to it.
        model: its ranges.
        seed: of its noise.
        watchdog_s: MacNetDirectModeWD of System.ini; 0: none.
    """

    cell: Cell
    model: Model
    seed: int
    watchdog_s: float = 0.0
    state: int = AVAILABLE
    rf1: int = 0
    rf2: int = _OPERATOR
    test_name: str = ""
    comment: str = ""
    procedure_name: str = ""
    procedure: Procedure = field(default_factory=lambda: Procedure((Stage(REST),)))
    voltage_V: float = 0.0
    current_A: float = 0.0
    capacity_C: float = 0.0
    energy_J: float = 0.0
    cycle: int = 0
    step: int = 0
    end: int = 0
    records: int = 0
    variables: list[float] = field(default_factory=lambda: [0.0] * 15)
    safety: Safety = field(init=False)
    _stage: Stage = field(default_factory=lambda: Stage(REST))
    _direct: _Direct | None = None
    _noise: random.Random = field(init=False)
    _passes: dict[int, int] = field(default_factory=dict)
    _lived_s: float = 0.0
    _next_s: float = math.inf
    _pause_s: float = 0.0
    _test_s: float = 0.0
    _step_s: float = 0.0
    _record_due_s: float = math.inf
    _recorded: tuple[float, float] = (math.inf, math.inf)
    _before: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        most_A, model = self.model.ranges_A[0], self.model
        most_W = most_A * max(abs(model.low_V), abs(model.high_V))
        self.safety = Safety(model.high_V, model.low_V, most_A, most_A, most_W, most_W)
        self._noise = random.Random(self.seed)
        self._measure()

    # --- what may be asked -----------------------------------------------------------------------------------

    @property
    def circuit_closed(self) -> bool:
        """A step runs that is no rest."""
        return self.state == ACTIVE and self._stage.kind in (CHARGE, DISCHARGE)

    @property
    def test_time_s(self) -> float:
        """How long the test has been active."""
        return self._test_s

    @property
    def step_time_s(self) -> float:
        """How long its present step has been active."""
        return self._step_s

    @property
    def ends(self) -> int:
        """How many End steps the procedure has."""
        return sum(stage.kind == END for stage in self.procedure.stages)

    def live_until(self, now_s: float) -> None:
        """Let everything happen that is due by ``now_s``, and measure."""
        while self.state in (ACTIVE, STARTING) and self._next_s <= now_s:
            self._live(self._next_s)
            self._look()
        if now_s > self._lived_s:
            self._live(now_s)
            self._measure()

    # --- what may be commanded -------------------------------------------------------------------------------

    def start(
        self, name: str, comment: str, procedure_name: str, procedure: Procedure, first: int = 1
    ) -> None:
        """Begin a test by a procedure, with its step ``first``; the channel is available or selected."""
        self._begin(name, comment, procedure_name, procedure)
        self.state = ACTIVE
        self._enter(first)

    def start_direct(
        self, name: str, stage: Stage, active: frozenset[str], record: tuple[float, float, float]
    ) -> None:
        """Begin direct mode; it is ready after a moment."""
        self._begin(name, "", "", Procedure((stage, Stage(END))))
        self._direct = _Direct(active)
        self._stage, self.step = self._recording(stage, record), 1
        self.state, self._next_s = STARTING, self._lived_s + _STARTS_S

    def set_direct(self, wanted: Stage) -> int:
        """Change the output of direct mode; the result code of (6, 8)."""
        if self.state == STARTING:
            return 5
        if self.state != ACTIVE:
            return 2
        direct = self._direct
        if direct is None:
            return 4
        if self._lived_s - direct.updated_s < _UPDATE_S - 1e-9:
            return 3
        direct.updated_s = self._lived_s
        active, old = direct.active, self._stage
        self._stage = replace(
            old,
            kind=wanted.kind,
            current_A=wanted.current_A if "Current" in active else math.inf,
            voltage_V=wanted.voltage_V if "Voltage" in active else None,
            power_W=wanted.power_W if "Power" in active else math.inf,
            resistance_ohm=wanted.resistance_ohm if "Resistance" in active else 0.0,
            current_range=wanted.current_range,
        )
        self.rf1, self.rf2 = _RF1[wanted.kind], 0
        self._pause_s, self._next_s = 0.0, self._lived_s
        self._look()
        return 0

    def suspend(self) -> bool:
        """Open the circuit; the test can be resumed. False where nothing runs."""
        if self.state not in (ACTIVE, STARTING):
            return False
        self._stop(SUSPENDED, _RF1_SUSPENDED, _OPERATOR)
        return True

    def resume(self) -> bool:
        """Go on with a suspended test; False where there is none."""
        if self.state != SUSPENDED:
            return False
        self.state, self.rf1, self.rf2 = ACTIVE, _RF1.get(self._stage.kind, 0), 0
        if self._direct is not None:
            self._direct.updated_s = self._lived_s
        if self._stage.kind == PAUSE:
            self._enter(self.step + 1)
        else:
            self._pause_s, self._next_s = 0.0, self._lived_s
        return True

    def reset(self) -> None:
        """End whatever runs; the channel is available."""
        self._stop(AVAILABLE, 0, _OPERATOR)
        self._direct = None

    # --- the cell --------------------------------------------------------------------------------------------

    def _live(self, time_s: float) -> None:
        """Let time pass with what is set, and count capacity and energy."""
        duration_s, self._lived_s = time_s - self._lived_s, time_s
        if duration_s <= 0.0:
            return
        if self.state == ACTIVE:
            self._test_s += duration_s
            self._step_s += duration_s
        if not self.circuit_closed:
            self.cell.advance_current(duration_s, 0.0)
            return
        current_A, held_V = output(self.cell, self.model, self._stage)
        if held_V is None:
            self.cell.advance_current(duration_s, current_A)
            charge_C = current_A * duration_s
        else:
            charge_C = self.cell.advance_voltage(duration_s, held_V)
        self.capacity_C += abs(charge_C)
        self.energy_J += abs(charge_C * self.voltage_V)

    def _measure(self) -> None:
        voltage_V, current_A = self.cell.voltage_V(0.0), 0.0
        resolution_A = 0.0
        if self.circuit_closed:
            current_A, held_V = output(self.cell, self.model, self._stage)
            voltage_V = self.cell.voltage_V(current_A) if held_V is None else held_V
            resolution_A = 2.0 * self.model.range_A(self._stage) / _STEPS_OF_ADC
        resolution_V = (self.model.high_V - self.model.low_V) / _STEPS_OF_ADC
        self.voltage_V = self._converted(voltage_V, resolution_V)
        self.current_A = self._converted(current_A, resolution_A)

    def _converted(self, value: float, resolution: float) -> float:
        if not resolution:
            return 0.0
        return resolution * round(value / resolution + _NOISE * self._noise.gauss(0.0, 1.0))

    # --- a test ----------------------------------------------------------------------------------------------

    def _begin(self, name: str, comment: str, procedure_name: str, procedure: Procedure) -> None:
        self.test_name, self.comment, self.procedure_name = name, comment, procedure_name
        self.procedure, self._direct = procedure, None
        self.capacity_C = self.energy_J = self._test_s = self._step_s = 0.0
        self.cycle = self.step = self.end = self.records = 0
        self.rf1, self.rf2 = _RF1.get(procedure.stages[0].kind, 0), 0
        self._passes.clear()
        self._recorded, self._pause_s = (math.inf, math.inf), 0.0

    def _recording(self, stage: Stage, record: tuple[float, float, float]) -> Stage:
        record_s, record_V, record_A = (value if value > 0.0 else math.inf for value in record)
        self._record_due_s = self._lived_s if record_s < math.inf else math.inf
        return replace(stage, record_s=record_s, record_V=record_V, record_A=record_A)

    def _enter(self, number: int) -> None:
        """Go on with a step, counted from 1; what takes no time is done at once."""
        stages = self.procedure.stages
        for _ in range(_MOST_AT_ONCE):
            stage = stages[number - 1]
            if stage.kind == END:
                self.end = sum(earlier.kind == END for earlier in stages[:number])
                self._stop(COMPLETED, _RF1_COMPLETE, _NORMAL_END)
                return
            if stage.kind in (CHARGE, DISCHARGE, REST, PAUSE):
                self._settle(number, stage)
                return
            if stage.kind == ADVANCE:
                self.cycle += 1
            number = self._looped(number, stage) if stage.kind == LOOP else number + 1
        self._stop(PROBLEM, _RF1_PROBLEM, _NONE)

    def _looped(self, number: int, stage: Stage) -> int:
        passes = self._passes.get(number, 0) + 1
        counts = [end for end in stage.ends if end.what == "Loop Cnt"]
        for end in counts:
            if passes >= end.value:
                self._passes[number] = 0
                return end.goto
        self._passes[number] = passes
        back = [
            index
            for index, earlier in enumerate(self.procedure.stages[: number - 1], start=1)
            if earlier.kind == DO and earlier.level == stage.level
        ]
        return (back[-1] if back else number) + 1

    def _settle(self, number: int, stage: Stage) -> None:
        self.step, self._stage = number, stage
        self.rf1, self.rf2 = _RF1[stage.kind], 0
        self._step_s = self.capacity_C = self.energy_J = 0.0
        self._record_due_s = self._lived_s
        self._pause_s, self._next_s = 0.0, self._lived_s
        if stage.kind == PAUSE:
            self._stop(SUSPENDED, _RF1[PAUSE], _OPERATOR)

    def _look(self) -> None:
        if self.state == STARTING:
            self.state, self.rf1, self.rf2 = ACTIVE, _RF1[self._stage.kind], 0
            if self._direct is not None:
                self._direct.updated_s = self._lived_s - _UPDATE_S
        self._measure()
        if tripped := self._tripped():
            self._stop(PROBLEM, _RF1_PROBLEM, tripped)
        elif self._unattended_s() >= 0.0:
            self._stop(SUSPENDED, _RF1_SUSPENDED, _OPERATOR)
        elif (end := self._reached()) is not None:
            self._record()
            self._enter(end.goto)
        else:
            if self._record_is_due():
                self._record()
            self._schedule(self._pause_s)

    def _tripped(self) -> int:
        safety, charges = self.safety, self._stage.kind == CHARGE
        if not safety.low_V <= self.voltage_V <= safety.high_V:
            return _V_SAFETY
        most_A = safety.charge_A if charges else safety.discharge_A
        most_W = safety.charge_W if charges else safety.discharge_W
        too_much = abs(self.current_A) > most_A or 0.0 < most_W < abs(self.current_A * self.voltage_V)
        return _I_SAFETY if too_much else 0

    def _unattended_s(self) -> float:
        """For how long the watchdog has been due; negative: it is not."""
        if self._direct is None or not self.watchdog_s:
            return -math.inf
        return self._lived_s - self._direct.updated_s - self.watchdog_s

    def _reached(self) -> Condition | None:
        values = {
            "StepTime": self._step_s + 1e-9,
            "TestTime": self._test_s + 1e-9,
            "Voltage": self.voltage_V,
            "Current": abs(self.current_A),
        }
        return next(
            (end for end in self._stage.ends if end.what in values and end.holds(values[end.what])), None
        )

    def _record_is_due(self) -> bool:
        stage, (before_V, before_A) = self._stage, self._recorded
        return (
            self._lived_s >= self._record_due_s - 1e-9
            or abs(self.voltage_V - before_V) >= stage.record_V
            or abs(self.current_A - before_A) >= stage.record_A
        )

    def _record(self) -> None:
        self.records += 1
        self._recorded = self.voltage_V, self.current_A
        self._record_due_s = self._lived_s + self._stage.record_s

    def _schedule(self, elapsed_s: float) -> None:
        """When to look next: at what is known beforehand, and often enough to meet an end."""
        pause_s = min(_GROWTH * self._pause_s, _LATEST_S)
        if elapsed_s > 0.0:
            now = {"Voltage": self.voltage_V, "Current": abs(self.current_A)}
            for end in self._stage.ends:
                if end.what in now:
                    towards = abs(now[end.what] - self._before[end.what == "Current"]) / elapsed_s
                    if towards > 0.0:
                        pause_s = min(pause_s, _CAUTION * abs(end.value - now[end.what]) / towards)
        self._before = self.voltage_V, abs(self.current_A)
        next_s = min(self._lived_s + max(pause_s, _SOONEST_S), self._record_due_s)
        for end in self._stage.ends:
            if end.what in ("StepTime", "TestTime"):
                passed_s = self._step_s if end.what == "StepTime" else self._test_s
                next_s = min(next_s, self._lived_s + max(end.value - passed_s, 0.0))
        if self._direct is not None and self.watchdog_s:
            next_s = min(next_s, self._direct.updated_s + self.watchdog_s)
        self._next_s = max(next_s, self._lived_s + 1e-6)
        self._pause_s = self._next_s - self._lived_s

    def _stop(self, state: int, rf1: int, rf2: int) -> None:
        self.state, self.rf1, self.rf2, self._next_s = state, rf1, rf2, math.inf
        self._measure()
