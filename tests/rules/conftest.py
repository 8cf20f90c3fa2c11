"""A symmetric cell that is written down as a function, fed to stop rules sample by sample."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from labctl.half_cycle import HalfCycle, HalfCycleFigures
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec, Spectrum
from labctl.instrument.step import SafetyLimits
from labctl.rules import Decision, HalfCycleStart, RuleSet, StopRule

HALF_CYCLE_S = 9000.0
CURRENT_A = 113.1e-6

Level = Callable[[int, float, float], float]
"""Overpotential in V, by cycle, passed charge (0..1) and time in s."""


@dataclass
class Feeder:
    """Cycles a cell at constant current; knows the time of every reversal."""

    rules: RuleSet
    every_s: float = 30.0
    current_A: float = CURRENT_A
    equilibrium_V: float | None = 0.0
    cut_off_V: float = 0.9
    mirrored: bool = False
    decisions: list[Decision] = field(default_factory=list)
    half_cycles: list[HalfCycle] = field(default_factory=list)
    time_s: float = 0.0
    seq: int = 0

    def cycle(self, numbers: Iterable[int], level: Level) -> list[Decision]:
        """Whole cycles, as long as nothing has been decided; returns what has."""
        for number in numbers:
            for sign in (-1, +1) if self.mirrored else (+1, -1):
                if not self.decisions:
                    self.half_cycle(number, sign, level)
        return self.decisions

    def half_cycle(self, number: int, sign: int, level: Level) -> None:
        current_A, began_s = sign * self.current_A, self.time_s
        self.rules.begin_half_cycle(HalfCycleStart(number, sign, current_A, self.equilibrium_V, began_s))
        figures = HalfCycleFigures(number, sign, began_s, self.equilibrium_V)
        reason, passed = "capacity", 0.0
        while passed < 1:
            self.time_s = min(self.time_s + self.every_s, began_s + HALF_CYCLE_S)
            passed = (self.time_s - began_s) / HALF_CYCLE_S
            self.seq += 1
            beyond_V = level(number, passed, self.time_s)
            voltage_V = (self.equilibrium_V or 0.0) + sign * beyond_V
            charge_C = figures.add(self.time_s, voltage_V, current_A)
            self.decisions += self.rules.sample(self.seq, self.time_s, voltage_V, current_A, charge_C) or ()
            if beyond_V >= self.cut_off_V:
                reason = "voltage"
                break
        self.half_cycles.append(figures.finish(reason))
        self.decisions += self.rules.end_half_cycle(self.half_cycles[-1])


@pytest.fixture
def feeder() -> Callable[..., Feeder]:
    """Makes a feeder for one rule."""

    def make(rule: StopRule, **settings: object) -> Feeder:
        return Feeder(RuleSet([rule]), **settings)  # type: ignore[arg-type]

    return make


@pytest.fixture
def healthy() -> Level:
    """A spike of nucleation, then a climb from 40 to 60 mV."""
    return lambda cycle, passed, time_s: 0.040 + 0.020 * passed + 0.050 * 2.718 ** (-passed / 0.01)


@pytest.fixture
def spectrum_of() -> Callable[..., Spectrum]:
    """Makes a spectrum with a given total impedance."""

    def make(total_ohm: float, cycle: int = 1, low_Hz: float = 0.1, time_s: float = 0.0) -> Spectrum:
        safety = SafetyLimits(-1.0, 1.0, 1e-3)
        spec = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, None, 1e5, low_Hz, 10, safety)
        points = (ImpedancePoint(time_s, 1e5, 10.0, -1.0), ImpedancePoint(time_s, low_Hz, total_ohm, 0.0))
        return Spectrum(spec, cycle, time_s, points)

    return make
