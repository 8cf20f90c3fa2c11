"""What a run needs to know of its own past when another process takes it up."""

from dataclasses import dataclass

from labctl.engine.gap import Gap
from labctl.engine.outcome import RunEnd
from labctl.half_cycle import HalfCycle, HalfCycleFigures
from labctl.instrument.channel import Sample
from labctl.protocol.plan import IfInterrupted, StepNode
from labctl.rules import Decision
from labctl.store.progress import Passed, Progress


@dataclass(frozen=True, slots=True)
class UnfinishedRow:
    """The row of a step whose end was not written, because the process was killed in it.

    Attributes:
        step_id: its number.
        start_s, end_s: when it began to act on the cell, and its last sample.
        passed: in it.
    """

    step_id: int
    start_s: float
    end_s: float
    passed: Passed


@dataclass(frozen=True, slots=True)
class Past:
    """What the stored samples, half-cycles and spectra of a run say; the rules have been shown them.

    Attributes:
        present: the half-cycle in progress; None between half-cycles.
        last: the last finished one.
        discharged_C: in all finished ones.
        decisions: what rules said in the present step, not acted on yet.
        stop: why the run should not go on: a rule, or the last sample, ended it before the process could say so.
        sample: the last one; None if there is none.
        before: the last one but for looks at the open-circuit voltage: what such a look has to follow from.
        unfinished: a step's row without its end.
        reopened: the half-cycle in progress was closed by the interruption.
        soaked: the last soak that the run went through, or was in; None: none.
    """

    present: HalfCycleFigures | None
    last: HalfCycle | None
    discharged_C: float
    decisions: tuple[Decision, ...]
    stop: RunEnd | None
    sample: Sample | None
    before: Sample | None
    unfinished: UnfinishedRow | None
    reopened: bool
    soaked: StepNode | None = None


@dataclass(frozen=True, slots=True)
class TakenUp:
    """A run that goes on. Times are experiment times of the present process.

    Attributes:
        progress: how far it had come.
        past: what was stored.
        gap: since the last sample.
        choice: CONTINUE, RESTART or ABORT.
        by: who decided that.
        any_voltage: go on whatever the open-circuit voltage is, as long as it lies within the safety window.
    """

    progress: Progress
    past: Past
    gap: Gap
    choice: IfInterrupted
    by: str
    any_voltage: bool
