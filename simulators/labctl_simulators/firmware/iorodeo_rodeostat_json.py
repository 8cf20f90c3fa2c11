"""JSON as the Rodeostat's firmware reads and writes it: ArduinoJson 5.13 with 32-bit floats.

Six decimals at most, trailing zeros left out, exponents only from 1e7 up and from 1e-5 down; what is no number is
written as ``NaN`` or ``Infinity``, which is no JSON.

Left out: what ArduinoJson reads beyond JSON (single quotes, names without quotes, comments).
"""

import json
import math
from typing import Any

_DEEPEST = 10
_EXPONENT_FROM, _EXPONENT_TO = 1e7, 1e-5


def read_object(line: bytes) -> dict[str, Any] | None:
    """The object that a line begins with, what follows it is not looked at; None where there is none."""
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(line.decode("latin-1").lstrip(" \t\r\n"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and _depth(found) <= _DEEPEST else None


def written(value: object) -> str:
    """As it is printed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ",".join(f"{written(key)}:{written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return "null" if value is None else str(value)


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0.0 else "-Infinity"
    if value and not _EXPONENT_TO < abs(value) < _EXPONENT_FROM:
        mantissa, _, exponent = f"{value:.6e}".partition("e")
        return f"{_trimmed(mantissa)}e{int(exponent)}"
    return _trimmed(f"{value:.6f}")


def _trimmed(digits: str) -> str:
    return digits.rstrip("0").rstrip(".")


def _depth(value: object) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if items is None else 1 + max(map(_depth, items), default=0)
