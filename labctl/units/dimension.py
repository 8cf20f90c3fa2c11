"""The dimensions that labctl knows, and the closed table of their units with exact factors to SI."""

from enum import Enum
from fractions import Fraction


class Dimension(Enum):
    """What is measured: its name in messages, its SI unit, an example, and the magnitudes a laboratory meets.

    Magnitudes outside ``smallest`` .. ``largest`` (SI) are refused as slips of the pen; zero is always inside.
    """

    TIME = ("time", "s", "2.5 h", 1e-6, 3.2e8)
    VOLTAGE = ("voltage", "V", "0.9 V", 1e-12, 1e3)
    CURRENT = ("current", "A", "113 uA", 1e-15, 1e3)
    AREAL_CURRENT = ("areal current", "A/m2", "0.4 mA/cm2", 1e-9, 1e6)
    SPECIFIC_CURRENT = ("specific current", "A/kg", "20 mA/g", 1e-9, 1e6)
    RATE = ("C-rate", "1/s", "C/5", 1e-9, 1.0)
    CHARGE = ("charge", "C", "1.5 mAh", 1e-12, 1e7)
    AREAL_CAPACITY = ("areal capacity", "C/m2", "1 mAh/cm2", 1e-9, 1e8)
    SPECIFIC_CAPACITY = ("specific capacity", "C/kg", "120 mAh/g", 1e-6, 1e8)
    ENERGY = ("energy", "J", "4 mWh", 1e-12, 1e8)
    POWER = ("power", "W", "5 mW", 1e-15, 1e6)
    RESISTANCE = ("resistance", "ohm", "10 kohm", 1e-9, 1e15)
    FREQUENCY = ("frequency", "Hz", "100 kHz", 1e-7, 1e8)
    LENGTH = ("length", "m", "6 mm", 1e-9, 10.0)
    AREA = ("area", "m2", "0.2827 cm2", 1e-12, 10.0)
    MASS = ("mass", "kg", "2.8 mg", 1e-12, 100.0)
    TEMPERATURE = ("temperature", "K", "25 degC", 1.0, 2e3)
    TEMPERATURE_DIFFERENCE = ("temperature difference", "K", "0.5 K", 1e-3, 1e3)
    FRACTION = ("fraction", "1", "80 %", 1e-9, 100.0)
    VOLTAGE_RATE = ("voltage rate", "V/s", "1 mV/min", 1e-16, 1e6)

    def __init__(self, title: str, si_unit: str, example: str, smallest: float, largest: float) -> None:
        self.title = title
        self.si_unit = si_unit
        self.example = example
        self.smallest = smallest
        self.largest = largest


_MICRO = ("u", "\u00b5", "\u03bc")  # the letter u, the micro sign, the Greek letter mu
_PREFIX = {"n": Fraction(1, 10**9), "m": Fraction(1, 1000), "k": Fraction(1000), "M": Fraction(10**6)}
_PREFIX |= dict.fromkeys(_MICRO, Fraction(1, 10**6))
HOUR = Fraction(3600)


def _prefixed(symbol: str, prefixes: str, si_factor: Fraction = Fraction(1)) -> dict[str, Fraction]:
    """``symbol`` alone and with each prefix; a ``u`` among the prefixes stands for all three spellings."""
    spelled = [p for letter in prefixes for p in (_MICRO if letter == "u" else letter)]
    return {symbol: si_factor} | {p + symbol: _PREFIX[p] * si_factor for p in spelled}


def _per(numerators: dict[str, Fraction], symbol: str, si_factor: Fraction) -> dict[str, Fraction]:
    """``mA/g`` from ``mA`` and ``g``."""
    return {f"{name}/{symbol}": factor / si_factor for name, factor in numerators.items()}


def _per_area(numerators: dict[str, Fraction]) -> dict[str, Fraction]:
    """``mA/cm2`` in the spellings that papers use."""
    units: dict[str, Fraction] = {}
    for symbol, side_m in (("mm", Fraction(1, 1000)), ("cm", Fraction(1, 100)), ("m", Fraction(1))):
        for power in ("2", "^2", "\u00b2"):
            units |= _per(numerators, symbol + power, side_m**2)
        for power in ("-2", "^-2", "\u207b\u00b2"):
            for name, factor in numerators.items():
                units |= {f"{name}{dot}{symbol}{power}": factor / side_m**2 for dot in (" ", "\u00b7")}
    return units


def _areas() -> dict[str, Fraction]:
    sides = {"mm": Fraction(1, 1000), "cm": Fraction(1, 100), "m": Fraction(1)}
    return {side + power: size**2 for side, size in sides.items() for power in ("2", "^2", "\u00b2")}


_AMPERE = _prefixed("A", "num")
_AMPERE_HOUR = _prefixed("Ah", "num", HOUR)
_VOLT = _prefixed("V", "num")
SECONDS = {"s": Fraction(1), "min": Fraction(60), "h": HOUR, "d": 24 * HOUR}

UNITS: dict[Dimension, dict[str, Fraction]] = {
    Dimension.TIME: SECONDS | {"ms": Fraction(1, 1000)},
    Dimension.VOLTAGE: _VOLT,
    Dimension.CURRENT: _AMPERE,
    Dimension.AREAL_CURRENT: _per_area(_AMPERE),
    Dimension.SPECIFIC_CURRENT: _per(_AMPERE, "g", Fraction(1, 1000)) | _per(_AMPERE, "kg", Fraction(1)),
    Dimension.RATE: {"C": 1 / HOUR},
    Dimension.CHARGE: _AMPERE_HOUR | _prefixed("As", "num"),
    Dimension.AREAL_CAPACITY: _per_area(_AMPERE_HOUR),
    Dimension.SPECIFIC_CAPACITY: _per(_AMPERE_HOUR, "g", Fraction(1, 1000))
    | _per(_AMPERE_HOUR, "kg", Fraction(1)),
    Dimension.ENERGY: _prefixed("Wh", "umk", HOUR) | _prefixed("J", "umk"),
    Dimension.POWER: _prefixed("W", "numk"),
    Dimension.RESISTANCE: _prefixed("ohm", "mkM") | _prefixed("Ohm", "mkM") | _prefixed("\u03a9", "mkM"),
    Dimension.FREQUENCY: _prefixed("Hz", "umkM"),
    Dimension.LENGTH: _prefixed("m", "um") | {"cm": Fraction(1, 100)},
    Dimension.AREA: _areas(),
    Dimension.MASS: _prefixed("g", "umk", Fraction(1, 1000)),
    Dimension.TEMPERATURE: {"degC": Fraction(1), "\u00b0C": Fraction(1), "K": Fraction(1)},
    Dimension.TEMPERATURE_DIFFERENCE: {"K": Fraction(1)},
    Dimension.FRACTION: {"%": Fraction(1, 100)},
    Dimension.VOLTAGE_RATE: {f"{v}/{t}": _VOLT[v] / SECONDS[t] for v in _VOLT for t in ("s", "min", "h")},
}
CELSIUS_ZERO_K = Fraction("273.15")
