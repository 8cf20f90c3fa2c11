"""Any logger or controller that shows temperatures in Modbus registers; it is only read.

Verified on hardware: no; on a simulated logger. Line: Modbus TCP, or RTU frames on a serial line or through TCP.
Source: the specifications named in ``modbus_frames``; which registers, a person has to read in the maker's
document.

Quirks:

1. A wrong address or format reads as a number like any other. What cannot be a temperature (below 1 K, above 3000
   K, no number) is taken for a sensor that is not connected; compare the rest with a thermometer once.
2. Modbus has no question for who a unit is that all units answer: connecting means that all registers can be read.
"""

from collections.abc import Mapping

from labctl.clock import Clock
from labctl.errors import InvalidReading, WrongInstrument
from labctl.instrument.auxiliary import AuxiliaryDriver, Temperatures
from labctl.instrument.channel import Identity
from labctl.link import Link
from labctl_drivers.modbus_frames import FRAMINGS, unit_of
from labctl_drivers.modbus_line import ModbusLine, RegisterRefused
from labctl_drivers.modbus_sensors import Sensor, sensors_of


class ModbusTemperature:
    """One logger.

    Args:
        link: for binary frames.
        clock: the time it lives in.
        settings: ``registers``, ``framing``, ``unit``.

    Raises:
        ValueError: settings that make no sense.
    """

    def __init__(self, link: Link, clock: Clock, settings: Mapping[str, str]) -> None:
        self._line = ModbusLine(link, clock, FRAMINGS[_framing_of(settings)](), unit_of(settings))
        self._clock = clock
        self._sensors = sensors_of(settings)

    async def connect(self) -> Identity:
        """Read every register once.

        Raises:
            WrongInstrument: one of them is not there.
            LinkError: nothing sensible answers.
        """
        await self._line.open()
        for sensor in self._sensors:
            try:
                await self._words(sensor)
            except RegisterRefused as refused:
                raise WrongInstrument(
                    f"sensor {sensor.name} cannot be read: {refused.problem}; see `registers` in the station file",
                    self._line.name,
                ) from refused
        many = "1 sensor" if len(self._sensors) == 1 else f"{len(self._sensors)} sensors"
        return Identity("Modbus", f"unit with {many}", "unknown", "")

    async def read(self) -> Temperatures:
        """All sensors, one after the other.

        Raises:
            InvalidReading: not one of them shows a temperature.
            LinkError, InstrumentError: they could not be read.
        """
        asked_s = self._clock.now()
        read = {sensor.name: sensor.temperature_K(await self._words(sensor)) for sensor in self._sensors}
        shown_K = {name: temperature_K for name, temperature_K in read.items() if temperature_K is not None}
        if not shown_K:
            raise InvalidReading("no sensor shows a temperature", self._line.name)
        return Temperatures(asked_s, shown_K)

    async def close(self) -> None:
        """Give the port back."""
        await self._line.close()

    async def _words(self, sensor: Sensor) -> tuple[int, ...]:
        return await self._line.read(sensor.address, sensor.registers, sensor.function, unit=sensor.unit)


def _framing_of(settings: Mapping[str, str]) -> str:
    framing = settings.get("framing", "tcp").strip()
    if framing not in FRAMINGS:
        raise ValueError(f"framing: {framing!r} is neither tcp nor rtu")
    return framing


def _open(link: Link, clock: Clock, **settings: str) -> ModbusTemperature:
    return ModbusTemperature(link, clock, settings)


def _sensors(settings: Mapping[str, str]) -> tuple[str, ...]:
    unit_of(settings)
    _framing_of(settings)
    return tuple(sensor.name for sensor in sensors_of(settings))


DRIVER = AuxiliaryDriver(
    name="modbus-temperature",
    summary="any logger or controller with temperatures in Modbus registers, which the station file names",
    open=_open,
    sensors=_sensors,
    terminator=b"",
    serial={"baudrate": 9600},
    wire="Modbus TCP; Modbus RTU on a serial line or over TCP",
    settings={
        "registers": "where its temperatures stand, a sensor a line: `air input 0 int16 * 0.1 degC`",
        "framing": "tcp or rtu; tcp if it is left out",
        "unit": "its Modbus address, 1 if it is left out",
    },
)
