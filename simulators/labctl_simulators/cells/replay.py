"""A recorded cell: what was measured once answers again, so that a protocol can be tried on real data.

What is played. The recording is cut into half-cycles by the direction of its current; within one, the voltage and the
current are functions of the charge that has passed, and a pause of the recording is a relaxation in time that begins
at its charge. The cell plays them in their order: while a current flows it goes on along the present half-cycle by the
charge that passes, whatever the time it takes, and when the current reverses it goes to the next half-cycle of that
direction (what was left of the present one is skipped). When the current stops where the recording paused too (within
1 % of the half-cycle's charge), the recorded relaxation is played in time, and its last voltage stays.

What is not in the recording. A current that differs from the recorded one moves the voltage by an ohmic resistance,

    V = V_rec(q) + R (i - i_rec(q)),

which is also how a held voltage finds its current: a recorded constant-voltage phase comes out as it was. R is, if it
is not given, the median of dV/dI over the recording's own current steps. Kinetics and diffusion at another current
are therefore not predicted: the more the current differs, the less the answer means. Beyond the charge of its recorded
half-cycle a cell runs away by 1 V with each 1 % of that charge, in the direction of the current, so that a cut-off is
reached close to where the recording ended. After the last half-cycle of a direction the leads are open (1 Gohm):
nothing is made up, and the run ends at its safety window. A recording holds no impedance: a sweep sees R.
"""

import math
from pathlib import Path

from labctl_simulators.cells import Cell
from labctl_simulators.cells.recorded_half_cycles import HalfCycle, at, cut, interpolate, knots, step_ohm
from labctl_simulators.cells.recording import Readings, read_recording

OPEN_ohm = 1e9
_AT_THE_SAME_CHARGE = 0.01  # of the half-cycle's


class ReplayCell:
    """A recording with two terminals.

    Args:
        readings: what was recorded.
        resistance_ohm: R; None: estimated from the recording.

    Raises:
        ValueError: no half-cycle is in it, its current has the other sign, or nothing says what R is.
    """

    def __init__(self, readings: Readings, resistance_ohm: float | None = None) -> None:
        self._first_rest, self._half_cycles = cut(readings)
        if not self._half_cycles:
            raise ValueError("no current flows in the recording")
        resistance_ohm = resistance_ohm or step_ohm(readings)
        if not resistance_ohm:
            raise ValueError("the recording has no current step that tells a resistance: add ,resistance=OHM")
        self.resistance_ohm = resistance_ohm
        self._place = -1
        self._passed_C = 0.0
        self._rested_s = 0.0
        self._resting = True
        self._over = False

    def voltage_V(self, current_A: float) -> float:
        """Terminal voltage, V."""
        if current_A == 0.0:
            return self._open_V()
        ahead = self._ahead(current_A)
        if ahead is None:
            return self._open_V() + OPEN_ohm * current_A
        recorded_V, recorded_A = at(*ahead)
        return recorded_V + self.resistance_ohm * (current_A - recorded_A)

    def current_A(self, voltage_V: float) -> float:
        """Current at a held voltage, A."""
        excess_V = voltage_V - self._open_V()
        ahead = self._ahead(excess_V)
        if ahead is None:
            return excess_V / OPEN_ohm
        recorded_V, recorded_A = at(*ahead)
        return recorded_A + (voltage_V - recorded_V) / self.resistance_ohm

    def advance_current(self, duration_s: float, current_A: float) -> None:
        """Let time pass at a current."""
        if current_A == 0.0:
            self._rest(duration_s)
            return
        self._turn_to(current_A)
        if not self._over:
            half_cycle = self._half_cycles[self._place]
            self._passed_C = max(0.0, self._passed_C + half_cycle.sign * current_A * duration_s)

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        """Let time pass at a held voltage; the charge passed in C."""
        self._turn_to(voltage_V - self._open_V())
        if self._over:
            return duration_s * self.current_A(voltage_V)
        half_cycle = self._half_cycles[self._place]
        before_C = self._passed_C
        remaining_s = duration_s
        while remaining_s > 0.0:
            remaining_s -= self._hold(half_cycle, remaining_s, voltage_V)
        return half_cycle.sign * (self._passed_C - before_C)

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        """The resistance R: a recording of voltages and currents holds no impedance."""
        return complex(OPEN_ohm if self._over else self.resistance_ohm, 0.0)

    def _rest(self, duration_s: float) -> None:
        if not self._resting:
            self._resting = True
            self._rested_s = 0.0
        self._rested_s += duration_s

    def _turn_to(self, direction: float) -> None:
        """Go to where a current of this direction flows."""
        self._resting = False
        place = self._next(direction)
        if place is None:
            self._over = True
        elif place != self._place:
            self._place, self._passed_C = place, 0.0

    def _ahead(self, direction: float) -> tuple[HalfCycle, float] | None:
        """Where a current of this direction flows: the half-cycle and the charge in it; None: nowhere any more."""
        place = None if self._over else self._next(direction)
        if place is None:
            return None
        return self._half_cycles[place], self._passed_C if place == self._place else 0.0

    def _next(self, direction: float) -> int | None:
        if self._place >= 0 and (direction == 0.0 or direction * self._half_cycles[self._place].sign > 0.0):
            return self._place
        later = range(self._place + 1, len(self._half_cycles))
        return next((k for k in later if direction * self._half_cycles[k].sign >= 0.0), None)

    def _open_V(self) -> float:
        """What the terminals show without current."""
        if self._place < 0:
            first = self._half_cycles[0]
            if self._first_rest.times_s:
                return interpolate(self._rested_s, self._first_rest.times_s, self._first_rest.voltages_V)
            return first.voltages_V[0] - self.resistance_ohm * first.currents_A[0]
        half_cycle = self._half_cycles[self._place]
        if self._resting:
            near_C = _AT_THE_SAME_CHARGE * half_cycle.charge_C
            for pause in half_cycle.pauses:
                if abs(pause.at_C - self._passed_C) <= near_C:
                    return interpolate(self._rested_s, pause.times_s, pause.voltages_V)
        recorded_V, recorded_A = at(half_cycle, min(self._passed_C, half_cycle.charge_C))
        return recorded_V - self.resistance_ohm * recorded_A

    def _hold(self, half_cycle: HalfCycle, longest_s: float, voltage_V: float) -> float:
        """Hold a voltage up to the next reading of the recording; the time that took.

        Between two readings the current is a straight line of the charge, i = a + b q, so the charge is exponential
        in time.
        """
        start_C, end_C = knots(half_cycle, self._passed_C)
        here_A, there_A = (
            half_cycle.sign * self._held_A(half_cycle, charge_C, voltage_V) for charge_C in (start_C, end_C)
        )
        slope = (there_A - here_A) / (end_C - start_C)
        now_A = here_A + slope * (self._passed_C - start_C)
        target_C = end_C if now_A > 0.0 else start_C
        arrival_s = _arrival_s(now_A, slope, target_C - self._passed_C)
        if arrival_s <= longest_s and arrival_s > 0.0:
            self._passed_C = math.nextafter(target_C, math.inf if now_A > 0.0 else -math.inf)
            self._passed_C = max(0.0, self._passed_C)
            return arrival_s
        moved = (
            now_A * longest_s
            if abs(slope * longest_s) < 1e-9
            else now_A * math.expm1(slope * longest_s) / slope
        )
        self._passed_C = max(0.0, self._passed_C + moved)
        return longest_s

    def _held_A(self, half_cycle: HalfCycle, charge_C: float, voltage_V: float) -> float:
        recorded_V, recorded_A = at(half_cycle, charge_C)
        return recorded_A + (voltage_V - recorded_V) / self.resistance_ohm


def replay(argument: str | None, seed: int) -> Cell:
    """Make the cell ``replay:FILE`` or ``replay:FILE,resistance=25``.

    Args:
        argument: A CSV file in the Battery Data Format, and R in ohm if it is not to be estimated.
        seed: Ignored: a recording is as it is.

    Raises:
        ValueError: No file, one that cannot be read as such, or one that cannot be played.
    """
    path, _, given = (argument or "").partition(",resistance=")
    if not path:
        raise ValueError("a replay needs its recording, such as replay:cell7.bdf.csv")
    resistance_ohm = None
    if given:
        try:
            resistance_ohm = float(given)
        except ValueError:
            resistance_ohm = math.nan
        if not (0.0 < resistance_ohm < math.inf):
            raise ValueError(f"the resistance has to be a number above 0 ohm, not {given!r}")
    return ReplayCell(read_recording(Path(path)), resistance_ohm)


def _arrival_s(now_A: float, slope: float, way_C: float) -> float:
    """When a charge is passed at a current that grows by ``slope`` per coulomb; infinity if it never is."""
    if now_A == 0.0 or way_C == 0.0:
        return math.inf
    growth = slope * way_C / now_A
    if abs(growth) < 1e-9:
        return way_C / now_A
    return math.log1p(growth) / slope if growth > -1.0 else math.inf
