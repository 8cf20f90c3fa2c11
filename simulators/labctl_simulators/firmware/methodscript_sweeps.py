"""Measurement loops of MethodSCRIPT that sweep a staircase: LSV, LSP, CV.

Source: MethodSCRIPT manual v1.8, section 14.11. Each step is held for step / rate and measured at its end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from .methodscript_errors import Code, ScriptFault
from .methodscript_techniques import Galvanostatic, Loop, MeasurementLoop, Potentiostatic, check_interval
from .methodscript_variables import Operand, Target

SMALLEST_POTENTIAL_STEP_V = 100e-6  # Assumed: one step of the potential DAC


class Staircase(MeasurementLoop):
    """One point a step of a sweep. Mixed with what is swept and measured."""

    levels: tuple[Operand, ...]
    step: Operand
    rate: Operand
    scans = 1
    smallest_step = 0.0

    _turning = False
    _stairs: Iterator[tuple[int, float]] = iter(())
    _interval_s = 0.0
    _done = 0
    _scan = 0

    def turn(self) -> None:
        """``R``: the present slope ends here, as if its vertex were reached."""
        self._turning = True

    def start(self) -> None:
        """Take the staircase and apply its first step."""
        step = self.step.value
        if step < self.smallest_step * (1.0 - 1e-6):
            raise ScriptFault(Code.STEP_TOO_SMALL)
        levels = [level.value for level in self.levels]
        if levels[0] == levels[1]:
            raise ScriptFault(Code.NO_STEP)
        self._interval_s = check_interval(step / self.rate.value)
        self._stairs = self._climb(levels, step)
        self._turning = False
        self._done, self._scan = -1, -1
        self.scope.closing = "*\n"
        self.proceed()

    def proceed(self) -> bool:
        """Apply the next step; with several scans, mark where one ends and the next begins."""
        stair = next(self._stairs, None)
        if stair is None:
            return False
        scan, level = stair
        if scan != self._scan and self.scans > 1:
            self.machine.out.append(f"-\nC{scan:04d}\n" if scan else f"C{scan:04d}\n")
            self.scope.closing = "-\n*\n"
        self._scan = scan
        self.apply(level)
        self._done += 1
        self.wait_until((self._done + 1) * self._interval_s)
        return True

    def _climb(self, levels: list[float], step: float) -> Iterator[tuple[int, float]]:
        """Steps with the number of their scan, from 0."""
        level, *vertices = levels
        yield 0, level
        for scan in range(self.scans):
            for vertex in vertices:
                origin, direction = level, math.copysign(step, vertex - level)
                for count in range(1, int(abs(vertex - origin) / step + 1e-6) + 1):
                    if self._turning:
                        break
                    level = origin + count * direction
                    yield scan, level
                self._turning = False


class LinearSweepVoltammetry(Staircase, Potentiostatic):
    """``meas_loop_lsv``."""

    technique = "0000"
    smallest_step = SMALLEST_POTENTIAL_STEP_V

    def __init__(
        self,
        loop: Loop,
        potential: Target,
        current: Target,
        begin: Operand,
        end: Operand,
        step: Operand,
        rate: Operand,
    ) -> None:
        super().__init__(loop, potential, current)
        self.levels, self.step, self.rate = (begin, end), step, rate


class LinearSweepPotentiometry(Staircase, Galvanostatic):
    """``meas_loop_lsp``."""

    technique = "000F"

    def __init__(
        self,
        loop: Loop,
        potential: Target,
        current: Target,
        begin: Operand,
        end: Operand,
        step: Operand,
        rate: Operand,
    ) -> None:
        super().__init__(loop, potential, current)
        self.levels, self.step, self.rate = (begin, end), step, rate


class CyclicVoltammetry(Staircase, Potentiostatic):
    """``meas_loop_cv``: from the begin over two vertices back to the begin, in each scan."""

    technique = "0005"
    smallest_step = SMALLEST_POTENTIAL_STEP_V

    def __init__(
        self, loop: Loop, potential: Target, current: Target, begin: Operand, vertex_1: Operand, vertex_2: Operand,
        step: Operand, rate: Operand, nscans: tuple[tuple[int], ...] = ((1,),),
    ) -> None:  # fmt: skip
        super().__init__(loop, potential, current)
        self.levels, self.step, self.rate = (begin, vertex_1, vertex_2, begin), step, rate
        self.scans = nscans[-1][0]
        if self.scans < 1:
            raise ScriptFault(Code.NOT_POSITIVE)
        self.scope.turn = self.turn
