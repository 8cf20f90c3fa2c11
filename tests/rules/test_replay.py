import numpy as np
import pytest

from labctl.protocol.rule_spec import (
    CapacityRetention,
    ImpedanceRise,
    OverpotentialJump,
    ShortCircuit,
    SoftShort,
)
from labctl.rules import make
from labctl.rules.replay import RecordedHalfCycle, Recording, Stretch, default_rules, replay


@pytest.fixture
def recorded(healthy):
    """Twelve cycles of a cell whose overpotential triples half-way through cycle 9, which nobody stopped."""

    def make_recording(equilibrium_V=0.0, spectra=()):
        time_s, voltage_V, half_cycles = [], [], []
        for number in range(24):
            cycle, sign = number // 2 + 1, 1 - 2 * (number % 2)
            first = len(time_s)
            for k in range(1, 301):
                jumped = 3.0 if (cycle, k) >= (9, 150) else 1.0
                time_s.append(9000.0 * number + 30.0 * k)
                voltage_V.append(sign * jumped * healthy(cycle, k / 300, 0.0))
            stretch = Stretch(first, len(time_s), 9000.0 * number)
            half_cycles.append(RecordedHalfCycle(cycle, sign, sign * 1e-4, (stretch,), "capacity", True))
        signs = np.repeat([half_cycle.sign for half_cycle in half_cycles], 300)
        return Recording(
            name="a cell",
            equilibrium_voltage_V=equilibrium_V,
            seq=np.arange(1, len(time_s) + 1),
            time_s=np.array(time_s),
            voltage_V=np.array(voltage_V),
            current_A=1e-4 * signs,
            half_cycles=tuple(half_cycles),
            spectra=spectra,
        )

    return make_recording


def test_a_replay_tells_when_and_why_a_rule_would_have_acted(recorded):
    (verdict,) = replay(recorded(), [OverpotentialJump()])
    assert verdict.decision.cycle == 9
    assert verdict.decision.first_seq == 16 * 300 + 150
    assert verdict.decision.last_seq == verdict.decision.first_seq + 4
    assert "3.0 times" in verdict.decision.reason


def test_rules_do_not_hide_each_other(recorded):
    specs = [OverpotentialJump(factor=2.0), OverpotentialJump(factor=2.5), OverpotentialJump(factor=4.0)]
    assert [bool(verdict.decision) for verdict in replay(recorded(), specs)] == [True, True, False]


def test_a_rule_without_a_signal_says_so_and_is_no_default(recorded):
    blind = recorded(equilibrium_V=None)
    verdicts = replay(blind, [OverpotentialJump(), SoftShort(), ImpedanceRise()])
    assert [verdict.decision for verdict in verdicts] == [None] * 3
    assert all("needs" in verdict.remark for verdict in verdicts)
    assert {spec.name for spec in default_rules(blind)} == {
        "short_circuit",
        "capacity_retention",
        "coulombic_efficiency",
    }
    assert len(default_rules(recorded(spectra=("any",)))) == 6


def test_spectra_are_shown_in_their_place(recorded, spectrum_of):
    spectra = tuple(spectrum_of(ohm, time_s=s) for ohm, s in [(500.0, 18000.0), (9000.0, 1e9)])
    (verdict,) = replay(recorded(spectra=spectra), [ImpedanceRise()])
    assert verdict.decision.time_s == 1e9


def test_a_replay_decides_as_the_run_did(feeder, healthy, recorded):
    """The same samples, once fed live and once recorded."""
    feed = feeder(make(OverpotentialJump()), current_A=1e-4)
    (live,) = feed.cycle(
        range(1, 13),
        lambda cycle, passed, s: (3.0 if s >= 16 * 9000 + 4500 else 1.0) * healthy(cycle, passed, s),
    )
    (verdict,) = replay(recorded(), [OverpotentialJump()])
    assert verdict.decision.last_seq == live.last_seq
    assert verdict.decision.threshold == pytest.approx(live.threshold)


def test_a_healthy_part_stops_nothing(recorded):
    assert [v.decision for v in replay(recorded(), [ShortCircuit(), CapacityRetention()])] == [None, None]
