"""Stop rule: a dendrite touches now and then, before it shorts the cell for good."""

import statistics
from collections import deque

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.protocol.rule_spec import SoftShort
from labctl.rules.decision import Decision, HalfCycleStart
from labctl.rules.equal_charge import OFFSET_V, Criterion, EqualChargeWatch, Excess
from labctl.rules.spectra import TotalImpedances

LEAST_SPECTRA = 2  # earlier ones: a first spectrum alone may still show a native film that cycling removes
LEAST_SAMPLES = 3
NOTICEABLE_V = 0.005


class SoftShortRule:
    """Counts sudden drops of the overpotential at unchanged current, and looks for a fallen impedance.

    A touch is a drop by ``drop_fraction`` within ``window_s`` to where the cell was not at equal charge in earlier
    half-cycles either (the spike of nucleation drops as suddenly, but does so every time). It takes three samples on
    which the overpotential keeps its direction, so that one or two wrong readings are none. After a touch the voltage
    has to recover before the next one counts.
    """

    on_samples = True

    def __init__(self, spec: SoftShort) -> None:
        self.name = spec.name
        self._spec = spec
        criterion = Criterion(
            factor=1 - spec.drop_fraction / 2,
            minimum_V=NOTICEABLE_V,
            hold_s=0.0,
            grace_fraction=spec.grace_fraction,
            least_samples=LEAST_SAMPLES,
            believed_to_V=OFFSET_V,
        )
        self._watch = EqualChargeWatch(criterion, spec.baseline_cycles, drift=None)
        self._touches: deque[int] = deque(maxlen=spec.count)  # the cycle of each
        self._totals = TotalImpedances()
        self._cycle = 0
        self._active = True

    def begin_half_cycle(self, start: HalfCycleStart) -> None:
        """Current begins to flow. Levels are counted downwards: the lower the overpotential, the higher the level."""
        self._cycle = start.cycle
        if not self._active or start.equilibrium_voltage_V is None:
            self._watch.ignore()
            return
        self._watch.begin(start, factor=-start.sign, offset_V=start.sign * start.equilibrium_voltage_V)

    def sample(
        self, seq: int, time_s: float, voltage_V: float, current_A: float, charge_C: float
    ) -> Decision | None:
        """A reading while current flows."""
        excess = self._watch.sample(seq, time_s, voltage_V, current_A, charge_C)
        if excess is None:
            return None
        self._watch.wait_for_recovery()
        before = self._watch.level_before(self._spec.window_s)
        # Levels are negative overpotentials: a drop to 0.6 of it is a level above 0.6 of the earlier level.
        if before is None or not excess.level > (1 - self._spec.drop_fraction) * before:
            return None
        return self._count(excess, before, time_s)

    def _count(self, excess: Excess, before: float, time_s: float) -> Decision | None:
        self._touches.append(self._cycle)
        recent = [cycle for cycle in self._touches if cycle > self._cycle - self._spec.baseline_cycles]
        if len(recent) < self._spec.count:
            return None
        self._active = False
        self._watch.ignore()
        return Decision(
            rule=self.name,
            actions=self._spec.then,
            reason=(
                f"{len(recent)} sudden drops of the overpotential since cycle {recent[0]}, the last from "
                f"{-1e3 * before:.1f} to {-1e3 * excess.level:.1f} mV at unchanged current"
            ),
            threshold=self._spec.count,
            observed=len(recent),
            unit="1",
            cycle=self._cycle,
            time_s=time_s,
            first_seq=excess.first_seq,
            last_seq=excess.last_seq,
        )

    def interrupted(self) -> None:
        """The current flows again after a pause: the cell gets its grace period again."""
        self._watch.mask()

    def end_half_cycle(self, half_cycle: HalfCycle) -> Decision | None:
        """A half-cycle is over."""
        self._watch.end(half_cycle)
        return None

    def spectrum(self, spectrum: Spectrum) -> Decision | None:
        """A sweep is finished; it interrupts the current, so that the cell gets its grace period again."""
        self._watch.mask()
        taken = self._totals.take(spectrum) if self._active else None
        if taken is None or len(taken[1]) < LEAST_SPECTRA:
            return None
        total_ohm, usual_ohm = taken[0], statistics.median(taken[1])
        limit_ohm = self._spec.impedance_fraction * usual_ohm
        if total_ohm >= limit_ohm:
            return None
        self._active = False
        self._watch.ignore()
        return Decision(
            rule=self.name,
            actions=self._spec.then,
            reason=f"total impedance fell to {total_ohm:.4g} ohm; earlier spectra showed {usual_ohm:.4g} ohm",
            threshold=limit_ohm,
            observed=total_ohm,
            unit="ohm",
            cycle=spectrum.cycle,
            time_s=spectrum.points[-1].time_s,
        )
