"""Which registers of a Modbus unit hold temperatures, as a person writes it in a station file, and what they mean.

One sensor a line, or separated by ``;``:

    air   input   0       int16   * 0.1  degC  broken 32767
    cell  holding 0x11A9  float32 low-first  degC  unit 3

A name; ``input`` (function 4) or ``holding`` (function 3); the address of the first register, counted from 0; how a
number is written; ``low-first`` where the low register of two comes first; a factor; the unit of the result. Then
``unit N`` if the sensor belongs to another unit on the same line, and ``broken N``, the number that stands there while
nothing is connected.
"""

import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labctl_drivers.modbus_frames import READ_HOLDING, READ_INPUT

_FUNCTIONS = {"input": READ_INPUT, "holding": READ_HOLDING}
_FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LINE = re.compile(
    rf"""(?P<name>[A-Za-z][\w-]*) \s+ (?P<function>input|holding) \s+ (?P<address>0x[0-9A-Fa-f]{{1,4}}|\d{{1,5}})
    \s+ (?P<format>int16|uint16|int32|uint32|float32) (?P<low_first>\s+low-first)?
    (?:\s*\*\s*(?P<factor>{_NUMBER}))? \s+ (?P<measured>degC|degF|K)
    (?:\s+unit\s+(?P<unit>\d{{1,3}}))? (?:\s+broken\s+(?P<broken>{_NUMBER}))?""",
    re.VERBOSE,
)
_PLAUSIBLE_K = (1.0, 3000.0)
_EXAMPLE = "`air input 0 int16 * 0.1 degC`, a sensor a line"


@dataclass(frozen=True, slots=True)
class Sensor:
    """Where one temperature stands, and how it is written.

    Attributes:
        unit: None: that of the whole instrument.
        function: 3 or 4.
        address: of its first register.
        format: of ``struct``.
        factor: from the number to the temperature.
        measured: degC, degF or K.
        broken: the number that means that nothing is connected.
    """

    name: str
    unit: int | None
    function: int
    address: int
    format: str
    low_first: bool
    factor: float
    measured: str
    broken: float | None

    @property
    def registers(self) -> int:
        """How many it takes."""
        return struct.calcsize(self.format) // 2

    def temperature_K(self, words: Sequence[int]) -> float | None:
        """What registers mean; None: nothing is connected, or no temperature there is."""
        ordered = tuple(reversed(words)) if self.low_first else tuple(words)
        (number,) = struct.unpack(self.format, struct.pack(f">{len(ordered)}H", *ordered))
        if self.broken is not None and number == self.broken:
            return None
        value = number * self.factor
        temperature_K = {"K": value, "degC": value + 273.15, "degF": (value + 459.67) / 1.8}[self.measured]
        low_K, high_K = _PLAUSIBLE_K
        return temperature_K if math.isfinite(temperature_K) and low_K <= temperature_K <= high_K else None


def sensors_of(settings: Mapping[str, str]) -> tuple[Sensor, ...]:
    """The sensors that a station file declares.

    Raises:
        ValueError: there are none, or a line is not understood.
    """
    lines = [line.strip() for line in re.split(r"[;\n]", settings.get("registers", "")) if line.strip()]
    if not lines:
        raise ValueError(f"registers: say in a station file which hold temperatures, for example {_EXAMPLE}")
    sensors = tuple(_sensor(line) for line in lines)
    if len({sensor.name for sensor in sensors}) < len(sensors):
        raise ValueError("registers: two sensors have the same name")
    return sensors


def _sensor(line: str) -> Sensor:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"registers: {line!r} is not understood; write {_EXAMPLE}")
    address, unit = int(found["address"], 0), found["unit"]
    sensor = Sensor(
        name=found["name"],
        unit=None if unit is None else int(unit),
        function=_FUNCTIONS[found["function"]],
        address=address,
        format=_FORMATS[found["format"]],
        low_first=found["low_first"] is not None,
        factor=float(found["factor"] or 1.0),
        measured=found["measured"],
        broken=None if found["broken"] is None else float(found["broken"]),
    )
    if address + sensor.registers > 0x10000 or (sensor.unit or 0) > 255:
        raise ValueError(f"registers: {line!r}: there is no such register or unit")
    if sensor.low_first and sensor.registers == 1:
        raise ValueError(f"registers: {line!r}: low-first is for numbers of two registers")
    return sensor
