"""A host-paced instrument that shows a given voltage and current, in virtual time."""

from collections.abc import Callable, Sequence

from labctl.clock import VirtualClock
from labctl.errors import LabctlError
from labctl.instrument.channel import Sample, Traits
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step

TRAITS = Traits(
    model="fake",
    voltage_max_V=20.0,
    current_max_A=1.0,
    shortest_interval_s=0.1,
    autonomous=False,
    off_mode="open",
    holds=(),
    host_silence=None,
    second_session=False,
    impedance=None,
)
SAFETY = SafetyLimits(-5.0, 5.0, 0.5)


def step(
    control: Control,
    value: float,
    *cutoffs: Cutoff,
    every_s: float = 10.0,
    voltage_change_V: float | None = None,
    current_change_A: float | None = None,
    safety: SafetyLimits = SAFETY,
) -> Step:
    sampling = Sampling(every_s, voltage_change_V, current_change_A)
    return Step(control, value, cutoffs, safety, sampling)


def above(quantity: Quantity, threshold: float, hold_s: float = 0.0) -> Cutoff:
    return Cutoff(quantity, Side.ABOVE, threshold, hold_s)


def below(quantity: Quantity, threshold: float, hold_s: float = 0.0) -> Cutoff:
    return Cutoff(quantity, Side.BELOW, threshold, hold_s)


class Sourced:
    """Voltage and current as functions of the time since the step began.

    Attributes:
        asked_s: times of all readings since the step began.
        trouble: by number of the attempt, counted from 0: an error to raise, or a sample to return instead.
        missed: what ``recover`` returns, after ``recovering_s``.
        moves: time since the step began, and set point, of each move.
        takes_s: time that a reading takes.
    """

    def __init__(
        self,
        clock: VirtualClock,
        voltage_V: Callable[[float], float],
        current_A: Callable[[float], float] = lambda elapsed_s: 0.1,
    ) -> None:
        self.clock = clock
        self.voltage_V = voltage_V
        self.current_A = current_A
        self.asked_s: list[float] = []
        self.trouble: dict[int, LabctlError | Sample] = {}
        self.missed: Sequence[Sample] = ()
        self.recovered = 0
        self.recovering_s = 0.0
        self.moves: list[tuple[float, float]] = []
        self.takes_s = 0.0
        self._began_s = 0.0
        self._attempts = 0

    async def begin(self, step: Step) -> float:
        self._began_s = self.clock.now()
        return self._began_s

    async def move(self, value: float) -> None:
        self.moves.append((self.clock.now() - self._began_s, value))

    async def reconnect(self) -> None:
        pass

    async def measure(self) -> Sample:
        trouble = self.trouble.get(self._attempts)
        self._attempts += 1
        time_s = self.clock.now()
        await self.clock.sleep_until(time_s + self.takes_s)
        if isinstance(trouble, LabctlError):
            raise trouble
        elapsed_s = time_s - self._began_s
        self.asked_s.append(elapsed_s)
        if trouble is not None:
            return trouble
        return Sample(time_s, self.voltage_V(elapsed_s), self.current_A(elapsed_s))

    async def recover(self) -> Sequence[Sample]:
        self.recovered += 1
        await self.clock.sleep_until(self.clock.now() + self.recovering_s)
        return self.missed
