"""The circuit of the simulated Zahner potentiostats: what flows through the cell, and what is read of it.

Off, the cell is at open circuit and the current is read as 0. On, the potentiostat holds a voltage, as far as the
present shunt carries the current, or a current, as far as its own voltage goes.
Assumed: the noise, about a step of the converter.
"""

import random

from labctl_simulators.cells import Cell

from .zahner_pp2x2_models import VOLTAGE_STEP_V, Model

_NOISE_STEPS = 0.5


class Circuit:
    """Potentiostat and cell.

    Attributes:
        on: the potentiostat is connected to the cell.
        galvanostatic: it holds a current in place of a voltage.
        set_point: in V or A.
        shunt: index of the present one.
    """

    def __init__(self, cell: Cell, model: Model, seed: int) -> None:
        self.on = False
        self.galvanostatic = False
        self.set_point = 0.0
        self.shunt = 0
        self._cell = cell
        self._model = model
        self._noise = random.Random(seed)
        self._lived_s = 0.0

    def live_until(self, time_s: float, following: float | None = None) -> float:
        """Let time pass; the charge that has flowed, in C.

        Args:
            time_s: up to when.
            following: the set point on the way, where it moves; None: it stays.
        """
        duration_s, self._lived_s = time_s - self._lived_s, max(time_s, self._lived_s)
        if duration_s <= 0.0:
            return 0.0
        if not self.on:
            self._cell.advance_current(duration_s, 0.0)
            return 0.0
        held_V, current_A = self._holds(self.set_point if following is None else following)
        if held_V is not None:
            return self._cell.advance_voltage(duration_s, held_V)
        self._cell.advance_current(duration_s, current_A)
        return duration_s * current_A

    def _holds(self, set_point: float) -> tuple[float | None, float]:
        """The voltage that is held, or None and the current."""
        most_A, most_V = self._model.carries_A(self.shunt), self._model.voltage_max_V
        if self.galvanostatic:
            if abs(voltage_V := self._cell.voltage_V(set_point)) > most_V:
                return (most_V if voltage_V > 0.0 else -most_V), 0.0
            return None, set_point
        if abs(current_A := self._cell.current_A(set_point)) > most_A:
            return None, most_A if current_A > 0.0 else -most_A
        return set_point, current_A

    def range_for(self, first: int, last: int) -> None:
        """Choose the shunt that fits what flows, among those that may be used."""
        flowing_A = self._cell.current_A(self.set_point) if self.on and not self.galvanostatic else 0.0
        wanted_A = self.set_point if self.galvanostatic else flowing_A
        self.shunt = self._model.shunt_for(wanted_A, first, last)

    def read(self) -> tuple[float, float]:
        """Voltage and current, with noise, in steps of the converter."""
        if not self.on:
            return self._stepped(self._cell.voltage_V(0.0), VOLTAGE_STEP_V), 0.0
        held_V, current_A = self._holds(self.set_point)
        if held_V is None:
            voltage_V = self._cell.voltage_V(current_A)
        else:
            voltage_V, current_A = held_V, self._cell.current_A(held_V)
        return (
            self._stepped(voltage_V, VOLTAGE_STEP_V),
            self._stepped(current_A, self._model.current_step_A(self.shunt)),
        )

    def _stepped(self, value: float, step: float) -> float:
        return step * round(value / step + _NOISE_STEPS * self._noise.gauss(0.0, 1.0))
