import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.protocol.rule_spec import Action, OverpotentialJump
from labctl.rules import make

HALF_CYCLE_S = 9000.0
JUMP_S = 10.5 * 2 * HALF_CYCLE_S  # in the middle of cycle 11


def jump(healthy, factor, at_s=JUMP_S, within_s=60.0):
    def level(cycle, passed, time_s):
        progress = min(max((time_s - at_s) / within_s, 0.0), 1.0)
        return healthy(cycle, passed, time_s) * (1 + (factor - 1) * progress)

    return level


@pytest.mark.parametrize("at", [10.2, 10.45, 10.7, 11.0, 11.3])
@pytest.mark.parametrize("factor", [2.1, 3.0, 8.0])
def test_a_jump_is_seen_minutes_after_the_overpotential_has_doubled(feeder, healthy, at, factor):
    at_s = at * 2 * HALF_CYCLE_S
    (decision,) = feeder(make(OverpotentialJump())).cycle(range(1, 20), jump(healthy, factor, at_s))
    grace_s = 0.06 * HALF_CYCLE_S if at == 11.0 else 0.0  # at a reversal
    assert at_s < decision.time_s < at_s + 60 + 120 + 5 * 30 + grace_s
    assert decision.observed > decision.threshold > 0
    assert decision.actions == (Action.STOP,)
    assert decision.cycle == math.floor(at) + 1
    assert decision.last_seq == round(decision.time_s / 30)
    assert (decision.last_seq - decision.first_seq) * 30 >= 120


def test_the_reason_tells_both_overpotentials_and_where(feeder, healthy):
    (decision,) = feeder(make(OverpotentialJump())).cycle(range(1, 20), jump(healthy, 3.0))
    assert "3.0 times the" in decision.reason
    assert "of the charge, for 120 s" in decision.reason


def test_a_healthy_cell_is_left_alone(feeder, healthy):
    assert not feeder(make(OverpotentialJump())).cycle(range(1, 40), healthy)


def test_less_than_the_factor_is_left_alone(feeder, healthy):
    assert not feeder(make(OverpotentialJump())).cycle(range(1, 30), jump(healthy, 1.8))


def test_a_small_rise_in_volts_is_left_alone(feeder):
    at_ten_mV = jump(lambda *_: 0.004, 3.0)
    assert not feeder(make(OverpotentialJump())).cycle(range(1, 20), at_ten_mV)


def test_slow_ageing_is_left_alone_even_when_it_doubles_many_times(feeder, healthy):
    ageing = lambda cycle, passed, time_s: healthy(cycle, passed, time_s) * 1.015**cycle  # noqa: E731
    assert not feeder(make(OverpotentialJump()), every_s=120.0).cycle(range(1, 150), ageing)


def test_a_steep_rise_over_several_cycles_does_not_become_its_own_baseline(feeder, healthy):
    """A fifth more in each cycle: the median of the last five cycles alone would never see it double."""
    at_s = 20 * 2 * HALF_CYCLE_S

    def level(cycle, passed, time_s):
        cycles = max(0.0, time_s - at_s) / (2 * HALF_CYCLE_S)
        return healthy(cycle, passed, time_s) * 1.2**cycles

    (decision,) = feeder(make(OverpotentialJump())).cycle(range(1, 40), level)
    doubled_s = at_s + math.log(2) / math.log(1.2) * 2 * HALF_CYCLE_S
    assert abs(decision.time_s - doubled_s) < HALF_CYCLE_S


def test_without_the_limit_on_drift_such_a_rise_is_missed(feeder, healthy):
    def level(cycle, passed, time_s):
        return healthy(cycle, passed, time_s) * 1.2 ** max(0, cycle - 20)

    assert not feeder(make(OverpotentialJump(drift=1.0)), cut_off_V=99.0).cycle(range(1, 30), level)


def test_single_wrong_readings_are_left_alone(feeder, healthy):
    def level(cycle, passed, time_s):
        return 0.85 if round(time_s / 30) % 7 == 0 else healthy(cycle, passed, time_s)

    assert not feeder(make(OverpotentialJump())).cycle(range(1, 20), level)


def test_a_jump_is_seen_among_wrong_readings(feeder, healthy):
    jumped = jump(healthy, 2.5)

    def level(cycle, passed, time_s):
        return 0.0 if round(time_s / 30) % 7 == 0 else jumped(cycle, passed, time_s)

    (decision,) = feeder(make(OverpotentialJump())).cycle(range(1, 20), level)
    assert JUMP_S < decision.time_s < JUMP_S + 0.1 * HALF_CYCLE_S


def test_a_wandering_boundary_between_two_plateaus_is_left_alone(feeder):
    def level(cycle, passed, time_s):
        return 0.030 if passed < 0.5 + 0.03 * math.sin(2.1 * cycle) else 0.070

    assert not feeder(make(OverpotentialJump())).cycle(range(1, 40), level)


def test_a_doubled_current_is_not_a_jump(feeder, healthy):
    feed = feeder(make(OverpotentialJump()))
    feed.cycle(range(1, 10), healthy)
    feed.current_A *= 2
    assert not feed.cycle(range(10, 20), lambda *place: 2 * healthy(*place))


def test_a_jump_that_hits_the_cut_off_within_the_grace_period_is_seen_at_the_end(feeder, healthy):
    feed = feeder(make(OverpotentialJump()))
    feed.cycle(range(1, 11), healthy)
    feed.cycle(range(11, 14), lambda *_: 1.0)
    (decision,) = feed.decisions
    assert decision.cycle == 11
    assert "ended the half-cycle early" in decision.reason
    assert decision.first_seq is None


def test_one_wrong_reading_beyond_the_cut_off_is_not_a_jump(feeder, healthy):
    def level(cycle, passed, time_s):
        return 1.0 if abs(time_s - JUMP_S) < 1 else healthy(cycle, passed, time_s)

    assert not feeder(make(OverpotentialJump())).cycle(range(1, 20), level)


def test_without_an_equilibrium_voltage_there_is_nothing_to_look_at(feeder, healthy):
    feed = feeder(make(OverpotentialJump()), equilibrium_V=None)
    assert not feed.cycle(range(1, 20), jump(healthy, 5.0))


def test_a_spectrum_in_the_middle_grants_the_grace_period_again(feeder, healthy, spectrum_of):
    """After the pause the cell nucleates once more, which is a spike and not a jump."""
    rule = make(OverpotentialJump())
    feed = feeder(rule)
    feed.cycle(range(1, 11), healthy)

    def level(cycle, passed, time_s):
        after = passed - 0.5
        if 0 <= after < 30 / HALF_CYCLE_S:
            rule.spectrum(spectrum_of(500.0))
        return healthy(cycle, passed, time_s) + (0.2 if 0 <= after < 0.04 else 0.0)

    assert not feed.cycle(range(11, 13), level)
    assert feed.cycle(
        range(13, 14), lambda *place: level(*place) + (0.2 if 0.5 <= place[1] < 0.2 + 0.5 else 0)
    )


def test_it_decides_once(feeder, healthy):
    feed = feeder(make(OverpotentialJump()))
    feed.cycle(range(1, 20), jump(healthy, 5.0))
    for _ in range(4):
        feed.half_cycle(20, +1, lambda *_: 0.5)
        feed.half_cycle(20, -1, lambda *_: 0.5)
    assert len(feed.decisions) == 1


def decided_s(feeder, healthy, scale=1.0, **settings):
    """When a ramp that reaches 2.6 times within 20 minutes is decided upon."""
    feed = feeder(make(OverpotentialJump(minimum_rise_V=0.0)), cut_off_V=math.inf, **settings)
    ramp = jump(healthy, 2.6, within_s=1200.0)
    (decision,) = feed.cycle(range(1, 14), lambda *place: scale * ramp(*place))
    return decision.time_s


several = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@several
@given(scale=st.floats(1e-3, 1e3), current_A=st.floats(1e-6, 10.0))
def test_the_decision_does_not_depend_on_the_size_of_the_cell(feeder, healthy, scale, current_A):
    reference_s = decided_s(feeder, healthy)
    assert decided_s(feeder, healthy, scale, current_A=current_A) == pytest.approx(reference_s, abs=30.0)


@several
@given(equilibrium_V=st.floats(-3.0, 3.0))
def test_the_decision_depends_neither_on_sign_nor_on_the_equilibrium_voltage(feeder, healthy, equilibrium_V):
    reference_s = decided_s(feeder, healthy)
    mirrored_s = decided_s(feeder, healthy, mirrored=True, equilibrium_V=equilibrium_V)
    assert mirrored_s == pytest.approx(reference_s, abs=30.0)


@several
@given(every_s=st.floats(5.0, 150.0))
def test_the_decision_hardly_depends_on_how_often_is_sampled(feeder, healthy, every_s):
    doubled_s = JUMP_S + 1200 * 1.0 / 1.6
    delay_s = decided_s(feeder, healthy, every_s=every_s) - doubled_s
    assert 0 < delay_s < 120 + 60 + 5 * every_s
