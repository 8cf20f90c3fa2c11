"""The walk through a plan, and going on from any place in it."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.engine.walk import Place, Walk
from labctl.protocol.plan import LoopNode, Node, Passes, TagNode


def passes() -> st.SearchStrategy[Passes]:
    listed = st.frozensets(st.integers(1, 4)).map(Passes)
    return st.one_of(st.just(Passes()), listed, st.integers(1, 3).map(lambda every: Passes(None, every)))


def nodes() -> st.SearchStrategy[Node]:
    tags = st.builds(TagNode, st.just("tag"), st.just(1), st.text("abc", max_size=3), passes())

    def loops(body: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        return st.builds(
            LoopNode,
            st.just("loop"),
            st.just(1),
            st.integers(1, 4),
            st.lists(body, min_size=1, max_size=3).map(tuple),
            st.one_of(st.none(), st.floats(0.1, 1.2)),
            st.integers(1, 2),
            st.integers(1, 2),
            st.booleans(),
            passes(),
        )

    return st.recursive(tags, loops, max_leaves=8)


@dataclass
class Discharged:
    """Charge that grows with each place, by amounts that follow from where it is."""

    total_C: float = 0.0

    def visit(self, place: Place) -> None:
        self.total_C += 1.0 / (1.0 + sum(level.number for level in place.position.passes))


def walked(plan: tuple[Node, ...], at: int | None) -> list[Place]:
    """The places of a walk; with ``at``, one that is left there and gone on with by another."""
    discharged, places = Discharged(), []
    walk = Walk(plan, lambda: discharged.total_C)
    for number, place in enumerate(walk):
        if number == at:
            other = Walk(plan, lambda: discharged.total_C, place.position)
            for again in other:
                places.append(again)
                discharged.visit(again)
            return places
        places.append(place)
        discharged.visit(place)
        assert number < 5000
    return places


@settings(deadline=None)
@given(st.lists(nodes(), min_size=1, max_size=3).map(tuple), st.data())
def test_going_on_from_any_place_gives_the_rest_of_the_walk(
    plan: tuple[Node, ...], data: st.DataObject
) -> None:
    straight = walked(plan, None)
    if straight:
        at = data.draw(st.integers(0, len(straight) - 1))
        assert walked(plan, at) == straight


def test_a_loop_that_had_almost_faded_ends_where_it_would_have() -> None:
    loop = LoopNode("loop", 1, 50, (TagNode("tag", 1, "x"),), 0.5, 1, 2, counts_cycles=True)
    straight = walked((loop,), None)
    assert 1 < len(straight) < 50
    assert [place.cycle for place in straight] == list(range(1, len(straight) + 1))
    for at in range(len(straight)):
        assert walked((loop,), at) == straight
