"""Stop rule: the voltage collapses although the current flows on."""

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.protocol.rule_spec import ShortCircuit
from labctl.rules.decision import Decision, HalfCycleStart
from labctl.rules.equal_charge import OFFSET_V, Criterion, EqualChargeWatch, Excess


class ShortCircuitRule:
    """Decides when the voltage stays below ``fraction`` of the cell's own history for ``hold_s``.

    With a known equilibrium voltage it looks at the overpotential at equal charge. Otherwise it looks at the
    terminal voltage against the lowest of earlier half-cycles: a full cell near the end of discharge may be far
    below its history at equal charge, and healthy.
    """

    on_samples = True

    def __init__(self, spec: ShortCircuit) -> None:
        self.name = spec.name
        self._spec = spec
        criterion = Criterion(
            factor=spec.fraction,
            minimum_V=spec.minimum_fall_V,
            hold_s=spec.hold_s,
            grace_fraction=spec.grace_fraction,
            believed_to_V=OFFSET_V,
        )
        self._watch = EqualChargeWatch(criterion, spec.baseline_cycles, spec.drift)
        self._what = ""
        self._cycle = 0
        self._active = True

    def begin_half_cycle(self, start: HalfCycleStart) -> None:
        """Current begins to flow. Levels are counted downwards: the lower the voltage, the higher the level."""
        self._cycle = start.cycle
        equilibrium_V = start.equilibrium_voltage_V
        if not self._active:
            self._watch.ignore()
        elif equilibrium_V is None:
            self._what = "voltage"
            self._watch.begin(start, factor=-1.0, offset_V=0.0, flat=True)
        else:
            self._what = "overpotential"
            self._watch.begin(start, factor=-start.sign, offset_V=start.sign * equilibrium_V)

    def sample(
        self, seq: int, time_s: float, voltage_V: float, current_A: float, charge_C: float
    ) -> Decision | None:
        """A reading while current flows."""
        excess = self._watch.sample(seq, time_s, voltage_V, current_A, charge_C)
        return None if excess is None else self._decide(excess, time_s)

    def interrupted(self) -> None:
        """The current flows again after a pause: the cell gets its grace period again."""
        self._watch.mask()

    def end_half_cycle(self, half_cycle: HalfCycle) -> Decision | None:
        """A half-cycle is over."""
        self._watch.end(half_cycle)
        return None

    def spectrum(self, spectrum: Spectrum) -> Decision | None:
        """A sweep interrupts the current: the cell gets its grace period again."""
        self._watch.mask()
        return None

    def _decide(self, excess: Excess, time_s: float) -> Decision:
        self._active = False
        self._watch.ignore()
        return Decision(
            rule=self.name,
            actions=self._spec.then,
            reason=(
                f"{self._what} collapsed to {-1e3 * excess.level:.1f} mV at unchanged current, for "
                f"{excess.lasted_s:.0f} s; earlier cycles showed {-1e3 * excess.baseline:.1f} mV"
            ),
            threshold=-excess.limit,
            observed=-excess.level,
            unit="V",
            cycle=self._cycle,
            time_s=time_s,
            first_seq=excess.first_seq,
            last_seq=excess.last_seq,
        )
