"""Scans, profiles and powers on an instrument that only sources and measures: when it moves, reads, and gives up."""

from itertools import pairwise

import pytest

from labctl.clock import VirtualClock
from labctl.errors import InstrumentError, InvalidReading, LinkTimeout
from labctl.instrument.channel import Sample
from labctl.instrument.course import Profile, Scan
from labctl.instrument.following import follow_profile, follow_scan
from labctl.instrument.pacing import pace
from labctl.instrument.step import Control, Quantity, Sampling, Step
from tests.instrument.sourced import SAFETY, TRAITS, Sourced, above, step

SCAN = Scan(0.0, (0.5,), 1, 0.1, 0.01)  # six levels of 10 s
DRIVE = Profile((7.0, 8.0, 20.0), (0.1, -0.2, 0.0), False, "drive.csv", "")


async def _scan(instrument: Sourced) -> list[Sample]:
    ends = (above(Quantity.TIME, SCAN.duration_s),)
    planned = Step(Control.SCAN, 0.0, ends, SAFETY, Sampling(SCAN.interval_s), SCAN)
    return [s async for s in follow_scan(planned, SCAN, instrument, instrument.clock, TRAITS)]


def _sourced(takes_s: float = 0.0) -> Sourced:
    instrument = Sourced(VirtualClock(), lambda elapsed_s: 0.5)
    instrument.takes_s = takes_s
    return instrument


@pytest.mark.parametrize("takes_s", [0.0, 0.07])
async def test_each_level_is_read_at_its_end_and_then_left(takes_s: float) -> None:
    instrument = _sourced(takes_s)
    samples = await _scan(instrument)
    assert len(samples) == 6
    assert instrument.moves == [
        (pytest.approx(10.0 * k, abs=takes_s + 1e-9), pytest.approx(0.1 * k)) for k in range(1, 6)
    ]
    for number, asked_s in enumerate(instrument.asked_s[1:], start=2):  # the first shows how long one takes
        assert asked_s == pytest.approx(10.0 * number - takes_s, abs=1e-9)
    assert samples[-1].time_s == pytest.approx(60.0, abs=1e-9)
    assert [s.cutoff is not None for s in samples] == [False] * 5 + [True]


async def test_a_short_outage_costs_nothing() -> None:
    instrument = _sourced()
    instrument.trouble[2] = LinkTimeout("silent")
    instrument.recovering_s = 3.0
    samples = await _scan(instrument)
    assert (len(samples), instrument.recovered) == (6, 1)
    assert samples[2].time_s == pytest.approx(33.0)
    assert samples[3].time_s == pytest.approx(40.0)


async def test_an_outage_in_which_the_staircase_stood_still_ends_the_scan() -> None:
    instrument = _sourced()
    instrument.trouble[2] = LinkTimeout("silent")
    instrument.recovering_s = 6.0
    with pytest.raises(LinkTimeout, match="silent"):
        await _scan(instrument)


async def test_three_readings_that_are_none_end_the_scan() -> None:
    instrument = _sourced()
    instrument.trouble |= {k: Sample(0.0, 9.9e37, 0.1) for k in (1, 2, 3)}
    with pytest.raises(InvalidReading):
        await _scan(instrument)


async def test_a_profile_moves_on_time_and_is_read_before_and_after() -> None:
    instrument = _sourced()
    ends = (above(Quantity.TIME, 20.0),)
    planned = Step(Control.PROFILE, 0.0, ends, SAFETY, Sampling(5.0), None, DRIVE)
    samples = [s async for s in follow_profile(planned, DRIVE, instrument, instrument.clock, TRAITS)]
    assert instrument.moves == [(pytest.approx(7.0), -0.2), (pytest.approx(8.0), 0.0)]
    assert [s.time_s for s in samples] == pytest.approx([0.1, 5.1, 7.0, 7.1, 8.0, 8.1, 13.1, 18.1, 20.0])
    assert samples[-1].cutoff is ends[0]


async def test_a_power_follows_the_voltage_once_a_second() -> None:
    instrument = Sourced(VirtualClock(), lambda elapsed_s: 2.0 - 0.01 * elapsed_s)
    planned = step(Control.POWER, -0.2, above(Quantity.TIME, 60.0), every_s=30.0)
    samples = [s async for s in pace(planned, instrument, instrument.clock, TRAITS)]
    assert len(samples) <= 4
    times = [time_s for time_s, _ in instrument.moves]
    assert max(b - a for a, b in pairwise(times)) <= 1.0 + 1e-9
    for time_s, current_A in instrument.moves:
        assert current_A == pytest.approx(-0.2 / (2.0 - 0.01 * time_s))


async def test_a_power_that_needs_more_than_the_safety_current_ends_the_step() -> None:
    instrument = Sourced(VirtualClock(), lambda elapsed_s: 1.0 - 0.05 * elapsed_s)
    planned = step(Control.POWER, -0.2, above(Quantity.TIME, 60.0))
    with pytest.raises(InstrumentError, match="needs more than the safety current"):
        [s async for s in pace(planned, instrument, instrument.clock, TRAITS)]
    assert max(abs(current_A) for _, current_A in instrument.moves) <= SAFETY.current_max_A
