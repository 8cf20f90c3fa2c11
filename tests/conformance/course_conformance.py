"""What every channel promises of scans, powers, resistances and profiles, against closed forms of simple cells.

Applied as the checks of ``channel_conformance`` are: each with the simulated cell that it needs.
"""

import math
from itertools import pairwise

import pytest

from labctl.errors import CannotHold
from labctl.instrument.channel import Sample
from labctl.instrument.course import Profile, Scan
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from tests.conformance.channel_conformance import RESISTOR, Bench, Check

SAFETY = SafetyLimits(-1.0, 1.0, 5e-4)
SLOW = "rc:R0=999,R1=1,C1=1e-9,C=1e-3"  # a time constant of 1 s
CAPACITY_F, SERIES_ohm = 0.05, 11.0
CAPACITOR = "rc:R0=10,R1=1,C1=1e-6,C=0.05"
FULL_V = 0.5


def _after(duration_s: float) -> Cutoff:
    return Cutoff(Quantity.TIME, Side.ABOVE, duration_s)


def _scan(scan: Scan, *cutoffs: Cutoff) -> Step:
    ends = (*cutoffs, _after(scan.duration_s))
    return Step(Control.SCAN, 0.0, ends, SAFETY, Sampling(scan.interval_s), scan)


async def _take(bench: Bench, step: Step) -> list[Sample]:
    """Its samples, timed from when it began to act on the cell."""
    samples = [sample async for sample in bench.channel.run(step)]
    return [sample._replace(time_s=sample.time_s - bench.channel.step_began_s) for sample in samples]


async def _charged(bench: Bench) -> None:
    """Connect, and charge the capacitor to 0.5 V."""
    await bench.channel.connect()
    charge = Cutoff(Quantity.CHARGE, Side.ABOVE, FULL_V * CAPACITY_F)
    await _take(bench, Step(Control.CURRENT, 4e-4, (charge,), SAFETY, Sampling(10.0)))


async def a_voltammogram_of_a_resistor_is_a_line(bench: Bench) -> None:
    await bench.channel.connect()
    scan = Scan(None, (0.4, -0.3), 2, 0.01, 0.02)
    step = _scan(scan)
    samples = await _take(bench, step)
    assert len(samples) == scan.levels == 281
    assert samples[-1].cutoff is step.cutoffs[-1]
    assert samples[-1].time_s == pytest.approx(140.5, abs=1e-3 + bench.late_s / 100.0)
    for sample, level_V in zip(samples, scan.staircase_V(0.0), strict=True):
        assert sample.voltage_V == pytest.approx(level_V, abs=1e-3)
        assert sample.current_A == pytest.approx(level_V / 1000.0, abs=2e-6)
    await bench.channel.make_safe()
    assert not bench.circuit_closed()


async def a_voltammogram_of_a_capacitor_is_the_closed_form(bench: Bench) -> None:
    """Each level drives (dE/R) exp(-t/RC), and what the levels before have left: a geometric series."""
    await bench.channel.connect()
    rate, stair_V = 0.01, 0.01
    samples = await _take(bench, _scan(Scan(0.0, (0.3, -0.3), 1, stair_V, rate)))
    left = math.exp(-(stair_V / rate) / (1000.0 * 1e-3))
    plateau_A = stair_V / 1000.0 * left / (1.0 - left)
    assert samples[29].current_A == pytest.approx(plateau_A, rel=0.02)
    assert samples[80].current_A == pytest.approx(-plateau_A, rel=0.02)
    assert samples[0].current_A == pytest.approx(0.0, abs=1e-7)
    assert samples[2].current_A == pytest.approx(stair_V / 1000.0 * (left + left**2), rel=0.03)
    await bench.channel.make_safe()
    assert bench.cell.charge_C == pytest.approx(0.0, abs=1e-3 * stair_V)  # it is back where it began


async def a_voltammogram_of_a_full_cell_conserves_charge(bench: Bench) -> None:
    """What is oxidised in the way up and reduced in the way down is what the cell received."""
    await bench.channel.connect()
    scan = Scan(None, (4.0, 2.5), 1, 5e-3, 2e-3)
    window = SafetyLimits(1.5, 4.6, 2e-3)
    ends = (_after(scan.duration_s),)
    samples = await _take(bench, Step(Control.SCAN, 0.0, ends, window, Sampling(scan.interval_s), scan))
    await bench.channel.make_safe()
    seen_C = [0.5 * (a.current_A + b.current_A) * (b.time_s - a.time_s) for a, b in pairwise(samples)]
    passed_C = sum(map(abs, seen_C))
    assert passed_C > 0.3  # both ways through most of 0.1 mAh
    assert bench.cell.passed_C == pytest.approx(passed_C, rel=0.01)
    assert bench.cell.charge_C == pytest.approx(sum(seen_C), abs=0.01 * passed_C)
    top = max(range(len(samples)), key=lambda k: samples[k].voltage_V)
    assert samples[top].voltage_V == pytest.approx(4.0, abs=2e-3)
    assert sum(seen_C[:top]) > 0.0 > sum(seen_C[top:])


async def a_scan_ends_at_its_cutoff(bench: Bench) -> None:
    await bench.channel.connect()
    cutoff = Cutoff(Quantity.CURRENT, Side.ABOVE, 3e-4)
    samples = await _take(bench, _scan(Scan(-0.1, (0.45,), 1, 0.01, 0.02), cutoff))
    assert samples[-1].cutoff is cutoff
    assert samples[-1].voltage_V == pytest.approx(0.3, abs=0.0101)
    assert all(sample.cutoff is None for sample in samples[:-1])
    await bench.channel.make_safe()


async def a_resistance_discharges_a_capacitor_exponentially(bench: Bench) -> None:
    await _charged(bench)
    load_ohm = 10e3
    cutoff = Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.25)
    samples = await _take(
        bench, Step(Control.RESISTANCE, load_ohm, (cutoff, _after(3600.0)), SAFETY, Sampling(10.0))
    )
    tau_s, began_V = (load_ohm + SERIES_ohm) * CAPACITY_F, FULL_V * load_ohm / (load_ohm + SERIES_ohm)
    assert samples[-1].cutoff is cutoff
    assert samples[-1].time_s == pytest.approx(tau_s * math.log(began_V / 0.25), rel=2e-3)
    for sample in samples:
        assert sample.current_A == pytest.approx(-sample.voltage_V / load_ohm, rel=5e-3)
        assert sample.voltage_V == pytest.approx(began_V * math.exp(-sample.time_s / tau_s), abs=1e-3)
    await bench.channel.make_safe()


async def a_power_takes_the_energy_of_a_capacitor(bench: Bench) -> None:
    await _charged(bench)
    power_W, energy_J = -20e-6, 3e-3
    ends = (Cutoff(Quantity.ENERGY, Side.ABOVE, energy_J), Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.1))
    samples = await _take(bench, Step(Control.POWER, power_W, ends, SAFETY, Sampling(10.0)))
    assert samples[-1].cutoff is ends[0]
    assert samples[-1].time_s == pytest.approx(energy_J / 20e-6, rel=5e-3)
    assert all(s.voltage_V * s.current_A == pytest.approx(power_W, rel=1e-2) for s in samples[1:])
    await bench.channel.make_safe()
    lost_J = 0.5 * CAPACITY_F * (FULL_V**2 - (bench.cell.charge_C / CAPACITY_F) ** 2)
    heat_J = sum(
        SERIES_ohm * after.current_A**2 * (after.time_s - before.time_s)
        for before, after in pairwise(samples)
    )
    assert lost_J - heat_J == pytest.approx(energy_J, rel=5e-3)


async def a_power_ends_at_its_voltage(bench: Bench) -> None:
    await _charged(bench)
    ends = (Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.3), _after(3600.0))
    samples = await _take(bench, Step(Control.POWER, -20e-6, ends, SAFETY, Sampling(10.0)))
    assert samples[-1].cutoff is ends[0]
    assert samples[-1].voltage_V == pytest.approx(0.3, abs=1e-3)
    taken_J = 0.5 * CAPACITY_F * (FULL_V**2 - 0.3**2)
    assert samples[-1].time_s == pytest.approx(taken_J / 20e-6, rel=5e-3)
    await bench.channel.make_safe()


async def a_profile_passes_the_charge_of_its_file(bench: Bench) -> None:
    await bench.channel.connect()
    profile = Profile((10.0, 14.0, 15.0, 40.0, 60.0), (1e-4, -2e-4, 4e-4, 0.0, -5e-5), False, "a.csv", "")
    step = Step(Control.PROFILE, 0.0, (_after(profile.duration_s),), SAFETY, Sampling(5.0), profile=profile)
    samples = await _take(bench, step)
    assert samples[-1].cutoff is step.cutoffs[0]
    assert samples[-1].time_s == pytest.approx(60.0, abs=1e-3)
    times = [round(sample.time_s, 6) for sample in samples]
    for end_s, value in zip(profile.ends_s, profile.values, strict=True):
        assert samples[times.index(end_s)].current_A == pytest.approx(value, abs=1e-6)
    assert max(b - a for a, b in pairwise(times)) <= 5.2
    trapezoids_C = sum(
        0.5 * (a.current_A + b.current_A) * (b.time_s - a.time_s) for a, b in pairwise(samples)
    )
    seen_C = samples[0].time_s * samples[0].current_A + trapezoids_C
    await bench.channel.make_safe()
    assert profile.integral() == pytest.approx(-4e-4, rel=1e-9)
    assert bench.cell.charge_C == pytest.approx(-4e-4, abs=2e-6)
    assert seen_C == pytest.approx(-4e-4, abs=1e-5)


async def a_profile_of_powers_follows_the_voltage(bench: Bench) -> None:
    await _charged(bench)
    profile = Profile((30.0, 60.0), (-2e-5, 1e-5), True, "a.csv", "")
    ends = (Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.1), _after(profile.duration_s))
    samples = await _take(bench, Step(Control.PROFILE, 0.0, ends, SAFETY, Sampling(5.0), profile=profile))
    assert samples[-1].cutoff is ends[1]
    for sample in samples:
        wanted_W = -2e-5 if sample.time_s < 30.01 else 1e-5
        assert sample.voltage_V * sample.current_A == pytest.approx(wanted_W, rel=2e-2)
    await bench.channel.make_safe()


async def a_course_it_cannot_follow_is_refused_before_a_byte_leaves(bench: Bench) -> None:
    await bench.channel.connect()
    before = len(bench.sent)
    fast = Profile((0.01, 1.0), (1e-4, 0.0), False, "a.csv", "")
    large = Profile((1.0,), (1e-3,), False, "a.csv", "")
    for step in (
        _scan(Scan(0.0, (0.5,), 1, 1e-3, 1.0)),
        _scan(Scan(0.0, (1.5,), 1, 1e-3, 1e-3)),
        _scan(Scan(None, (0.5, -1.5), 1, 1e-3, 1e-3)),
        Step(Control.PROFILE, 0.0, (_after(1.0),), SAFETY, Sampling(1.0), profile=fast),
        Step(Control.PROFILE, 0.0, (_after(1.0),), SAFETY, Sampling(1.0), profile=large),
    ):
        with pytest.raises(CannotHold):
            await _take(bench, step)
    assert len(bench.sent) == before


EVERY_COURSE: tuple[tuple[Check, str], ...] = (
    (a_voltammogram_of_a_resistor_is_a_line, RESISTOR),
    (a_voltammogram_of_a_capacitor_is_the_closed_form, SLOW),
    (a_voltammogram_of_a_full_cell_conserves_charge, "na-nnmo-naclo4"),
    (a_scan_ends_at_its_cutoff, RESISTOR),
    (a_resistance_discharges_a_capacitor_exponentially, CAPACITOR),
    (a_power_takes_the_energy_of_a_capacitor, CAPACITOR),
    (a_power_ends_at_its_voltage, CAPACITOR),
    (a_profile_passes_the_charge_of_its_file, RESISTOR),
    (a_profile_of_powers_follows_the_voltage, CAPACITOR),
    (a_course_it_cannot_follow_is_refused_before_a_byte_leaves, RESISTOR),
)
