"""EX-1: galvanostatic and potentiostatic steps, paced by the computer.

Verified on hardware: no. Line: TCP socket at port 5030, lines end with LF. Positive current leaves the red terminal:
with red at the working electrode its sign is labctl's. Facts: facts.md.

Quirks:

1. A wrong command is answered with ERR, a right one with nothing: each setting is read back.
2. With the output open it measures the voltage all the same: a rest opens it.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

from labctl.clock import Clock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    LinkError,
    LinkNonsense,
    WrongInstrument,
)
from labctl.instrument.channel import Driver, Identity, Sample
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec
from labctl.instrument.pacing import pace
from labctl.instrument.step import Control, Step
from labctl.link import Deadline, Link
from labctl_example_ex1.codec import TRAITS, Reading, level, limits, parse_identity, parse_reading, refuse

_ANSWER = Deadline("the answer to a question")
_READING = Deadline("one reading", takes_s=0.05)
_ATTEMPTS = 3


class ExampleEx1:
    """One EX-1 with one cell at it, as a channel.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: there is one.
    """

    def __init__(self, link: Link, clock: Clock, model: str | None = None) -> None:
        self.traits = TRAITS
        self.step_began_s = 0.0
        self.link = link
        self.clock = clock
        self._identity: Identity | None = None

    async def connect(self) -> Identity:
        """Identify it; whatever it does at this moment it goes on doing.

        Raises:
            WrongInstrument: something else answers.
            LinkError: nothing sensible answers.
        """
        await self.link.open()
        self._identity = await self._identify()
        return self._identity

    async def found_closed(self) -> bool:
        """Whether the output is on."""
        return await self.link.ask(b"OUT?", _ANSWER) == b"1"

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; what it sends belongs to the epoch of this call.

        Raises:
            CannotHold: at once, before a byte has left.
        """
        refuse(step, self.link.name)
        return self._run(step, self.link.fence.epoch)

    async def _run(self, step: Step, epoch: int) -> AsyncGenerator[Sample, None]:
        async with aclosing(pace(step, _Execution(self, step, epoch), self.clock, self.traits)) as samples:
            async for sample in samples:
                yield sample

    def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        """Refuse: it cannot measure impedance.

        Raises:
            CannotHold: always.
        """
        raise CannotHold("it cannot measure impedance", self.link.name)

    async def set(self, command: bytes, value: bytes, epoch: int) -> None:
        """Send a setting and read it back.

        Raises:
            InstrumentRefused: it reads back as something else.
            Superseded: the epoch is over; it was not sent.
        """
        await self.link.send(command + b" " + value, epoch=epoch)
        if (answer := await self.link.ask(command + b"?", _ANSWER)) != value:
            raise InstrumentRefused(
                "the setting was not taken",
                self.link.name,
                (command + b" " + value).decode(),
                answer.decode(),
            )

    async def read(self) -> Reading:
        """One reading.

        Raises:
            LinkNonsense: what came is none.
        """
        answer = await self.link.ask(b"MEAS?", _READING)
        try:
            return parse_reading(answer)
        except (ValueError, KeyError) as error:
            self.link.poison()
            raise LinkNonsense("no reading", self.link.name, "MEAS?", answer.decode()) from error

    async def prove(self) -> None:
        """Question and answer belong together again, and it is the instrument that it was.

        Raises:
            LinkError, WrongInstrument: they do not; it is another one.
        """
        await self.link.resynchronise()
        if (identity := await self._identify()) != self._identity and self._identity is not None:
            raise WrongInstrument(f"{identity} answers in place of {self._identity}", self.link.name)

    async def _identify(self) -> Identity:
        answer = await self.link.ask(b"*IDN?", _ANSWER)
        if (identity := parse_identity(answer)) is None:
            raise WrongInstrument("no EX-1 answers", self.link.name, "*IDN?", answer.decode())
        return identity

    async def close(self) -> None:
        """Give the port back."""
        await self.link.close()

    async def make_safe(self) -> None:
        """Open the output and read back that it is open; needs no healthy link to try.

        Raises:
            CellStateUnknown: three attempts did not show it open.
        """
        self.link.fence.advance()
        problem = ""
        for attempt in range(_ATTEMPTS):
            try:
                if attempt or self.link.poisoned:
                    with suppress(LinkError):
                        await self.link.send_anyway(b"OUT 0")  # at once, before the line is in order again
                    await self.prove()
                await self.link.send_anyway(b"OUT 0")
                if not await self.found_closed():
                    return
                problem = "the output does not read back as open"
            except (LinkError, InstrumentError) as error:
                problem = str(error)
        raise CellStateUnknown(problem, self.link.name, "OUT 0", cell="unknown, look at the instrument")


class _Execution:
    """One step: arms, energises, measures, and picks up again after a lost connection."""

    def __init__(self, instrument: ExampleEx1, step: Step, epoch: int) -> None:
        self._instrument = instrument
        self._step = step
        self._epoch = epoch
        self._level = b""
        self._output = b"0" if step.control is Control.REST else b"1"

    async def begin(self, step: Step) -> float:
        """Limits, then the level, each read back, then the output; it stays on if it is on with these limits."""
        instrument, armed = self._instrument, limits(step.safety)
        if self._output == b"0" or await instrument.link.ask(b"LIM?", _ANSWER) != armed:
            await instrument.set(b"OUT", b"0", self._epoch)
            await instrument.set(b"LIM", armed, self._epoch)
        first = step.value
        if step.tracks:
            first = step.current_A((await instrument.read()).voltage_V)
        self._level = level(step.control, 0.0 if step.control is Control.REST else first)
        instrument.step_began_s = instrument.clock.now()
        await instrument.set(b"SET", self._level, self._epoch)
        await instrument.set(b"OUT", self._output, self._epoch)
        return instrument.step_began_s

    async def move(self, value: float) -> None:
        """Move the current and read it back."""
        self._level = level(Control.CURRENT, value)
        await self._instrument.set(b"SET", self._level, self._epoch)

    async def measure(self) -> Sample:
        """One reading; an output that is not as it was set ends the step.

        Raises:
            InstrumentError: a limit, or a person, opened the output.
        """
        asked_s = self._instrument.clock.now()
        reading = await self._instrument.read()
        if reading.output_on != (self._output == b"1"):
            raise InstrumentError(
                "a limit or the front panel switched its output", self._instrument.link.name
            )
        return Sample(asked_s, reading.voltage_V, reading.current_A)

    async def recover(self) -> Sequence[Sample]:
        """Find it again and compare what it does with what it was told; it keeps no readings to be fetched."""
        instrument = self._instrument
        await instrument.prove()
        for question, wanted in ((b"SET?", self._level), (b"OUT?", self._output)):
            if (answer := await instrument.link.ask(question, _ANSWER)) != wanted:
                raise InstrumentError(
                    "it does something else than before",
                    instrument.link.name,
                    question.decode(),
                    answer.decode(),
                )
        return ()

    async def reconnect(self) -> None:
        """Off at once, then the line in order again."""
        with suppress(LinkError):
            await self._instrument.link.send_anyway(b"OUT 0")
        await self._instrument.prove()


DRIVER = Driver(
    name="example-ex1",
    summary="EX-1, an example: paced by the computer; no impedance",
    traits={"EX-1": TRAITS},
    terminator=b"\n",
    open=ExampleEx1,
    wire="text lines: LAN socket",
)
