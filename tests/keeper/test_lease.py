"""The lease by itself: only completed ticks prolong it, from when they were sent."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.keeper.lease import Lease


def test_nothing_is_held_before_it_is_granted() -> None:
    lease = Lease(1.0, 5.0)
    assert not lease.held
    assert lease.expires_s() == math.inf
    lease.complete(lease.tick(0.0), 0.1)
    assert not lease.held


def test_a_completed_tick_counts_from_when_it_was_sent() -> None:
    lease = Lease(1.0, 5.0)
    lease.grant(10.0)
    first, second = lease.tick(10.25), lease.tick(10.5)
    lease.complete(first, 10.9)
    assert lease.expires_s() == 11.25
    lease.complete(second, 11.0)
    assert lease.expires_s() == 11.5


@pytest.mark.parametrize("again", [1, 7, -1])
def test_a_repeated_or_unknown_tick_prolongs_nothing(again: int) -> None:
    lease = Lease(1.0, 5.0)
    lease.grant(0.0)
    lease.complete(lease.tick(0.5), 0.6)
    lease.complete(again, 1.4)
    assert lease.expires_s() == 1.5


def test_only_a_tick_that_counts_is_said_to_count() -> None:
    lease = Lease(1.0, 5.0)
    assert lease.complete(lease.tick(0.0), 0.1) is False, "there is no lease"
    lease.grant(0.0)
    first, second = lease.tick(0.5), lease.tick(0.6)
    assert lease.complete(second, 0.7) is True
    assert lease.complete(second, 0.8) is False, "it comes again"
    assert lease.complete(first, 0.8) is False, "a later one has been completed"
    assert lease.complete(second + 1, 0.8) is False, "nobody has sent it"
    assert lease.complete(lease.tick(0.9), 1.6) is False, "the lease has expired"


def test_a_tick_completed_too_late_does_not_revive() -> None:
    lease = Lease(1.0, 5.0)
    lease.grant(0.0)
    tick = lease.tick(0.9)
    lease.complete(tick, 1.0)
    assert lease.expires_s() == 1.0


def test_after_its_end_only_a_grant_begins_another() -> None:
    lease = Lease(1.0, 5.0)
    lease.grant(0.0)
    tick = lease.tick(0.2)
    lease.end()
    lease.complete(tick, 0.3)
    assert not lease.held
    lease.grant(0.4)
    lease.complete(tick, 0.5)
    assert lease.expires_s() == 1.4


def test_between_steps_ticks_do_not_help_beyond_the_idle_time() -> None:
    lease = Lease(1.0, 5.0)
    lease.grant(0.0)
    lease.idle(0.5)
    for quarter in range(2, 40):
        lease.complete(lease.tick(quarter / 4), quarter / 4)
    assert lease.expires_s() == 5.5
    lease.grant(5.4)
    assert lease.expires_s() == 6.4


@given(
    delays_s=st.lists(st.floats(0.001, 3.0), min_size=1, max_size=40),
    ttl_s=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_it_never_outlives_the_last_completed_tick_by_more_than_its_ttl(
    delays_s: list[float], ttl_s: float
) -> None:
    lease, now_s, last_sent_s = Lease(ttl_s, 5.0), 0.0, 0.0
    lease.grant(0.0)
    for delay_s in delays_s:
        sent_s = now_s
        tick = lease.tick(sent_s)
        now_s += delay_s
        if now_s < lease.expires_s():
            last_sent_s = sent_s
        lease.complete(tick, now_s)
        assert lease.expires_s() == pytest.approx(last_sent_s + ttl_s)
