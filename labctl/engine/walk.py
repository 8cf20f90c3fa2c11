"""The walk through a plan: which node comes next, in which cycle; loops that end early."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from labctl.instrument.step import Control
from labctl.protocol.plan import LoopNode, Node, StepNode


class Place(NamedTuple):
    """Where a run is.

    Attributes:
        node: what is done here.
        cycle: cycle of the run, counted from 1; 0 before the first.
        follower: what comes right after it in the same body, if anything.
    """

    node: Node
    cycle: int
    follower: Node | None


class Walk:
    """Iterates over the places of a plan, loops unrolled.

    Args:
        nodes: the plan's nodes.
        discharged_C: tells the charge discharged in the run so far, for loops that end on capacity retention.
    """

    def __init__(self, nodes: tuple[Node, ...], discharged_C: Callable[[], float]) -> None:
        self._nodes = nodes
        self._discharged_C = discharged_C
        self.cycle = 0

    def __iter__(self) -> Iterator[Place]:
        return self._body(self._nodes, 1)

    def _body(self, nodes: tuple[Node, ...], number: int) -> Iterator[Place]:
        taken = [node for node in nodes if node.passes.include(number)]
        for node, follower in zip(taken, [*taken[1:], None], strict=True):
            if isinstance(node, LoopNode):
                yield from self._loop(node)
            else:
                yield Place(node, self.cycle, follower)

    def _loop(self, loop: LoopNode) -> Iterator[Place]:
        reference_C = 0.0
        below = 0
        for number in range(1, loop.count + 1):
            if loop.counts_cycles:
                self.cycle += 1
            before_C = self._discharged_C()
            yield from self._body(loop.body, number)
            passed_C = self._discharged_C() - before_C
            if number == loop.retention_reference:
                reference_C = passed_C
            elif loop.retention is not None and number > loop.retention_reference:
                below = below + 1 if passed_C <= loop.retention * reference_C else 0
                if below >= loop.retention_passes:
                    return


def continues_half_cycle(place: Place) -> bool:
    """Whether what follows goes on in the same direction: a voltage held after a constant current."""
    follower = place.follower
    return isinstance(follower, StepNode) and follower.step.control is Control.VOLTAGE
