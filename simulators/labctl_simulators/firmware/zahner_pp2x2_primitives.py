"""The primitives of the simulated Zahner potentiostats: polarisation, open circuit, ramps and stairs, with their ends.

A primitive takes a point after each sampling period, the first one period after its start, and one at its end. At each
point it is held against its limits: global ones (error 1003, potentiostat off), its own ones (a success), the charge,
the tolerance and the time.

Source: zahner_potentiostat 1.1.2 and Zahner's examples. Assumed: both windows are looked at as the descriptions of
their setters say (own voltages while a current is held and at open circuit, own currents while a voltage is held;
global ones always); either tolerance is enough.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .zahner_pp2x2_circuit import Circuit
from .zahner_pp2x2_packets import OVER_TIME, STAIRS, Point
from .zahner_pp2x2_settings import GLOBAL_LIMIT, OUT_OF_RANGE, Refused, Settings

OK, LIMIT_REACHED = "ok", f"error {GLOBAL_LIMIT}"
_SLACK_S = 1e-9
_MOST_LEVELS = _MOST_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class Course:
    """What the set point does.

    Attributes:
        lasts_s: of the whole, or of a level.
        at: the set point after a time; None: the cell rests at open circuit.
        levels: of a staircase; each is recorded at its end only.
    """

    lasts_s: float
    at: Callable[[float], float] | None
    levels: tuple[float, ...] = ()


def course_of(header: str, settings: Settings, start: float, open_circuit_V: float) -> Course:
    """The course that a command and the present parameters mean.

    Args:
        header: without the question mark.
        settings: the parameters.
        start: the present set point, where a ramp or a staircase begins.
        open_circuit_V: what voltages may be related to.

    Raises:
        Refused: the parameters make none.
    """
    galvanostatic = settings.word("SESO:COUP") == "gal"
    target = settings.number("PARA:IVAL" if galvanostatic else "PARA:UVAL")
    if not galvanostatic and settings.word("PARA:UREL") == "OCV":
        target += open_circuit_V
    if header == "MEAS:OCVS":
        return Course(settings.number("PARA:TMAX"), None)
    if header == "MEAS:POGA":
        return Course(settings.number("PARA:TMAX"), lambda _: target)
    if header == "MEAS:IESC":
        return _stairs(start, target, abs(settings.number("PARA:STEP")), settings.number("PARA:TMAX"))
    lasts_s, rate = settings.number("PARA:TIME"), settings.number("PARA:SCRA")
    if header == "MEAS:RMPS":
        lasts_s = abs(target - start) / abs(rate) if rate else math.inf
    if header == "MEAS:RMPV":
        target = start + rate * lasts_s
    if not 0.0 < lasts_s < math.inf:
        raise Refused(OUT_OF_RANGE)
    return Course(lasts_s, lambda elapsed_s: start + (target - start) * min(elapsed_s / lasts_s, 1.0))


def _stairs(start: float, target: float, step: float, lasts_s: float) -> Course:
    if not step or not lasts_s or abs(target - start) / step > _MOST_LEVELS:
        raise Refused(OUT_OF_RANGE)
    count = math.ceil(abs(target - start) / step - _SLACK_S)
    way = math.copysign(step, target - start)
    levels = (*(start + way * number for number in range(1, count)), target)
    return Course(lasts_s, lambda _: target, levels)


class Primitive:
    """One that runs.

    Attributes:
        kind: as the data port tells it.
        due_s: when it is looked at next.
        new: the point that the last look has recorded, if any.
        points: what it has recorded; of very many, the last.
    """

    def __init__(
        self, course: Course, settings: Settings, circuit: Circuit, begins_s: float, open_circuit: bool
    ) -> None:
        self.kind = STAIRS if course.levels else OVER_TIME
        self.new: Point | None = None
        self.points: deque[Point] = deque(maxlen=_MOST_POINTS)
        self._course = course
        self._settings = settings
        self._circuit = circuit
        self._period_s = 1.0 / settings.number("SESO:SFRQ")
        self._begins_s = self._level_s = begins_s
        self._open_circuit = open_circuit
        self._level = self._looks = 0
        self._charge_C = 0.0
        self._beyond_s = {"PARA": math.inf, "SESO": math.inf}
        self._first: float | None = None
        self._last = (begins_s, math.nan)
        if course.at is not None:
            circuit.set_point = course.levels[0] if course.levels else course.at(0.0)
        self.due_s = self._next_s()

    def look(self) -> str | None:
        """Do what is due; the reply when it has ended."""
        now_s, elapsed_s = self.due_s, self.due_s - self._begins_s
        self._charge_C += self._move(now_s, elapsed_s)
        voltage_V, current_A = self._circuit.read()
        self._looks += 1
        end = self._end(now_s, elapsed_s, voltage_V, current_A)
        level_over = bool(self._course.levels) and (end is not None or self._level_is_over(now_s))
        self.new = (elapsed_s, voltage_V, current_A) if level_over or not self._course.levels else None
        if self.new is not None:
            self.points.append(self.new)
        if level_over and end is None:
            end = self._climb(now_s)
        self.due_s = self._next_s()
        return end

    def _move(self, now_s: float, elapsed_s: float) -> float:
        """Let time pass while the set point follows its course; the charge in C."""
        circuit, course = self._circuit, self._course
        if course.at is None or course.levels:
            return circuit.live_until(now_s)
        following = course.at(elapsed_s)
        charge_C = circuit.live_until(now_s, 0.5 * (circuit.set_point + following))
        circuit.set_point = following
        return charge_C

    def _end(self, now_s: float, elapsed_s: float, voltage_V: float, current_A: float) -> str | None:
        settings = self._settings
        global_window = (*settings.window("SESO:ULIM"), *settings.window("SESO:ILIM"))
        if self._leaves("SESO", now_s, global_window, voltage_V, current_A):
            return LIMIT_REACHED
        low_V, high_V, low_A, high_A = -math.inf, math.inf, -math.inf, math.inf
        if self._open_circuit or self._circuit.galvanostatic:
            low_V, high_V = settings.window("PARA:ULIM")
        else:
            low_A, high_A = settings.window("PARA:ILIM")
        if self._leaves("PARA", now_s, (low_V, high_V, low_A, high_A), voltage_V, current_A):
            return OK
        low_C, high_C = settings.window("PARA:CHAR")
        if not self._open_circuit and not low_C < self._charge_C < high_C:
            return OK
        watched = voltage_V if self._open_circuit or self._circuit.galvanostatic else current_A
        settled = self._has_settled(now_s, watched)
        if self._course.levels:
            if settled:
                self._level_s = now_s - self._course.lasts_s
            return None
        return OK if settled or elapsed_s >= self._course.lasts_s - _SLACK_S else None

    def _leaves(
        self,
        which: str,
        now_s: float,
        window: tuple[float, float, float, float],
        voltage_V: float,
        current_A: float,
    ) -> bool:
        """Whether a window has been left for longer than is tolerated."""
        low_V, high_V, low_A, high_A = window
        inside = low_V < voltage_V < high_V and low_A < current_A < high_A
        self._beyond_s[which] = math.inf if inside else min(self._beyond_s[which], now_s)
        return now_s - self._beyond_s[which] >= self._settings.number(f"{which}:UILT")

    def _has_settled(self, now_s: float, value: float) -> bool:
        """Whether the value changes less than is tolerated, after the shortest time."""
        (before_s, before), self._last = self._last, (now_s, value)
        if self._first is None:
            self._first = value
            return False
        settings = self._settings
        if not settings.on("PARA:TOL:STAT") or now_s - self._level_s < settings.number("PARA:TMIN"):
            return False
        rate = abs(value - before) / (now_s - before_s)
        return rate < settings.number("PARA:TOL:ABS") or rate < settings.number("PARA:TOL:REL") * abs(
            self._first
        )

    def _level_is_over(self, now_s: float) -> bool:
        return now_s - self._level_s >= self._course.lasts_s - _SLACK_S

    def _climb(self, now_s: float) -> str | None:
        """Go to the next level; there may be none."""
        self._level += 1
        if self._level >= len(self._course.levels):
            return OK
        self._level_s, self._first = now_s, None
        self._circuit.set_point = self._course.levels[self._level]
        return None

    def _next_s(self) -> float:
        """After one more period, and not after the end."""
        ends_s = (self._level_s if self._course.levels else self._begins_s) + self._course.lasts_s
        return max(min(self._begins_s + (self._looks + 1) * self._period_s, ends_s), self._begins_s)
