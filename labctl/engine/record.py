"""What the engine asks of the place where a run is written; ``labctl.store`` provides it."""

from collections.abc import Callable
from typing import Protocol

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.store.progress import Progress
from labctl.store.records import RunState


class Record(Protocol):
    """Where a run is written. Times are experiment times."""

    seq: int
    """Number of the last sample, counted from 1 without gaps."""

    origin_s: float
    """The run's start in experiment time."""

    def follow(self, snapshot: Callable[[], Progress]) -> None:
        """Store, with each batch of samples and in the same transaction, how far the run has come."""
        ...

    def go_on(self, state: RunState) -> None:
        """The run is paused, or goes on."""
        ...

    def reopen_half_cycle(self) -> None:
        """The last half-cycle was closed by an interruption and goes on: it is not finished."""
        ...

    def begin_step(self, *, cycle: int, path: str, kind: str, start_s: float) -> int:
        """A step begins; returns its number."""
        ...

    def sample(
        self,
        step_id: int,
        time_s: float,
        voltage_V: float,
        current_A: float,
        status: int,
        temperature_K: float | None = None,
    ) -> None:
        """A reading. Never dropped."""
        ...

    def end_step(
        self, step_id: int, *, start_s: float, end_s: float, end_reason: str, charge_C: float, energy_J: float
    ) -> None:
        """A step is over; ``start_s`` is when it began to act on the cell."""
        ...

    def half_cycle(self, half_cycle: HalfCycle) -> None:
        """A half-cycle is over."""
        ...

    def spectrum(self, step_id: int, spectrum: Spectrum, quality: dict[str, float] | None) -> None:
        """A sweep is over."""
        ...

    def event(self, kind: str, time_s: float, by: str, message: str, data: dict[str, object] | None) -> None:
        """Something was decided, by whom and why."""
        ...

    def finish(self, state: RunState, reason: str, time_s: float) -> None:
        """The run is over."""
        ...
