"""What the record says of the circuit: closed and opened, by whom, why, and with which set point and limits."""

from dataclasses import asdict
from typing import NamedTuple

from labctl.engine.outcome import RunEnd, RunState
from labctl.instrument.impedance import ImpedanceSpec
from labctl.instrument.step import Control, Step

CLOSED = "circuit_closed"
OPENED = "circuit_opened"
AT_REST = "circuit_at_rest"
"""No current is asked for; some instruments keep their relay closed meanwhile."""
UNKNOWN = "circuit_unknown"
"""The circuit could not be confirmed open."""

PLAN = "plan"
PERSON = "person"
RULE = "stop rule"

_ASKED_BY = {
    RunState.FINISHED: PLAN,
    RunState.STOPPED: RULE,
    RunState.ENDED: PERSON,
    RunState.PAUSED: "engine",
    RunState.FAULTED: "safety limit",
}


class Switching(NamedTuple):
    """One entry of the record: its kind, a sentence, the numbers."""

    kind: str
    message: str
    data: dict[str, object]


def of_step(path: str, step: Step) -> Switching:
    """What a step is about to do to the circuit; written down before the instrument hears of it."""
    if step.control is Control.REST:
        return Switching(AT_REST, f"{path}: at rest {step.in_words()}", asdict(step))
    return Switching(CLOSED, f"{path}: {step.control} {step.in_words()}", asdict(step))


def of_sweep(path: str, spec: ImpedanceSpec) -> Switching:
    """What a sweep is about to do to the circuit."""
    return Switching(CLOSED, f"{path}: {spec.mode} sweep", asdict(spec))


def asked_by(end: RunEnd) -> str:
    """Who had the circuit opened at the end of a run."""
    return _ASKED_BY.get(end.state, "error")
