"""Values in SI units as text for a person."""

import math
from collections.abc import Iterator

_SCALES = ((1e-9, "n"), (1e-6, "u"), (1e-3, "m"), (1.0, ""), (1e3, "k"), (1e6, "M"))
_SCALED_UNITS = {"A", "V", "ohm", "Hz", "s", "J", "W", "V/s", "Ah", "Wh", "m"}


def show(value: float, unit: str, digits: int = 4) -> str:
    """A number for a person: ``show(1.131e-4, "A")`` is ``113.1 uA``. Prefixes only where ``unit`` takes them."""
    if unit == "s" and abs(value) >= 60:
        return show_duration(value)
    scale, prefix = 1.0, ""
    if unit in _SCALED_UNITS and value and not 0.1 <= abs(value) < 1000:
        fitting = [step for step in _SCALES if step[0] <= abs(value) * (1 + 1e-9)]
        scale, prefix = fitting[-1] if fitting else _SCALES[0]
    return f"{value / scale:.{digits}g} {prefix}{unit}"


def show_celsius(temperature_K: float) -> str:
    """A temperature for a person: ``show_celsius(298.15)`` is ``25 degC``."""
    return f"{round(temperature_K - 273.15, 2) + 0.0:g} degC"


def show_duration(duration_s: float) -> str:
    """A time for a person, to two units: ``2 h 30 min``, ``10 d 10 h``, ``45 s``."""
    parts = list(_split_duration(duration_s))
    return " ".join(parts[:2]) if parts else f"{duration_s:.3g} s"


def _split_duration(duration_s: float) -> Iterator[str]:
    rest = math.floor(duration_s + 0.5) if duration_s >= 60 else 0
    started = False
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        started = started or count > 0
        if started and count:
            yield f"{count} {unit}"
