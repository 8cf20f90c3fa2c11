"""Terminations as they are written below ``until:``; any of them ends the step."""

from typing import Annotated, ClassVar, Generic, Self, TypeVar

from pydantic import Field, model_validator

from labctl.protocol import fields
from labctl.protocol.strict import Strict, problem
from labctl.units import Quantity

T = TypeVar("T")


class Threshold(Strict, Generic[T]):
    """A value to reach: ``0.9 V``, ``{value: 0.9 V, hold: 5 s}``, ``{below: 0.1 V}``, ``{above: 3 V, hold: 1 min}``."""

    shorthand: ClassVar[str] = "value"

    value: T | None = Field(None, description="the side follows from the step")
    above: T | None = Field(None, description="reached at or above this")
    below: T | None = Field(None, description="reached at or below this")
    hold: fields.Time | None = Field(None, description="has to stay reached for this long")

    @model_validator(mode="after")
    def _some_value(self) -> Self:
        if self.value is not None and (self.above is not None or self.below is not None):
            raise problem("a value and a side are given", "write `value:` alone, or `above:` and `below:`")
        if self.value is None and self.above is None and self.below is None:
            raise problem("no threshold is given", "write `value:`, `above:` or `below:`")
        return self


class Voltage(Threshold[fields.Voltage]):
    """A voltage to reach."""


class Current(Threshold[fields.CurrentMagnitude]):
    """A magnitude of the current to reach."""


class Energy(Threshold[fields.Energy]):
    """An energy to reach."""


class VoltageRate(Threshold[fields.VoltageRate]):
    """A magnitude of dV/dt to reach."""


class Temperature(Threshold[fields.Temperature]):
    """A temperature to reach."""


class AtTemperature(Strict):
    """The end that each of these has in common."""

    temperature: Temperature | None = Field(None, description="needs a thermometer beside the channel")


class RestUntil(AtTemperature):
    """Ends of a rest."""

    time: fields.Time
    voltage: Voltage | None = None
    voltage_rate: VoltageRate | None = None


class CurrentUntil(AtTemperature):
    """Ends of a galvanostatic step."""

    voltage: Voltage | None = None
    capacity: fields.Capacity | None = None
    time: fields.Time | None = None
    energy: Energy | None = None
    voltage_rate: VoltageRate | None = None


class VoltageUntil(AtTemperature):
    """Ends of a potentiostatic step."""

    time: fields.Time | None = None
    current: Current | None = None
    capacity: fields.Capacity | None = None
    energy: Energy | None = None


class CccvUntil(Strict):
    """Ends of a step at constant current and then at constant voltage."""

    current: Current | None = None
    time: fields.Time | None = None


class ResistanceUntil(CurrentUntil):
    """Ends of a discharge through a resistance."""

    current: Current | None = None


class ProfileUntil(AtTemperature):
    """Ends of a profile before its last set point."""

    voltage: Voltage
    time: fields.Time | None = None


class ScanUntil(AtTemperature):
    """Ends of a voltage scan before its last level."""

    current: Current | None = None
    capacity: fields.Capacity | None = None


class Retention(Strict):
    """Capacity left: ``80 %`` or ``{below: 80 %, reference: 3, hold: 2}``, the latter two in passes of the loop."""

    shorthand: ClassVar[str] = "below"

    below: Annotated[float, fields.NumberText(0.01, 1.0, fraction=True)]
    reference: Annotated[int, fields.CountText(1, 1_000_000)] = 1
    hold: Annotated[int, fields.CountText(1, 1_000)] = 1


class LoopUntil(Strict):
    """Early end of a loop."""

    capacity_retention: Retention


def thresholds(given: Threshold[Quantity] | None) -> list[tuple[str, Quantity]]:
    """What is given of ``value``, ``above`` and ``below``, with the key it stands under."""
    if given is None:
        return []
    pairs = [("value", given.value), ("above", given.above), ("below", given.below)]
    return [(key, quantity) for key, quantity in pairs if quantity is not None]
