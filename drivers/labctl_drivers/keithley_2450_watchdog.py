"""A watchdog inside a Keithley 2450: its trigger model opens the output when the host falls silent for some seconds.

Verified on hardware: no; on a simulated 2450. Built from documented blocks only (2461 Reference Manual 2461-901-01 A
pp. 6-184 to 6-209); ``BRAN:COUN:RES`` is not in the 2450 manual Rev. B of 2013, so firmware as old as that refuses it,
and the step with it. Ask ``labctl safety``, and pull the cable once before you rely on it.

How it works. The instrument measures in a loop of its own and stores what it reads; labctl fetches readings by their
index instead of asking for new ones. Each passage counts; ``*TRG`` from the host sets the count back to zero; a full
count, or a reading beyond the safety window, switches the output off::

     1 output on
     2 measure into the buffer
     3 above the window --> 11        4 below the window --> 11
     5 wait
     6 was there a *TRG? --> 9
     7 fewer passages than allowed --> 2
     8 --> 11
     9 count from zero                10 --> 2
    11 output off

So the lower voltage of a full cell is guarded inside the instrument as well, which its source limits cannot do. While
the model runs it refuses settings (-221): between two steps it is aborted, the level is set, and it is initiated
again, a few milliseconds in which only the host guards the cell.
"""

import math
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from labctl.clock import Clock
from labctl.errors import CannotHold, InstrumentError, InstrumentRefused
from labctl.instrument.channel import Identity, Sample, Traits
from labctl.instrument.step import Control, SafetyLimits, Sampling, Step
from labctl.link import Link
from labctl_drivers.keithley_2450 import Keithley2450
from labctl_drivers.keithley_2450_codec import BUFFER, MODELS, Setup, parse_stored, setup_for
from labctl_drivers.keithley_2450_step import Execution

_WAIT_S = 0.25
_PASSAGE_S = 0.45  # Assumed: at most, with a reading at 1 PLC, read-back and autozero
_SHORTEST_S = 3.0
_PART = 3.0  # a reading, and with it a heartbeat, is due at least this many times within the watchdog's time
_SIZE = 200_000  # readings, 14 h; the buffer is begun anew then
_MARGIN = 1.05  # what the instrument holds by itself stays outside the host's safety window
_MARGIN_V = 0.02
_POLL_S = 0.02
_STARTS_S = 0.2
_KINDS = re.compile(r"\b\d+\)\s*([A-Z_]+)")


def with_watchdog(traits: Traits, watchdog_s: float) -> Traits:
    """What an instrument holds with its watchdog armed.

    Raises:
        CannotHold: a time too short for its loop.
    """
    if not _SHORTEST_S <= watchdog_s <= 3600.0:
        raise CannotHold(f"a watchdog of {watchdog_s:g} s; from {_SHORTEST_S:g} s to 3600 s is possible")
    return replace(
        traits,
        shortest_interval_s=max(traits.shortest_interval_s, _PASSAGE_S),
        holds=(*traits.holds, "the safety window, in its trigger model: 5 %, at least 20 mV, beyond"),
        host_silence=f"the trigger-model watchdog inside the instrument, within {watchdog_s:g} s",
    )


class Keithley2450Watchdog(Keithley2450):
    """A SourceMeter whose trigger model opens the output when nobody has sent a heartbeat for a while.

    Args:
        link: lines end with LF.
        clock: the time it lives in.
        model: the model to expect; None takes any known one.
        watchdog_s: the output opens within this time after the last heartbeat.
    """

    def __init__(self, link: Link, clock: Clock, model: str | None, watchdog_s: float) -> None:
        super().__init__(link, clock, model)
        self.traits = with_watchdog(self.traits, watchdog_s)
        self.watchdog_s = watchdog_s
        self.program: tuple[str, ...] = ()
        self._fed: int | None = None
        self._beaten: int | None = None

    def feed(self) -> None:
        """A control tick has been completed, so the next heartbeat may go; may be called from any thread.

        Until it is called for the first time whoever asks for a reading feeds the watchdog by that.
        """
        self._fed = (self._fed or 0) + 1

    async def connect(self) -> Identity:
        """Identify the instrument; whatever it does at this moment it goes on doing."""
        identity = await super().connect()
        self.traits = with_watchdog(self.traits, self.watchdog_s)
        self.program = ()
        return identity

    def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        """Execute a step; what it sends belongs to the epoch of this call.

        Raises:
            CannotHold: at once, before a byte has left.
        """
        if step.sampling.every_s > self.watchdog_s / _PART:
            raise CannotHold(
                f"a sample every {step.sampling.every_s:g} s feeds a watchdog of {self.watchdog_s:g} s late: record "
                f"at least every {self.watchdog_s / _PART:g} s, or give it {_PART * step.sampling.every_s:g} s",
                self.link.name,
            )
        return super().run(step)

    def execution(self, step: Step, setup: Setup, epoch: int, first: float) -> Execution:
        """How a step is executed under the watchdog."""
        return WatchedExecution(self, setup, epoch, first, _blocks(setup, step.safety, self.watchdog_s))

    async def inspect(self) -> tuple[str, ...]:
        """What it is set to, as read back; with the output off, also whether it takes the watchdog."""
        found = await super().inspect()
        if await self.ask(b":OUTP?") != "0":
            return (*found, f"trigger model {await self.ask(b':TRIG:STAT?')}")
        rest = Step(Control.REST, 0.0, (), SafetyLimits(-1.0, 1.0, 1e-3), Sampling(1.0))
        setup = setup_for(rest, MODELS[self.traits.model], self.link.name)
        blocks = _blocks(setup, rest.safety, self.watchdog_s)
        execution = WatchedExecution(self, setup, self.link.fence.epoch, 0.0, blocks)
        await execution.rehearse()
        return (
            *found,
            f"it takes the watchdog's {len(blocks)} blocks, as :TRIG:BLOC:LIST? tells",
        )

    async def beat(self) -> None:
        """Send a heartbeat, if a tick has been completed since the last one."""
        if self._fed is None or self._fed != self._beaten:
            self._beaten = self._fed
            await self.link.send(b"*TRG")

    async def switch_off(self) -> None:
        """End the model, and open the relay."""
        await self.link.send_anyway(b":ABOR")
        await super().switch_off()


def _blocks(setup: Setup, safety: SafetyLimits, watchdog_s: float) -> tuple[str, ...]:
    """The trigger model: what is defined, block by block.

    Args:
        setup: what is measured.
        safety: the host's window; the instrument acts a little beyond it.
        watchdog_s: from the last heartbeat to the opening, at most.
    """
    if setup.sense == "VOLT":
        margins = (
            max(_MARGIN_V, (_MARGIN - 1.0) * abs(v)) for v in (safety.voltage_min_V, safety.voltage_max_V)
        )
        low, high = safety.voltage_min_V - next(margins), safety.voltage_max_V + next(margins)
    else:
        high = _MARGIN * safety.current_max_A
        low = -high
    passages = math.floor(watchdog_s / _PASSAGE_S) - 1  # one more may have begun when a heartbeat comes
    return (
        "SOUR:STAT 1,ON",
        f"MEAS 2,{BUFFER},1",
        f"BRAN:LIM:CONS 3,ABOV,0,{high:.9g},11,2",
        f"BRAN:LIM:CONS 4,BEL,{low:.9g},0,11,2",
        f"DEL:CONS 5,{_WAIT_S:g}",
        "BRAN:EVEN 6,COMM,9",
        f"BRAN:COUN 7,{passages},2",
        "BRAN:ALW 8,11",
        "BRAN:COUN:RES 9,7",
        "BRAN:ALW 10,2",
        "SOUR:STAT 11,OFF",
    )


_EXPECTED_KINDS = [
    *("SOURCE_OUTPUT", "MEASURE", "BRANCH_LIMIT_CONSTANT", "BRANCH_LIMIT_CONSTANT", "DELAY_CONSTANT"),
    *(
        "BRANCH_ON_EVENT",
        "BRANCH_COUNTER",
        "BRANCH_ALWAYS",
        "RESET_BRANCH_COUNT",
        "BRANCH_ALWAYS",
        "SOURCE_OUTPUT",
    ),
]


class WatchedExecution(Execution):
    """One step under the watchdog: the instrument measures by itself, and the host fetches."""

    buffer_size = _SIZE

    def __init__(
        self, smu: Keithley2450Watchdog, setup: Setup, epoch: int, first: float, blocks: tuple[str, ...]
    ) -> None:
        super().__init__(smu, setup, epoch, first)
        self._watched = smu
        self._blocks = blocks
        self._offset_s = math.inf
        self._last_s = -math.inf

    async def begin(self, step: Step) -> float:
        """Arm everything, the watchdog too, then let it switch on; or only move the level between two initiations."""
        await self._smu.link.send(b":ABOR", epoch=self._epoch)
        on = self._smu.armed == self._setup and await self._smu.ask(b":OUTP?") == "1"
        if on and self._watched.program != self._blocks:
            await self._program()
        began_s = await super().begin(step)
        if on:
            await self._initiate()
        return began_s

    async def move(self, value: float) -> None:
        """Move the level between two initiations: while the model runs, settings are refused."""
        await self._smu.link.send(b":ABOR", epoch=self._epoch)
        await super().move(value)
        await self._initiate()

    async def measure(self) -> Sample:
        """The newest reading that the instrument has taken by itself."""
        smu = self._smu
        await self._watched.beat()
        if self._stored >= self.buffer_size:
            await smu.link.send(b":ABOR", epoch=self._epoch)
            await self._empty_buffer()
            await self._initiate()
        index = await self._newest_index()
        query = f":TRAC:DATA? {index},{index},{BUFFER},{self._setup.elements()}"
        reply = await smu.ask(query.encode())
        try:
            ((sample, relative_s),) = parse_stored(reply, self._setup, 0.0, 0.0)
        except ValueError as error:
            raise smu.nonsense(query, reply) from error
        self._stored, self._relative_s = index, relative_s
        sample = sample._replace(time_s=self._time_s(relative_s))
        held = sample.current_A if self._galvanostatic else sample.voltage_V
        if self._lowest <= held <= self._highest:
            self._doubts = 0
            return sample
        return sample._replace(status=await self._explain(reply.encode()))

    async def _newest_index(self) -> int:
        """The index of a reading that has not been fetched yet; waits for it."""
        smu, query = self._smu, f":TRAC:ACT? {BUFFER}"
        until_s = smu.clock.now() + 2.0 * _PASSAGE_S + smu.clock.speed
        while True:
            reply = await smu.ask(query.encode())
            if not reply.isdigit():
                raise smu.nonsense(query, reply)
            if int(reply) > self._stored:
                return int(reply)
            if smu.clock.now() > until_s:
                await self._tell_why_silent()
            await smu.clock.sleep_until(smu.clock.now() + _POLL_S)

    async def _tell_why_silent(self) -> None:
        smu = self._smu
        state = await smu.ask(b":TRIG:STAT?")
        cell = "open" if await smu.ask(b":OUTP?") == "0" else "unknown"
        raise InstrumentError(
            f"the instrument has ended its trigger model ({state}): no heartbeat for {self._watched.watchdog_s:g} s, "
            "or a reading beyond the safety window",
            smu.link.name,
            cell=cell,
        )

    def _time_s(self, relative_s: float) -> float:
        """Experiment time of a reading: the instrument's clock, held between what the host's clock allows."""
        age_least_s = self._smu.clock.now() - relative_s
        self._offset_s = min(max(self._offset_s, age_least_s - 2.0 * _PASSAGE_S), age_least_s)
        self._last_s = max(self._offset_s + relative_s, math.nextafter(self._last_s, math.inf))
        return self._last_s

    async def rehearse(self) -> None:
        """Arm everything with the output off, and leave it so."""
        await self._arm()
        self._watched.program = ()

    async def _arm(self) -> None:
        await super()._arm()
        await self._program()

    async def _program(self) -> None:
        """Define the trigger model and read back that it is the one."""
        smu = self._watched
        smu.program = ()
        await smu.link.send(b':TRIG:LOAD "Empty"', epoch=self._epoch)
        for block in self._blocks:
            await smu.link.send(f":TRIG:BLOC:{block}".encode("ascii"), epoch=self._epoch)
        await smu.refuse_errors("the blocks of the watchdog")
        listing = await smu.ask(b":TRIG:BLOC:LIST?")
        if _KINDS.findall(listing) != _EXPECTED_KINDS:
            raise InstrumentRefused("the watchdog was not taken", smu.link.name, ":TRIG:BLOC:LIST?", listing)
        smu.program = self._blocks

    async def _switch_on(self) -> None:
        """The trigger model's first block does it."""
        await self._initiate()
        self._smu.armed = self._setup

    async def _initiate(self) -> None:
        smu = self._smu
        await smu.link.send(b":INIT", epoch=self._epoch)
        until_s = smu.clock.now() + _STARTS_S + smu.clock.speed
        while (reply := await smu.ask(b":OUTP?")) != "1":  # its first block may not have been executed yet
            await smu.refuse_errors(":INIT")
            if smu.clock.now() > until_s:
                raise InstrumentError(
                    "the watchdog did not switch the output on", smu.link.name, ":INIT", reply
                )
            await smu.clock.sleep_until(smu.clock.now() + _POLL_S)

    async def _fetch_missed(self) -> Sequence[Sample]:
        """Nothing: the next reading is fetched from the same buffer."""
        return ()
