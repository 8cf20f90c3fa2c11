"""How a run ended: a state, and the reason in words."""

from dataclasses import dataclass
from enum import StrEnum


class RunState(StrEnum):
    """What became of a run."""

    RUNNING = "running"
    FINISHED = "finished"  # the plan was carried out
    STOPPED = "stopped"  # a stop rule ended it
    ENDED = "ended"  # a person ended it
    FAULTED = "faulted"  # a safety limit was crossed
    FAILED = "failed"  # instrument, link or store failed; the circuit is open
    UNSAFE = "unsafe"  # the circuit could not be confirmed open


@dataclass(frozen=True, slots=True)
class RunEnd:
    """Why there is nothing more to do.

    Attributes:
        state: what became of the run.
        reason: one sentence.
    """

    state: RunState
    reason: str
