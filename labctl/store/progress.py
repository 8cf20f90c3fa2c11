"""How far a run has come: what it takes to go on with the same half-cycle after the process has died.

One row a run, replaced in the same transaction as the samples it belongs to, so that neither can be ahead of the
other. It is JSON with a version and a hash; the hash covers the run and its plan as well, so that a row which was
cut, edited or moved to another run is not taken for progress.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from labctl.errors import DataError
from labctl.protocol.position import Position

if TYPE_CHECKING:
    from pydantic import TypeAdapter

VERSION = 1


class Passed(NamedTuple):
    """What has passed in a step so far: time in s, charge in C and energy in J, magnitudes."""

    time_s: float = 0.0
    charge_C: float = 0.0
    energy_J: float = 0.0

    def plus(self, more: "Passed") -> "Passed":
        """Both together."""
        return Passed(self.time_s + more.time_s, self.charge_C + more.charge_C, self.energy_J + more.energy_J)


@dataclass(frozen=True, slots=True)
class StepProgress:
    """The present step.

    Attributes:
        first_id: its row; of a step that was interrupted, the row of its first part.
        step_id: the row of its latest part.
        began_s: when that part began to act on the cell, or, before its first sample, was asked for.
        passed: in all its parts, up to the last sample.
        cutoff: which of its cut-offs has been reached, from 0; None: it goes on.
    """

    first_id: int
    step_id: int
    began_s: float
    passed: Passed
    cutoff: int | None


@dataclass(frozen=True, slots=True)
class HalfCycleProgress:
    """The half-cycle in progress, as in ``HalfCycle``."""

    cycle: int
    sign: int
    start_s: float
    charge_C: float
    energy_J: float


@dataclass(frozen=True, slots=True)
class Opening:
    """An opening of the circuit.

    Attributes:
        not_before_s, not_after_s: between these two the circuit was opened.
    """

    not_before_s: float
    not_after_s: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come. Stored times count from the run's start.

    Attributes:
        time_s: when this was true.
        seq: the last sample that it includes; 0: none.
        position: where in the plan; None before the first step.
        done: what is to be done at that position is over.
        spectrum_wanted: a rule has asked for a spectrum that is not finished.
        step: None if no instrument's step has begun at that position.
        half_cycle: None between half-cycles.
        discharged_C: in the finished half-cycles of the run.
        opening: how the circuit was opened after the last sample, confirmed by read-back; None: it may be closed.
    """

    time_s: float
    seq: int
    position: Position | None
    done: bool
    spectrum_wanted: bool
    step: StepProgress | None
    half_cycle: HalfCycleProgress | None
    discharged_C: float
    opening: Opening | None

    def shifted(self, by_s: float) -> "Progress":
        """The same with every time moved by so much."""
        step, half_cycle, opening = self.step, self.half_cycle, self.opening
        return replace(
            self,
            time_s=self.time_s + by_s,
            step=step and replace(step, began_s=step.began_s + by_s),
            half_cycle=half_cycle and replace(half_cycle, start_s=half_cycle.start_s + by_s),
            opening=opening and Opening(opening.not_before_s + by_s, opening.not_after_s + by_s),
        )


def encode(progress: Progress) -> str:
    """As JSON."""
    return _encode(progress)


def _fields(value: Any) -> dict[str, Any]:
    """One level only, where ``asdict`` copies everything below as well: each run does this every second."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


_encode = json.JSONEncoder(default=_fields, allow_nan=False, separators=(",", ":")).encode


class Seal:
    """Ties a progress to its run: number, start and plan.

    Args:
        run_id: the run.
        started_unix_s: its start.
        plan_text: its plan, as stored.
    """

    def __init__(self, run_id: int, started_unix_s: float, plan_text: str) -> None:
        self._begun = hashlib.sha256(f"{VERSION} {run_id} {started_unix_s!r} {plan_text} ".encode())

    def over(self, text: str) -> str:
        """The hash of a progress of this run."""
        digest = self._begun.copy()
        digest.update(text.encode())
        return digest.hexdigest()


def decode(text: str) -> Progress:
    """The progress of a JSON text.

    Raises:
        DataError: it is not one.
    """
    from pydantic import ValidationError

    try:
        return _adapter().validate_json(text, strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"])) or "its text"
        raise DataError(f"{where}: {problem['msg']}") from error


@cache
def _adapter() -> "TypeAdapter[Progress]":
    from pydantic import TypeAdapter

    return TypeAdapter(Progress)
