"""Measurements of the field that consist of plain steps, as they are written in a protocol."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from labctl.protocol import fields
from labctl.protocol.scheduled import Pass, Record, Scheduled
from labctl.protocol.strict import problem
from labctl.units import Dimension, Quantity, parse

_Fraction = Annotated[float, fields.NumberText(0.001, 1.0, fraction=True)]


def _given(text: str) -> Quantity:
    return parse(text, Dimension.TIME)


class Macro(Scheduled):
    """What they have in common."""

    voltage: list[fields.Voltage] = Field(
        description="[lowest, highest], the cut-offs", min_length=2, max_length=2
    )
    record: Record | None = None


class Formation(Macro):
    """The first cycles of a cell, slow."""

    current: fields.CurrentMagnitude
    cycles: Pass = 3
    rest: fields.Time = _given("10 min")
    time: fields.Time = Field(_given("40 h"), description="longest time of a half-cycle")


class RateTest(Macro):
    """Cycles at one rate after the other."""

    currents: list[fields.CurrentMagnitude] = Field(min_length=1, description="of the discharges, in order")
    charge_current: fields.CurrentMagnitude | None = Field(
        None, description="of all charges; if left out, that of the discharge"
    )
    cycles: Pass = Field(5, description="at each current")
    rest: fields.Time = _given("10 min")
    time: fields.Time = Field(_given("40 h"), description="longest time of a half-cycle")


class Gitt(Macro):
    """Galvanostatic intermittent titration: pulses in one direction, with long rests."""

    current: fields.Current
    pulse: fields.Time
    rest: fields.Time
    pulses: Pass


class Dcir(Macro):
    """Direct-current internal resistance: one pulse between two rests."""

    current: fields.Current
    pulse: fields.Time = _given("10 s")
    rest: fields.Time = _given("10 min")


class Hppc(Macro):
    """Hybrid pulse power characterisation: a discharge and a charge pulse at each of several depths of discharge."""

    pulse_current: fields.CurrentMagnitude
    charge_pulse_current: fields.CurrentMagnitude | None = Field(
        None, description="if left out, 75 % of the discharge pulse"
    )
    pulse: fields.Time = _given("10 s")
    pause: fields.Time = Field(_given("40 s"), description="between the two pulses")
    discharge_current: fields.CurrentMagnitude = Field(description="between two depths")
    depth: _Fraction = Field(0.1, description="of the nominal capacity, between two depths")
    depths: Pass = 9
    rest: fields.Time = Field(_given("1 h"), description="before the pulses of each depth")


class CriticalCurrentDensity(Macro):
    """Stripping and plating at a current that rises step by step."""

    from_: fields.CurrentMagnitude = Field(alias="from")
    to: fields.CurrentMagnitude
    increase: fields.CurrentMagnitude
    capacity: fields.Capacity | None = Field(None, description="of each half-cycle; or a time")
    time: fields.Time | None = None
    cycles: Pass = Field(1, description="at each current")
    rest: fields.Time | None = Field(None, description="between two currents")

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        return self.exactly_one("capacity", "time")

    @model_validator(mode="after")
    def _one_dimension(self) -> Self:
        if len({self.from_.dimension, self.to.dimension, self.increase.dimension}) > 1:
            raise problem("from, to and increase are written in different ways", "use one unit for all three")
        return self
