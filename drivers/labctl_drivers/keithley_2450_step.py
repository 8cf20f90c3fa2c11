"""One step on a Keithley 2450: arm, energise, measure, and pick up again after a lost connection."""

from collections.abc import Sequence
from contextlib import suppress

from labctl.errors import InstrumentError, InstrumentRefused, InvalidReading, LinkError
from labctl.instrument.channel import Sample
from labctl.instrument.step import Step
from labctl.link import Deadline
from labctl_drivers.keithley_2450_codec import BUFFER, BUFFER_SIZE, FORMAT, Setup, parse_stored
from labctl_drivers.smu_conversation import Conversation
from labctl_drivers.smu_setting import Setting

LIMITED = 1  # status of a sample: the armed limit, not the set point, held the output

_NONE_YET_S = -1.0  # the first reading of a buffer is at 0.0 s
_READING = Deadline("one reading at 1 PLC with read-back and autozero", takes_s=0.5, slack_s=1.0)


class Execution:
    """One step on a SourceMeter: arms, energises, measures, and picks up again after a lost connection.

    Args:
        smu: the instrument.
        setup: what is armed for the whole step.
        epoch: what it sends belongs to.
        first: the set point that the step begins with.
    """

    buffer_size = BUFFER_SIZE

    def __init__(self, smu: Conversation[Setup], setup: Setup, epoch: int, first: float) -> None:
        self._smu = smu
        self._first = first
        self._setup = setup
        self._epoch = epoch
        self._level = setup.level(0.0)
        self._galvanostatic = setup.source == "CURR"
        self._read = f":READ? {BUFFER},{setup.elements()}".encode("ascii")
        self._lowest = self._highest = 0.0
        self._unit = b""
        self._doubts = 0
        self._stored = 0
        self._relative_s = _NONE_YET_S
        self._asked_s = self._known_s = 0.0

    async def begin(self, step: Step) -> float:
        """Arm and verify everything with the output off, or only move the level if that has been done."""
        smu = self._smu
        self._take_level(self._first)
        if smu.armed == self._setup and await smu.ask(b":OUTP?") == "1":
            await self._empty_buffer()
            smu.step_began_s = smu.clock.now()
            await smu.set(self._level, self._epoch)
            await self._compare()
        else:
            await self._arm()
            smu.step_began_s = smu.clock.now()
            await self._switch_on()
        return smu.step_began_s

    async def move(self, value: float) -> None:
        """Move the level while the output is on, and read it back."""
        self._take_level(value)
        await self._smu.set(self._level, self._epoch)

    def _take_level(self, value: float) -> None:
        """The set point to be, and what a reading may be off before it is explained."""
        self._level = self._setup.level(value)
        doubtful = 0.02 * abs(value) + 0.01 * self._setup.source_range
        self._lowest, self._highest = value - doubtful, value + doubtful

    async def measure(self) -> Sample:
        """One query: voltage, current, and the instrument's own time, which has to move on."""
        smu = self._smu
        if self._stored == self.buffer_size:
            await self._empty_buffer()
        time_s = self._asked_s = smu.clock.now()
        reply = await smu.link.ask(self._read, _READING)
        try:
            voltage_text, current_text, relative_text, unit = reply.split(b",")
            voltage_V, current_A, relative_s = float(voltage_text), float(current_text), float(relative_text)
        except ValueError as error:
            raise smu.nonsense(self._read.decode(), reply.decode("ascii", "replace")) from error
        if unit != self._unit:
            self._unit = self._checked(unit)
        if not relative_s > self._relative_s:
            raise InvalidReading("a reading it had given before", smu.link.name, "", reply.decode("ascii"))
        self._relative_s, self._known_s = relative_s, time_s
        self._stored += 1
        held = current_A if self._galvanostatic else voltage_V
        if self._lowest <= held <= self._highest:
            self._doubts = 0
            return Sample(time_s, voltage_V, current_A)
        return Sample(time_s, voltage_V, current_A, await self._explain(reply))

    async def recover(self) -> Sequence[Sample]:
        """Reopen, prove, compare everything that is armed, and fetch the readings whose answers were lost.

        Tried for as long as the step may go on unwatched.
        """

        async def find_again() -> Sequence[Sample]:
            await self._smu.prove()
            await self._compare()
            return await self._fetch_missed()

        return await self._smu.regain(find_again)

    async def reconnect(self) -> None:
        """Off at once, for the step before may be past its cut-off; then the line in order again, and proven."""
        smu = self._smu
        smu.armed = None
        with suppress(LinkError):
            await smu.link.send_anyway(b":OUTP OFF")
        await smu.regain(smu.prove)

    async def _arm(self) -> None:
        """Output off and verified; then everything it holds by itself; then the level. Nothing energises yet."""
        smu = self._smu
        smu.armed = None
        await smu.link.send(b":ABOR", epoch=self._epoch)  # a running trigger model refuses settings
        await smu.link.send(b":OUTP:SMOD HIMP", epoch=self._epoch)
        await smu.link.send(b":OUTP OFF", epoch=self._epoch)
        if (reply := await smu.ask(b":OUTP?")) != "0":
            raise InstrumentError("the output did not switch off", smu.link.name, ":OUTP OFF", reply)
        await smu.link.send(b":TRAC:DEL %s" % BUFFER.encode(), epoch=self._epoch)
        await smu.link.send(b":SYST:CLE", epoch=self._epoch)  # there may have been no such buffer
        await smu.link.send(b":TRAC:MAKE %s,%d" % (BUFFER.encode(), self.buffer_size), epoch=self._epoch)
        function, *others = self._setup.settings()
        zero = self._setup.level(0.0)  # a range is refused that does not hold the present level
        for setting in (*FORMAT, function, zero, *others, self._level):
            await smu.set(setting, self._epoch)
        await self._empty_buffer()
        await smu.refuse_errors("the settings of the step")

    async def _switch_on(self) -> None:
        smu = self._smu
        await smu.link.send(b":OUTP ON", epoch=self._epoch)
        if (reply := await smu.ask(b":OUTP?")) != "1":
            await smu.refuse_errors(":OUTP ON")
            raise InstrumentError("the output did not switch on", smu.link.name, ":OUTP ON", reply)
        smu.armed = self._setup

    def _checked(self, unit: bytes) -> bytes:
        """The unit of a reading, which tells voltage from current whatever anybody has changed.

        Raises:
            InstrumentError: it is not that of what should be measured.
        """
        text = unit.decode("ascii", "replace")
        if not self._setup.measures(text):
            raise InstrumentError(
                f"it measures {text}: its measure function was changed, not by labctl",
                self._smu.link.name,
                self._read.decode("ascii"),
                text,
            )
        return unit

    async def _empty_buffer(self) -> None:
        """Begin the buffer anew; the instrument's relative time begins with its next reading.

        Raises:
            InstrumentRefused: it is not empty; old readings would be taken for missed ones.
        """
        smu = self._smu
        await smu.link.send(b":TRAC:CLE %s" % BUFFER.encode(), epoch=self._epoch)
        if (reply := await smu.ask(b":TRAC:ACT? %s" % BUFFER.encode())) != "0":
            raise InstrumentRefused("its reading buffer was not emptied", smu.link.name, ":TRAC:CLE", reply)
        self._stored = 0
        self._relative_s = _NONE_YET_S

    async def _explain(self, reply: bytes) -> int:
        """A reading that is not at the set point: fine if a limit holds the output, else something is wrong."""
        smu = self._smu
        received = reply.decode("ascii", "replace")
        if await smu.ask(b":OUTP?") != "1":
            raise InstrumentError(
                "the output was switched off, not by labctl", smu.link.name, "", received, "open"
            )
        if await smu.ask(self._setup.tripped()) == "1":
            return LIMITED
        self._doubts += 1
        if self._doubts > 1:
            raise InstrumentError(
                f"it does not hold {self._level.value}, and no limit does", smu.link.name, "", received
            )
        return 0

    async def _compare(self) -> None:
        """What was armed must still be so; else it was re-powered or somebody changed it.

        Raises:
            InstrumentError: it is not.
        """
        on = Setting(":OUTP", "ON", "1")
        await self._smu.compare((on, *FORMAT, *self._setup.settings(), self._level))

    async def _fetch_missed(self) -> Sequence[Sample]:
        """Readings that the instrument took and stored, but whose answers never arrived."""
        smu = self._smu
        query = f":TRAC:ACT? {BUFFER}"
        reply = await smu.ask(query.encode())
        known = (self._asked_s, 0.0) if self._relative_s < 0.0 else (self._known_s, self._relative_s)
        try:
            stored = int(reply)
            if stored < self._stored:
                raise InstrumentError("its reading buffer was emptied", smu.link.name, query, reply)
            if stored == self._stored:
                return ()
            query = f":TRAC:DATA? {self._stored + 1},{stored},{BUFFER},{self._setup.elements()}"
            reply = await smu.ask(query.encode(), _READING)
            rows = parse_stored(reply, self._setup, *known)
        except ValueError as error:
            raise smu.nonsense(query, reply) from error
        self._stored = stored
        self._known_s, self._relative_s = rows[-1][0].time_s, rows[-1][1]
        return [sample for sample, _ in rows]
