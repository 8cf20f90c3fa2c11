"""The models of the simulated Zahner power potentiostats: what they drive, and how finely they read.

Source: the sampled data that Zahner publishes with its examples (Zahner-Remote-Python): steps of 1.19 uV and, at the
shunt for less than 0.2 A, of 30 nA; one shunt lower, ten times as much. PP2x2 have four shunts; the XPOT2 drives 0.5 A.
Assumed: the other full scales, and the voltages and currents of the models as their names and leaflets have them.
"""

from dataclasses import dataclass

VOLTAGE_STEP_V = 1.19135e-6
_STEP = 1.4968e-7  # of a shunt's full scale


@dataclass(frozen=True, slots=True)
class Model:
    """One model.

    Attributes:
        name: as ``*IDN?`` tells it.
        voltage_max_V, current_max_A: largest magnitudes.
        shunts_A: full scales by index; index 0 is the smallest shunt, for the largest current.
    """

    name: str
    voltage_max_V: float
    current_max_A: float
    shunts_A: tuple[float, ...]

    def shunt_for(self, current_A: float, first: int = 0, last: int | None = None) -> int:
        """Index of the most sensitive shunt that carries ``current_A``, among those that may be used."""
        last = len(self.shunts_A) - 1 if last is None else last
        for index in range(last, first, -1):
            if abs(current_A) <= self.shunts_A[index]:
                return index
        return first

    def carries_A(self, shunt: int) -> float:
        """Largest current through a shunt."""
        return min(self.current_max_A, self.shunts_A[shunt])

    def current_step_A(self, shunt: int) -> float:
        """How finely a current is read."""
        return self.shunts_A[shunt] * _STEP


_POWER_SHUNTS_A = (40.0, 20.0, 2.0, 0.2)
MODELS = {
    model.name: model
    for model in (
        Model("PP212", 12.0, 20.0, _POWER_SHUNTS_A),
        Model("PP222", 20.0, 10.0, _POWER_SHUNTS_A),
        Model("PP242", 5.0, 40.0, _POWER_SHUNTS_A),
        Model("XPOT2", 25.0, 0.5, (5.0, 0.5, 0.05, 0.005)),
    )
}
