"""One step on a source-measure unit that answers each reading: arm, energise, measure, pick up after an outage."""

import math
from collections.abc import Sequence
from contextlib import suppress

from labctl.errors import InstrumentError, InvalidReading, LinkError
from labctl.instrument.channel import Sample
from labctl.instrument.step import Step
from labctl.link import Deadline
from labctl_drivers.smu_setup import Setup
from labctl_drivers.smu_talk import SourceMeasureUnit

LIMITED = 1  # status of a sample: the armed limit, not the set point, held the output

_READING = Deadline("one reading of voltage and current", takes_s=0.5, slack_s=1.0)


class Execution:
    """One step: arms, energises, measures, and picks up again after a lost connection.

    Args:
        smu: the instrument.
        setup: what is armed for the whole step.
        epoch: what it sends belongs to.
        first: the set point that the step begins with.
    """

    def __init__(self, smu: SourceMeasureUnit, setup: Setup, epoch: int, first: float) -> None:
        self._smu = smu
        self._setup = setup
        self._epoch = epoch
        self._galvanostatic = setup.source == "CURR"
        self._queries = smu.reading_queries(setup)
        self._stamp = -math.inf
        self._doubts = 0
        self._take_level(first)

    async def begin(self, step: Step) -> float:
        """Arm and verify everything with the output off, or only move the level if that has been done."""
        smu = self._smu
        if smu.armed == self._setup and await smu.output_is_on():
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
        self._level = self._smu.level(self._setup, value)
        doubtful = 0.02 * abs(value) + 0.01 * self._setup.source_range
        self._lowest, self._highest = value - doubtful, value + doubtful

    async def measure(self) -> Sample:
        """One reading: voltage, current, and what the instrument says about them."""
        smu = self._smu
        time_s = smu.clock.now()
        answers = [await smu.link.ask(query, _READING) for query in self._queries]
        reply = b",".join(answers).decode("ascii", "replace")
        try:
            reading = smu.parse_reading(reply)
        except ValueError as error:
            raise smu.nonsense(b",".join(self._queries).decode(), reply) from error
        if reading.stamp is not None:
            if not reading.stamp > self._stamp:
                raise InvalidReading("a reading it had given before", smu.link.name, "", reply)
            self._stamp = reading.stamp
        held = reading.current_A if self._galvanostatic else reading.voltage_V
        if self._lowest <= held <= self._highest:
            self._doubts = 0
            return Sample(time_s, reading.voltage_V, reading.current_A)
        return Sample(
            time_s, reading.voltage_V, reading.current_A, await self._explain(reading.limited, reply)
        )

    async def recover(self) -> Sequence[Sample]:
        """Reopen, prove, and compare everything that is armed; a reading whose answer was lost stays lost.

        Tried for as long as the step may go on unwatched.
        """

        async def find_again() -> None:
            await self._smu.prove()
            await self._compare()

        await self._smu.regain(find_again)
        return ()

    async def reconnect(self) -> None:
        """Off at once, for the step before may be past its cut-off; then the line in order again, and proven."""
        smu = self._smu
        smu.armed = None
        with suppress(LinkError):
            await smu.switch_off()
        await smu.regain(smu.prove)

    async def _arm(self) -> None:
        """Output off and verified; then everything it holds by itself; then the level. Nothing energises yet."""
        smu = self._smu
        smu.armed = None
        for line in (*smu.quieten, *smu.off):
            await smu.link.send(line, epoch=self._epoch)
        if not await smu.output_is_off():
            raise InstrumentError("the output did not switch off", smu.link.name, smu.off[-1].decode())
        await smu.link.send(smu.clear_errors, epoch=self._epoch)
        for line in smu.prepare:
            await smu.link.send(line, epoch=self._epoch)
        function, *others = smu.settings(self._setup)
        zero = smu.level(self._setup, 0.0)  # a range is refused that does not hold the present level
        for setting in (function, zero, *others, self._level):
            await smu.set(setting, self._epoch)
        await smu.refuse_errors("the settings of the step")

    async def _switch_on(self) -> None:
        smu = self._smu
        await smu.link.send(smu.on, epoch=self._epoch)
        if not await smu.output_is_on():
            await smu.refuse_errors(smu.on.decode())
            raise InstrumentError("the output did not switch on", smu.link.name, smu.on.decode())
        smu.armed = self._setup

    async def _explain(self, limited: bool, reply: str) -> int:
        """A reading that is not at the set point: fine if a limit holds the output, else something is wrong."""
        smu = self._smu
        if not await smu.output_is_on():
            whom = smu.goes_off_by_itself or "not by labctl"
            raise InstrumentError(f"the output was switched off, {whom}", smu.link.name, "", reply, "open")
        if limited:
            return LIMITED
        self._doubts += 1
        if self._doubts > 1:
            raise InstrumentError(
                f"it does not hold {self._level.reads}, and no limit does", smu.link.name, "", reply
            )
        return 0

    async def _compare(self) -> None:
        """What was armed must still be so; else it was re-powered or somebody changed it.

        Raises:
            InstrumentError: it is not.
        """
        smu = self._smu
        if not await smu.output_is_on():
            raise InstrumentError("its output is no longer on: re-powered, or switched off by somebody else")
        await smu.compare((*smu.settings(self._setup), self._level))
