"""BINDER MK 53 and other BINDER chambers with an MB1 controller (MK, MKF, KBF before about 2015).

Verified on hardware: no; on a simulated MK 53. Line: Modbus RTU, 9600 8N1, over RS-422 or RS-232, or the same frames
through the chamber's Ethernet adapter, TCP port 10001. That is not Modbus TCP.
Source: BINDER Interface Technical Specifications (Art. No. 7001-0242), sections 2.7 to 2.11, as ovenctl by Solarflare
Communications and basil's ``binder_mk53`` cite it. Alarm flag: found by ovenctl's authors, not in the document.

Quirks:

1. A float is two registers, the low one first.
2. Manual and basic mode have set points of their own, and published clients disagree which is at 1581h and which at
   156Fh: both are written and read back.
3. Set the temperature before the mode: an idle chamber that is started holds what was set before, with the compressor
   or the heater that this needs, for minutes.
4. A missing sensor reads as a number around 200000.
"""

import math
from collections.abc import Mapping

from labctl.clock import Clock
from labctl.errors import CannotHold, InstrumentRefused, InvalidReading, WrongInstrument
from labctl.instrument.auxiliary import AuxiliaryDriver, Temperatures
from labctl.instrument.channel import Identity
from labctl.link import Link
from labctl_drivers.modbus_frames import Rtu, float_of, unit_of, words_of
from labctl_drivers.modbus_line import ModbusLine, RegisterRefused

_ZERO_C = 273.15
_RANGE_C = (-40.0, 180.0)
_PLAUSIBLE_C = (-150.0, 400.0)
_TOLERANCE_K = 0.05

_AIR = 0x11A9
_SET_POINT = 0x1077
_SET_POINTS_OF_MODES = (0x1581, 0x156F)
_MODE = 0x1A22
_ALARM = 0x123D
_BASIC, _MANUAL, _PROGRAM = 0x1000, 0x0800, 0x0400
_NO_SUCH_REGISTER = 2
_REASONS = {4: "it is not ready", 5: "this register cannot be written"}


class BinderMk53:
    """One chamber.

    Args:
        link: for binary frames.
        clock: the time it lives in.
        unit: its Modbus address.
    """

    def __init__(self, link: Link, clock: Clock, unit: int = 1) -> None:
        self._line = ModbusLine(link, clock, Rtu(), unit, _REASONS)
        self._clock = clock

    async def connect(self) -> Identity:
        """Read temperature and mode, which no other unit is likely to have there.

        Raises:
            WrongInstrument: the registers of such a chamber are missing, or hold no temperature.
            LinkError: nothing sensible answers.
        """
        await self._line.open()
        try:
            await self._read_C(_AIR)
            await self._mode()
        except RegisterRefused as refused:
            raise WrongInstrument(
                f"this is no BINDER chamber with an MB1 controller: {refused.problem}", self._line.name
            ) from refused
        return Identity("BINDER", "chamber with MB1 controller", "unknown", "")

    async def read(self) -> Temperatures:
        """The air in it.

        Raises:
            InvalidReading: its sensor shows no temperature.
            LinkError, InstrumentError: it could not be read.
        """
        asked_s = self._clock.now()
        return Temperatures(asked_s, {"temperature": await self._read_C(_AIR) + _ZERO_C})

    async def set_point_K(self) -> float | None:
        """The set point as read back; None: it is idle, in a program, or stopped by an alarm."""
        if not await self._mode() & (_BASIC | _MANUAL) or await self._alarm():
            return None
        return await self._read_C(_SET_POINT) + _ZERO_C

    async def set_temperature_K(self, temperature_K: float) -> None:
        """Hold a temperature in manual mode, and read back that it does.

        Raises:
            CannotHold: outside its range; no byte has left.
            InstrumentRefused: in a program, stopped by an alarm, or not taken.
            LinkError: nobody knows which temperature it holds.
        """
        wanted_C = round(temperature_K - _ZERO_C, 2)
        low_C, high_C = _RANGE_C
        if not low_C <= wanted_C <= high_C:
            raise CannotHold(f"{wanted_C:g} degC; it holds {low_C:g} to {high_C:g} degC", self._line.name)
        if await self._mode() & _PROGRAM:
            raise InstrumentRefused("a program runs in the chamber: end it at the panel", self._line.name)
        if await self._alarm():
            raise InstrumentRefused("an alarm occurs: clear it at the panel of the chamber", self._line.name)
        for register in _SET_POINTS_OF_MODES:
            await self._line.write(register, *words_of(wanted_C, low_first=True))
            await self._confirm(register, wanted_C)
        if not await self._mode() & _MANUAL:
            await self._line.write(_MODE, _MANUAL)
        if not await self._mode() & _MANUAL:
            raise InstrumentRefused("it does not go into manual mode", self._line.name)
        await self._confirm(_SET_POINT, wanted_C)

    async def close(self) -> None:
        """Give the port back; the chamber goes on."""
        await self._line.close()

    # ---- registers ----

    async def _mode(self) -> int:
        (mode,) = await self._line.read(_MODE, 1)
        return mode

    async def _alarm(self) -> bool:
        """Not every chamber tells."""
        try:
            (alarm,) = await self._line.read(_ALARM, 1)
        except RegisterRefused as refused:
            if refused.code != _NO_SUCH_REGISTER:
                raise
            return False
        return alarm != 0

    async def _read_C(self, register: int) -> float:
        value_C = float_of(await self._line.read(register, 2), low_first=True)
        low_C, high_C = _PLAUSIBLE_C
        if not low_C <= value_C <= high_C:
            shown = "no number" if math.isnan(value_C) else f"{value_C:g}"
            raise InvalidReading(f"register 0x{register:04X} shows no temperature: {shown}", self._line.name)
        return value_C

    async def _confirm(self, register: int, wanted_C: float) -> None:
        found_C = await self._read_C(register)
        if abs(found_C - wanted_C) > _TOLERANCE_K:
            raise InstrumentRefused(
                f"{wanted_C:g} degC were set, register 0x{register:04X} reads back {found_C:g} degC",
                self._line.name,
            )


def _open(link: Link, clock: Clock, **settings: str) -> BinderMk53:
    return BinderMk53(link, clock, unit_of(settings))


def _sensors(settings: Mapping[str, str]) -> tuple[str, ...]:
    unit_of(settings)
    return ("temperature",)


DRIVER = AuxiliaryDriver(
    name="binder-mk53",
    summary="BINDER MK 53 and other chambers with an MB1 controller (Modbus RTU, also over TCP)",
    open=_open,
    range_K=(_RANGE_C[0] + _ZERO_C, _RANGE_C[1] + _ZERO_C),
    sensors=_sensors,
    terminator=b"",
    serial={"baudrate": 9600},
    wire="Modbus RTU: RS-422, RS-232, or through its LAN adapter, port 10001",
    settings={"unit": "its Modbus address, 1 if it is left out"},
)
