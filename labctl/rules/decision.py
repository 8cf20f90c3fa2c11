"""What rules are fed and what they answer with."""

from dataclasses import dataclass
from typing import Protocol

from labctl.half_cycle import HalfCycle
from labctl.instrument.impedance import Spectrum
from labctl.protocol.rule_spec import Action


@dataclass(frozen=True, slots=True)
class HalfCycleStart:
    """Current begins to flow in one direction.

    Attributes:
        cycle: cycle of the run, counted from 1.
        sign: +1 charging, -1 discharging.
        set_current_A: the commanded current.
        equilibrium_voltage_V: what the cell would show without current; None if not known.
        time_s: experiment time.
    """

    cycle: int
    sign: int
    set_current_A: float
    equilibrium_voltage_V: float | None
    time_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """A rule's answer, with its reason.

    Attributes:
        rule: the rule's name.
        actions: what is to be done.
        reason: one sentence for the person at the bench.
        threshold, observed: the numbers compared, in ``unit``.
        first_seq, last_seq: the samples it rests on; None for decisions on spectra or cycles.
        cycle: cycle in which it was made.
        time_s: experiment time at which it was made.
    """

    rule: str
    actions: tuple[Action, ...]
    reason: str
    threshold: float
    observed: float
    unit: str
    cycle: int
    time_s: float
    first_seq: int | None = None
    last_seq: int | None = None


class StopRule(Protocol):
    """A streaming detector. It decides at most once; afterwards it stays silent.

    ``sample`` is called for each sample of a half-cycle (never during rest or impedance), with the charge passed
    in this half-cycle as a magnitude. It is on the hot path: a call that has nothing to look at must cost well
    under a microsecond.

    Attributes:
        name: the rule's name in protocols.
        on_samples: whether ``sample`` has anything to look at; when not, it need not be called.
    """

    name: str
    on_samples: bool

    def begin_half_cycle(self, start: HalfCycleStart) -> None:
        """Current begins to flow in one direction."""
        ...

    def sample(
        self, seq: int, time_s: float, voltage_V: float, current_A: float, charge_C: float
    ) -> Decision | None:
        """A reading while current flows."""
        ...

    def interrupted(self) -> None:
        """The current was interrupted within a half-cycle, for how long ever, and is about to flow again."""
        ...

    def end_half_cycle(self, half_cycle: HalfCycle) -> Decision | None:
        """A half-cycle is over."""
        ...

    def spectrum(self, spectrum: Spectrum) -> Decision | None:
        """A sweep is finished."""
        ...
