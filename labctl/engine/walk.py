"""The walk through a plan: which node comes next, in which cycle; loops that end early; and going on from a place."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from labctl.instrument.step import Control
from labctl.protocol.plan import LoopNode, Node, StepNode
from labctl.protocol.position import Pass, Position


class Place(NamedTuple):
    """Where a run is.

    Attributes:
        node: what is done here.
        cycle: cycle of the run, counted from 1; 0 before the first.
        follower: what comes right after it in the same body, if anything.
        position: the same place as numbers, to go back to.
    """

    node: Node
    cycle: int
    follower: Node | None
    position: Position


class Walk:
    """Iterates over the places of a plan, loops unrolled.

    Args:
        nodes: the plan's nodes.
        discharged_C: tells the charge discharged in the run so far, for loops that end on capacity retention.
        start: the first place; None: that of the plan.
    """

    def __init__(
        self, nodes: tuple[Node, ...], discharged_C: Callable[[], float], start: Position | None = None
    ) -> None:
        self._nodes = nodes
        self._discharged_C = discharged_C
        self._start = start
        self._cycle = start.cycle if start is not None else 0

    def __iter__(self) -> Iterator[Place]:
        return self._body(self._nodes, 1, (), self._start)

    def _body(
        self, nodes: tuple[Node, ...], number: int, around: tuple[Pass, ...], start: Position | None
    ) -> Iterator[Place]:
        """One pass through a body.

        Args:
            nodes: the body.
            number: of the pass.
            around: the passes of the loops around, this one included.
            start: where to begin, if not at the body's first node.
        """
        taken = [(k, node) for k, node in enumerate(nodes) if node.passes.include(number)]
        followers = [*(node for _, node in taken[1:]), None]
        for (k, node), follower in zip(taken, followers, strict=False):  # a pass may take none of its steps
            if start is not None and k < _index(start, len(around)):
                continue
            if isinstance(node, LoopNode):
                yield from self._loop(k, node, around, start)
            else:
                yield Place(node, self._cycle, follower, Position(around, k, self._cycle))
            start = None

    def _loop(
        self, k: int, loop: LoopNode, around: tuple[Pass, ...], start: Position | None
    ) -> Iterator[Place]:
        first, reference_C, below = 1, 0.0, 0
        if start is not None:
            _, first, entered_C, reference_C, below = start.passes[len(around)]
        for number in range(first, loop.count + 1):
            if start is not None:
                before_C = entered_C
            else:
                before_C = self._discharged_C()
                self._cycle += loop.counts_cycles
            here = Pass(k, number, before_C, reference_C, below)
            yield from self._body(loop.body, number, (*around, here), start)
            start = None
            passed_C = self._discharged_C() - before_C
            if number == loop.retention_reference:
                reference_C = passed_C
            elif loop.retention is not None and number > loop.retention_reference:
                below = below + 1 if passed_C <= loop.retention * reference_C else 0
                if below >= loop.retention_passes:
                    return


def _index(start: Position, depth: int) -> int:
    """Which node of the body at a depth is on the way to a position."""
    return start.passes[depth].loop if depth < len(start.passes) else start.node


def continues_half_cycle(place: Place) -> bool:
    """Whether what follows goes on in the same direction: a voltage held after a constant current."""
    follower = place.follower
    return isinstance(follower, StepNode) and follower.step.control is Control.VOLTAGE
