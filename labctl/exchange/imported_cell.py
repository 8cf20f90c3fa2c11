"""The cell of an imported run, from what a person says about it."""

from labctl.errors import UserError
from labctl.protocol.plan import CellDescription
from labctl.units import Dimension, QuantityError, parse


def cell_from_words(
    name: str | None, area: str | None, nominal_capacity: str | None, equilibrium_voltage: str | None
) -> CellDescription:
    """The cell; what is None stays unknown.

    Raises:
        UserError: one of them is not a quantity of its kind, or the name is not one line of text.
    """
    area_m2 = _quantity("--area", area, Dimension.AREA)
    return CellDescription(
        name=_line(name),
        area_cm2=None if area_m2 is None else area_m2 * 1e4,
        active_mass_g=None,
        nominal_capacity_C=_quantity("--nominal-capacity", nominal_capacity, Dimension.CHARGE),
        electrolyte="",
        equilibrium_voltage_V=_quantity(
            "--equilibrium-voltage", equilibrium_voltage, Dimension.VOLTAGE, signed=True
        ),
        simulate_as=None,
    )


def _line(name: str | None) -> str:
    from labctl.protocol.fields import LineText

    try:
        return "" if name is None else LineText().read(name)
    except QuantityError as error:
        raise UserError(f"--name: {error}") from error


def _quantity(option: str, text: str | None, dimension: Dimension, *, signed: bool = False) -> float | None:
    if text is None:
        return None
    try:
        value = parse(text, dimension).value
    except QuantityError as error:
        raise UserError(f"{option} {text}: {error}") from error
    if not signed and value <= 0.0:
        raise UserError(f"{option} {text}: has to be more than zero")
    return value
