"""One way after the other until the circuit is confirmed open; what cannot be confirmed within 3 s is unsafe."""

import asyncio
import time

import pytest

from labctl.errors import CellStateUnknown, LinkLost
from labctl.keeper.escalation import Escalation, Way


class Tried:
    """A way that fails some times, or takes some time."""

    def __init__(self, name: str, *, fails: int = 0, takes_s: float = 0.0, alone: bool = False) -> None:
        self.times = 0
        self.way = Way(name, self._open, alone)
        self._fails = fails
        self._takes_s = takes_s

    async def _open(self) -> None:
        self.times += 1
        await asyncio.sleep(self._takes_s)
        if self.times <= self._fails:
            raise LinkLost("no cable")


def escalation(*tried: Tried) -> tuple[Escalation, list[str]]:
    said: list[str] = []
    return Escalation([each.way for each in tried], said.append), said


async def test_the_mildest_way_is_enough() -> None:
    first, second = Tried("the driver"), Tried("a second session")
    opening, said = escalation(first, second)
    await opening.confirmed()
    assert (first.times, second.times) == (1, 0)
    assert said == ["the circuit is open, confirmed by read-back (the driver)"]


async def test_a_way_that_fails_is_followed_by_the_next_at_once() -> None:
    first, second = Tried("the driver", fails=99), Tried("a second session")
    began_s = time.monotonic()
    await escalation(first, second)[0].confirmed()
    assert time.monotonic() - began_s < 0.2
    assert (first.times, second.times) == (1, 1)


async def test_a_way_that_hangs_gets_company_after_a_second() -> None:
    first, second = Tried("the driver", takes_s=60.0), Tried("a second session")
    began_s = time.monotonic()
    await escalation(first, second)[0].confirmed()
    assert time.monotonic() - began_s == pytest.approx(1.0, abs=0.3)


async def test_what_needs_the_same_line_waits_for_the_failure() -> None:
    hangs, trip = Tried("the driver", takes_s=60.0), Tried("a trip", alone=True)
    opening, _ = escalation(hangs, trip)
    with pytest.raises(CellStateUnknown, match="no answer yet"):
        await opening.confirmed(1.2)
    assert trip.times == 0
    await opening.abandon()
    fails, trip = Tried("the driver", fails=99), Tried("a trip", alone=True)
    await escalation(fails, trip)[0].confirmed(1.2)
    assert trip.times == 1


async def test_a_cable_that_comes_back_within_the_time_is_in_time() -> None:
    first = Tried("the driver", fails=4)
    await escalation(first)[0].confirmed()
    assert first.times == 5


async def test_never_confirmed_is_unsafe_in_time_and_says_what_was_tried() -> None:
    first = Tried("the driver", fails=10_000)
    opening, said = escalation(first)
    began_s = time.monotonic()
    with pytest.raises(CellStateUnknown, match="the driver: no cable") as unknown:
        await opening.confirmed(1.5)
    assert 1.0 < time.monotonic() - began_s < 1.6
    assert "look at the instrument" in unknown.value.cell
    assert first.times > 3
    assert len(said) == 1, "the same failure is written down once"


async def test_a_bug_in_one_way_does_not_keep_the_next_from_being_tried() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    second = Tried("a second session")
    await Escalation([Way("the driver", broken), second.way], lambda said: None).confirmed()
    assert second.times == 1
