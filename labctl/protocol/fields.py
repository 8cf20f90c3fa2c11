"""The kinds of text that fields of a protocol hold, as pydantic types: quantities, counts, numbers, names."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from labctl.invisible import INVISIBLE
from labctl.units import Dimension, Quantity, QuantityError, parse, parse_count, parse_number

LONGEST_LINE = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")


@dataclass(frozen=True)
class FromText(ABC):
    """Reads a field's text; annotates the type that comes of it."""

    @abstractmethod
    def read(self, text: str) -> Any:
        """The value.

        Raises:
            QuantityError: the text is something else.
        """

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """What an editor may offer."""

    def _read(self, given: object) -> Any:
        if isinstance(given, str):
            return self.read(given)
        found = "a list" if isinstance(given, list) else "a mapping"
        raise QuantityError(f"{found} stands where a single value is wanted", self._example())

    def _example(self) -> str:
        return f"write, say, {self.json_schema().get('examples', ['one word'])[0]}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.json_schema()


@dataclass(frozen=True)
class QuantityText(FromText):
    """A quantity of one of the dimensions."""

    dimensions: tuple[Dimension, ...]
    signed: bool = False

    def read(self, text: str) -> Quantity:
        """Read it; unless it is signed, it has to be greater than zero."""
        quantity = parse(text, *self.dimensions)
        if not self.signed and quantity.value < 0:
            raise QuantityError(f"{text!r} is negative", f"this {quantity.dimension.title} has no sign")
        if not self.signed and quantity.value == 0:
            raise QuantityError(
                f"{text!r} is zero", f"this {quantity.dimension.title} has to be more than zero"
            )
        return quantity

    def json_schema(self) -> dict[str, Any]:
        """Text, with an example for each dimension."""
        return {"type": "string", "examples": [dimension.example for dimension in self.dimensions]}


OPEN_CIRCUIT = "open_circuit"


@dataclass(frozen=True)
class StartText(FromText):
    """A voltage, or the open-circuit voltage that is found."""

    def read(self, text: str) -> Quantity | None:
        """Read it; None is the open-circuit voltage."""
        return None if text == OPEN_CIRCUIT else parse(text, Dimension.VOLTAGE)

    def json_schema(self) -> dict[str, Any]:
        """Text."""
        return {"type": "string", "examples": [OPEN_CIRCUIT, Dimension.VOLTAGE.example]}


@dataclass(frozen=True)
class CountText(FromText):
    """A whole number, both bounds included."""

    lowest: int
    highest: int

    def read(self, text: str) -> int:
        """Read it."""
        return parse_count(text, self.lowest, self.highest)

    def json_schema(self) -> dict[str, Any]:
        """An integer."""
        bounds = {"minimum": self.lowest, "maximum": self.highest}
        return {"type": "integer", **bounds, "examples": [self.lowest]}


@dataclass(frozen=True)
class NumberText(FromText):
    """A number, both bounds included; as a ``fraction`` it may be written ``80 %`` or ``0.8``."""

    lowest: float
    highest: float
    fraction: bool = False

    def read(self, text: str) -> float:
        """Read it."""
        in_percent = self.fraction and "%" in text
        value = parse(text, Dimension.FRACTION).value if in_percent else parse_number(text)
        if not self.lowest <= value <= self.highest:
            raise QuantityError(f"{text} is out of range", f"write {self.lowest:g} to {self.highest:g}")
        return value

    def json_schema(self) -> dict[str, Any]:
        """A number, or a percentage."""
        plain = {"type": "number", "minimum": self.lowest, "maximum": self.highest}
        if not self.fraction:
            return {**plain, "examples": [self.lowest]}
        return {"anyOf": [plain, {"type": "string", "pattern": "%$"}], "examples": ["80 %", 0.8]}


@dataclass(frozen=True)
class NameText(FromText):
    """A name that is safe in file names, topics and tables."""

    def read(self, text: str) -> str:
        """Read it."""
        if not _NAME.fullmatch(text):
            raise QuantityError(
                f"{text[:40]!r} is not a name", "use letters, digits and . _ + -, as in na50k50-symmetric"
            )
        return text

    def json_schema(self) -> dict[str, Any]:
        """Text of a pattern."""
        return {"type": "string", "pattern": f"^{_NAME.pattern}$", "examples": ["na50k50-symmetric"]}


@dataclass(frozen=True)
class FileText(FromText):
    """The name of a file beside the protocol, or below it."""

    def read(self, text: str) -> str:
        """Read it."""
        path = PurePosixPath(text)
        if (
            not text.strip()
            or path.is_absolute()
            or ".." in path.parts
            or "\\" in text
            or INVISIBLE.search(text)
        ):
            raise QuantityError(
                f"{text[:40]!r} is not a file beside the protocol", "write, say, cycles/drive.csv"
            )
        return text

    def json_schema(self) -> dict[str, Any]:
        """Text."""
        return {"type": "string", "examples": ["drive.csv"]}


@dataclass(frozen=True)
class LineText(FromText):
    """One line for a person."""

    def read(self, text: str) -> str:
        """Read it."""
        if not text.strip() or len(text) > LONGEST_LINE or "\n" in text:
            raise QuantityError(
                f"{text[:40]!r} is not one line of text", f"write 1 to {LONGEST_LINE} characters"
            )
        if odd := INVISIBLE.search(text):
            raise QuantityError(
                f"{text[:40]!r} has the invisible character U+{ord(odd[0]):04X}", "write it without"
            )
        return text

    def json_schema(self) -> dict[str, Any]:
        """Text."""
        return {"type": "string", "maxLength": LONGEST_LINE, "examples": ["cell 7, batch 3"]}


_CURRENTS = (Dimension.CURRENT, Dimension.AREAL_CURRENT, Dimension.SPECIFIC_CURRENT, Dimension.RATE)
_CAPACITIES = (Dimension.CHARGE, Dimension.AREAL_CAPACITY, Dimension.SPECIFIC_CAPACITY)

Voltage = Annotated[Quantity, QuantityText((Dimension.VOLTAGE,), signed=True)]
StartVoltage = Annotated[Quantity | None, StartText()]
VoltageChange = Annotated[Quantity, QuantityText((Dimension.VOLTAGE,))]
Current = Annotated[Quantity, QuantityText(_CURRENTS, signed=True)]
CurrentMagnitude = Annotated[Quantity, QuantityText(_CURRENTS)]
Capacity = Annotated[Quantity, QuantityText(_CAPACITIES)]
Energy = Annotated[Quantity, QuantityText((Dimension.ENERGY,))]
Power = Annotated[Quantity, QuantityText((Dimension.POWER,), signed=True)]
Time = Annotated[Quantity, QuantityText((Dimension.TIME,))]
VoltageRate = Annotated[Quantity, QuantityText((Dimension.VOLTAGE_RATE,))]
Temperature = Annotated[Quantity, QuantityText((Dimension.TEMPERATURE,))]
TemperatureDifference = Annotated[Quantity, QuantityText((Dimension.TEMPERATURE_DIFFERENCE,))]
Length = Annotated[Quantity, QuantityText((Dimension.LENGTH,))]
Area = Annotated[Quantity, QuantityText((Dimension.AREA,))]
Mass = Annotated[Quantity, QuantityText((Dimension.MASS,))]
Frequency = Annotated[Quantity, QuantityText((Dimension.FREQUENCY,))]
Resistance = Annotated[Quantity, QuantityText((Dimension.RESISTANCE,))]
Amplitude = Annotated[Quantity, QuantityText((Dimension.VOLTAGE, *_CURRENTS))]
Bias = Annotated[Quantity, QuantityText((Dimension.VOLTAGE, *_CURRENTS), signed=True)]
Name = Annotated[str, NameText()]
File = Annotated[str, FileText()]
Line = Annotated[str, LineText()]
