"""A place in a plan as plain numbers, so that it can be stored and gone back to."""

from typing import NamedTuple

from labctl.protocol.plan import LoopNode, Node, Plan


class Pass(NamedTuple):
    """Which pass of a loop goes on, and what the loop has to remember for its end on capacity retention.

    Attributes:
        loop: which of its neighbours the loop is, from 0.
        number: of the pass, from 1.
        before_C: discharged in the run before this pass.
        reference_C: discharged in the reference pass; 0.0 before it is over.
        below: passes in a row, up to the one before, that have fallen below.
    """

    loop: int
    number: int
    before_C: float
    reference_C: float
    below: int


class Position(NamedTuple):
    """A place in a plan.

    Attributes:
        passes: of the loops around it, the outermost first.
        node: which of its neighbours in the innermost body the node is, from 0.
        cycle: cycle of the run, from 1; 0 before the first.
    """

    passes: tuple[Pass, ...]
    node: int
    cycle: int


def node_at(plan: Plan, position: Position) -> Node:
    """The node at a position.

    Raises:
        ValueError: the plan has no such place.
    """
    body = plan.nodes
    for level in position.passes:
        loop = _member(body, level.loop)
        if not isinstance(loop, LoopNode) or not 1 <= level.number <= loop.count:
            raise ValueError(f"there is no pass {level.number} of a loop")
        body = loop.body
    node = _member(body, position.node)
    if isinstance(node, LoopNode):
        raise ValueError("it points at a loop, not into it")  # noqa: TRY004  a value that was stored
    return node


def _member(body: tuple[Node, ...], index: int) -> Node:
    if not 0 <= index < len(body):
        raise ValueError(f"there is no step number {index} among {len(body)}")
    return body[index]
