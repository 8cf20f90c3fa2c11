"""The tests of the simulated Rodeostat as voltages over time: their parameters, ends, extremes and changes.

Times are in microseconds, as the firmware counts them; its timer looks every 200 us. Where a message gives a parameter
twice wrongly, or leaves the object out, the refusal says so as often as the firmware's classes look at it.

Source: iorodeo/potentiostat, firmware 0.1.0, ps_base_test, ps_periodic_test and the files of each test.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

TICK_us = 200
_MOST_STEPS = 50
_TABLE = 299  # intervals of the table of a sine
_MOVING_us = 5_000  # the simulation's own: a voltage that moves is moved so often
_PULSE_PARTS = 20  # likewise: a pulse is looked at so often
_UINT32 = 0xFFFF_FFFF

VOLT, MAGNITUDE, MILLISECONDS, COUNT, FRACTION = "V", "|V|", "ms", "count", "0..1"


class Refused(Exception):
    """Parameters that were not taken, in the instrument's words; what was taken stands in ``taken``."""

    def __init__(self, words: str, taken: dict[str, Any]) -> None:
        super().__init__(words)
        self.taken = taken


class Waveform(ABC):
    """One test.

    Attributes:
        values: its parameters, as they are told: V and ms.
        pulsed: its current is the difference of two means instead of a reading.
    """

    name: ClassVar[str]
    kinds: ClassVar[dict[str, str]] = {}
    defaults: ClassVar[dict[str, Any]] = {}
    multiplexed: ClassVar[bool] = True
    pulsed: ClassVar[bool] = False

    def __init__(self) -> None:
        own = {key: self.defaults[key] for key in self.kinds}
        self.values: dict[str, Any] = {"quietValue": 0.0, "quietTime": 0, **own}
        self.period_us = 10_000

    @property
    def quiet_us(self) -> int:
        """How long the quiet value is held before."""
        quiet_ms: int = self.values["quietTime"]
        return quiet_ms * 1000

    def take(self, given: object) -> dict[str, Any]:
        """Take parameters; those that are not given stay.

        Raises:
            Refused: some are not what they should be; the others have been taken.
        """
        if given is None or not isinstance(given, dict):
            words = "key param missing" if given is None else "param not JsonObject"
            raise Refused(f"{words}, {words}", {})
        taken: dict[str, Any] = {}
        problems: list[str] = []
        for kinds in ({"quietValue": VOLT, "quietTime": MILLISECONDS}, self.kinds):
            for key, kind in kinds.items():
                if key in given:
                    self._take(key, kind, given[key], taken, problems)
            if problems:
                raise Refused(", ".join(problems), taken)
        return taken

    def _take(self, key: str, kind: str, value: Any, taken: dict[str, Any], problems: list[str]) -> None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if kind in (MILLISECONDS, COUNT):
            if not whole:
                problems.append(f"{key} not uint32")
                return
            self.values[key] = value & _UINT32
        else:
            if not (whole or isinstance(value, float)):
                problems.append(f"{key} not a float")
                return
            self.values[key] = _bounded(kind, real(value))
        taken[key] = self.values[key]

    def voltage_V(self, time_us: int) -> float:
        """What is to be put out."""
        if time_us < self.quiet_us:
            return float(self.values["quietValue"])
        return self._after_quiet_V(time_us - self.quiet_us)

    @property
    @abstractmethod
    def duration_us(self) -> int:
        """How long it lasts, without the quiet time."""

    @property
    def done_us(self) -> int:
        """When it is over."""
        return self.quiet_us + self.duration_us

    @abstractmethod
    def _after_quiet_V(self, time_us: int) -> float:
        """The voltage, since the end of the quiet time."""

    @abstractmethod
    def extremes_V(self) -> tuple[float, float]:
        """What the output range is chosen by."""

    def next_change_us(self, time_us: int) -> int:
        """When the voltage is to be looked at again; later changes may be due earlier than that."""
        return self.quiet_us if time_us < self.quiet_us else time_us + _MOVING_us

    def _between_V(self, *names: str) -> tuple[float, float]:
        voltages = [float(self.values[name]) for name in names]
        return min(voltages), max(voltages)


class _Periodic(Waveform):
    kinds: ClassVar = {
        "amplitude": VOLT, "offset": VOLT, "period": MILLISECONDS, "numCycles": COUNT, "shift": VOLT,
    }  # fmt: skip
    defaults: ClassVar = {"amplitude": 1.0, "offset": 0.0, "period": 1000, "numCycles": 10, "shift": 0.0}

    @property
    def duration_us(self) -> int:
        """All cycles."""
        return int(self.values["numCycles"] * self.values["period"] * 1000)

    def extremes_V(self) -> tuple[float, float]:
        """Without the quiet value."""
        values = self.values
        return values["offset"] - values["amplitude"], values["offset"] + values["amplitude"]

    def _phase(self, time_us: int) -> float:
        """Part of a period that has passed; Assumed: without a period, none."""
        period_us: int = self.values["period"] * 1000
        if not period_us:
            return 0.0
        shift = self.values["shift"]
        shift_us = int(shift * period_us) if math.isfinite(shift) and shift > 0.0 else 0
        return ((time_us + shift_us) % period_us) / period_us


class Cyclic(_Periodic):
    """A triangle that starts at its lowest."""

    name = "cyclic"

    def _after_quiet_V(self, time_us: int) -> float:
        phase = self._phase(time_us)
        risen = 4.0 * self.values["amplitude"] * min(phase, 1.0 - phase)
        return float(risen + self.values["offset"] - self.values["amplitude"])


class Sinusoid(_Periodic):
    """A sine, from a table."""

    name = "sinusoid"

    def _after_quiet_V(self, time_us: int) -> float:
        position = self._phase(time_us) * _TABLE
        index = int(position)
        low, high = (math.sin(2.0 * math.pi * i / _TABLE) for i in (index, index + 1))
        sine = low + (high - low) * (position - index)
        return float(self.values["amplitude"] * sine + self.values["offset"])


class Constant(Waveform):
    """One voltage."""

    name = "constant"
    kinds: ClassVar = {"value": VOLT, "duration": MILLISECONDS}
    defaults: ClassVar = {"value": 1.0, "duration": 5000}

    @property
    def duration_us(self) -> int:
        """As it was given."""
        return int(self.values["duration"]) * 1000

    def _after_quiet_V(self, time_us: int) -> float:
        return float(self.values["value"])

    def extremes_V(self) -> tuple[float, float]:
        """Of both voltages."""
        return self._between_V("value", "quietValue")

    def next_change_us(self, time_us: int) -> int:
        """The end of the quiet time, or its own."""
        return self.quiet_us if time_us < self.quiet_us else self.done_us


class LinearSweep(Waveform):
    """A ramp."""

    name = "linearSweep"
    kinds: ClassVar = {"startValue": VOLT, "finalValue": VOLT, "duration": MILLISECONDS}
    defaults: ClassVar = {"startValue": -0.5, "finalValue": 0.5, "duration": 2000}

    @property
    def duration_us(self) -> int:
        """As it was given."""
        return int(self.values["duration"]) * 1000

    def _after_quiet_V(self, time_us: int) -> float:
        start_V, final_V = self.values["startValue"], self.values["finalValue"]
        return (
            float(start_V + (final_V - start_V) * time_us / self.duration_us) if time_us else float(start_V)
        )

    def extremes_V(self) -> tuple[float, float]:
        """Of the ramp and the quiet value."""
        return self._between_V("startValue", "finalValue", "quietValue")


class _Stairs(Waveform):
    """A staircase with a pulse on each stair; a stair lasts a sample period."""

    multiplexed = False
    pulsed = True
    defaults: ClassVar = {"startValue": -0.5, "finalValue": 0.5, "stepValue": 0.005, "window": 0.2}

    @property
    def duration_us(self) -> int:
        """A stair longer than the way."""
        step_V: float = self.values["stepValue"]
        way_V: float = abs(self.values["finalValue"] - self.values["startValue"])
        if not (step_V > 0.0 and math.isfinite(way_V / step_V)):
            return 0
        return (math.ceil(way_V / step_V) + 1) * self.period_us

    def stair_V(self, time_us: int) -> float:
        """The stair at a time since the beginning."""
        if time_us < self.quiet_us:
            return float(self.values["quietValue"])
        start_V, final_V = self.values["startValue"], self.values["finalValue"]
        up = 1.0 if start_V <= final_V else -1.0
        number = (time_us - self.quiet_us) // self.period_us
        low_V, high_V = self._between_V("startValue", "finalValue")
        return float(min(max(start_V + number * up * self.values["stepValue"], low_V), high_V))

    def window_us(self) -> int:
        """How long before the end of each half the current is averaged."""
        half_us = self.period_us // 2
        return max(1, min(half_us - 1, int((half_us - 1) * self.values["window"])))

    def next_change_us(self, time_us: int) -> int:
        """Often enough for a mean of each half."""
        if time_us < self.quiet_us:
            return self.quiet_us
        part_us = max(TICK_us, self.period_us // 2 // _PULSE_PARTS)
        half_us = max(TICK_us, self.period_us // 2)
        left_us = half_us - (time_us - self.quiet_us) % half_us
        return time_us + min(part_us, left_us)


class SquareWave(_Stairs):
    """Up by the amplitude in the first half of each stair, down by it in the second."""

    name = "squareWave"
    kinds: ClassVar = {
        "startValue": VOLT, "finalValue": VOLT, "stepValue": MAGNITUDE, "amplitude": MAGNITUDE, "window": FRACTION,
    }  # fmt: skip
    defaults: ClassVar = {**_Stairs.defaults, "amplitude": 0.025}

    def _after_quiet_V(self, time_us: int) -> float:
        up = time_us % self.period_us < self.period_us // 2
        amplitude_V = self.values["amplitude"]
        return float(self.stair_V(time_us + self.quiet_us) + (amplitude_V if up else -amplitude_V))

    def extremes_V(self) -> tuple[float, float]:
        """With the amplitude."""
        low_V, high_V = self._between_V("startValue", "finalValue")
        amplitude_V, quiet_V = self.values["amplitude"], self.values["quietValue"]
        return min(low_V - amplitude_V, quiet_V), max(high_V + amplitude_V, quiet_V)


class DifferentialPulse(_Stairs):
    """Up by the pulse in the first half of each stair but the first, downwards too."""

    name = "differentialPulse"
    kinds: ClassVar = {
        "startValue": VOLT, "finalValue": VOLT, "stepValue": MAGNITUDE, "pulseValue": MAGNITUDE, "window": FRACTION,
    }  # fmt: skip
    defaults: ClassVar = {**_Stairs.defaults, "pulseValue": 0.025}

    def _after_quiet_V(self, time_us: int) -> float:
        pulse = time_us >= self.period_us and time_us % self.period_us < self.period_us // 2
        return self.stair_V(time_us + self.quiet_us) + (self.values["pulseValue"] if pulse else 0.0)

    def extremes_V(self) -> tuple[float, float]:
        """With the pulse on the side to which it goes; without the quiet value."""
        low_V, high_V = self._between_V("startValue", "finalValue")
        pulse_V = self.values["pulseValue"]
        rises = self.values["startValue"] <= self.values["finalValue"]
        return (low_V, high_V + pulse_V) if rises else (low_V - pulse_V, high_V)


class MultiStep(Waveform):
    """Voltages one after the other, each for a time."""

    name = "multiStep"
    most = _MOST_STEPS

    def __init__(self, steps: int = 5) -> None:
        super().__init__()
        self.values["step"] = [[1000, 0.5 if number % 2 == 0 else -0.5] for number in range(steps)]

    def take(self, given: object) -> dict[str, Any]:
        """All steps at once, or none."""
        taken = super().take(given)
        assert isinstance(given, dict)
        steps = given.get("step")
        problem = self._problem("step" in given, steps)
        if problem:
            raise Refused(problem, taken)
        assert isinstance(steps, list)
        self.values["step"] = [[duration & _UINT32, real(value)] for duration, value in steps]
        return {**taken, "step": self.values["step"]}

    def _problem(self, there: bool, steps: object) -> str:
        if not there:
            return "step key not found"
        if not isinstance(steps, list):
            return "step not a JsonArray"
        if len(steps) > self.most:
            return "step array too large"
        return next(filter(None, map(_step_problem, steps)), "")

    @property
    def duration_us(self) -> int:
        """Of all steps."""
        return sum(int(duration) * 1000 for duration, _ in self.values["step"])

    def _after_quiet_V(self, time_us: int) -> float:
        end_us = 0
        for duration, value in self.values["step"]:
            end_us += duration * 1000
            if time_us <= end_us:
                return float(value)
        return 0.0

    def extremes_V(self) -> tuple[float, float]:
        """Without the quiet value."""
        voltages = [value for _, value in self.values["step"]] or [0.0]
        return min(voltages), max(voltages)

    def next_change_us(self, time_us: int) -> int:
        """Right after the end of the present step, which its last look still belongs to."""
        end_us = self.quiet_us
        for duration, _ in ([0, 0.0], *self.values["step"]):
            end_us += int(duration) * 1000
            if time_us < end_us:
                return end_us
            if time_us < end_us + TICK_us:
                return end_us + TICK_us
        return self.done_us


class Chronoamperometry(MultiStep):
    """Two steps."""

    name = "chronoamp"
    most = 2

    def __init__(self) -> None:
        super().__init__(2)


EVERY_WAVEFORM: tuple[Callable[[], Waveform], ...] = (
    Cyclic,
    Sinusoid,
    Constant,
    SquareWave,
    LinearSweep,
    Chronoamperometry,
    MultiStep,
    DifferentialPulse,
)
"""In the order in which the instrument tells them."""


def real(value: int | float) -> float:
    """As a float; a whole number that is too large for one is endless."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _bounded(kind: str, value: float) -> float:
    """Magnitudes without sign, fractions between 0 and 1."""
    if kind == MAGNITUDE:
        return abs(value)
    return min(1.0, max(0.0, abs(value))) if kind == FRACTION else value


def _step_problem(step: object) -> str:
    if not isinstance(step, list):
        return "step item not JsonArary"  # as the real one spells it
    if len(step) != 2:
        return "step item size!=2"
    duration, value = step
    if isinstance(duration, bool) or not isinstance(duration, int):
        return "step item[0] not uint32"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "step item[1] not float"
    return ""
