"""Temperature in the course of a run: watched while it goes on, set and waited for in a soak."""

from collections.abc import Iterator
from contextlib import contextmanager

from labctl.engine import circuit, interruption
from labctl.engine.outcome import RunEnd, RunState
from labctl.engine.present_step import PresentStep
from labctl.engine.step_part import take_part
from labctl.engine.workplace import Workplace
from labctl.errors import LabctlError
from labctl.instrument.temperature import Band
from labctl.protocol.plan import Plan, StepNode
from labctl.units import show, show_celsius

THERMOMETER, SET, REACHED = "thermometer", "temperature_set", "temperature_reached"


@contextmanager
def watched(work: Workplace, plan: Plan) -> Iterator[None]:
    """Watch limits and thermometer, where there is one."""

    def note(kind: str, sentence: str) -> None:
        work.note(kind, sentence)
        work.tell(kind, sentence)

    if work.surroundings is None:
        yield
    else:
        work.note(THERMOMETER, str(work.surroundings))
        with work.surroundings.watched(plan, work.control, note):
            yield


def doubt(work: Workplace, plan: Plan) -> RunEnd | None:
    """Why the run should not go on as far as temperature is concerned, before anything is energised."""
    if work.surroundings is not None:
        return work.surroundings.fault()
    if plan.wants_thermometer():
        return RunEnd(RunState.FAILED, "the plan wants a thermometer, and none stands beside the channel")
    return None


async def begin(work: Workplace, node: StepNode) -> RunEnd | None:
    """Have the chamber set for a soak, and for a part of one after an interruption; why the run cannot go on."""
    if node.set_point_K is None:
        return None
    assert work.surroundings is not None  # else there was a doubt
    try:
        said = await work.surroundings.set_to(node.set_point_K)
    except LabctlError as error:
        return RunEnd(RunState.FAILED, f"{node.path}: {error}")
    work.note(SET, said, {"temperature_kelvin": node.set_point_K}, by=circuit.PLAN)
    work.tell(SET, said)
    return None


async def again(
    work: Workplace, node: StepNode | None, present: PresentStep | None, cycle: int
) -> RunEnd | None:
    """After an interruption: unless everything is as the last soak has left it, that soak is made again.

    Args:
        work: the run's surroundings.
        node: the last soak; None: there was none.
        present: the step that is going to be continued; if it is a soak, nothing is to be done before.
        cycle: cycle of the run.
    """
    if node is None or work.surroundings is None or (present is not None and present.node.soak):
        return None
    try:
        if await work.surroundings.settled(node):
            return None
    except LabctlError as error:
        return RunEnd(RunState.FAILED, f"{node.path}: {error}")
    soak = PresentStep(node)
    while (doubts := await begin(work, node)) is None and await take_part(work, soak, cycle):
        await interruption.open_for_pause(work)
        await interruption.wait(work)
        soak = PresentStep(node)
    work.control.skipped()
    return doubts or soak.end or end(work, soak)


def end(work: Workplace, present: PresentStep) -> RunEnd | None:
    """What becomes of the run after a soak: it goes on if the temperature has settled, or a person has skipped it."""
    node, reached = present.node, present.cutoff
    if not node.soak or reached is None:
        return None
    shown_K = work.temperature_K()
    shown = "no temperature is shown" if shown_K is None else f"{show_celsius(shown_K)} is shown"
    if isinstance(reached, Band):
        work.note(REACHED, f"{node.path}: {reached} has been reached", {"temperature_kelvin": shown_K})
        return None
    limit = show(reached.threshold, "s")
    return RunEnd(RunState.FAILED, f"{node.path}: {node.bands[0]} was not reached within {limit}; {shown}")
