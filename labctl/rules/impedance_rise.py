"""Stop rule: the total impedance has risen too far."""

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.protocol.rule_spec import ImpedanceRise
from labctl.rules.decision import Decision, HalfCycleStart
from labctl.rules.spectra import TotalImpedances


class ImpedanceRiseRule:
    """Compares each spectrum with the first comparable one, and with an absolute limit."""

    on_samples = False

    def __init__(self, spec: ImpedanceRise) -> None:
        self.name = spec.name
        self._spec = spec
        self._totals = TotalImpedances()
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
        """Nothing to look at."""
        return None

    def spectrum(self, spectrum: Spectrum) -> Decision | None:
        """A sweep is finished."""
        taken = self._totals.take(spectrum) if self._active else None
        if taken is None:
            return None
        total_ohm, earlier = taken
        limit_ohm, what = self._limit(earlier)
        if limit_ohm is None or total_ohm <= limit_ohm:
            return None
        self._active = False
        return Decision(
            rule=self.name,
            actions=self._spec.then,
            reason=f"total impedance {total_ohm:.4g} ohm exceeds {what}",
            threshold=limit_ohm,
            observed=total_ohm,
            unit="ohm",
            cycle=spectrum.cycle,
            time_s=spectrum.points[-1].time_s,
        )

    def _limit(self, earlier: list[float]) -> tuple[float | None, str]:
        """The lower of both limits, and what it is in words."""
        limit_ohm, factor = self._spec.limit_ohm, self._spec.factor
        if factor is None or not earlier:
            return limit_ohm, f"the limit of {limit_ohm} ohm"
        relative_ohm = factor * earlier[0]
        if limit_ohm is not None and limit_ohm <= relative_ohm:
            return limit_ohm, f"the limit of {limit_ohm:.4g} ohm"
        return relative_ohm, f"{factor:g} times the {earlier[0]:.4g} ohm of the first spectrum"
