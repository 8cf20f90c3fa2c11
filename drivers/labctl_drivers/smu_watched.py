"""A step of an instrument whose own limits are wider than the safety window, or that has none: the driver ends it."""

from labctl.errors import InstrumentError
from labctl.instrument.channel import Sample
from labctl.instrument.step import SafetyLimits
from labctl_drivers.smu_setup import Setup
from labctl_drivers.smu_step import Execution
from labctl_drivers.smu_talk import SourceMeasureUnit

_PATIENCE = 2  # readings: whoever is given the first has the time to the second to end the step himself


class Watched(Execution):
    """One step whose readings are held against the safety window.

    Args:
        smu, setup, epoch, first: as of any step.
        safety: the window.
    """

    def __init__(
        self, smu: SourceMeasureUnit, setup: Setup, epoch: int, first: float, safety: SafetyLimits
    ) -> None:
        super().__init__(smu, setup, epoch, first)
        self._safety = safety
        self._beyond = 0

    async def measure(self) -> Sample:
        """One reading.

        Raises:
            InstrumentError: two in a row are outside the safety window; the caller opens the circuit.
        """
        sample = await super().measure()
        left = self._safety.left_by(sample.voltage_V, sample.current_A)
        self._beyond = self._beyond + 1 if left else 0
        if self._beyond == _PATIENCE:
            raise InstrumentError(
                f"{left}, and no limit of the instrument holds it there", self._smu.link.name
            )
        return sample
