"""A rest of an instrument that measures its cell while the circuit is open, as potentiostats do."""

from labctl.errors import InstrumentError
from labctl.instrument.step import Step
from labctl_drivers.smu_step import Execution


class OpenRest(Execution):
    """One rest: the circuit is opened at once and stays open; readings are taken as in any other step."""

    async def begin(self, step: Step) -> float:
        """Open, verify, and arm what decides on a reading; nothing is switched on."""
        smu = self._smu
        smu.step_began_s = smu.clock.now()
        await self._arm()
        return smu.step_began_s

    async def _explain(self, limited: bool, reply: str) -> int:
        """A reading with a current: the circuit is not open, or what was measured is an offset of the range."""
        smu = self._smu
        if not await smu.output_is_off():
            raise InstrumentError(
                "the output was switched on during a rest, not by labctl", smu.link.name, "", reply, "closed"
            )
        return 0

    async def _compare(self) -> None:
        """The circuit must be open still, and what decides on a reading as it was armed."""
        smu = self._smu
        if not await smu.output_is_off():
            raise InstrumentError("its output is on, in a rest: switched on by somebody else")
        await smu.compare(smu.settings(self._setup))
