import pytest

from labctl.protocol.rule_spec import Action, SoftShort
from labctl.rules import make


def touching(healthy, places, to=0.3):
    """The overpotential drops for a twentieth of the half-cycle at (cycle, passed charge)."""

    def level(cycle, passed, time_s):
        touch = any(cycle == c and p <= passed < p + 0.05 for c, p in places)
        return healthy(cycle, passed, time_s) * (to if touch else 1.0)

    return level


def test_the_third_touch_decides(feeder, healthy):
    places = [(8, 0.3), (9, 0.6), (10, 0.4), (11, 0.4)]
    (decision,) = feeder(make(SoftShort()), mirrored=True).cycle(range(1, 20), touching(healthy, places))
    assert decision.cycle == 9  # once in each half-cycle: the third is in the ninth cycle
    assert decision.observed == 3
    assert decision.actions == (Action.WARN,)


def test_two_touches_do_not(feeder, healthy):
    assert not feeder(make(SoftShort())).cycle(range(1, 20), touching(healthy, [(8, 0.3)]))


def test_touches_far_apart_do_not(feeder, healthy):
    places = [(6, 0.3), (13, 0.3), (20, 0.3)]
    assert not feeder(make(SoftShort())).cycle(range(1, 25), touching(healthy, places))


def test_a_drop_that_lasts_is_one_touch(feeder, healthy):
    level = lambda c, p, t: healthy(c, p, t) * (0.3 if c == 9 and p > 0.2 else 1.0)  # noqa: E731
    assert not feeder(make(SoftShort())).cycle(range(1, 20), level)


def test_a_slow_decline_is_no_touch(feeder, healthy):
    level = lambda c, p, t: healthy(c, p, t) * (1 - 0.8 * p if c > 8 else 1.0)  # noqa: E731
    assert not feeder(make(SoftShort())).cycle(range(1, 12), level)


def test_a_spike_of_nucleation_that_comes_every_time_is_no_touch(feeder):
    level = lambda cycle, passed, time_s: 0.200 if passed < 0.1 else 0.040  # noqa: E731
    assert not feeder(make(SoftShort())).cycle(range(1, 20), level)


def test_pairs_of_wrong_readings_are_no_touches(feeder, healthy):
    level = lambda c, p, t: 0.0 if round(t / 30) % 40 < 2 else healthy(c, p, t)  # noqa: E731
    assert not feeder(make(SoftShort())).cycle(range(1, 20), level)


def test_a_fallen_impedance_decides(spectrum_of):
    rule = make(SoftShort())
    assert [rule.spectrum(spectrum_of(ohm)) for ohm in (500.0, 520.0, 300.0)] == [None] * 3
    decision = rule.spectrum(spectrum_of(240.0, cycle=40, time_s=7.0))
    assert decision is not None
    assert (decision.observed, decision.threshold, decision.unit) == (240.0, 250.0, "ohm")
    assert (decision.cycle, decision.time_s) == (40, 7.0)


@pytest.mark.parametrize("totals", [(500.0, 100.0), (500.0, 500.0, 260.0)])
def test_other_spectra_do_not(spectrum_of, totals):
    rule = make(SoftShort())
    assert [rule.spectrum(spectrum_of(ohm)) for ohm in totals] == [None] * len(totals)


def test_a_sweep_that_was_aborted_half_way_is_no_fallen_impedance(spectrum_of):
    rule = make(SoftShort())
    sweeps = [spectrum_of(500.0), spectrum_of(500.0), spectrum_of(20.0, low_Hz=100.0)]
    assert [rule.spectrum(sweep) for sweep in sweeps] == [None] * 3
