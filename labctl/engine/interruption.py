"""Between the last sample before an interruption and the first after it: the pause, the gap, the open circuit."""

from dataclasses import asdict

from labctl.engine import circuit, open_circuit_check
from labctl.engine.gap import Gap
from labctl.engine.outcome import RunEnd, RunState
from labctl.engine.present_step import PresentStep
from labctl.engine.safe import open_circuit
from labctl.engine.step_part import take_part
from labctl.engine.workplace import Workplace
from labctl.instrument.channel import Sample
from labctl.protocol.plan import Plan, StepNode
from labctl.store.progress import Opening

GAP = "gap"
"""Kind of the step's row that stands for a gap, and of its event."""

CHECK = "open_circuit_check"
"""The path of the look at the open-circuit voltage, which stands nowhere in a protocol."""


async def open_for_pause(work: Workplace) -> Opening:
    """Open the circuit because a person asked for a pause.

    Raises:
        CellStateUnknown: the circuit could not be confirmed open.
    """
    asked_s = work.clock.now()
    await open_circuit(work.channel, work.clock, work.tell)
    work.note(circuit.OPENED, "paused: the circuit is open, confirmed by read-back", by=circuit.PERSON)
    return Opening(asked_s, work.clock.now())


async def wait(work: Workplace) -> None:
    """Say that the run is paused, and return when it is to go on."""
    work.record.go_on(RunState.PAUSED)
    work.tell("paused", "paused: the circuit is open")
    await work.control.wait_until_resumed()
    work.record.go_on(RunState.RUNNING)
    work.note("resumed", "the run goes on", by=circuit.PERSON)
    work.tell("resumed", "the run goes on")


def bridge(work: Workplace, gap: Gap, cycle: int, path: str, present: PresentStep | None) -> None:
    """Write a gap down, and count what is taken to have passed in it."""
    number = work.record.begin_step(cycle=cycle, path=path, kind=GAP, start_s=gap.start_s)
    work.record.end_step(
        number,
        start_s=gap.start_s,
        end_s=gap.end_s,
        end_reason=gap.reason,
        charge_C=gap.most_C,
        energy_J=0.0,
    )
    work.note(GAP, str(gap), asdict(gap) | {"uncertainty_C": gap.uncertainty_C})
    work.tell(GAP, str(gap))
    work.half_cycles.miss(gap.most_C)
    work.rules.interrupted()
    if present is not None:
        present.interrupt(gap.passed, work.channel.traits.shortest_interval_s)


async def check_open_circuit(work: Workplace, plan: Plan, cycle: int, before: Sample | None) -> RunEnd | None:
    """Look at the open-circuit voltage before current flows again; returns why it should not, if it should not.

    Args:
        work: the run's surroundings.
        plan: for the safety window and the equilibrium voltage.
        cycle: cycle of the run.
        before: the last sample before the gap; None: within the safety window, any voltage will do.
    """
    node = StepNode(CHECK, 0, "rest", open_circuit_check.rest_step(plan))
    check = PresentStep(node)
    while await take_part(work, check, cycle):
        await open_for_pause(work)
        await wait(work)
        check = PresentStep(node)
    if check.end is not None:
        return check.end
    after = work.sample
    if check.cutoff is None or after is None:
        return RunEnd(RunState.FAILED, "the look at the open-circuit voltage ended early")
    if before is None:
        return None
    doubt = open_circuit_check.doubt(after.voltage_V, before.voltage_V, before.current_A, plan)
    return RunEnd(RunState.PAUSED, doubt) if doubt else None
