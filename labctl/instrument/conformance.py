"""What a check of conformance is given, a bench, and how it says that a channel does not keep a promise.

The same checks are applied to simulated instruments in the tests, where the truth about circuit and cell is known, and
by ``labctl conformance`` to an instrument on a bench with a resistor at it, where only the instrument can be asked.
"""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from labctl.clock import Clock
from labctl.errors import LabctlError
from labctl.instrument.channel import Channel, Sample
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step

_WINDOW = SafetyLimits(-1.0, 1.0, 5e-4)


class DoesNotConform(AssertionError):
    """A channel does not do what every channel promises; says what was found."""


class Charged(Protocol):
    """The truth about a simulated cell.

    Attributes:
        charge_C: net charge it has received.
        passed_C: magnitudes added up.
    """

    charge_C: float
    passed_C: float


class Attendant(Protocol):
    """The person at the bench, or a test in their place."""

    def say(self, text: str) -> None:
        """Tell what to do."""
        ...

    async def done(self, question: str) -> None:
        """Wait until it has been done."""
        ...


@dataclass
class Bench:
    """A channel that has not been connected, and what a check may know about it.

    Attributes:
        channel: what is checked.
        clock: the time it lives in.
        circuit_closed: the truth, from a simulated instrument; None: nobody knows it but the instrument.
        cell: the truth, from a simulated cell; None: not known.
        sent: every line that has left, in order.
        late_s: by how much an end may be late, and a gap longer than asked.
        accuracy: part of a set point by which the instrument may be off, and the load.
        load_ohm: the resistor at the terminals, for the checks that are made for one.
        current_A: what is sent through it.
        safety: the window of the steps; wide enough for both.
        span_s: how long a step of some length lasts.
        quiet_A: what may be read, and flow, at rest.
        attendant: who pulls cables; None: nobody is there.
        measured: figures for a report, a sentence each.
    """

    channel: Channel
    clock: Clock
    circuit_closed: Callable[[], bool] | None
    cell: Charged | None
    sent: list[bytes] = field(default_factory=list)
    late_s: float = 0.0
    accuracy: float = 1e-3
    load_ohm: float = 1000.0
    current_A: float = 1e-4
    safety: SafetyLimits = _WINDOW
    span_s: float = 100.0
    quiet_A: float = 1e-7
    attendant: Attendant | None = None
    measured: list[str] = field(default_factory=list)

    def step(self, control: Control, value: float, *cutoffs: Cutoff, every_s: float = 1.0) -> Step:
        """A step inside the bench's safety window."""
        return Step(control, value, cutoffs, self.safety, Sampling(every_s))

    async def take(self, step: Step) -> list[Sample]:
        """Carry out a step and keep all its samples."""
        return [sample async for sample in self.channel.run(step)]

    def expect_closed(self) -> None:
        """The circuit is closed, where the truth is known."""
        expect(
            self.circuit_closed is None or self.circuit_closed(), "the circuit is open, it should be closed"
        )

    def expect_open(self) -> None:
        """The circuit is open, where the truth is known; ``make_safe`` has read it back in any case."""
        expect(
            self.circuit_closed is None or not self.circuit_closed(),
            "the circuit is closed, it should be open",
        )

    def passed_C(self) -> float:
        """Magnitude of the charge that the cell has seen; 0 where it is not known."""
        return 0.0 if self.cell is None else self.cell.passed_C


Check = Callable[[Bench], Coroutine[Any, Any, None]]


def expect(kept: bool, found: str) -> None:
    """One promise.

    Raises:
        DoesNotConform: with ``found``, unless it is kept.
    """
    if not kept:
        raise DoesNotConform(found)


@contextmanager
def refused(by: type[LabctlError], what: str) -> Iterator[None]:
    """What is done inside has to raise ``by``.

    Raises:
        DoesNotConform: it was not refused.
    """
    try:
        yield
    except by:
        return
    raise DoesNotConform(f"{what} was not refused")


def lasting(duration_s: float) -> Cutoff:
    """The end of a step by time."""
    return Cutoff(Quantity.TIME, Side.ABOVE, duration_s)
