"""Quantities as a person writes them (``0.4 mA/cm2``, ``2 h 30 min``, ``C/5``) and their values in SI units.

The table of units is closed and case-sensitive, factors are exact fractions, and whoever reads a quantity says which
dimensions would do, so that one text never has two meanings. In particular ``C`` is always the C-rate (1C empties
the nominal capacity in one hour), never the coulomb: coulombs are written ``As``.
"""

from labctl.units.dimension import Dimension
from labctl.units.quantity import Quantity, parse, parse_count, parse_number
from labctl.units.show import show, show_celsius, show_duration
from labctl.units.slips import QuantityError

__all__ = [
    "Dimension",
    "Quantity",
    "QuantityError",
    "parse",
    "parse_count",
    "parse_number",
    "show",
    "show_celsius",
    "show_duration",
]
