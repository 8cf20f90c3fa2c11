"""The protocol as it is written: what a file may say, and nothing that depends on the cell it will run on."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, model_validator
from pydantic import Tag as Variant

from labctl.protocol import fields
from labctl.protocol.macro_model import (
    CriticalCurrentDensity,
    Dcir,
    Formation,
    Gitt,
    Hppc,
    RateTest,
)
from labctl.protocol.rule_text import Rule
from labctl.protocol.scheduled import Controlled, Pass, Record, Scheduled
from labctl.protocol.strict import Strict, problem
from labctl.protocol.until import (
    CccvUntil,
    CurrentUntil,
    LoopUntil,
    ProfileUntil,
    ResistanceUntil,
    RestUntil,
    ScanUntil,
    VoltageUntil,
)


class Cell(Strict):
    """The cell, as far as the protocol needs it."""

    name: fields.Line | None = None
    electrode_diameter: fields.Length | None = Field(
        None, description="of a round electrode, for areal values"
    )
    electrode_area: fields.Area | None = Field(None, description="instead of a diameter")
    active_mass: fields.Mass | None = Field(None, description="for specific values")
    nominal_capacity: fields.Capacity | None = Field(None, description="for C-rates")
    electrolyte: fields.Line | None = None
    equilibrium_voltage: fields.Voltage | None = Field(
        None,
        description="shown without current; if left out, 0 V where the safety window is symmetric about 0 V",
    )
    simulate_as: fields.Name | None = Field(
        None, description="the simulated cell that stands for it in a rehearsal"
    )
    hazard: Literal["pyrophoric"] | None = Field(
        None,
        description="a cell that can burn; asks for a relay that does not depend on this computer, or a waiver",
    )
    relay: fields.Line | None = Field(
        None, description="name of that relay, as it is known in the laboratory"
    )
    waiver: fields.Line | None = Field(None, description="why there is no such relay; recorded with each run")

    @model_validator(mode="after")
    def _one_geometry(self) -> Self:
        if self.electrode_diameter is not None and self.electrode_area is not None:
            raise problem("a diameter and an area are given", "keep one of them", key="electrode_area")
        return self

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.relay is not None and self.waiver is not None:
            raise problem("a relay is named and waived", "keep one of them", key="waiver")
        if self.hazard is not None and self.relay is None and self.waiver is None:
            raise problem(
                f"the cell is {self.hazard}, and nothing independent of this computer guards it",
                "name the over-voltage or over-temperature relay (`relay: K1 in cabinet 2`), "
                "or say why there is none (`waiver: behind a blast shield, attended`)",
                key="hazard",
            )
        if self.waiver is not None and self.hazard is None:
            raise problem(
                "a waiver without a hazard", "add `hazard: pyrophoric`, or leave it out", key="waiver"
            )
        return self


class Safety(Strict):
    """The window that must never be left."""

    voltage: list[fields.Voltage] = Field(description="[lowest, highest]", min_length=2, max_length=2)
    current: fields.CurrentMagnitude = Field(description="largest magnitude")
    temperature: list[fields.Temperature] | None = Field(
        None,
        description="[lowest, highest], seen by a thermometer beside the channel",
        min_length=2,
        max_length=2,
    )


class Rest(Controlled):
    """Open circuit."""

    until: RestUntil


class ConstantCurrent(Controlled):
    """Galvanostatic; positive charges the cell."""

    current: fields.Current
    until: CurrentUntil


class ConstantVoltage(Controlled):
    """Potentiostatic."""

    voltage: fields.Voltage
    until: VoltageUntil


class Cccv(Controlled):
    """Constant current until the voltage is reached, then that voltage until the current has fallen."""

    current: fields.Current
    voltage: fields.Voltage
    until: CccvUntil


class ConstantPower(Controlled):
    """A power; positive charges the cell."""

    power: fields.Power
    until: CurrentUntil


class ConstantResistance(Controlled):
    """Discharge through a resistance, as a load of this size would."""

    resistance: fields.Resistance
    until: ResistanceUntil


class Profile(Controlled):
    """A drive cycle: set points from a CSV file, each held until the time of the next."""

    file: fields.File = Field(
        description="beside the protocol; columns time_s and current_A, power_W or rate_C"
    )
    until: ProfileUntil


class Scanned(Scheduled):
    """What voltage scans have in common; each level is a sample."""

    scan_rate: fields.VoltageRate
    step: fields.VoltageChange | None = Field(None, description="height of a stair; 1 mV if left out")
    until: ScanUntil = Field(default_factory=lambda: ScanUntil.model_validate({}))
    if_interrupted: Literal["restart", "ask", "abort"] = Field(
        "ask", description="when the run is taken up again; a scan never goes on half-way"
    )


class VoltageScan(Scanned):
    """Linear sweep voltammetry, as a staircase."""

    from_: fields.Voltage = Field(alias="from")
    to: fields.Voltage


class CyclicVoltammetry(Scanned):
    """From the start over two vertices and back, as a staircase."""

    start: fields.StartVoltage = Field(description="a voltage, or open_circuit; between the vertices")
    vertex_1: fields.Voltage
    vertex_2: fields.Voltage
    cycles: Pass = 1


class Impedance(Scheduled):
    """A spectrum from high to low frequency; amplitudes zero-to-peak."""

    mode: Literal["potentiostatic", "galvanostatic"]
    amplitude: fields.Amplitude
    from_: fields.Frequency = Field(alias="from", description="highest frequency")
    to: fields.Frequency = Field(description="lowest frequency")
    points_per_decade: Annotated[int, fields.CountText(1, 100)] = 10
    bias: fields.Bias | None = Field(None, description="if left out: open-circuit voltage (PEIS), 0 A (GEIS)")
    if_interrupted: Literal["restart", "ask", "abort"] = Field(
        "ask", description="when the run is taken up again; a sweep never goes on half-way"
    )


class Tag(Scheduled):
    """A word for the run's events."""

    shorthand: ClassVar[str] = "text"

    text: fields.Line


class Soak(Scheduled):
    """Open circuit until the temperature has settled."""

    temperature: fields.Temperature = Field(description="what the chamber is set to")
    within: fields.TemperatureDifference = Field(description="so far from it, on either side, is settled")
    for_: fields.Time = Field(alias="for", description="it has to stay settled for this long")
    at_most: fields.Time = Field(description="the run stops if it has not settled by then")
    set_by: Literal["labctl", "hand"] = Field(
        "labctl", description="hand: nothing is set, the temperature is only waited for"
    )
    record: Record | None = None


class RestItem(Strict):
    """``- rest: ...``."""

    rest: Rest


class SoakItem(Strict):
    """``- soak: ...``."""

    soak: Soak


class ConstantCurrentItem(Strict):
    """``- constant_current: ...``."""

    constant_current: ConstantCurrent


class ConstantVoltageItem(Strict):
    """``- constant_voltage: ...``."""

    constant_voltage: ConstantVoltage


class CccvItem(Strict):
    """``- cccv: ...``."""

    cccv: Cccv


class ConstantPowerItem(Strict):
    """``- constant_power: ...``."""

    constant_power: ConstantPower


class ConstantResistanceItem(Strict):
    """``- constant_resistance: ...``."""

    constant_resistance: ConstantResistance


class ProfileItem(Strict):
    """``- profile: ...``."""

    profile: Profile


class VoltageScanItem(Strict):
    """``- voltage_scan: ...``."""

    voltage_scan: VoltageScan


class CyclicVoltammetryItem(Strict):
    """``- cyclic_voltammetry: ...``."""

    cyclic_voltammetry: CyclicVoltammetry


class ImpedanceItem(Strict):
    """``- impedance: ...``."""

    impedance: Impedance


class TagItem(Strict):
    """``- tag: ...``."""

    tag: Tag


class FormationItem(Strict):
    """``- formation: ...``."""

    formation: Formation


class RateTestItem(Strict):
    """``- rate_test: ...``."""

    rate_test: RateTest


class GittItem(Strict):
    """``- gitt: ...``."""

    gitt: Gitt


class HppcItem(Strict):
    """``- hppc: ...``."""

    hppc: Hppc


class DcirItem(Strict):
    """``- dcir: ...``."""

    dcir: Dcir


class CriticalCurrentDensityItem(Strict):
    """``- critical_current_density: ...``."""

    critical_current_density: CriticalCurrentDensity


class PulseItem(Strict):
    """A constant current of a measurement, neither half-cycle nor cycle; only macros make it."""

    pulse: ConstantCurrent


class LoopItem(Scheduled):
    """``- loop: 200`` with the ``steps`` of one pass."""

    loop: Pass
    steps: list["Item"] = Field(min_length=1)
    until: LoopUntil | None = None


STEPS: dict[str, type[Strict]] = {
    "rest": RestItem,
    "soak": SoakItem,
    "constant_current": ConstantCurrentItem,
    "constant_voltage": ConstantVoltageItem,
    "cccv": CccvItem,
    "constant_power": ConstantPowerItem,
    "constant_resistance": ConstantResistanceItem,
    "profile": ProfileItem,
    "voltage_scan": VoltageScanItem,
    "cyclic_voltammetry": CyclicVoltammetryItem,
    "impedance": ImpedanceItem,
    "formation": FormationItem,
    "rate_test": RateTestItem,
    "gitt": GittItem,
    "hppc": HppcItem,
    "dcir": DcirItem,
    "critical_current_density": CriticalCurrentDensityItem,
    "loop": LoopItem,
    "tag": TagItem,
}


def _step_kind(given: Any) -> str | None:
    keys = given if isinstance(given, dict) else ()
    return next((key for key in keys if key in STEPS), None)


Item = Annotated[
    Annotated[RestItem, Variant("rest")]
    | Annotated[SoakItem, Variant("soak")]
    | Annotated[ConstantCurrentItem, Variant("constant_current")]
    | Annotated[ConstantVoltageItem, Variant("constant_voltage")]
    | Annotated[CccvItem, Variant("cccv")]
    | Annotated[ConstantPowerItem, Variant("constant_power")]
    | Annotated[ConstantResistanceItem, Variant("constant_resistance")]
    | Annotated[ProfileItem, Variant("profile")]
    | Annotated[VoltageScanItem, Variant("voltage_scan")]
    | Annotated[CyclicVoltammetryItem, Variant("cyclic_voltammetry")]
    | Annotated[ImpedanceItem, Variant("impedance")]
    | Annotated[FormationItem, Variant("formation")]
    | Annotated[RateTestItem, Variant("rate_test")]
    | Annotated[GittItem, Variant("gitt")]
    | Annotated[HppcItem, Variant("hppc")]
    | Annotated[DcirItem, Variant("dcir")]
    | Annotated[CriticalCurrentDensityItem, Variant("critical_current_density")]
    | Annotated[LoopItem, Variant("loop")]
    | Annotated[TagItem, Variant("tag")],
    Discriminator(_step_kind),
]


class Protocol(Strict):
    """A recipe by which a cell is cycled."""

    protocol: fields.Name
    description: fields.Line | None = None
    cell: Cell = Field(default_factory=lambda: Cell.model_validate({}))
    safety: Safety
    record: Record
    steps: list[Item] = Field(min_length=1)
    stop_rules: list[Rule] = Field(default_factory=list)
