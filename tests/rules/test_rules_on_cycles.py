"""Rules that look at spectra and finished half-cycles, and the set that feeds them."""

import math

import pytest

from labctl.half_cycle import HalfCycle
from labctl.protocol.rule_spec import (
    CapacityRetention,
    CoulombicEfficiency,
    ImpedanceRise,
    OverpotentialJump,
    ShortCircuit,
    SoftShort,
)
from labctl.rules import RuleSet, make

ALL = (
    OverpotentialJump(),
    ShortCircuit(),
    SoftShort(),
    ImpedanceRise(),
    CapacityRetention(),
    CoulombicEfficiency(),
)


def half_cycle(cycle, sign, charge_C, complete=True):
    end_s = 100.0 * cycle + sign
    return HalfCycle(cycle, sign, 0.0, end_s, charge_C, 1.0, 3.6, None, None, None, "voltage", complete)


def test_impedance_rise_against_the_first_spectrum(spectrum_of):
    rule = make(ImpedanceRise(factor=10.0))
    assert [rule.spectrum(spectrum_of(ohm)) for ohm in (500.0, 4000.0, 5000.0)] == [None] * 3
    decision = rule.spectrum(spectrum_of(5001.0, cycle=40))
    assert decision is not None
    assert (decision.observed, decision.threshold, decision.cycle) == (5001.0, 5000.0, 40)
    assert "10 times the 500 ohm of the first spectrum" in decision.reason
    assert rule.spectrum(spectrum_of(9000.0)) is None  # it has decided


def test_impedance_rise_against_an_absolute_limit(spectrum_of):
    rule = make(ImpedanceRise(factor=None, limit_ohm=1000.0))
    assert rule.spectrum(spectrum_of(999.0)) is None
    assert rule.spectrum(spectrum_of(1001.0)).threshold == 1000.0


def test_impedance_rise_takes_the_lower_of_both_limits(spectrum_of):
    rule = make(ImpedanceRise(factor=10.0, limit_ohm=1000.0))
    assert rule.spectrum(spectrum_of(500.0)) is None
    assert rule.spectrum(spectrum_of(1500.0)).threshold == 1000.0


@pytest.mark.parametrize("low_Hz", [0.01, 1.0])
def test_impedance_rise_compares_only_sweeps_to_the_same_frequency(spectrum_of, low_Hz):
    rule = make(ImpedanceRise())
    assert rule.spectrum(spectrum_of(500.0)) is None
    assert rule.spectrum(spectrum_of(9000.0, low_Hz=low_Hz)) is None
    assert rule.spectrum(spectrum_of(9000.0)) is not None


def test_impedance_rise_ignores_a_sweep_without_a_finite_end(spectrum_of):
    assert make(ImpedanceRise(limit_ohm=1.0)).spectrum(spectrum_of(math.inf)) is None


def fade(rule, capacities, **settings):
    decisions = []
    for cycle, charge_C in enumerate(capacities, start=1):
        decisions.append(rule.end_half_cycle(half_cycle(cycle, +1, charge_C)))
        decisions.append(rule.end_half_cycle(half_cycle(cycle, -1, charge_C, **settings)))
    return [decision for decision in decisions if decision]


def test_capacity_retention_needs_two_cycles_in_a_row():
    (decision,) = fade(make(CapacityRetention()), [1.0, 0.9, 0.79, 0.81, 0.79, 0.78, 0.5])
    assert (decision.cycle, decision.observed, decision.threshold) == (6, 0.78, 0.8)


def test_capacity_retention_counts_from_its_reference_cycle():
    assert not fade(make(CapacityRetention(reference_cycle=3)), [2.0, 1.5, 1.0, 0.9, 0.85, 0.82])


def test_a_discharge_that_was_interrupted_says_nothing_about_capacity():
    assert not fade(make(CapacityRetention()), [1.0, 0.1, 0.1, 0.1], complete=False)


def efficiencies(rule, values):
    decisions = []
    for cycle, value in enumerate(values, start=1):
        decisions.append(rule.end_half_cycle(half_cycle(cycle, +1, 1.0)))
        decisions.append(rule.end_half_cycle(half_cycle(cycle, -1, value)))
    return [decision for decision in decisions if decision]


def test_coulombic_efficiency_needs_three_cycles_in_a_row_after_its_grace():
    (decision,) = efficiencies(make(CoulombicEfficiency()), [0.1, 0.1, 0.1, 0.8, 0.99, 0.89, 0.88, 0.87])
    assert (decision.cycle, decision.observed, decision.threshold) == (8, 0.87, 0.9)


def test_a_good_coulombic_efficiency_is_left_alone():
    assert not efficiencies(make(CoulombicEfficiency()), [0.95] * 20)


def test_every_spec_has_its_rule():
    assert [make(spec).name for spec in ALL] == [spec.name for spec in ALL]


def test_a_set_knows_whether_anyone_looks_at_samples():
    assert RuleSet.of(ALL).on_samples
    assert not RuleSet.of(ALL[3:]).on_samples
    assert not RuleSet().on_samples


def test_a_set_feeds_every_rule(feeder, healthy, spectrum_of):
    feed = feeder(make(OverpotentialJump()))
    feed.rules = RuleSet.of(ALL)
    feed.cycle(range(1, 11), healthy)
    assert not feed.decisions
    feed.half_cycle(11, +1, lambda *place: 3 * healthy(*place))
    feed.half_cycle(12, -1, lambda *place: 0.02 * healthy(*place))
    assert [decision.rule for decision in feed.decisions] == ["overpotential_jump", "short_circuit"]
    assert not feed.rules.spectrum(spectrum_of(500.0))
    assert [d.rule for d in feed.rules.spectrum(spectrum_of(50_000.0))] == ["impedance_rise"]
