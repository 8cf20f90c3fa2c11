import pytest

from labctl.protocol.rule_spec import ShortCircuit
from labctl.rules import make

HALF_CYCLE_S = 9000.0
SHORT_S = 10.5 * 2 * HALF_CYCLE_S


def shorted(healthy, to=0.05, at_s=SHORT_S):
    return lambda cycle, passed, time_s: healthy(cycle, passed, time_s) * (to if time_s >= at_s else 1.0)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_collapse_is_seen_within_minutes(feeder, healthy, mirrored):
    (decision,) = feeder(make(ShortCircuit()), mirrored=mirrored).cycle(range(1, 20), shorted(healthy))
    assert SHORT_S + 60 <= decision.time_s <= SHORT_S + 0.06 * HALF_CYCLE_S + 60 + 120
    assert 0 < decision.observed < decision.threshold
    assert "collapsed to 2" in decision.reason


def test_a_healthy_cell_is_left_alone(feeder, healthy):
    assert not feeder(make(ShortCircuit())).cycle(range(1, 40), healthy)


def test_a_lesser_fall_is_left_alone(feeder, healthy):
    assert not feeder(make(ShortCircuit())).cycle(range(1, 20), shorted(healthy, to=0.3))


def test_a_cell_that_settles_down_in_its_first_cycles_is_left_alone(feeder, healthy):
    def level(cycle, passed, time_s):
        return healthy(cycle, passed, time_s) * (1 + 4 * 0.5**cycle)

    assert not feeder(make(ShortCircuit())).cycle(range(1, 20), level)


def test_a_short_that_grows_over_many_cycles_does_not_become_its_own_history(feeder, healthy):
    def level(cycle, passed, time_s):
        return healthy(cycle, passed, time_s) * 0.75 ** max(0, cycle - 10)

    (decision,) = feeder(make(ShortCircuit())).cycle(range(1, 30), level)
    assert 15 <= decision.cycle <= 18  # 0.75 ** 6 = 0.18


def test_wrong_readings_against_the_current_are_no_short(feeder, healthy):
    def level(cycle, passed, time_s):
        return -0.5 if cycle > 8 and 0.4 < passed < 0.5 else healthy(cycle, passed, time_s)

    assert not feeder(make(ShortCircuit())).cycle(range(1, 12), level)


def test_a_current_that_stopped_is_no_short(feeder, healthy):
    feed = feeder(make(ShortCircuit()))
    feed.cycle(range(1, 10), healthy)
    (rule,) = feed.rules.rules
    assert all(rule.sample(seq, feed.time_s + 10 * seq, 0.0, 0.0, 0.5) is None for seq in range(1000))


def full_cell(cycle, passed, time_s):
    return 3.6 - 1.2 * passed**8


def test_a_full_cell_is_judged_by_its_voltage(feeder):
    """Without an equilibrium voltage the feeder takes it as 0: half of its half-cycles would be at -3.6 V."""
    feed = feeder(make(ShortCircuit()), equilibrium_V=None, cut_off_V=9.0)
    for number in range(1, 10):
        feed.half_cycle(number, +1, full_cell)
    assert not feed.decisions
    feed.half_cycle(10, +1, lambda *place: 0.2)
    (decision,) = feed.decisions
    assert decision.observed == pytest.approx(0.2)
    assert decision.threshold == pytest.approx(0.2 * 2.4, rel=0.1)
    assert decision.reason.startswith("voltage collapsed")


def test_an_earlier_end_of_discharge_of_a_full_cell_is_no_short(feeder):
    feed = feeder(make(ShortCircuit()), equilibrium_V=None, cut_off_V=9.0)
    for number in range(1, 10):
        feed.half_cycle(number, +1, full_cell)
    feed.half_cycle(10, +1, lambda cycle, passed, time_s: full_cell(cycle, min(1.0, 2 * passed), time_s))
    assert not feed.decisions
