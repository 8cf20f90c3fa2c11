"""Simulated time against the computer's clock."""

import math

import pytest

from labctl_simulators.attach.scaled_time import ScaledTime


@pytest.mark.parametrize("speed", [0.0, -1.0, math.inf, math.nan])
def test_speed_is_a_positive_number(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        ScaledTime(speed)


def test_time_is_scaled_and_the_past_is_now() -> None:
    time = ScaledTime(3600.0)
    assert 0.0 <= time.now_s() < 3600.0
    assert time.real_seconds_until(0.0) == 0.0
    assert time.real_seconds_until(36_000.0) == pytest.approx(10.0, abs=1.0)
