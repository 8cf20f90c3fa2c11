"""How a run ended: a state, and the reason in words."""

from dataclasses import dataclass

from labctl.store.records import RunState

__all__ = ["RunEnd", "RunState"]


@dataclass(frozen=True, slots=True)
class RunEnd:
    """Why there is nothing more to do.

    Attributes:
        state: what became of the run.
        reason: one sentence.
    """

    state: RunState
    reason: str
