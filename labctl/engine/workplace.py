"""What everything in the engine works with."""

from collections.abc import Callable
from dataclasses import dataclass

from labctl.clock import Clock
from labctl.engine.control import RunControl
from labctl.engine.half_cycles import HalfCycles
from labctl.engine.record import Record
from labctl.engine.surroundings import Surroundings
from labctl.instrument.channel import Channel, Sample
from labctl.rules import RuleSet


@dataclass(slots=True)
class Workplace:
    """One run's surroundings.

    Attributes:
        channel: a connected channel.
        record: where everything is written.
        rules: the stop rules of the run.
        clock: the time the channel lives in.
        control: what a person asks for.
        half_cycles: the half-cycle in progress.
        tell: called with (kind, sentence) whenever something worth a line happens.
        surroundings: what is known of the cell's temperature; None: no thermometer stands beside it.
        sample: the latest; None before the first.
    """

    channel: Channel
    record: Record
    rules: RuleSet
    clock: Clock
    control: RunControl
    half_cycles: HalfCycles
    tell: Callable[[str, str], None]
    surroundings: Surroundings | None = None
    sample: Sample | None = None

    def temperature_K(self) -> float | None:
        """Beside the cell, by now; None if it is not known."""
        return None if self.surroundings is None else self.surroundings.now_K()

    def note(
        self, kind: str, message: str, data: dict[str, object] | None = None, by: str = "engine"
    ) -> None:
        """Write an event."""
        self.record.event(kind, self.clock.now(), by, message, data)
