"""All stop rules of a run, fed as one."""

from collections.abc import Iterable
from typing import Self

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.protocol.rule_spec import (
    CapacityRetention,
    CoulombicEfficiency,
    ImpedanceRise,
    OverpotentialJump,
    RuleSpec,
    ShortCircuit,
    SoftShort,
)
from labctl.rules.capacity_retention import CapacityRetentionRule
from labctl.rules.coulombic_efficiency import CoulombicEfficiencyRule
from labctl.rules.decision import Decision, HalfCycleStart, StopRule
from labctl.rules.impedance_rise import ImpedanceRiseRule
from labctl.rules.overpotential_jump import OverpotentialJumpRule
from labctl.rules.short_circuit import ShortCircuitRule
from labctl.rules.soft_short import SoftShortRule


def make(spec: RuleSpec) -> StopRule:
    """The detector for a spec."""
    match spec:
        case OverpotentialJump():
            return OverpotentialJumpRule(spec)
        case ShortCircuit():
            return ShortCircuitRule(spec)
        case SoftShort():
            return SoftShortRule(spec)
        case ImpedanceRise():
            return ImpedanceRiseRule(spec)
        case CapacityRetention():
            return CapacityRetentionRule(spec)
        case CoulombicEfficiency():
            return CoulombicEfficiencyRule(spec)


class RuleSet:
    """Feeds every rule and collects what they decide, in the order in which the rules were written.

    Samples go only to rules that look at them.
    """

    def __init__(self, rules: Iterable[StopRule] = ()) -> None:
        self.rules = list(rules)
        self._looks = [rule.sample for rule in self.rules if rule.on_samples]

    @classmethod
    def of(cls, specs: Iterable[RuleSpec]) -> Self:
        """The detectors for what a plan asks for."""
        return cls(make(spec) for spec in specs)

    @property
    def on_samples(self) -> bool:
        """Whether ``sample`` has anything to look at; when not, it need not be called."""
        return bool(self._looks)

    def begin_half_cycle(self, start: HalfCycleStart) -> None:
        """Current begins to flow in one direction."""
        for rule in self.rules:
            rule.begin_half_cycle(start)

    def sample(
        self, seq: int, time_s: float, voltage_V: float, current_A: float, charge_C: float
    ) -> list[Decision] | None:
        """A reading while current flows; None, the usual answer, when no rule decides."""
        decisions: list[Decision] | None = None
        for look in self._looks:
            decision = look(seq, time_s, voltage_V, current_A, charge_C)
            if decision is not None:
                decisions = [*(decisions or ()), decision]
        return decisions

    def interrupted(self) -> None:
        """The current was interrupted within a half-cycle, and is about to flow again."""
        for rule in self.rules:
            rule.interrupted()

    def end_half_cycle(self, half_cycle: HalfCycle) -> list[Decision]:
        """A half-cycle is over."""
        return [decision for rule in self.rules if (decision := rule.end_half_cycle(half_cycle))]

    def spectrum(self, spectrum: Spectrum) -> list[Decision]:
        """A sweep is finished."""
        return [decision for rule in self.rules if (decision := rule.spectrum(spectrum))]
