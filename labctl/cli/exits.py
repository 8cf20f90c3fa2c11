"""Exit codes: what a script learns from how labctl ended."""

from labctl.engine.outcome import RunState
from labctl.errors import CannotHold, CellStateUnknown, LabctlError, StoreError, UserError, WireError

WRONG_INPUT = 2
INSTRUMENT = 4
SAFETY = 5
UNSAFE = 6
DATABASE = 7
PERSON = 130

OF_STATE = {
    RunState.FINISHED: 0,
    RunState.STOPPED: 0,
    RunState.ENDED: PERSON,
    RunState.PAUSED: WRONG_INPUT,
    RunState.FAULTED: SAFETY,
    RunState.FAILED: INSTRUMENT,
    RunState.UNSAFE: UNSAFE,
}


def code_of(error: LabctlError) -> int:
    """The exit code for an error that ended a command."""
    match error:
        case UserError() | CannotHold():
            return WRONG_INPUT
        case StoreError():
            return DATABASE
        case CellStateUnknown():
            return UNSAFE
        case WireError():
            return INSTRUMENT
        case _:
            return 1
