"""Numbers between units, so that a decimal stays the decimal it was: 0.0001131 A is 0.1131 mA, and back.

Twelve digits are kept: more than any instrument sets, and without the noise of binary fractions.
"""

from decimal import Decimal


def scaled(value: float, power: int) -> float:
    """The value times a power of ten, as a decimal."""
    return float(_decimal(value).scaleb(power))


def plain(value: float) -> str:
    """Without an exponent: ``0.00001131``."""
    text = format(_decimal(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(value: float, unit: str) -> str:
    """As protocols are written: ``0.1131 mA``."""
    return f"{plain(value)} {unit}"


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.12g}")
