"""The keeper looks at limits and cut-offs itself, whatever the engine makes of its samples."""

import math

import pytest

from labctl.instrument.channel import Sample
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.keeper.watch import Freshness, StepWatch, SweepWatch

SAFETY = SafetyLimits(-1.0, 1.0, 2e-3)


def step(*cutoffs: Cutoff) -> Step:
    return Step(Control.CURRENT, 1e-3, cutoffs, SAFETY, Sampling(1.0))


@pytest.mark.parametrize(
    ("voltage_V", "current_A"),
    [(1.01, 1e-3), (-1.01, 1e-3), (math.nan, 1e-3), (0.5, 2.1e-3), (0.5, -2.1e-3), (0.5, math.nan)],
)
def test_a_reading_beyond_the_limits_is_a_fault(voltage_V: float, current_A: float) -> None:
    watch = StepWatch(step(), 1.0, autonomous=False)
    assert watch.look(Sample(0.0, voltage_V, current_A), 0.0).fault


def test_a_voltage_cut_off_the_driver_missed() -> None:
    cutoff = Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.8)
    watch = StepWatch(step(cutoff), 1.0, autonomous=False)
    assert watch.look(Sample(1.0, 0.79, 1e-3), 0.0).cutoff is None
    assert watch.look(Sample(2.0, 0.81, 1e-3), 0.0).cutoff == cutoff


def test_charge_and_energy_are_its_own_sums() -> None:
    charge = Cutoff(Quantity.CHARGE, Side.ABOVE, 0.1)  # 100 s at 1 mA
    watch = StepWatch(step(charge), 1.0, autonomous=False)
    reached = [t for t in range(1, 200) if watch.look(Sample(float(t), 0.5, 1e-3), 0.0).cutoff]
    assert 101 <= reached[0] <= 104
    energy = Cutoff(Quantity.ENERGY, Side.ABOVE, 0.05)
    watch = StepWatch(step(energy), 1.0, autonomous=False)
    reached = [t for t in range(1, 200) if watch.look(Sample(float(t), 0.5, 1e-3), 0.0).cutoff]
    assert 101 <= reached[0] <= 104


def test_the_cut_off_that_the_driver_names_stands() -> None:
    cutoff = Cutoff(Quantity.TIME, Side.ABOVE, 100.0)
    watch = StepWatch(step(cutoff), 1.0, autonomous=False)
    assert watch.look(Sample(5.0, 0.5, 1e-3, 0, cutoff), 0.0).cutoff == cutoff


def test_readings_are_stale_when_none_comes_within_an_interval_and_a_grace() -> None:
    fresh, watch = Freshness(), StepWatch(step(), 1.0, autonomous=False)
    fresh.heard(0.0, watch.patience_s())
    assert not fresh.lost(9.0), "arming takes its time"
    watch.look(Sample(0.0, 0.5, 1e-3), 0.0)
    fresh.heard(10.0, watch.patience_s())
    assert not fresh.lost(12.9)
    assert "for 3.1 s" in fresh.lost(13.1)
    fresh.rest()
    assert not fresh.lost(1e6)


def test_a_sweep_is_waited_for_by_its_frequency() -> None:
    watch = SweepWatch(ImpedanceSpec(ImpedanceMode.POTENTIOSTATIC, 0.01, None, 1e3, 0.1, 1, SAFETY), 1.0)
    first_s = watch.patience_s()
    for _ in range(4):
        watch.count()
    assert watch.patience_s() - first_s == pytest.approx(200.0, rel=0.01)
