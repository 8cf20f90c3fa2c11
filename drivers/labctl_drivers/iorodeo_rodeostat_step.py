"""One step on a Rodeostat: at rest with its counter electrode disconnected, or a voltage that it holds by itself."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from labctl.errors import InstrumentError, InstrumentRefused, LinkError
from labctl.instrument.channel import Sample
from labctl.instrument.step import Step
from labctl_drivers.iorodeo_rodeostat_models import LONGEST_ms, RANGES_uA, range_for

if TYPE_CHECKING:
    from labctl_drivers.iorodeo_rodeostat import Rodeostat

_MARGIN_s = 5.0  # on the wall: the test may end so long after the step should have
_SAMPLES_ms = 1000  # the slowest: the samples of the test are not used
_END_OF_RANGE = 0.999
_DAC_CODES = 4095
_OFF_V = 0.02  # Assumed: what a voltage may be off before it is explained, and 1 % of the range


class Setup(NamedTuple):
    """What a step is armed with.

    Attributes:
        held: a voltage is held; else the cell rests with CTR disconnected.
        widest_V: the output and reading ranges hold it.
        current_range: its name.
        lasts_s: the step's time limit.
    """

    held: bool
    widest_V: float
    current_range: str
    lasts_s: float


@dataclass(slots=True)
class _Begun(ABC):
    """What the executions of both kinds of step have in common.

    Args:
        rodeostat: the instrument.
        setup: what is armed for the whole step.
        epoch: what it sends belongs to.
        level_V: the voltage that the step begins with.
    """

    rodeostat: "Rodeostat"
    setup: Setup
    epoch: int
    level_V: float

    async def reconnect(self) -> None:
        """Off at once; then the line in order again, and proven."""
        rodeostat = self.rodeostat
        rodeostat.armed = None
        with suppress(LinkError):
            await rodeostat.switch_off()
        await rodeostat.regain(rodeostat.prove)

    async def recover(self) -> Sequence[Sample]:
        """Find it again, still doing what it was told; a reading whose answer was lost stays lost."""

        async def find_again() -> None:
            await self.rodeostat.prove()
            await self._compare()

        await self.rodeostat.regain(find_again)
        return ()

    @abstractmethod
    async def _compare(self) -> None:
        """What was armed must still be so; InstrumentError if it is not."""

    async def _open(self) -> None:
        """Everything disconnected and stopped, and read back; then what both kinds of step want."""
        rodeostat, talk = self.rodeostat, self.rodeostat.talk
        rodeostat.link.fence.check(self.epoch)
        rodeostat.armed = None
        await rodeostat.switch_off()
        if not await rodeostat.is_open():
            raise InstrumentError("the electrodes did not disconnect", rodeostat.link.name)
        if await talk.ask("getMuxEnabled", "muxEnabled", bool):
            raise InstrumentError(
                "its multiplexer is enabled; disable it: the cell is at WRK", rodeostat.link.name
            )
        await talk.set("setElectAutoConnect", "autoConnect", True, self.epoch)

    async def _read_V(self, most_V: float) -> float:
        """The voltage at the reference electrode.

        Raises:
            InstrumentError: at an end of its range, whatever it is beyond.
        """
        rodeostat = self.rodeostat
        voltage_V = await rodeostat.talk.ask("getRefVolt", "r", float)
        if abs(voltage_V) >= _END_OF_RANGE * most_V:
            raise InstrumentError(f"more than {most_V:g} V, which is what it reads", rodeostat.link.name)
        return voltage_V


class Rest(_Begun):
    """Open circuit: CTR disconnected, and the voltage read at REF."""

    async def move(self, value: float) -> None:
        """Nothing moves in a rest."""

    async def begin(self, step: Step) -> float:
        """Connect what reads, and nothing that drives."""
        rodeostat, talk = self.rodeostat, self.rodeostat.talk
        if rodeostat.armed != self.setup:
            await self._open()
            name, _ = range_for(self.setup.widest_V)
            await talk.set("setRefElectVoltRange", "voltRange", name, self.epoch)
            await talk.set("setWrkElectConnected", "connected", True, self.epoch)
            await talk.set("setRefElectConnected", "connected", True, self.epoch)
            rodeostat.armed = self.setup
        await self._compare()
        rodeostat.step_began_s = rodeostat.clock.now()
        return rodeostat.step_began_s

    async def measure(self) -> Sample:
        """The voltage; the current is none, for its lead is open."""
        time_s = self.rodeostat.clock.now()
        return Sample(time_s, await self._read_V(range_for(self.setup.widest_V)[1]), 0.0)

    async def _compare(self) -> None:
        """CTR must be disconnected, REF and WRK connected, or the voltage is none of the cell's.

        Raises:
            InstrumentError: it is not so.
        """
        for lead, wanted in (("Ctr", False), ("Ref", True), ("Wrk", True)):
            if await self.rodeostat.talk.ask(f"get{lead}ElectConnected", "connected", bool) is not wanted:
                raise InstrumentError(
                    f"its {lead} electrode is{' not' * wanted} connected: re-powered, or changed by somebody else",
                    self.rodeostat.link.name,
                )


class Execution(_Begun):
    """A voltage that is held or moved, as a test that ends by itself."""

    _doubts: int = 0

    async def begin(self, step: Step) -> float:
        """Arm and read back everything with the electrodes disconnected, then run; if it runs, run anew."""
        rodeostat, talk = self.rodeostat, self.rodeostat.talk
        if rodeostat.armed != self.setup or talk.ended:
            await self._open()
            await talk.set("setSamplePeriod", "samplePeriod", _SAMPLES_ms, self.epoch)
            await talk.set("setCurrRange", "currRange", self.setup.current_range, self.epoch)
        margin_ms = round(1e3 * _MARGIN_s * rodeostat.clock.speed)
        duration_ms = min(math.ceil(1e3 * self.setup.lasts_s) + margin_ms, LONGEST_ms)
        await self._set_parameters(duration=duration_ms, quietTime=0, quietValue=self.setup.widest_V)
        if await talk.tell("getTestDoneTime", test="constant") != {
            "command": "getTestDoneTime", "test": "constant", "testDoneTime": duration_ms,
        }:  # fmt: skip
            raise InstrumentRefused("the time limit was not taken", rodeostat.link.name, "setParam")
        talk.ended = False
        rodeostat.step_began_s = rodeostat.clock.now()
        await talk.tell("runTest", self.epoch, test="constant")
        await self._compare()
        rodeostat.armed = self.setup
        return rodeostat.step_began_s

    async def move(self, value: float) -> None:
        """Another voltage, at the next look of its timer."""
        self.level_V = value
        await self._set_parameters()

    async def measure(self) -> Sample:
        """Current and voltage, one after the other."""
        rodeostat = self.rodeostat
        self._refuse_ended()
        time_s = rodeostat.clock.now()
        current_uA = await rodeostat.talk.ask("getCurr", "i", float)
        name = self.setup.current_range
        if abs(current_uA) >= _END_OF_RANGE * RANGES_uA[rodeostat.traits.model][name]:
            raise InstrumentError(f"more current than its range {name} reads", rodeostat.link.name)
        voltage_V = await self._read_V(range_for(self.setup.widest_V)[1] + _OFF_V)
        await self._explain(voltage_V)
        return Sample(time_s, voltage_V, 1e-6 * current_uA)

    async def _set_parameters(self, **others: float) -> None:
        """Set the voltage, and what else is given, and read back that they are so.

        Raises:
            InstrumentRefused: they are not.
        """
        talk, wanted = self.rodeostat.talk, {"value": self.level_V, **others}
        await talk.tell("setParam", self.epoch, test="constant", param=wanted)
        found = (await talk.tell("getParam", test="constant")).get("param")
        if not isinstance(found, dict) or not all(
            math.isclose(_number(found.get(key)), value, rel_tol=1e-6, abs_tol=2e-6)
            for key, value in wanted.items()
        ):
            raise InstrumentRefused(
                "the parameters were not taken", self.rodeostat.link.name, "setParam", repr(found)
            )

    async def _compare(self) -> None:
        """Electrodes connected, and the output at its voltage within a digit of its range.

        Raises:
            InstrumentError: it is not so.
        """
        rodeostat, talk = self.rodeostat, self.rodeostat.talk
        self._refuse_ended()
        if not await talk.ask("getAllElectConnected", "connected", bool):
            raise InstrumentError(
                "its electrodes are not connected: its test has ended, or somebody has changed it",
                rodeostat.link.name,
            )
        found_range = await talk.ask("getVoltRange", "voltRange", str)
        found_V = await talk.ask("getVolt", "v", float)
        name, most_V = range_for(self.setup.widest_V)
        if found_range != name or not abs(found_V - self.level_V) <= 3.0 * most_V / _DAC_CODES:
            raise InstrumentError(
                f"it puts out {found_V:g} V in its range {found_range} in place of {self.level_V:g} V in {name}",
                rodeostat.link.name,
            )

    def _refuse_ended(self) -> None:
        if self.rodeostat.talk.ended:
            raise InstrumentError("its test has ended, not by labctl", self.rodeostat.link.name, cell="open")

    async def _explain(self, voltage_V: float) -> None:
        """A voltage that is not the one that is set: twice in a row, something is wrong.

        Raises:
            InstrumentError: it is.
        """
        allowed_V = _OFF_V + 0.01 * range_for(self.setup.widest_V)[1]
        if abs(voltage_V - self.level_V) <= allowed_V:
            self._doubts = 0
            return
        await self._compare()
        self._doubts += 1
        if self._doubts > 1:
            raise InstrumentError(
                f"{voltage_V:g} V at the reference electrode where {self.level_V:g} V are set: a lead is open, "
                "or the current is more than it can drive",
                self.rodeostat.link.name,
            )


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
