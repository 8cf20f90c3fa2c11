"""A linear cell of resistors and capacitors, solved exactly: the reference for everything that relaxes."""

import math

from labctl_simulators.cells import Cell

DEFAULTS = {"R0": 10.0, "R1": 100.0, "C1": 1e-3}
"""A 10 ohm series resistance and an arc of 100 ohm with a time constant of 0.1 s."""


class RcCell:
    """A series resistance R0, an arc (R1 parallel to C1) and, if given, a storage capacitance C, in series.

    ::

        o--- R0 ---+--- R1 ---+---||---o        V = R0 i + v1 + vs
                   +---||-----+   C             C1 dv1/dt = i - v1/R1
                       C1                       C  dvs/dt = i

    Both controls are solved in closed form, so one long step and many short ones agree to rounding. At
    constant current v1 and vs are independent. At constant voltage i = (V - v1 - vs)/R0 couples them into a
    linear 2 x 2 system with two real, negative eigenvalues.

    Args:
        series_ohm: R0, above zero.
        arc_ohm: R1, above zero.
        arc_F: C1, above zero.
        storage_F: C, above zero; None leaves it out, and the cell conducts for ever.
    """

    __slots__ = ("_arc_F", "_arc_V", "_arc_ohm", "_series_ohm", "_storage_F", "_storage_V")

    def __init__(
        self, series_ohm: float, arc_ohm: float, arc_F: float, storage_F: float | None = None
    ) -> None:
        self._series_ohm = series_ohm
        self._arc_ohm = arc_ohm
        self._arc_F = arc_F
        self._storage_F = storage_F
        self._arc_V = 0.0
        self._storage_V = 0.0

    def voltage_V(self, current_A: float) -> float:
        """Terminal voltage in V: the capacitors answer to a change of current only as time passes."""
        return self._series_ohm * current_A + self._arc_V + self._storage_V

    def current_A(self, voltage_V: float) -> float:
        """Current in A through the series resistance against the capacitors as they are charged."""
        return (voltage_V - self._arc_V - self._storage_V) / self._series_ohm

    def advance_current(self, duration_s: float, current_A: float) -> None:
        """Let ``duration_s`` pass at ``current_A``, exactly."""
        settled_V = current_A * self._arc_ohm
        decay = math.exp(-duration_s / (self._arc_ohm * self._arc_F))
        self._arc_V = settled_V + (self._arc_V - settled_V) * decay
        if self._storage_F is not None:
            self._storage_V += current_A * duration_s / self._storage_F

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        """Let ``duration_s`` pass at ``voltage_V``, exactly; the charge passed, in C."""
        if self._storage_F is None:
            return self._hold_without_storage(duration_s, voltage_V)
        return self._hold_with_storage(duration_s, voltage_V, self._storage_F)

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        """R0 + R1 / (1 + j w R1 C1) + 1 / (j w C); the cell is linear, so the bias does not matter."""
        omega = 2.0 * math.pi * frequency_Hz
        impedance = self._series_ohm + self._arc_ohm / (1.0 + 1j * omega * self._arc_ohm * self._arc_F)
        return impedance if self._storage_F is None else impedance - 1j / (omega * self._storage_F)

    def _hold_without_storage(self, duration_s: float, voltage_V: float) -> float:
        loop_ohm = self._series_ohm + self._arc_ohm
        tau_s = self._arc_F * self._series_ohm * self._arc_ohm / loop_ohm
        lost = -math.expm1(-duration_s / tau_s)
        settled_A = voltage_V / loop_ohm
        excess_A = self.current_A(voltage_V) - settled_A
        settled_V = settled_A * self._arc_ohm
        self._arc_V += (settled_V - self._arc_V) * lost
        return settled_A * duration_s + excess_A * tau_s * lost

    def _hold_with_storage(self, duration_s: float, voltage_V: float, storage_F: float) -> float:
        # x = v1 and y = vs - V obey x' = -a x - b y and y' = -c x - c y; exp(A t) from the two eigenvalues.
        b = 1.0 / (self._series_ohm * self._arc_F)
        a = b + 1.0 / (self._arc_ohm * self._arc_F)
        c = 1.0 / (self._series_ohm * storage_F)
        mean = -0.5 * (a + c)
        half_gap = math.hypot(0.5 * (a - c), math.sqrt(b * c))
        slow = math.exp((mean + half_gap) * duration_s)
        fast = math.exp((mean - half_gap) * duration_s)
        even, odd = 0.5 * (slow + fast), 0.5 * (slow - fast) / half_gap
        x, y = self._arc_V, self._storage_V - voltage_V
        self._arc_V = even * x + odd * ((-a - mean) * x - b * y)
        before_V = self._storage_V
        self._storage_V = voltage_V + even * y + odd * (-c * x + (-c - mean) * y)
        return storage_F * (self._storage_V - before_V)


def rc(argument: str | None, seed: int) -> Cell:
    """Make the cell ``rc`` or ``rc:R0=10,R1=100,C1=1e-3,C=0.5``.

    Args:
        argument: Comma-separated NAME=VALUE of R0, R1 (ohm), C1, C (F); what is left out has its value in
            ``DEFAULTS``, and without C there is no storage capacitance.
        seed: Ignored: the elements are exactly as given.

    Raises:
        ValueError: A name that is not one of these, given twice, or a value not a finite number above zero.
    """
    given: dict[str, float] = {}
    for item in (argument or "").split(",") if argument else ():
        name, _, text = (part.strip() for part in item.partition("="))
        if name not in ("R0", "R1", "C1", "C") or name in given:
            raise ValueError(
                f"an rc cell takes R0, R1, C1 and C once each, as in rc:R0=10,C=0.5, not {item!r}"
            )
        given[name] = _positive(name, text)
    values = DEFAULTS | given
    return RcCell(values["R0"], values["R1"], values["C1"], given.get("C"))


def supercapacitor(argument: str | None, seed: int) -> Cell:
    """Make the cell ``supercapacitor``: 3000 F as large ones for 2.7 V have it, at 1 V and at rest.

    Assumed: 10 mohm for itself and its leads, and an arc of 5 mohm with 500 F.

    Args:
        argument: None.
        seed: Ignored.

    Raises:
        ValueError: It was given an argument.
    """
    if argument:
        raise ValueError(f"supercapacitor takes no argument, not {argument!r}; rc:R0=0.01,C=3000 does")
    cell = RcCell(0.01, 0.005, 500.0, 3000.0)
    cell.advance_current(3000.0, 1.0)
    cell.advance_current(1e3, 0.0)
    return cell


def _positive(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0.0 < value < math.inf):
        raise ValueError(f"{name} of an rc cell has to be a number above 0, not {text!r}")
    return value
