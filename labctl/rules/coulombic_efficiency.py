"""Stop rule: a cycle gives back too little of the charge it took."""

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.protocol.rule_spec import CoulombicEfficiency
from labctl.rules.decision import Decision, HalfCycleStart


class CoulombicEfficiencyRule:
    """Judges a cycle as soon as both of its half-cycles are complete, whichever comes first."""

    on_samples = False

    def __init__(self, spec: CoulombicEfficiency) -> None:
        self.name = spec.name
        self._spec = spec
        self._cycle = 0
        self._charge_C: dict[int, float] = {}
        self._low_cycles = 0
        self._active = True

    def begin_half_cycle(self, start: HalfCycleStart) -> None:
        """Nothing to look at."""

    def sample(
        self, seq: int, time_s: float, voltage_V: float, current_A: float, charge_C: float
    ) -> Decision | None:
        """Nothing to look at."""
        return None

    def interrupted(self) -> None:
        """Nothing to look at."""

    def end_half_cycle(self, half_cycle: HalfCycle) -> Decision | None:
        """A half-cycle is over; one that a stop or a fault ended says nothing about the cell."""
        if not self._active or half_cycle.cycle <= self._spec.grace_cycles or not half_cycle.complete:
            return None
        if half_cycle.cycle != self._cycle:
            self._cycle = half_cycle.cycle
            self._charge_C.clear()
        self._charge_C[half_cycle.sign] = half_cycle.charge_C
        if len(self._charge_C) < 2 or not self._charge_C[+1] > 0:
            return None
        return self._judge(self._charge_C[-1] / self._charge_C[+1], half_cycle)

    def _judge(self, efficiency: float, half_cycle: HalfCycle) -> Decision | None:
        self._low_cycles = self._low_cycles + 1 if efficiency < self._spec.minimum else 0
        if self._low_cycles < self._spec.cycles:
            return None
        self._active = False
        return Decision(
            rule=self.name,
            actions=self._spec.then,
            reason=(
                f"coulombic efficiency {efficiency:.4f} is below {self._spec.minimum:g} for "
                f"{self._low_cycles} cycles in a row"
            ),
            threshold=self._spec.minimum,
            observed=efficiency,
            unit="1",
            cycle=half_cycle.cycle,
            time_s=half_cycle.end_s,
        )

    def spectrum(self, spectrum: Spectrum) -> Decision | None:
        """Nothing to look at."""
        return None
