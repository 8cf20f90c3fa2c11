"""Thinned lines: broken where nothing was measured, and nowhere else."""

import numpy as np
import pytest

from labctl.report.thinning import breaks

TIME_S = np.array([0.0, 1.0, 2.0, 10.0, 11.0, 12.0])


@pytest.mark.parametrize(
    ("silence", "found"),
    [
        ((2.0, 10.0), [3]),
        ((2.0000001, 9.9999999), [3]),
        ((2.5, 9.0), [3]),
        ((0.5, 10.0), []),  # it was measured meanwhile
        ((-5.0, 0.0), []),  # before the first point
        ((12.0, 20.0), []),  # after the last
        ((2.0, 3.5), []),  # too short to be seen
    ],
)
def test_a_line_begins_anew_after_a_silence(silence: tuple[float, float], found: list[int]) -> None:
    assert breaks(TIME_S, [silence], 2.0).tolist() == found


def test_silences_that_overlap_break_it_once() -> None:
    assert breaks(TIME_S, [(2.0, 9.0), (2.1, 10.0), (11.0, 11.9)], 0.0).tolist() == [3, 5]


def test_without_a_silence_or_a_point_nothing_is_broken() -> None:
    assert breaks(TIME_S, [], 0.0).tolist() == []
    assert breaks(np.empty(0), [(0.0, 1.0)], 0.0).tolist() == []
