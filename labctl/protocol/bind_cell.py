"""The cell of a plan, and what areal, specific and C-rate values amount to on it."""

import dataclasses
import math

from labctl.protocol import model
from labctl.protocol.plan import CellDescription
from labctl.units import Dimension, Quantity, QuantityError, show

# Beyond these a slip of a thousand (A for mA) is far more likely than the experiment.
# Assumed: fast-charging work stays below 30 mA/cm2 and 100C; a margin on top.
DENSEST_CURRENT_mA_cm2 = 100.0
FASTEST_RATE_per_hour = 1000.0


def describe_cell(cell: model.Cell, equilibrium_voltage_V: float | None) -> CellDescription:
    """The cell in the units of a plan.

    Raises:
        QuantityError: the nominal capacity needs an area or a mass that is not given.
    """
    bare = CellDescription(
        name=cell.name or "",
        area_cm2=_area_cm2(cell),
        active_mass_g=None if cell.active_mass is None else cell.active_mass.value * 1e3,
        nominal_capacity_C=None,
        electrolyte=cell.electrolyte or "",
        equilibrium_voltage_V=equilibrium_voltage_V,
        simulate_as=cell.simulate_as,
        hazard=cell.hazard or "",
        relay=cell.relay or "",
        waiver=cell.waiver or "",
    )
    if cell.nominal_capacity is None:
        return bare
    return dataclasses.replace(bare, nominal_capacity_C=charge_C(cell.nominal_capacity, bare))


def _area_cm2(cell: model.Cell) -> float | None:
    if cell.electrode_area is not None:
        return cell.electrode_area.value * 1e4
    if cell.electrode_diameter is not None:
        return math.pi / 4 * (cell.electrode_diameter.value * 100) ** 2
    return None


def current_A(current: Quantity, cell: CellDescription) -> float:
    """A current in ampere, with its sign.

    Raises:
        QuantityError: what it refers to is not given, or no such cell carries so much.
    """
    amperes = current.value * _extent(current, cell)
    if cell.area_cm2 is not None and abs(amperes) * 1e3 / cell.area_cm2 > DENSEST_CURRENT_mA_cm2:
        density = f"{amperes * 1e3 / cell.area_cm2:.4g} mA/cm2"
        raise QuantityError(
            f"{current.text!r} is {density} on {cell.area_cm2:.4g} cm2",
            f"mA or uA meant? At most {DENSEST_CURRENT_mA_cm2:g} mA/cm2 is accepted",
        )
    capacity_C = cell.nominal_capacity_C
    if capacity_C is not None and abs(amperes) * 3600 > FASTEST_RATE_per_hour * capacity_C:
        raise QuantityError(
            f"{current.text!r} is {amperes * 3600 / capacity_C:.4g}C for {show(capacity_C / 3600, 'Ah')}",
            f"mA or uA meant? At most {FASTEST_RATE_per_hour:g}C is accepted",
        )
    return amperes


def charge_C(capacity: Quantity, cell: CellDescription) -> float:
    """A charge in coulomb.

    Raises:
        QuantityError: what it refers to is not given.
    """
    return capacity.value * _extent(capacity, cell)


def _extent(quantity: Quantity, cell: CellDescription) -> float:
    """What the SI value has to be multiplied with: m2, kg, C, or nothing."""
    match quantity.dimension:
        case Dimension.AREAL_CURRENT | Dimension.AREAL_CAPACITY:
            return _given(cell.area_cm2, quantity, "an area", "electrode_diameter: 6 mm") * 1e-4
        case Dimension.SPECIFIC_CURRENT | Dimension.SPECIFIC_CAPACITY:
            return _given(cell.active_mass_g, quantity, "a mass", "active_mass: 2.8 mg") * 1e-3
        case Dimension.RATE:
            return _given(cell.nominal_capacity_C, quantity, "a capacity", "nominal_capacity: 1.5 mAh")
        case _:
            return 1.0


def _given(value: float | None, quantity: Quantity, what: str, example: str) -> float:
    if value is None:
        raise QuantityError(
            f"{quantity.text!r} needs {what}, and the cell has none", f"add `{example}` below `cell:`"
        )
    return value
