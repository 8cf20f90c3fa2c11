"""The air of a simulated temperature chamber: it nears its set point as fast as it can, then settles.

Theory of operation. Far from the set point the temperature moves at the full rate of the heater or the compressor;
within the reach of the controller (rate times time constant) it settles exponentially. Switched off it drifts to the
room. All of it in closed form: how often it is looked at changes nothing. A sensor adds a little noise to a reading.
"""

import math
from random import Random
from typing import NamedTuple


class Machine(NamedTuple):
    """What heater, compressor and walls can do.

    Attributes:
        heating_K_per_s, cooling_K_per_s: at most.
        settling_s: time constant near the set point.
        drifting_s: time constant towards the room while it is off.
    """

    heating_K_per_s: float
    cooling_K_per_s: float
    settling_s: float
    drifting_s: float


class ChamberAir:
    """Air in a box.

    Args:
        machine: what moves its temperature.
        room_C: where it drifts to when it is off, and begins.
        noise_K: standard deviation of a reading.
        seed: of the noise.

    Attributes:
        temperature_C: the truth.
        goal_C: what is held; None: it is off.
    """

    def __init__(
        self, machine: Machine, *, room_C: float = 23.0, noise_K: float = 0.02, seed: int = 0
    ) -> None:
        self.temperature_C = room_C
        self.goal_C: float | None = None
        self._machine = machine
        self._room_C = room_C
        self._noise_K = noise_K
        self._noise = Random(seed)
        self._lived_s = 0.0

    def live_until(self, now_s: float) -> None:
        """Let time pass with what is set; a time that has passed already changes nothing."""
        passed_s = now_s - self._lived_s
        if passed_s <= 0.0:
            return
        self._lived_s = now_s
        machine = self._machine
        if self.goal_C is None:
            self._settle(self._room_C, machine.drifting_s, passed_s)
            return
        gap_K = self.goal_C - self.temperature_C
        rate_K_per_s = machine.heating_K_per_s if gap_K > 0.0 else machine.cooling_K_per_s
        moving_s = min(passed_s, max(0.0, abs(gap_K) / rate_K_per_s - machine.settling_s))
        self.temperature_C += math.copysign(rate_K_per_s * moving_s, gap_K)
        self._settle(self.goal_C, machine.settling_s, passed_s - moving_s)

    def reading_C(self) -> float:
        """What a sensor in it shows."""
        return self.temperature_C + self._noise.gauss(0.0, self._noise_K)

    def effort(self) -> float:
        """How much of the heater is used, 0 to 1: all of it while it moves up, some to hold, none to move down."""
        if self.goal_C is None:
            return 0.0
        machine = self._machine
        reach_K = machine.heating_K_per_s * machine.settling_s
        holding = (self.goal_C - self._room_C) / (machine.heating_K_per_s * machine.drifting_s)
        return min(1.0, max(0.0, (self.goal_C - self.temperature_C) / reach_K + holding))

    def _settle(self, to_C: float, constant_s: float, passed_s: float) -> None:
        self.temperature_C = to_C + (self.temperature_C - to_C) * math.exp(-passed_s / constant_s)
