"""What is done with an interrupted run: what a person asks for, within what the protocol allows."""

from typing import TypeGuard

from labctl.errors import UserError
from labctl.instrument.step import Control, Quantity, Step
from labctl.protocol.plan import IfInterrupted, ImpedanceNode, Node, Plan, StepNode
from labctl.protocol.position import node_at
from labctl.store.progress import Passed, Progress
from labctl.store.records import RunState
from labctl.units import show

ASK = IfInterrupted.ASK
CONTINUE = IfInterrupted.CONTINUE
RESTART = IfInterrupted.RESTART
ABORT = IfInterrupted.ABORT

RESUMABLE = frozenset(
    {RunState.INTERRUPTED, RunState.ENDED, RunState.PAUSED, RunState.FAILED, RunState.UNSAFE}
)
_ALWAYS_ASKED = frozenset({RunState.FAILED, RunState.UNSAFE})


def choose(state: RunState, plan: Plan, progress: Progress, given: IfInterrupted) -> IfInterrupted:
    """What is to be done; ASK if that is for a person to say.

    Args:
        state: how the run ended. After a failure, and where nobody knows whether the circuit is open, a person is asked
            whatever the protocol says.
        plan, progress: where it ended.
        given: what a person asks for; ASK: nothing, so the protocol decides.

    Raises:
        UserError: the step is never continued half-way, or never begun again.
    """
    node = None if progress.position is None else node_at(plan, progress.position)
    half_way = isinstance(node, StepNode) and is_half_way(progress)
    declared = node.if_interrupted if isinstance(node, StepNode | ImpedanceNode) else ASK
    if given is ASK:
        if state in _ALWAYS_ASKED or (declared is ABORT and not half_way):
            return ASK
        given = declared
    elif half_way and given is not ABORT and declared in (RESTART, ABORT) and given is not declared:
        assert isinstance(node, StepNode)
        allowed = "restart or abort" if declared is RESTART else "abort"
        raise UserError(
            f"{node.path} says `if_interrupted: {declared}`, so it is not to {given} half-way: give --policy {allowed}"
        )
    elif half_way and given is CONTINUE and _begins_again(node):
        raise UserError(
            f"{node.path} is a scan, which never goes on half-way: give --policy restart or abort"
        )
    if given in (ASK, ABORT):
        return given
    return given if half_way else CONTINUE


def _begins_again(node: Node | None) -> TypeGuard[StepNode]:
    """Whether it cannot go on half-way, whatever the protocol says."""
    return isinstance(node, StepNode) and node.step.scan is not None


def is_half_way(progress: Progress) -> bool:
    """Whether a step has begun to act on the cell and is not over."""
    step = progress.step
    return not progress.done and step is not None and step.cutoff is None


def question(run_id: int, plan: Plan, progress: Progress) -> str:
    """One line: where the run is, and what would happen with each policy."""
    if progress.position is None:
        return (
            f"run {run_id} had not begun its first step: "
            "--policy continue begins it, abort opens the circuit and ends the run"
        )
    node = node_at(plan, progress.position)
    where = f"run {run_id} was left in cycle {progress.position.cycle}"
    if not isinstance(node, StepNode) or not is_half_way(progress):
        what = "takes the spectrum" if isinstance(node, ImpedanceNode) and not progress.done else "goes on"
        place = f"after {node.path}" if progress.done else f"at {node.path}"
        return f"{where}, {place}: --policy continue {what}, abort opens the circuit and ends the run"
    assert progress.step is not None
    whole, passed = node.step, progress.step.passed
    never = node.if_interrupted in (RESTART, ABORT) or _begins_again(node)
    left = "" if never else f"continue passes {_left(whole, passed)}, "
    again = "" if node.if_interrupted is ABORT else f"restart begins it again ({_left(whole, Passed())}), "
    return (
        f"{where}, {node.path}, after {_done(whole, passed)}: "
        f"--policy {left}{again}abort opens the circuit and ends the run"
    )


def _done(step: Step, passed: Passed) -> str:
    if step.control is Control.REST:
        return show(passed.time_s, "s")
    return f"{passed.charge_C / 3.6:.4g} mAh"


def _left(step: Step, passed: Passed) -> str:
    """What its own limits leave of a step, in words."""
    spent = {Quantity.CHARGE: passed.charge_C, Quantity.TIME: passed.time_s, Quantity.ENERGY: passed.energy_J}
    scale = {Quantity.CHARGE: (3.6, "mAh"), Quantity.TIME: (1.0, "s"), Quantity.ENERGY: (3.6, "mWh")}
    parts = [
        f"{max(cutoff.threshold - spent[cutoff.quantity], 0.0) / scale[cutoff.quantity][0]:.4g} "
        f"{scale[cutoff.quantity][1]}"
        for cutoff in step.cutoffs
        if cutoff.quantity in spent
    ]
    return "at most " + " or ".join(parts) if parts else "it on"


def node_of(plan: Plan, progress: Progress) -> Node | None:
    """What the run was left in or after; None before its first step."""
    return None if progress.position is None else node_at(plan, progress.position)
