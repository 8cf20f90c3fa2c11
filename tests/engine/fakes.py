"""A channel that plays a script and a record that remembers: for tests of the engine alone."""

from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from labctl.clock import VirtualClock
from labctl.half_cycle import HalfCycle
from labctl.instrument.channel import Identity, Sample, Traits
from labctl.instrument.impedance import ImpedancePoint, ImpedanceSpec, Spectrum
from labctl.instrument.step import Control, Step
from labctl.store.progress import Progress

TRAITS = Traits(
    model="fake",
    voltage_max_V=10.0,
    current_max_A=1.0,
    shortest_interval_s=0.1,
    autonomous=True,
    off_mode="open",
    holds=(),
    host_silence=None,
    second_session=False,
    impedance=None,
)


def resistor_samples(step: Step, start_s: float, ohm: float = 100.0) -> Iterable[Sample]:
    """What a resistor of ``ohm`` shows during a step, one reading each ``every_s``, ending on its time limit."""
    current_A = step.value if step.control is Control.CURRENT else 0.0
    end_s = step.time_limit_s()
    assert end_s is not None
    count = round(end_s / step.sampling.every_s)
    for number in range(1, count + 1):
        cutoff = step.cutoffs[0] if number == count else None
        time_s = start_s + number * step.sampling.every_s
        yield Sample(time_s, ohm * current_A, current_A, 0, cutoff)


@dataclass
class FakeChannel:
    """Plays samples, remembers what was asked, opens its circuit when told to."""

    clock: VirtualClock
    samples: Callable[[Step, float], Iterable[Sample]] = resistor_samples
    make_safe_hook: Callable[[], Any] | None = None
    traits: Traits = TRAITS
    steps: list[Step] = field(default_factory=list)
    sweeps: list[ImpedanceSpec] = field(default_factory=list)
    closed_circuit: bool = False
    safe_calls: int = 0
    step_began_s: float = 0.0

    async def connect(self) -> Identity:
        return Identity("fake", "fake", "1", "0")

    async def run(self, step: Step) -> AsyncGenerator[Sample, None]:
        self.steps.append(step)
        self.step_began_s = self.clock.now()
        self.closed_circuit = step.control is not Control.REST
        for sample in self.samples(step, self.clock.now()):
            if isinstance(sample, BaseException):
                raise sample
            await self.clock.sleep_until(sample.time_s)
            yield sample

    async def sweep(self, spec: ImpedanceSpec) -> AsyncGenerator[ImpedancePoint, None]:
        self.sweeps.append(spec)
        for frequency_Hz in spec.frequencies_Hz():
            await self.clock.sleep_until(self.clock.now() + 1.0)
            yield ImpedancePoint(self.clock.now(), frequency_Hz, 100.0, -1.0)

    async def make_safe(self) -> None:
        self.safe_calls += 1
        if self.make_safe_hook is not None:
            await self.make_safe_hook()
        self.closed_circuit = False

    async def close(self) -> None:
        pass


@dataclass
class FakeRecord:
    """Remembers everything in order."""

    seq: int = 0
    origin_s: float = 0.0
    steps: list[dict[str, Any]] = field(default_factory=list)
    samples: list[tuple[float, ...]] = field(default_factory=list)
    temperatures: list[tuple[float, float | None]] = field(default_factory=list)
    half_cycles: list[HalfCycle] = field(default_factory=list)
    spectra: list[Spectrum] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    finished: tuple[str, str] | None = None
    snapshot: Callable[[], Progress] | None = None

    def follow(self, snapshot: Callable[[], Progress]) -> None:
        self.snapshot = snapshot

    def go_on(self, state: str) -> None:
        self.states.append(state)

    def reopen_half_cycle(self) -> None:
        del self.half_cycles[-1]

    def begin_step(self, *, cycle: int, path: str, kind: str, start_s: float) -> int:
        self.steps.append({"cycle": cycle, "path": path, "kind": kind, "start_s": start_s})
        return len(self.steps)

    def sample(
        self,
        step: int,
        time_s: float,
        voltage_V: float,
        current_A: float,
        status: int,
        temperature_K: float | None = None,
    ) -> None:
        self.seq += 1
        self.temperatures.append((time_s, temperature_K))
        self.samples.append((step, time_s, voltage_V, current_A, status))

    def end_step(
        self, step: int, *, start_s: float, end_s: float, end_reason: str, charge_C: float, energy_J: float
    ) -> None:
        self.steps[step - 1] |= {
            "start_s": start_s,
            "end_s": end_s,
            "end_reason": end_reason,
            "charge_C": charge_C,
        }

    def half_cycle(self, half_cycle: HalfCycle) -> None:
        self.half_cycles.append(half_cycle)

    def spectrum(self, step: int, spectrum: Spectrum, quality: dict[str, float] | None) -> None:
        self.spectra.append(spectrum)

    def event(self, kind: str, time_s: float, by: str, message: str, data: dict[str, Any] | None) -> None:
        self.events.append((kind, message))

    def finish(self, state: str, reason: str, time_s: float) -> None:
        self.finished = (state, reason)
