"""A conversation with one unit on a Modbus line: registers read and written, each answer proven to be the right one."""

from labctl.clock import Clock
from labctl.errors import InstrumentRefused, LinkNonsense
from labctl.link import Deadline, Link
from labctl_drivers.modbus_frames import (
    READ_HOLDING,
    WRITE_ONE,
    WRITE_SEVERAL,
    Framing,
    Refused,
    Request,
)

_ANSWER = Deadline("the answer of a Modbus unit", takes_s=0.5)
_REASONS = {
    1: "it does not know this function",
    2: "it has no such register",
    3: "it does not take this value",
    4: "it has failed to do so",
    5: "it has accepted, and is not done yet",
    6: "it is busy",
    8: "its memory is damaged",
    10: "the gateway knows no way to it",
    11: "it does not answer the gateway",
}


class RegisterRefused(InstrumentRefused):
    """A unit's exception: ``code`` says which."""

    code = 0


class ModbusLine:
    """One unit.

    Args:
        link: for binary frames.
        clock: the time it lives in.
        framing: of serial lines or of TCP.
        unit: its number.
        reasons: what its maker says of exceptions, where that is not what Modbus says.
    """

    def __init__(
        self, link: Link, clock: Clock, framing: Framing, unit: int, reasons: dict[int, str] | None = None
    ) -> None:
        self._link = link
        self._clock = clock
        self._framing = framing
        self._unit = unit
        self._reasons = _REASONS | (reasons or {})
        self._quiet_s = 0.0

    @property
    def name(self) -> str:
        """The port's name and the unit, for messages."""
        return self._name_of(self._unit)

    async def open(self) -> None:
        """Open, or make silent again what was left in the middle of an exchange."""
        if self._link.poisoned:
            await self._link.resynchronise()
        else:
            await self._link.open()

    async def close(self) -> None:
        """Give the port back."""
        await self._link.close()

    async def read(
        self, address: int, count: int, function: int = READ_HOLDING, *, unit: int | None = None
    ) -> tuple[int, ...]:
        """Registers, read together.

        Args:
            address: of the first, from 0.
            count: how many.
            function: 3 or 4.
            unit: another one on the same line.

        Raises:
            RegisterRefused: the unit answers with an exception.
            LinkError: no answer, or none to this request.
        """
        return await self._exchange(Request(function, address, count), self._unit if unit is None else unit)

    async def write(self, address: int, *words: int) -> None:
        """Write registers; one with function 6, several with function 16.

        Raises:
            RegisterRefused, LinkError: as for ``read``.
        """
        function = WRITE_ONE if len(words) == 1 else WRITE_SEVERAL
        await self._exchange(Request(function, address, len(words), words), self._unit)

    async def _exchange(self, request: Request, unit: int) -> tuple[int, ...]:
        framing = self._framing
        await self._clock.sleep_until(self._quiet_s)
        sent = framing.wrap(unit, request)
        frame = await self._link.exchange(sent, framing.size, _ANSWER)
        self._quiet_s = self._clock.now() + framing.gap_s
        try:
            return request.decode(framing.unwrap(frame))
        except Refused as refused:
            words = self._reasons.get(refused.code, "for a reason of its own")
            error = RegisterRefused(
                f"exception {refused.code} at register 0x{request.address:04X}: {words}",
                self._name_of(unit),
                sent.hex(" "),
                frame.hex(" "),
            )
            error.code = refused.code
            raise error from None
        except ValueError as error:
            self._link.poison()
            raise LinkNonsense(str(error), self._name_of(unit), sent.hex(" "), frame.hex(" ")) from None

    def _name_of(self, unit: int) -> str:
        return f"{self._link.name} unit {unit}"
