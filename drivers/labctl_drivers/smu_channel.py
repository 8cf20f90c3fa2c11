"""A source-measure unit as a channel: connected, armed and read back in the words of its driver."""

from abc import abstractmethod

from labctl.instrument.channel import Identity, Traits
from labctl.instrument.step import Step
from labctl_drivers.smu_setup import Setup, setup_for
from labctl_drivers.smu_step import Execution
from labctl_drivers.smu_steps import Stepped
from labctl_drivers.smu_talk import SourceMeasureUnit


class SmuChannel(SourceMeasureUnit, Stepped[Setup]):
    """One source-measure unit, with one cell at it; subclasses say how their instrument expresses it."""

    async def found_closed(self) -> bool:
        """Whether the output is on."""
        return not await self.output_is_off()

    async def connect(self) -> Identity:
        """Identify the instrument; whatever it does at this moment it goes on doing.

        Raises:
            WrongInstrument: another model.
            LinkError: nothing sensible answers.
        """
        await self.link.open()
        self.armed = None
        self.identity = await self.identify()
        self.traits = self.traits_of(self.identity.model)
        return self.identity

    @abstractmethod
    def traits_of(self, model: str) -> Traits:
        """The traits of a model."""

    def setup_for(self, step: Step) -> Setup:
        """What to arm for a step."""
        return setup_for(step, self.models[self.traits.model], self.link.name)

    def execution(self, step: Step, setup: Setup, epoch: int, first: float) -> Execution:
        """How a step is executed that begins with a set point."""
        return Execution(self, setup, epoch, first)

    async def inspect(self) -> tuple[str, ...]:
        """What it is set to, as read back."""
        output = "on" if await self.output_is_on() else "off"
        found = [f"{s.header} is {await self.ask(s.ask())}; open is {s.reads}" for s in self.opened]
        return (f"output {output}", *found)
