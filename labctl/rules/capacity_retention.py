"""Stop rule: the discharge capacity has fallen below a fraction of a reference cycle's."""

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.protocol.rule_spec import CapacityRetention
from labctl.rules.decision import Decision, HalfCycleStart


class CapacityRetentionRule:
    """Looks at each complete discharge; the reference is that of ``reference_cycle``, or the first after it."""

    on_samples = False

    def __init__(self, spec: CapacityRetention) -> None:
        self.name = spec.name
        self._spec = spec
        self._reference_C = 0.0
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
        early = half_cycle.cycle < self._spec.reference_cycle
        if not self._active or early or half_cycle.sign > 0 or not half_cycle.complete:
            return None
        if not self._reference_C:
            self._reference_C = half_cycle.charge_C
            return None
        retention = half_cycle.charge_C / self._reference_C
        self._low_cycles = self._low_cycles + 1 if retention < self._spec.minimum else 0
        if self._low_cycles < self._spec.cycles:
            return None
        self._active = False
        return Decision(
            rule=self.name,
            actions=self._spec.then,
            reason=(
                f"discharge capacity is {retention:.1%} of cycle {self._spec.reference_cycle}, below "
                f"{self._spec.minimum:.1%} for {self._low_cycles} cycles"
            ),
            threshold=self._spec.minimum,
            observed=retention,
            unit="1",
            cycle=half_cycle.cycle,
            time_s=half_cycle.end_s,
        )

    def spectrum(self, spectrum: Spectrum) -> Decision | None:
        """Nothing to look at."""
        return None
