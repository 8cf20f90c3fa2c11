"""The host's own look at a step's cut-offs, whatever the driver or the instrument does about them."""

from labctl.instrument.step import Cutoff, Quantity, Side, Step

_OVERRUN = 1.01
_SHORT, _A_SECOND_S = 0.98, 1.0


class CutoffWatch:
    """Decides, reading by reading, whether a step must end although its driver goes on.

    Voltage and current cut-offs are checked as they stand. Time, charge and energy are met by the driver to a part
    of a sample interval, while the host integrates readings that carry noise: it steps in only when they
    are overrun by 1 % and a sample interval. The voltage rate is left to the side that reads fast enough to know it.
    """

    def __init__(self, step: Step, start_s: float) -> None:
        self._start_s = start_s
        self._late_s = step.sampling.every_s
        self._cutoffs = tuple(c for c in step.cutoffs if c.quantity is not Quantity.VOLTAGE_RATE)
        self._since_s: dict[Cutoff, float] = {}
        self._high_V = self._bound(Quantity.VOLTAGE, Side.ABOVE)
        self._low_V = self._bound(Quantity.VOLTAGE, Side.BELOW)
        self._high_A = self._bound(Quantity.CURRENT, Side.ABOVE)
        self._low_A = self._bound(Quantity.CURRENT, Side.BELOW)
        self._end_s = start_s + self._bound(Quantity.TIME, Side.ABOVE)
        self._charge_C = self._bound(Quantity.CHARGE, Side.ABOVE)
        self._energy_J = self._bound(Quantity.ENERGY, Side.ABOVE)

    def reached(
        self, time_s: float, voltage_V: float, current_A: float, charge_C: float, energy_J: float
    ) -> Cutoff | None:
        """The cut-off that these figures have reached, or None.

        Args:
            time_s: experiment time.
            voltage_V, current_A: the reading.
            charge_C, energy_J: passed in this step, magnitudes.
        """
        if (
            self._low_V < voltage_V < self._high_V
            and self._low_A < abs(current_A) < self._high_A
            and time_s < self._end_s
            and charge_C < self._charge_C
            and energy_J < self._energy_J
        ):
            self._since_s.clear()
            return None
        figures = {
            Quantity.TIME: (time_s - self._start_s - self._late_s) / _OVERRUN,
            Quantity.VOLTAGE: voltage_V,
            Quantity.CURRENT: abs(current_A),
            Quantity.CHARGE: charge_C / _OVERRUN - abs(current_A) * self._late_s,
            Quantity.ENERGY: energy_J / _OVERRUN - abs(current_A * voltage_V) * self._late_s,
        }
        for cutoff in self._cutoffs:
            if self._held(cutoff, figures[cutoff.quantity], time_s):
                return cutoff
        return None

    def denies(self, cutoff: Cutoff, current_A: float, charge_C: float) -> bool:
        """Whether a capacity that the other side calls reached has not passed: 2 % and a second are missing.

        An instrument that ends a step by the time that its set current needs does not notice what it did not deliver.
        """
        if cutoff.quantity is not Quantity.CHARGE:
            return False
        return charge_C < _SHORT * cutoff.threshold - abs(current_A) * min(self._late_s, _A_SECOND_S)

    def _held(self, cutoff: Cutoff, value: float, time_s: float) -> bool:
        if not cutoff.reached_by(value):
            self._since_s.pop(cutoff, None)
            return False
        return time_s - self._since_s.setdefault(cutoff, time_s) >= cutoff.hold_s

    def _bound(self, quantity: Quantity, side: Side) -> float:
        """The nearest threshold on one side; beyond everything if there is none."""
        thresholds = [c.threshold for c in self._cutoffs if c.quantity is quantity and c.side is side]
        if side is Side.ABOVE:
            return min(thresholds, default=float("inf"))
        return max(thresholds, default=float("-inf"))
