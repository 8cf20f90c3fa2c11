"""One channel of the simulated Arbin: runs a schedule on a cell, with meta variables, readings and an unsafe state.

Theory of operation. The channel lives from look to look. A look measures, ends the step where one of its limits is
reached, and refreshes what is shown where a limit keeps a reading, else every 3 s. The next look is at the next time
that is known beforehand (time, charge, reading), or after half of what voltage or current still need to their limit,
never less than 10 ms. It lives lazily: when somebody asks, everything that was due by then happens first.

Source: "Arbin CTI Protocol Commands" v1.1 for statuses; "Arbin APIs Performance Test Results", arbin.com, for what is
shown between two readings. Assumed: a stopped channel is Idle; what it cannot hold makes it Unsafe.
"""

from __future__ import annotations

import math
import random
import struct
from typing import NamedTuple

from labctl_simulators.cells import Cell

from .arbin_schedule import (
    AT_ONCE,
    CCCV,
    CURRENT,
    INCREMENT_CYCLE,
    PAUSE,
    RESET_CHARGE,
    RESET_DISCHARGE,
    SET_VALUES,
    VOLTAGE,
    Limit,
    Schedule,
    ScheduleStep,
    value_of,
)

IDLE, CHARGE, DISCHARGE, RESTING, UNSAFE, FINISHED, PAUSED = 0, 2, 3, 4, 8, 15, 18
RUNNING = frozenset({CHARGE, DISCHARGE, RESTING})
VARIABLES = 16

_CONTROLLED = frozenset({CURRENT, VOLTAGE, CCCV})
_SOONEST_S, _LATEST_S, _REFRESH_S = 0.01, 3.0, 3.0
_LEAST_S = 1e-3  # whatever a schedule asks for
_GROWTH, _CAUTION = 2.0, 0.5
_NOISE_V = 5e-6
_NOISE = 1e-6  # of the current
_RESOLUTION = 2.0**-23  # of full scale: 24 bits with the sign
_SLACK = 1.0 + 1e-9
_MOST_AT_ONCE = 1000
_APPROACHED = ("PV_CHAN_Voltage", "PV_CHAN_Current", "PV_CHAN_CV_Stage_Current")


class Scale(NamedTuple):
    """What a channel can do: -10 V to 10 V, 1 A, as an MSTAT."""

    lowest_V: float = -10.0
    highest_V: float = 10.0
    ranges_A: tuple[float, ...] = (1.0, 0.1, 0.01, 0.001)


class Reading(NamedTuple):
    """What is shown of a channel; capacities and energies since they were reset."""

    test_s: float
    step_s: float
    voltage_V: float
    current_A: float
    charge_C: float
    discharge_C: float
    charge_J: float
    discharge_J: float


class ArbinChannel:
    """A channel with its cell.

    Args:
        cell: what is connected to it.
        seed: of its noise.
        scale: its ranges.

    Attributes:
        status: as channel information tells it.
        schedule, schedule_name: what was assigned; None and empty before.
        test_name: of the latest test; ``test_names`` of all.
        cycle: counted by the schedule, from 1.
        exit: why the latest test ended, in words.
        variables: MV_UD1 to MV_UD16.
        shown: the latest reading that was published.
        comm_failure: the computer has lost its cycler; tests set it.
    """

    def __init__(self, cell: Cell, seed: int, scale: Scale | None = None) -> None:
        self.status, self.exit = IDLE, "N/A"
        self.schedule: Schedule | None = None
        self.schedule_name = self.test_name = self.barcode = ""
        self.test_names: list[str] = []
        self.cycle, self.index = 1, 0
        self.variables = [0.0] * VARIABLES
        self.comm_failure = False
        self._scale = scale or Scale()
        self._cell = cell
        self._noise = random.Random(seed)
        self._lived_s = self._test_began_s = self._step_began_s = 0.0
        self._ended_s = self._logged_s = self._published_s = 0.0
        self._next_s, self._pause_s = math.inf, 0.0
        self._charge_C = self._discharge_C = self._charge_J = self._discharge_J = 0.0
        self._voltage_V = self._before_V = cell.voltage_V(0.0)
        self._current_A = self._before_A = self._limit_A = 0.0
        self._hold_V: float | None = None
        self._last: dict[str, float] = {}
        self.shown = Reading(0.0, 0.0, self._voltage_V, 0.0, 0.0, 0.0, 0.0, 0.0)

    # --- what is asked of it ---------------------------------------------------------------------------------

    @property
    def circuit_closed(self) -> bool:
        """Whether a current can flow."""
        return self.status in RUNNING and self.step.kind in _CONTROLLED

    @property
    def step(self) -> ScheduleStep:
        """The step that runs, or was the last to."""
        assert self.schedule is not None
        return self.schedule.steps[min(self.index, len(self.schedule.steps) - 1)]

    def where(self) -> str:
        """``[1] 1: Step_A, Rest``: the cycle, the step, its label and type."""
        if self.schedule is None or not self.test_name:
            return ""
        return f"[{self.cycle}] {self.index + 1}: {self.step.label}, {self.step.kind}"

    def assign(self, name: str, schedule: Schedule, barcode: str) -> None:
        """Take a schedule for the next test."""
        self.schedule, self.schedule_name, self.barcode = schedule, name, barcode

    def start(self, test_name: str, index: int) -> None:
        """Begin a test; variables, counters and capacities are zero then."""
        self.test_name = test_name
        self.test_names.append(test_name)
        self.variables = [0.0] * VARIABLES
        self.cycle, self.exit = 1, "N/A"
        self._charge_C = self._discharge_C = self._charge_J = self._discharge_J = 0.0
        self._test_began_s = self._lived_s
        self._last.clear()
        self._enter(index)

    def stop(self) -> None:
        """End whatever runs."""
        if self.status in RUNNING or self.status == PAUSED:
            self._end(IDLE, "Stopped by CTI")

    def resume(self) -> None:
        """Go on with the step in which a test was stopped; its times go on."""
        gap_s = self._lived_s - self._ended_s
        began_s = self._step_began_s + gap_s
        self._test_began_s += gap_s
        self._enter(self.index)
        self._step_began_s = began_s

    def continue_(self) -> None:
        """Go on behind a pause."""
        self._enter(self.index + 1)

    def jump(self, index: int) -> None:
        """Go on with another step; one that is not there ends the test."""
        self._enter(index)

    def set_variable(self, number: int, value: float) -> None:
        """Set MV_UD1 and so on, counted from 0; what depends on it follows at once."""
        self.variables[number] = value
        if self.status in RUNNING:
            self._control()
            self._next_s = self._lived_s

    def live_until(self, now_s: float) -> None:
        """Let everything happen that is due by ``now_s``."""
        while self.status in RUNNING and self._next_s <= now_s:
            self._live(max(self._next_s, self._lived_s))
            self._look()
        if now_s > self._lived_s:
            self._live(now_s)
            if self.status not in RUNNING:
                self._measure()
                self._publish()

    # --- the cell --------------------------------------------------------------------------------------------

    def _live(self, time_s: float) -> None:
        duration_s, self._lived_s = time_s - self._lived_s, time_s
        if duration_s <= 0.0:
            return
        if not self.circuit_closed:
            self._cell.advance_current(duration_s, 0.0)
            return
        if self._holds():
            charge_C = self._cell.advance_voltage(duration_s, self._hold_V or 0.0)
        else:
            current_A = self._drive_A()
            charge_C = duration_s * current_A
            self._cell.advance_current(duration_s, current_A)
        energy_J = abs(charge_C * self._voltage_V)
        if charge_C > 0.0:
            self._charge_C, self._charge_J = self._charge_C + charge_C, self._charge_J + energy_J
        else:
            self._discharge_C, self._discharge_J = self._discharge_C - charge_C, self._discharge_J + energy_J

    def _control(self) -> None:
        """Set points as the schedule and the variables say."""
        step, values = self.step, self._values()
        value, extra = value_of(step.value, values), value_of(step.extra, values)
        full_A = self._scale.ranges_A[0]
        self._hold_V = extra if step.kind == CCCV else value if step.kind == VOLTAGE else None
        self._limit_A = full_A if step.kind == VOLTAGE else value
        if step.kind in _CONTROLLED and not (
            abs(self._limit_A) <= full_A
            and self._scale.lowest_V <= (self._hold_V or 0.0) <= self._scale.highest_V
        ):
            self._end(UNSAFE, "Set point out of range")

    def _holds(self) -> bool:
        """Whether it holds a voltage, which needs no more than the current's limit."""
        return self._hold_V is not None and abs(self._cell.current_A(self._hold_V)) <= abs(self._limit_A)

    def _drive_A(self) -> float:
        """The current on the way to a voltage, or the only one."""
        if self._hold_V is None:
            return self._limit_A
        return math.copysign(self._limit_A, self._cell.current_A(self._hold_V))

    def _measure(self) -> None:
        if not self.circuit_closed:
            current_A, voltage_V = 0.0, self._cell.voltage_V(0.0)
        elif self._holds():
            voltage_V = self._hold_V or 0.0
            current_A = self._cell.current_A(voltage_V)
        else:
            current_A = self._drive_A()
            voltage_V = self._cell.voltage_V(current_A)
        range_A = min(
            (r for r in self._scale.ranges_A if abs(current_A) <= r), default=self._scale.ranges_A[0]
        )
        grid_V, grid_A = self._scale.highest_V * _RESOLUTION, range_A * _RESOLUTION
        noisy_V = voltage_V + _NOISE_V * self._noise.gauss(0.0, 1.0)
        noisy_A = current_A * (1.0 + _NOISE * self._noise.gauss(0.0, 1.0))
        self._voltage_V, self._current_A = round(noisy_V / grid_V) * grid_V, round(noisy_A / grid_A) * grid_A

    # --- a step ----------------------------------------------------------------------------------------------

    def _enter(self, index: int) -> None:
        """Begin with a step; those that take no time are carried out at once."""
        assert self.schedule is not None
        for _ in range(_MOST_AT_ONCE):
            if not 0 <= index < len(self.schedule.steps):
                self._end(FINISHED, "End Test")
                return
            self.index, step = index, self.schedule.steps[index]
            self._step_began_s = self._lived_s
            if step.kind not in AT_ONCE:
                break
            self._set(step)
            values = self._values()
            reached = next((limit for limit in step.limits if limit.ends and limit.reached(values)), None)
            index = self.schedule.index_of(reached.goto, index) if reached else index + 1
        else:
            self._end(UNSAFE, "Steps without end")
            return
        self.status = PAUSED if step.kind == PAUSE else RESTING
        self._control()
        if self.status == UNSAFE:
            return
        self._measure()
        self._tell_status()
        self._pause_s = 0.0
        self._next_s = math.inf if self.status == PAUSED else self._lived_s + _SOONEST_S
        self._before_V, self._before_A = self._voltage_V, self._current_A
        self._logged_s = self._lived_s
        self._publish()

    def _set(self, step: ScheduleStep) -> None:
        """A step that sets variables."""
        values = self._values()
        if step.kind == SET_VALUES:
            name = step.value.removeprefix("MV_UD")
            if name.isascii() and name.isdigit() and 1 <= int(name) <= VARIABLES:
                self.variables[int(name) - 1] = single(value_of(step.extra, values))
            return
        reset, increment = (int(value) if value.isdigit() else 0 for value in (step.value, step.extra))
        if reset & RESET_CHARGE:
            self._charge_C = self._charge_J = 0.0
        if reset & RESET_DISCHARGE:
            self._discharge_C = self._discharge_J = 0.0
        self.cycle += increment & INCREMENT_CYCLE

    def _tell_status(self) -> None:
        if self.circuit_closed:
            self.status = CHARGE if self._current_A >= 0.0 else DISCHARGE

    def _look(self) -> None:
        before = self.status
        self._measure()
        self._tell_status()
        if self.status != before:
            self._publish()
        values, step = self._values(), self.step
        if not self._scale.lowest_V <= self._voltage_V <= self._scale.highest_V:
            self._end(UNSAFE, "Voltage out of range")
            return
        for limit in step.limits:
            if limit.ends and limit.reached(values):
                self._publish()
                self._last = {f"LS{name[2:]}": value for name, value in values.items() if name[:3] == "PV_"}
                assert self.schedule is not None
                self._enter(self.schedule.index_of(limit.goto, self.index))
                return
        if any(limit.logs and not limit.ends and limit.reached(values) for limit in step.limits):
            self._logged_s = self._lived_s
            self._publish()
        elif self._lived_s - self._published_s >= _REFRESH_S:
            self._publish()
        self._schedule_look(values)

    def _values(self) -> dict[str, float]:
        """What the equations of a schedule can name."""
        held = self._hold_V is not None and self.circuit_closed and self._holds()
        logged = self._lived_s - self._logged_s
        values = {
            "PV_CHAN_Test_Time": round(self._lived_s - self._test_began_s, 6),
            "PV_CHAN_Step_Time": round(self._lived_s - self._step_began_s, 6),
            "PV_CHAN_Voltage": self._voltage_V,
            "PV_CHAN_Current": self._current_A,
            "PV_CHAN_CV_Stage_Current": self._current_A if held else math.nan,
            "PV_CHAN_Charge_Capacity": self._charge_C * _SLACK / 3600.0,
            "PV_CHAN_Discharge_Capacity": self._discharge_C * _SLACK / 3600.0,
            "PV_CHAN_Charge_Energy": self._charge_J / 3600.0,
            "PV_CHAN_Discharge_Energy": self._discharge_J / 3600.0,
            "PV_CHAN_Cycle_Index": float(self.cycle),
            "DV_Time": round(logged, 6),
            "DV_Voltage": abs(self._voltage_V - self.shown.voltage_V),
            "DV_Current": abs(self._current_A - self.shown.current_A),
        }
        for number, value in enumerate(self.variables, start=1):
            values[f"MV_UD{number}"] = value
        return values | self._last

    def _schedule_look(self, values: dict[str, float]) -> None:
        pause_s = min(_GROWTH * self._pause_s, _LATEST_S)
        known_s = [self._published_s + _REFRESH_S]
        for limit in self.step.limits:
            for left, began_s in (("PV_CHAN_Step_Time", self._step_began_s), ("DV_Time", self._logged_s)):
                if (value := limit.value(left, values)) is not None:
                    known_s.append(began_s + value)
            if self._current_A and limit.ends:
                known_s.append(self._lived_s + self._until_charge_s(limit, values))
            for left in _APPROACHED:
                if limit.ends and (value := limit.value(left, values)) is not None:
                    pause_s = min(pause_s, self._until_half_way_s(left, value))
        self._before_V, self._before_A = self._voltage_V, self._current_A
        soonest = [time_s for time_s in known_s if time_s > self._lived_s + 1e-9]
        next_s = min(self._lived_s + max(pause_s, _SOONEST_S), *soonest, self._lived_s + _LATEST_S)
        self._next_s = max(next_s, self._lived_s + _LEAST_S)
        self._pause_s = self._next_s - self._lived_s

    def _until_charge_s(self, limit: Limit, values: dict[str, float]) -> float:
        """Until the charge of a limit has passed, at the present current."""
        name, passed_C = (
            ("PV_CHAN_Charge_Capacity", self._charge_C)
            if self._current_A > 0.0
            else ("PV_CHAN_Discharge_Capacity", self._discharge_C)
        )
        wanted_Ah = limit.value(name, values)
        if wanted_Ah is None:
            return math.inf
        current_A = self._current_A if self._holds() else self._limit_A
        return max(wanted_Ah * 3600.0 - passed_C, 0.0) / abs(current_A)

    def _until_half_way_s(self, left: str, value: float) -> float:
        if self._pause_s <= 0.0:
            return _SOONEST_S
        now, before = (
            (self._voltage_V, self._before_V)
            if left == "PV_CHAN_Voltage"
            else (self._current_A, self._before_A)
        )
        rate = (now - before) / self._pause_s
        return _CAUTION * (value - now) / rate if rate * (value - now) > 0.0 else math.inf

    def _publish(self) -> None:
        test_s, step_s = self._lived_s - self._test_began_s, self._lived_s - self._step_began_s
        if self.status not in RUNNING and self.status != PAUSED:
            test_s, step_s = self._ended_s - self._test_began_s, self._ended_s - self._step_began_s
        self._published_s = self._lived_s
        self.shown = Reading(
            round(max(test_s, 0.0), 6),
            round(max(step_s, 0.0), 6),
            self._voltage_V,
            self._current_A,
            self._charge_C,
            self._discharge_C,
            self._charge_J,
            self._discharge_J,
        )

    def _end(self, status: int, why: str) -> None:
        self.status, self.exit = status, why
        self._ended_s, self._next_s, self._hold_V = self._lived_s, math.inf, None
        self._measure()
        self._publish()


def single(value: float) -> float:
    """As a number of 32 bits holds it."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)
