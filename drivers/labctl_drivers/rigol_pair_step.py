"""One step on a supply and a load: neither is on before the other one reads back as off; armed, energised, measured."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.errors import InstrumentError, LinkError
from labctl.instrument.channel import Sample
from labctl.instrument.step import Step
from labctl_drivers.rigol_dl3021 import Dl3021
from labctl_drivers.rigol_dp832 import Dp832
from labctl_drivers.rigol_pair_setup import Part, Setup
from labctl_drivers.smu_setting import Readable

if TYPE_CHECKING:
    from labctl_drivers.rigol_pair import RigolPair

LIMITED = 1  # status of a sample: the armed limit, not the set point, held the output

_SETTLES_S = 1.5
"""The load's current comes 0.7 s after its input was switched on (measured by users of a DL3031A)."""
_DOUBTFUL, _DOUBTFUL_A, _DOUBTFUL_V = 0.01, 0.015, 0.05
"""Programming and reading are each off by up to 0.2 % + 5 mA, 0.05 % + 20 mV: the data sheets of the two."""
_DROPS_V, _ABOVE_V = 1.5, 0.2
"""Leads and a diode lie between supply and cell, so that the supply shows more; less it cannot while it charges."""


class Execution:
    """One step: arms, energises, measures, and picks up again after a lost connection.

    Args:
        pair: the two instruments.
        setup: what is armed for the whole step.
        epoch: what it sends belongs to.
        first: the set point that the step begins with.
    """

    def __init__(self, pair: "RigolPair", setup: Setup, epoch: int, first: float) -> None:
        self._pair = pair
        self._setup = setup
        self._epoch = epoch
        self._value = first
        self._doubts = 0

    async def begin(self, step: Step) -> float:
        """Both off, everything armed and verified, one on; or only move the level if that has been done."""
        pair, setup = self._pair, self._setup
        active = self._active()
        if pair.armed == setup and (active is None or await active.is_on()):
            pair.step_began_s = pair.clock.now()
            if active is not None:
                await active.set(self._level(), self._epoch)
            await self._compare()
        else:
            await self._arm(active)
            pair.step_began_s = pair.clock.now()
            await self._switch_on(active)
        return pair.step_began_s

    async def move(self, value: float) -> None:
        """Move the level while the one that acts is on, and read it back."""
        self._value = value
        active = self._active()
        if active is not None:
            await active.set(self._level(), self._epoch)

    async def measure(self) -> Sample:
        """The cell's voltage by the load, the current by the one that drives it."""
        pair, part = self._pair, self._setup.part
        time_s = pair.clock.now()
        voltage_V = await pair.load.voltage_V()
        apart = ""
        if part is Part.SUPPLY:
            supply_V, current_A = await pair.supply.read()
            lowest_V = voltage_V - _ABOVE_V if current_A > _DOUBTFUL_A else 0.0  # else the diode blocks
            if not lowest_V <= supply_V <= voltage_V + _DROPS_V:
                apart = (
                    f"the supply shows {supply_V:g} V and the load {voltage_V:g} V: they are not at one cell"
                )
        else:
            current_A = -(await pair.load.current_A())
        held, wanted = (voltage_V if self._setup.holds_voltage else current_A), self._value
        doubtful = _DOUBTFUL_V if self._setup.holds_voltage else _DOUBTFUL_A
        if not apart and abs(held - wanted) <= _DOUBTFUL * abs(wanted) + doubtful:
            self._doubts = 0
            return Sample(time_s, voltage_V, current_A)
        return Sample(time_s, voltage_V, current_A, await self._explain(time_s, voltage_V, apart))

    async def recover(self) -> Sequence[Sample]:
        """Reopen both lines, prove, and compare everything that is armed; neither keeps readings."""
        await self._find_again()
        await self._compare()
        return ()

    async def reconnect(self) -> None:
        """Both off at once, for the step before may be past its cut-off; then the lines in order again, and proven."""
        pair = self._pair
        pair.armed = None
        for instrument in (pair.load, pair.supply):
            with suppress(LinkError):
                await instrument.switch_off()
        await self._find_again()

    async def _find_again(self) -> None:
        for instrument in (self._pair.supply, self._pair.load):
            await instrument.regain(instrument.prove)

    def _active(self) -> Dp832 | Dl3021 | None:
        """Who acts on the cell; None: neither."""
        if self._setup.part is Part.NEITHER:
            return None
        return self._pair.supply if self._setup.part is Part.SUPPLY else self._pair.load

    def _level(self) -> Readable:
        active = self._active()
        assert active is not None
        return active.level(self._setup, self._value)

    async def _arm(self, active: Dp832 | Dl3021 | None) -> None:
        """Both off and verified; then what holds by itself; then the level. Nothing energises yet."""
        pair = self._pair
        pair.armed = None
        for instrument in (pair.load, pair.supply):
            await instrument.link.send(instrument.switch[0].set(), epoch=self._epoch)
        await self._refuse_unless_off(pair.load, pair.supply)
        await pair.load.arm(pair.load.meter, self._epoch)
        if active is not None:
            await active.arm((*active.settings(self._setup), self._level()), self._epoch)

    async def _switch_on(self, active: Dp832 | Dl3021 | None) -> None:
        """The other one reads back as off right before."""
        pair = self._pair
        if active is not None:
            await self._refuse_unless_off(pair.load if active is pair.supply else pair.supply)
            await active.switch_on(self._epoch)
        pair.armed = self._setup

    async def _refuse_unless_off(self, *instruments: Dp832 | Dl3021) -> None:
        for instrument in instruments:
            if not await instrument.is_off():
                sent = instrument.switch[0].set().decode()
                raise InstrumentError(f"the {instrument.what} did not switch off", instrument.link.name, sent)

    async def _explain(self, time_s: float, voltage_V: float, apart: str) -> int:
        """A reading that is not at the set point: fine if a limit holds it, else something is wrong."""
        pair, setup, active = self._pair, self._setup, self._active()
        if active is not None and await active.is_off():
            why = await active.why_off() or "not by labctl"
            raise InstrumentError(
                f"the {active.what} was switched off: {why}", active.link.name, "", "", "open"
            )
        if active is pair.supply and not apart:
            limit = "CC" if setup.holds_voltage else "CV"
            if await pair.supply.holds() == limit:
                self._doubts = 0
                return LIMITED
        if active is pair.load and voltage_V <= setup.starts_V:
            return LIMITED
        if time_s >= pair.step_began_s + _SETTLES_S:
            self._doubts += 1
        if self._doubts > 1:
            raise InstrumentError(apart or self._not_held(voltage_V), pair.link.name)
        return 0

    def _not_held(self, voltage_V: float) -> str:
        if self._setup.part is Part.NEITHER:
            return "a current flows into the load although its input is off"
        if not self._setup.holds_voltage:
            return f"{self._value:g} A are not held, and no limit is in the way"
        if voltage_V > self._value:
            return (
                f"the cell is at {voltage_V:g} V, above {self._value:g} V, and a supply cannot discharge it"
            )
        return f"the cell is held at {voltage_V:g} V in place of {self._value:g} V: a diode or leads take the rest"

    async def _compare(self) -> None:
        """What was armed must still be so; else one was re-powered, or somebody changed it.

        Raises:
            InstrumentError: it is not.
        """
        pair, active = self._pair, self._active()
        await self._refuse_unless_off(*(each for each in (pair.load, pair.supply) if each is not active))
        await pair.load.compare(pair.load.meter)
        if active is None:
            return
        if not await active.is_on():
            why = await active.why_off() or "re-powered, or switched off by somebody else"
            raise InstrumentError(f"the {active.what} is no longer on: {why}", active.link.name)
        await active.compare((*active.settings(self._setup), self._level()))
