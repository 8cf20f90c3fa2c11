"""Stop rule: the overpotential rises abruptly against the cell's own history at equal passed charge."""

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.protocol.rule_spec import OverpotentialJump
from labctl.rules.decision import Decision, HalfCycleStart
from labctl.rules.equal_charge import Criterion, EqualChargeWatch, Excess


class OverpotentialJumpRule:
    """Decides inside the half-cycle, ``hold_s`` after the overpotential has exceeded ``factor`` times its baseline.

    A rise so steep that the voltage cut-off ends the half-cycle first is decided at its end: at once if at least two
    samples were beyond the limit, otherwise when the next half-cycle is cut short in the same way.
    """

    on_samples = True

    def __init__(self, spec: OverpotentialJump) -> None:
        self.name = spec.name
        self._spec = spec
        criterion = Criterion(
            factor=spec.factor,
            minimum_V=spec.minimum_rise_V,
            hold_s=spec.hold_s,
            grace_fraction=spec.grace_fraction,
        )
        self._watch = EqualChargeWatch(criterion, spec.baseline_cycles, spec.drift)
        self._cycle = 0
        self._cut_short = 0
        self._active = True

    def begin_half_cycle(self, start: HalfCycleStart) -> None:
        """Current begins to flow; without an equilibrium voltage there is no overpotential to look at."""
        self._cycle = start.cycle
        if not self._active or start.equilibrium_voltage_V is None:
            self._watch.ignore()
            return
        self._watch.begin(start, factor=start.sign, offset_V=-start.sign * start.equilibrium_voltage_V)

    def sample(
        self, seq: int, time_s: float, voltage_V: float, current_A: float, charge_C: float
    ) -> Decision | None:
        """A reading while current flows."""
        excess = self._watch.sample(seq, time_s, voltage_V, current_A, charge_C)
        return None if excess is None else self._decide(excess, time_s, f"for {excess.lasted_s:.0f} s")

    def interrupted(self) -> None:
        """The current flows again after a pause: the cell gets its grace period again."""
        self._watch.mask()

    def end_half_cycle(self, half_cycle: HalfCycle) -> Decision | None:
        """A half-cycle is over; looks at those that the cut-off ended early."""
        decision = self._judge_end(half_cycle) if self._active and half_cycle.complete else None
        self._watch.end(half_cycle)
        return decision

    def _judge_end(self, half_cycle: HalfCycle) -> Decision | None:
        end_V = half_cycle.overpotential_end_V
        excess = None if end_V is None else self._watch.excess_at_end(end_V, half_cycle.charge_C)
        if excess is None:
            self._cut_short = 0
            return None
        self._cut_short += 1
        if self._cut_short < 2 and self._watch.excess_samples < 2:
            return None
        return self._decide(
            excess, half_cycle.end_s, f"when {half_cycle.end_reason} ended the half-cycle early"
        )

    def spectrum(self, spectrum: Spectrum) -> Decision | None:
        """A sweep interrupts the current: the cell gets its grace period again."""
        self._watch.mask()
        return None

    def _decide(self, excess: Excess, time_s: float, how: str) -> Decision:
        self._active = False
        self._watch.ignore()
        times = f"{excess.level / excess.baseline:.1f} times " if excess.baseline > 0 else "against "
        return Decision(
            rule=self.name,
            actions=self._spec.then,
            reason=(
                f"overpotential {1e3 * excess.level:.1f} mV is {times}the {1e3 * excess.baseline:.1f} mV of earlier "
                f"cycles at {excess.charge_fraction:.0%} of the charge, {how}"
            ),
            threshold=excess.limit,
            observed=excess.level,
            unit="V",
            cycle=self._cycle,
            time_s=time_s,
            first_seq=excess.first_seq,
            last_seq=excess.last_seq,
        )
