"""The pairs of parameters in which an E4980A says an impedance: :FUNC:IMP."""

import cmath
import math
from collections.abc import Callable

Pair = tuple[float, float]


def _parallel_capacitance(z: complex, w: float) -> float:
    return (1.0 / z).imag / w


def _series_capacitance(z: complex, w: float) -> float:
    return -1.0 / (w * z.imag) if z.imag else math.inf


def _parallel_inductance(z: complex, w: float) -> float:
    susceptance = (1.0 / z).imag
    return -1.0 / (w * susceptance) if susceptance else math.inf


def _series_inductance(z: complex, w: float) -> float:
    return z.imag / w


def _dissipation(z: complex, w: float) -> float:
    return z.real / abs(z.imag) if z.imag else math.inf


def _quality(z: complex, w: float) -> float:
    return abs(z.imag) / z.real if z.real else math.inf


def _conductance(z: complex, w: float) -> float:
    return (1.0 / z).real


def _parallel_resistance(z: complex, w: float) -> float:
    return 1.0 / (1.0 / z).real


def _series_resistance(z: complex, w: float) -> float:
    return z.real


Quantity = Callable[[complex, float], float]
_SECONDS: dict[str, tuple[Quantity, dict[str, Quantity]]] = {
    "CP": (
        _parallel_capacitance,
        {"D": _dissipation, "Q": _quality, "G": _conductance, "RP": _parallel_resistance},
    ),
    "CS": (_series_capacitance, {"D": _dissipation, "Q": _quality, "RS": _series_resistance}),
    "LP": (
        _parallel_inductance,
        {"D": _dissipation, "Q": _quality, "G": _conductance, "RP": _parallel_resistance},
    ),
    "LS": (_series_inductance, {"D": _dissipation, "Q": _quality, "RS": _series_resistance}),
}


def _of(first: Quantity, second: Quantity) -> Callable[[complex, float], Pair]:
    return lambda z, w: (_finite(first(z, w)), _finite(second(z, w)))


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 9.9e37


FUNCTIONS: dict[str, Callable[[complex, float], Pair]] = {
    first + second: _of(quantity, other)
    for first, (quantity, others) in _SECONDS.items()
    for second, other in others.items()
} | {
    "RX": lambda z, w: (z.real, z.imag),
    "ZTD": lambda z, w: (abs(z), math.degrees(cmath.phase(z))),
    "ZTR": lambda z, w: (abs(z), cmath.phase(z)),
    "GB": lambda z, w: ((1.0 / z).real, (1.0 / z).imag),
    "YTD": lambda z, w: (1.0 / abs(z), -math.degrees(cmath.phase(z))),
    "YTR": lambda z, w: (1.0 / abs(z), -cmath.phase(z)),
}
"""By the word of the function: impedance and angular frequency to the two parameters."""
