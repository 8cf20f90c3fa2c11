"""Steps that are taken in some passes of a loop only, written as loops in which every step is taken."""

import dataclasses
from collections.abc import Iterator
from itertools import groupby

from labctl.errors import UserError
from labctl.exchange.protocols.report import Report
from labctl.protocol.plan import LoopNode, Node, Passes

MOST_NODES = 10_000


def unrolled(nodes: tuple[Node, ...], report: Report) -> tuple[Node, ...]:
    """The same steps in the same order, by loops without ``on_cycles`` and ``every``.

    Raises:
        UserError: that would be more than ``MOST_NODES``.
    """
    made = tuple(_unrolled(nodes, report))
    if _count(made) > MOST_NODES:
        raise UserError(f"without on_cycles and every, this would be more than {MOST_NODES} steps")
    return made


def _unrolled(nodes: tuple[Node, ...], report: Report) -> Iterator[Node]:
    for node in nodes:
        if not isinstance(node, LoopNode):
            yield node
            continue
        parts = list(_parts(node))
        if len(parts) > MOST_NODES:
            raise UserError(f"without on_cycles and every, this would be more than {MOST_NODES} steps")
        if len(parts) > 1:
            report.changed.append(
                f"{node.path}: {node.count} passes are said as {len(parts)} loops, because of on_cycles or every"
            )
        for count, body in parts:
            yield dataclasses.replace(node, count=count, body=tuple(_unrolled(body, report)), passes=Passes())


def _parts(loop: LoopNode) -> Iterator[tuple[int, tuple[Node, ...]]]:
    """Numbers of passes in a row that take the same steps, and those steps."""
    if all(node.passes == Passes() for node in loop.body):
        yield loop.count, loop.body
        return
    taken = (
        tuple(k for k, node in enumerate(loop.body) if node.passes.include(number))
        for number in range(1, loop.count + 1)
    )
    for places, group in groupby(taken):
        body = tuple(dataclasses.replace(loop.body[k], passes=Passes()) for k in places)
        if body:
            yield len(list(group)), body


def _count(nodes: tuple[Node, ...]) -> int:
    return sum(1 + (_count(node.body) if isinstance(node, LoopNode) else 0) for node in nodes)
