"""Pacing: when it reads, what it keeps, where it ends, and what is not a reading."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.clock import VirtualClock
from labctl.errors import InvalidReading, LinkTimeout
from labctl.instrument.channel import Sample
from labctl.instrument.pacing import pace
from labctl.instrument.step import Control, Quantity, SafetyLimits, Step
from tests.instrument.sourced import TRAITS, Sourced, above, below, step

CHARGE, TIME, VOLTAGE = Quantity.CHARGE, Quantity.TIME, Quantity.VOLTAGE
CURRENT, ENERGY, RATE = Quantity.CURRENT, Quantity.ENERGY, Quantity.VOLTAGE_RATE


async def _run(instrument: Sourced, planned: Step) -> list[Sample]:
    return [sample async for sample in pace(planned, instrument, instrument.clock, TRAITS)]


def _sourced(
    voltage_V: Callable[[float], float] = lambda elapsed_s: 0.5,
    current_A: Callable[[float], float] = lambda elapsed_s: 0.1,
    start_s: float = 1000.0,
) -> Sourced:
    clock = VirtualClock()
    clock._now = start_s
    return Sourced(clock, voltage_V, current_A)


async def test_samples_lie_on_the_grid_of_the_step() -> None:
    samples = await _run(_sourced(), step(Control.CURRENT, 0.1, above(TIME, 95.0)))
    assert [s.time_s - 1000.0 for s in samples] == pytest.approx([*range(0, 100, 10), 95.0])


async def test_only_the_last_sample_names_the_cutoff() -> None:
    planned = step(Control.CURRENT, 0.1, above(TIME, 95.0), above(VOLTAGE, 2.0))
    samples = await _run(_sourced(), planned)
    assert [s.cutoff for s in samples[:-1]] == [None] * (len(samples) - 1)
    assert samples[-1].cutoff is planned.cutoffs[0]


async def test_a_charge_limit_at_constant_current_is_met_exactly() -> None:
    for takes_s in (0.0, 0.06):
        instrument = _sourced()
        instrument.takes_s = takes_s
        samples = await _run(instrument, step(Control.CURRENT, 0.1, above(CHARGE, 0.1 * 9000.25)))
        assert samples[-1].time_s == pytest.approx(1000.0 + 9000.25, abs=1e-9)
        assert len(samples) == 902


async def test_the_earliest_of_several_known_ends_counts() -> None:
    planned = step(Control.CURRENT, -0.1, above(TIME, 100.0), above(CHARGE, 5.0), above(TIME, 60.0))
    samples = await _run(_sourced(current_A=lambda elapsed_s: -0.1), planned)
    assert samples[-1].cutoff is planned.cutoffs[1]
    assert samples[-1].time_s == pytest.approx(1050.0)


async def test_charge_that_was_not_passed_is_passed_later() -> None:
    """For 20 s the instrument is in compliance and passes half the current."""
    instrument = _sourced(current_A=lambda elapsed_s: 0.05 if 40.0 < elapsed_s <= 60.0 else 0.1)
    samples = await _run(instrument, step(Control.CURRENT, 0.1, above(CHARGE, 10.0), every_s=1.0))
    assert samples[-1].time_s == pytest.approx(1110.0, abs=1.0)


async def test_noise_of_the_current_reading_does_not_move_the_end() -> None:
    instrument = _sourced(current_A=lambda elapsed_s: 0.1 + 0.0003 * math.sin(elapsed_s))
    samples = await _run(instrument, step(Control.CURRENT, 0.1, above(CHARGE, 100.0)))
    assert samples[-1].time_s == pytest.approx(2000.0, abs=1e-9)


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (lambda t: 0.9 * t / 777.7, "a ramp"),
        (lambda t: 0.2 + 1e-6 * math.exp(t / 50.0), "a knee that steepens"),
        (lambda t: 1.0 - math.exp(-t / 300.0), "a relaxation"),
        (lambda t: 0.3 if t < 123.4 else 2.0, "a jump"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_voltage_cutoff_is_overshot_by_no_more_than_one_readings_change(
    shape: Callable[[float], float], why: str
) -> None:
    readings: list[float] = []

    def voltage_V(elapsed_s: float) -> float:
        readings.append(shape(elapsed_s))
        return readings[-1]

    samples = await _run(_sourced(voltage_V), step(Control.CURRENT, 0.1, above(VOLTAGE, 0.9)))
    assert samples[-1].voltage_V >= 0.9
    assert readings[-2] < 0.9
    assert samples[-1].voltage_V - 0.9 <= readings[-1] - readings[-2]


async def test_near_a_cutoff_it_reads_faster_and_nowhere_else() -> None:
    instrument = _sourced(lambda t: 0.9 * t / 7777.7)
    samples = await _run(instrument, step(Control.CURRENT, 0.1, above(VOLTAGE, 0.9)))
    assert samples[-1].voltage_V - 0.9 < 0.9 / 7777.7 * 0.2
    assert len(instrument.asked_s) < 778 + 20


async def test_a_negative_cutoff_and_zero_are_ordinary() -> None:
    samples = await _run(
        _sourced(lambda t: 0.5 - t / 100.0), step(Control.CURRENT, -0.1, below(VOLTAGE, -0.9))
    )
    assert samples[-1].voltage_V == pytest.approx(-0.9, abs=2e-3)
    samples = await _run(
        _sourced(lambda t: 0.5 - t / 100.0), step(Control.CURRENT, -0.1, below(VOLTAGE, 0.0))
    )
    assert samples[-1].voltage_V == pytest.approx(0.0, abs=2e-3)


async def test_a_step_begins_with_quick_readings_that_are_not_kept() -> None:
    """A dead cell runs into its cut-off within seconds, long before the second point of the grid."""
    instrument = _sourced(lambda t: 0.2 + 0.3 * t)
    samples = await _run(instrument, step(Control.CURRENT, 0.1, above(VOLTAGE, 0.9)))
    assert samples[-1].time_s - 1000.0 == pytest.approx(0.7 / 0.3, abs=0.12)
    quiet = _sourced()
    samples = await _run(quiet, step(Control.CURRENT, 0.1, above(TIME, 20.0)))
    assert len(samples) == 3
    assert len(quiet.asked_s) <= 10


async def test_a_change_of_voltage_is_kept_between_the_points_of_the_grid() -> None:
    planned = step(Control.CURRENT, 0.1, above(TIME, 100.0), voltage_change_V=0.005)
    samples = await _run(_sourced(lambda t: 0.001 * t), planned)
    changes = [b.voltage_V - a.voltage_V for a, b in pairwise(samples)]
    assert max(changes) < 0.006
    assert len(samples) < 32


async def test_a_change_of_current_is_kept() -> None:
    planned = step(Control.VOLTAGE, 0.5, above(TIME, 100.0), every_s=100.0, current_change_A=0.01)
    samples = await _run(_sourced(current_A=lambda t: 0.1 * math.exp(-t / 20.0)), planned)
    changes = [a.current_A - b.current_A for a, b in pairwise(samples)]
    assert max(changes) < 0.015
    assert 8 <= len(samples) <= 14


async def test_a_reading_beyond_the_safety_limits_is_always_shown() -> None:
    safety = SafetyLimits(-1.0, 1.0, 0.5)
    planned = step(Control.CURRENT, 0.1, above(TIME, 1000.0), every_s=1000.0, safety=safety)
    instrument = _sourced(lambda t: 0.5 if t < 3.0 else 1.2)
    samples = pace(planned, instrument, instrument.clock, TRAITS)
    assert [(await anext(samples)).voltage_V for _ in range(2)] == [0.5, 1.2]
    assert instrument.clock.now() < 1010.0
    await samples.aclose()


async def test_a_cutoff_with_a_hold_time_waits_that_long() -> None:
    instrument = _sourced(lambda t: 1.0 if t > 50.0 and not 53.0 < t < 55.0 else 0.5)
    samples = await _run(
        instrument, step(Control.CURRENT, 0.1, above(VOLTAGE, 0.9, hold_s=30.0), every_s=1.0)
    )
    assert samples[-1].time_s - 1000.0 == pytest.approx(85.0, abs=1.0)


async def test_a_hold_time_ends_between_the_points_of_a_coarse_grid() -> None:
    instrument = _sourced(lambda t: 1.0)
    samples = await _run(instrument, step(Control.REST, 0.0, above(VOLTAGE, 0.9, hold_s=33.0), every_s=60.0))
    assert samples[-1].time_s - 1000.0 == pytest.approx(33.0)


async def test_the_tail_of_a_constant_voltage_step_ends_on_its_current() -> None:
    planned = step(Control.VOLTAGE, 4.2, below(CURRENT, 0.005))
    samples = await _run(_sourced(lambda t: 4.2, lambda t: 0.1 * math.exp(-t / 600.0)), planned)
    assert samples[-1].time_s - 1000.0 == pytest.approx(600.0 * math.log(20.0), abs=1.0)


async def test_charge_and_energy_at_constant_voltage_are_integrated() -> None:
    for cutoff in (above(CHARGE, 30.0), above(ENERGY, 30.0 * 4.2)):
        planned = step(Control.VOLTAGE, 4.2, cutoff)
        samples = await _run(_sourced(lambda t: 4.2, lambda t: -0.1 * math.exp(-t / 600.0)), planned)
        exact_s = -600.0 * math.log(1.0 - 30.0 / 60.0)
        assert samples[-1].time_s - 1000.0 == pytest.approx(exact_s, rel=1e-3)


async def test_energy_at_constant_current_is_integrated() -> None:
    planned = step(Control.CURRENT, 0.1, above(ENERGY, 0.1 * 0.5 * 0.002 * 400.0**2))
    samples = await _run(_sourced(lambda t: 0.002 * t), planned)
    assert samples[-1].time_s - 1000.0 == pytest.approx(400.0, abs=0.5)


async def test_the_rate_of_the_voltage_is_judged_over_a_window() -> None:
    planned = step(Control.REST, 0.0, below(RATE, 1e-5))
    samples = await _run(_sourced(lambda t: 0.5 * math.exp(-t / 300.0)), planned)
    exact_s = 300.0 * math.log(0.5 / 300.0 / 1e-5)
    assert samples[-1].time_s - 1000.0 == pytest.approx(exact_s, abs=60.0)


async def test_the_rate_is_not_judged_before_its_window_is_full() -> None:
    samples = await _run(_sourced(), step(Control.REST, 0.0, below(RATE, 1e-5)))
    assert samples[-1].time_s - 1000.0 == pytest.approx(60.0, abs=10.0)


@pytest.mark.parametrize(
    "bad", [math.nan, math.inf, -math.inf, 9.9e37, 9.91e37, -9.9e37, 25.0], ids=lambda value: f"{value:g}"
)
async def test_what_is_not_a_reading_is_tried_again_twice(bad: float) -> None:
    instrument = _sourced()
    instrument.trouble = {3: Sample(1001.0, bad, 0.1), 4: Sample(1001.0, 0.5, bad)}
    samples = await _run(instrument, step(Control.CURRENT, 0.1, above(TIME, 50.0), above(VOLTAGE, 2.0)))
    assert samples[-1].time_s == 1050.0
    assert all(sample.voltage_V == 0.5 and sample.current_A == 0.1 for sample in samples)


async def test_three_times_no_reading_ends_the_step_within_two_seconds() -> None:
    instrument = _sourced()
    instrument.trouble = {number: Sample(0.0, math.nan, 0.1) for number in range(4, 10)}
    with pytest.raises(InvalidReading, match="nan V"):
        await _run(instrument, step(Control.CURRENT, 0.1, above(TIME, 1000.0)))
    first_s, third_s = instrument.asked_s[4], instrument.asked_s[-1]
    assert third_s - first_s < 2.0


async def test_after_a_failed_exchange_it_recovers_and_goes_on_without_a_gap() -> None:
    instrument = _sourced()
    instrument.trouble = {9: LinkTimeout("nothing came")}
    instrument.missed = [Sample(1029.5, 0.51, 0.1), Sample(1030.0, 0.52, 0.1)]
    samples = await _run(instrument, step(Control.CURRENT, 0.1, above(TIME, 100.0)))
    assert instrument.recovered == 1
    assert [s.time_s for s in samples if 1025.0 < s.time_s < 1045.0] == pytest.approx([1030.0, 1040.0])
    assert samples[-1].time_s == 1100.0


async def test_a_missed_reading_may_be_the_one_that_ends_the_step() -> None:
    instrument = _sourced()
    instrument.trouble = {9: LinkTimeout("nothing came")}
    instrument.missed = [Sample(1029.5, 2.1, 0.1)]
    planned = step(Control.CURRENT, 0.1, above(TIME, 100.0), above(VOLTAGE, 2.0))
    samples = await _run(instrument, planned)
    assert samples[-1] == Sample(1029.5, 2.1, 0.1, 0, planned.cutoffs[1])


async def test_three_failed_exchanges_in_a_row_end_the_step() -> None:
    instrument = _sourced()
    instrument.trouble = {number: LinkTimeout("nothing came") for number in range(4, 10)}
    with pytest.raises(LinkTimeout):
        await _run(instrument, step(Control.CURRENT, 0.1, above(TIME, 1000.0)))


@settings(max_examples=150, deadline=None)
@given(
    duration_s=st.floats(-1.0, 5.0).map(lambda exponent: 10.0**exponent),
    every_s=st.floats(-1.0, 3.0).map(lambda exponent: 10.0**exponent),
    takes_s=st.sampled_from([0.0, 0.01, 0.3]),
    change_V=st.sampled_from([None, 0.001, 0.1]),
)
async def test_any_step_ends_exactly_with_gaps_no_longer_than_asked(
    duration_s: float, every_s: float, takes_s: float, change_V: float | None
) -> None:
    if duration_s / every_s > 3000.0:
        every_s = duration_s / 3000.0
    instrument = _sourced(lambda t: 0.3 * math.sin(t / (1.0 + duration_s / 20.0)), start_s=0.0)
    instrument.takes_s = takes_s
    planned = step(
        Control.CURRENT, 0.1, above(CHARGE, 0.1 * duration_s), every_s=every_s, voltage_change_V=change_V
    )
    samples = await _run(instrument, planned)
    times = [sample.time_s for sample in samples]
    assert times[0] == 0.0
    assert duration_s <= times[-1] * (1 + 1e-12) <= max(duration_s, 2.0 * takes_s) * (1 + 1e-9)
    longest_s = max(every_s, 0.1, takes_s) + 2.0 * takes_s
    assert all(0.0 <= b - a <= longest_s + 0.051 for a, b in pairwise(times))
