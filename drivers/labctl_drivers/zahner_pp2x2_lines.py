"""Talks to a Zahner potentiostat over its two ports: commands and their answers, primitives and what they measure.

While a primitive runs the command port answers nothing but ``ABOR`` and ``*RST``; its answer comes when it ends.
"""

import math

from labctl.clock import Clock
from labctl.errors import (
    InstrumentRefused,
    InvalidReading,
    LinkLost,
    LinkNonsense,
    LinkTimeout,
    WrongInstrument,
)
from labctl.instrument.channel import Identity
from labctl.link import Deadline, Link
from labctl.link.port import HasSecond
from labctl_drivers.zahner_pp2x2_data import Packets, Reading, State, packet_size

_ANSWER = Deadline("an answer of the instrument")
_AT_REST = Deadline("an answer of an instrument at rest", slack_s=0.5)
_END = Deadline("the answer to a primitive that has ended")
_QUIET_S = 0.2
_OLDEST = (1, 1, 0)
_ERRORS = {
    27: "it does not know the command",
    100: "the value is out of its range",
    1000: "the command is not implemented",
    1003: "a global limit was reached",
    1004: "the value is out of the limited range",
    1005: "the measurement was aborted",
    1006: "an earlier error or abort has not been cleared",
    1007: "the calibration failed: it may be faulty",
}


class Lines:
    """Both ports of one instrument.

    Args:
        command: the link to the command port.
        clock: the time of the driver.
        data_port: resource of the data port; empty: where the first port's kind has it.

    Attributes:
        running: a primitive has been started, and its answer not been read.
    """

    def __init__(self, command: Link, clock: Clock, data_port: str) -> None:
        self.running = False
        self._command = command
        self._clock = clock
        self._data_port = data_port
        self._data: Link | None = None
        self._packets = Packets()
        self._armed: dict[str, str] = {}

    async def open(self) -> None:
        """Open both ports.

        Raises:
            LinkLost: one cannot be opened, or the second is not known.
        """
        self.running = False
        self._armed.clear()
        await self._command.open()
        if self._data is None:
            if not isinstance(self._command.port, HasSecond):
                raise LinkLost("an instrument with two ports cannot be reached this way", self._command.name)
            self._data = Link(self._command.port.beside(self._data_port), self._clock)
        await self._data.open()

    async def close(self) -> None:
        """Give both ports back."""
        if self._data is not None:
            await self._data.close()
        await self._command.close()

    async def identify(self) -> Identity:
        """Who answers at the command port.

        Raises:
            WrongInstrument: no Zahner potentiostat, its data port, or firmware that is too old.
            LinkTimeout: nobody; or a primitive runs, and somebody may be waiting for the circuit to be opened.
        """
        answer = _text(await self._command.ask(b"*IDN?", _AT_REST))
        return _identity(answer, self._command.name, binary=False)

    async def check_data_port(self, serial: str) -> None:
        """See that the second port is the data port of the same instrument.

        Raises:
            WrongInstrument: it is not.
        """
        data = self._opened()
        told = _identity(_text(await data.ask(b"*IDN?", _ANSWER)), data.name, binary=True)
        if told.serial != serial:
            raise WrongInstrument(
                f"the data port belongs to serial {told.serial}, the command port to {serial}", data.name
            )

    async def arm(self, parameters: dict[str, str]) -> None:
        """Set what is not set already; each is acknowledged.

        Raises:
            InstrumentRefused: one is not.
        """
        for command, value in parameters.items():
            if self._armed.get(command) != value:
                self._armed.pop(command, None)
                await self.order(f"{command} {value}")
                self._armed[command] = value

    async def order(self, line: str) -> None:
        """Send a command, and see that it is acknowledged.

        Raises:
            InstrumentRefused: it is not.
        """
        if (answer := await self._ask(line.encode())) != "ok":
            raise self._refused(line, answer)

    async def number(self, question: str) -> float:
        """A value.

        Raises:
            InvalidReading: the answer is none.
        """
        answer = await self._ask(question.encode())
        try:
            value = float(answer.partition(",")[0])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InvalidReading("this is not a value", self._command.name, question, answer)
        return value

    async def start(self, question: bytes, epoch: int) -> None:
        """Let a primitive begin, and return once its data begin to come.

        Raises:
            InstrumentRefused: it is answered at once.
            Superseded: the epoch is over; nothing was sent.
        """
        if self._opened().poisoned:
            await self._opened().resynchronise(_QUIET_S)
        else:
            await self._opened().resynchronise(0.0, reopen=False)
        self._command.fence.check(epoch)
        self.running = True
        await self._command.send(question, epoch=epoch)
        try:
            told = await self.told(_ANSWER)
        except LinkTimeout:
            answer = _text(await self._command.receive(_ANSWER))
            self.running = False
            raise self._refused(_text(question), answer) from None
        if told is not State.START:
            self._command.poison()
            raise LinkNonsense(f"a measurement that begins with {told}", self._opened().name)

    async def told(self, deadline: Deadline) -> State | list[Reading]:
        """What the data port tells next.

        Raises:
            LinkTimeout, LinkNonsense, LinkLost: nothing that can be read.
        """
        data = self._opened()
        packet = await data.receive_frame(packet_size, deadline)
        try:
            return self._packets.read(packet)
        except ValueError as error:
            data.poison()
            raise LinkNonsense(str(error), data.name, received=packet[:48].hex(" ")) from None

    async def finish(self) -> None:
        """Take the answer to a primitive whose data have ended.

        Raises:
            InstrumentRefused: it did not end as it should.
        """
        answer = _text(await self._command.receive(_END))
        self.running = False
        if answer != "ok":
            raise self._refused("the primitive", answer)

    async def stop(self, *, reopen: bool) -> None:
        """Abort whatever runs, which switches off; then prove that questions and answers belong together.

        Args:
            reopen: the ports first, because they are lost.
        """
        self._armed.clear()
        if reopen:
            await self._command.resynchronise(0.0)
        await self._command.send_anyway(b"ABOR")
        await self._command.resynchronise(_QUIET_S, reopen=False)  # one answer or two, in either order
        await self.identify()
        await self.order("*CLS")
        await self._opened().resynchronise(_QUIET_S, reopen=reopen)
        self.running = False

    def _opened(self) -> Link:
        if self._data is None:
            raise LinkLost("the data port is not open", self._command.name)
        return self._data

    async def _ask(self, line: bytes) -> str:
        return _text(await self._command.ask(line, _ANSWER))

    def _refused(self, line: str, answer: str) -> InstrumentRefused:
        word, _, number = answer.partition(" ")
        known = word == "error" and number.isdigit()
        if not known:
            self._command.poison()
        reason = _ERRORS.get(int(number), "an unknown error") if known else "this is no answer to it"
        return InstrumentRefused(reason, self._command.name, line, answer)


def _identity(answer: str, name: str, *, binary: bool) -> Identity:
    maker, model, serial, version = (*(part.strip() for part in answer.split(",")), "", "", "", "")[:4]
    if maker != "ZAHNER-ELEKTRIK":
        raise WrongInstrument("this is no Zahner potentiostat", name, "*IDN?", answer)
    if version.endswith("binary") is not binary:
        found, wanted = ("command", "data") if binary else ("data", "command")
        raise WrongInstrument(f"this is its {found} port, not its {wanted} port: exchange the two", name)
    firmware = version.removesuffix("binary").strip()
    numbers = tuple(int(part) for part in firmware.split("-")[0].split(".") if part.isdigit())
    if numbers < _OLDEST:
        raise WrongInstrument(f"firmware {firmware} is too old: 1.1.0 is needed, Zahner updates it", name)
    return Identity("Zahner", model, serial, firmware)


def _text(line: bytes) -> str:
    return line.decode("ascii", "replace").strip()
