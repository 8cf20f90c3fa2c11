"""Impedance measurement loops of MethodSCRIPT, potentiostatic and galvanostatic.

Source: MethodSCRIPT manual v1.8, section 14.11.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from .methodscript_errors import Code, ScriptFault
from .methodscript_techniques import Loop, MeasurementLoop, put
from .methodscript_variables import Operand, Target

# Three periods a frequency (one to settle, two measured), but at least this long. Assumed: both.
PERIODS = 3
SHORTEST_S = 0.15

# Assumed: a point averages the responses over this many conversions, and the phase-sensitive detector itself is
# good to 0.1 % of the modulus.
_CONVERSIONS = 4096
_ACCURACY = 1e-3


class PotentiostaticImpedance(MeasurementLoop):
    """``meas_loop_eis``: frequency (``dc``), real (``cc``) and imaginary part (``cd``); capacitive is negative."""

    technique = "000D"

    def __init__(
        self, loop: Loop, frequency: Target, real: Target, imaginary: Target, amplitude: Operand,
        first: Operand, last: Operand, points: Operand, bias: Operand,
    ) -> None:  # fmt: skip
        super().__init__(loop)
        self.frequency, self.real, self.imaginary = frequency, real, imaginary
        self.amplitude, self.first, self.last, self.points, self.bias = amplitude, first, last, points, bias
        self._frequencies: Iterator[float] = iter(())
        self._frequency_Hz = 0.0
        self._amplitude = 0.0

    def start(self) -> None:
        """Spread the frequencies evenly on a logarithmic scale and apply the bias."""
        count = int(self.points.value)
        first_Hz = self.first.value
        ratio = self.last.value / first_Hz
        self._frequencies = (first_Hz * ratio ** (k / (count - 1)) if k else first_Hz for k in range(count))
        self._amplitude = self.amplitude.value
        self.apply(self.bias.value)
        self.proceed()

    def apply(self, bias: float) -> None:
        """Set the bias potential."""
        self.front.apply_potential(bias)

    def proceed(self) -> bool:
        """Take the next frequency; its point is due when its periods are over."""
        frequency_Hz = next(self._frequencies, None)
        if frequency_Hz is None:
            return False
        self._frequency_Hz = frequency_Hz
        self.machine.due_s += max(SHORTEST_S, PERIODS / frequency_Hz)
        return True

    def point(self) -> None:
        """Measure the impedance of the cell's present state about the bias."""
        front = self.front
        front.advance(self.machine.due_s)
        bias_V, bias_A = front.true_potential_V(), front.true_current_A()
        front.check_overload(bias_V, bias_A)
        impedance = front.cell.impedance_ohm(self._frequency_Hz, bias_A)
        swing_A, swing_V = self.swings(max(abs(impedance), 1e-9))
        currents = front.applied_ranging if self.galvanostatic else front.current_ranging
        current_status = currents.choose(abs(bias_A) + math.sqrt(2.0) * swing_A)
        potential_status = front.potential_ranging.choose(abs(bias_V) + math.sqrt(2.0) * swing_V)
        error = math.hypot(
            _ACCURACY,
            currents.step / (swing_A * math.sqrt(_CONVERSIONS)),
            front.potential_ranging.step / (swing_V * math.sqrt(_CONVERSIONS)),
        )
        impedance *= complex(1.0 + front.noise.gauss(0.0, error), front.noise.gauss(0.0, error))
        put(self.frequency, (self._frequency_Hz, ""), "dc")
        put(self.real, (impedance.real, currents.metadata(current_status)), "cc")
        put(self.imaginary, (impedance.imag, front.potential_ranging.metadata(potential_status)), "cd")

    def swings(self, modulus_ohm: float) -> tuple[float, float]:
        """RMS current in A and potential in V of the excitation and its answer."""
        return self._amplitude / modulus_ohm, self._amplitude


class GalvanostaticImpedance(PotentiostaticImpedance):
    """``meas_loop_geis``: the same with a current as amplitude and bias."""

    technique = "000E"
    galvanostatic = True

    def apply(self, bias: float) -> None:
        """Set the bias current; 0012 if the range cannot deliver bias and amplitude together."""
        if abs(bias) + math.sqrt(2.0) * self._amplitude > self.front.applied_ranging.overload:
            raise ScriptFault(Code.AMPLITUDE_INVALID)
        self.front.apply_current(bias)

    def swings(self, modulus_ohm: float) -> tuple[float, float]:
        """RMS current in A and potential in V of the excitation and its answer."""
        return self._amplitude, self._amplitude * modulus_ohm
