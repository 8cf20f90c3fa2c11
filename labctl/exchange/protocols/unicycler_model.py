"""unicycler's protocols: the fields of its JSON, and nothing that it does with them.

Its own rules are kept where they decide what a file means: a rate goes before a current, an empty text, and in cut-offs
a zero, is nothing.

Source: aurora-unicycler 0.4.6, CyclingProtocol.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

VERSION = "0.4.6"
_FRACTION = re.compile(r"(\d*\.?\d*)([CD]?)/(\d+\.?\d*)")


def _nothing_if_empty(given: Any) -> Any:
    return None if isinstance(given, str) and not given.strip() else given


def _rate(given: Any) -> Any:
    """``C/5`` is 0.2, ``D/2`` is -0.5, ``1/3`` is a third."""
    match = _FRACTION.fullmatch(given.replace(" ", "")) if isinstance(given, str) else None
    if match is None or not float(match[3]):
        return _nothing_if_empty(given)
    return float(match[1] or 1.0) / float(match[3]) * (-1.0 if match[2] == "D" else 1.0)


Number = Annotated[FiniteFloat | None, BeforeValidator(_nothing_if_empty)]
Rate = Annotated[FiniteFloat | None, BeforeValidator(_rate)]


class Strict(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class Unicycler(Strict):
    """Which unicycler wrote it."""

    version: str = VERSION


class Sample(Strict):
    """The cell; ``$NAME`` is a name still to be given."""

    name: str = "$NAME"
    capacity_mAh: Number = None


class Record(Strict):
    """When to keep a sample."""

    current_mA: Number = None
    voltage_V: Number = None
    time_s: FiniteFloat


class Safety(Strict):
    """Limits that end the experiment."""

    max_voltage_V: Number = None
    min_voltage_V: Number = None
    max_current_mA: Number = None
    min_current_mA: Number = None
    max_capacity_mAh: Number = None
    delay_s: Number = None


class Technique(Strict):
    """What all steps have."""

    id: str | None = None


class OpenCircuitVoltage(Technique):
    """A rest."""

    step: Literal["open_circuit_voltage"] = "open_circuit_voltage"
    until_time_s: FiniteFloat


class ConstantCurrent(Technique):
    """Galvanostatic; positive charges."""

    step: Literal["constant_current"] = "constant_current"
    rate_C: Rate = None
    current_mA: Number = None
    until_time_s: Number = None
    until_voltage_V: Number = None


class ConstantVoltage(Technique):
    """Potentiostatic."""

    step: Literal["constant_voltage"] = "constant_voltage"
    voltage_V: FiniteFloat
    until_time_s: Number = None
    until_rate_C: Rate = None
    until_current_mA: Number = None


class ImpedanceSpectroscopy(Technique):
    """A spectrum; PEIS by an amplitude in V, GEIS by one in mA."""

    step: Literal["impedance_spectroscopy"] = "impedance_spectroscopy"
    amplitude_V: Number = None
    amplitude_mA: Number = None
    start_frequency_Hz: FiniteFloat
    end_frequency_Hz: FiniteFloat
    points_per_decade: int = 10
    measures_per_point: int = 1
    drift_correction: bool | None = False


class VoltageScan(Technique):
    """A linear sweep."""

    step: Literal["voltage_scan"] = "voltage_scan"
    start_voltage_V: FiniteFloat
    end_voltage_V: FiniteFloat
    scan_rate_mV_per_s: FiniteFloat


class Loop(Technique):
    """Back to a tag, or to a step counted from 1; ``cycle_count`` is the number of all passes."""

    step: Literal["loop"] = "loop"
    loop_to: int | str = 1
    cycle_count: int


class Tag(Technique):
    """A name for a place."""

    step: Literal["tag"] = "tag"
    tag: str


AnyTechnique = Annotated[
    OpenCircuitVoltage | ConstantCurrent | ConstantVoltage | ImpedanceSpectroscopy | VoltageScan | Loop | Tag,
    Field(discriminator="step"),
]


class CyclingProtocol(Strict):
    """A protocol."""

    unicycler: Unicycler = Field(default_factory=Unicycler)
    sample: Sample = Field(default_factory=Sample)
    record: Record
    safety: Safety = Field(default_factory=Safety)
    method: list[AnyTechnique] = Field(min_length=1)
