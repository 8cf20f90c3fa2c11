"""The pyramid of extremes: whatever the order of additions and the window, no value is lost."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.web.pyramid import STRETCH, Pyramid, of_samples
from labctl.web.series import envelope


def some(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.uniform(0.1, 20.0, count)), rng.normal(size=(count, 2))


def built(time_s: np.ndarray, values: np.ndarray, cuts: list[int]) -> Pyramid:
    pyramid, edges = Pyramid(2), [0, *sorted(min(cut, len(time_s)) for cut in cuts), len(time_s)]
    for start, end in itertools.pairwise(edges):
        pyramid.add(time_s[start:end], values[start:end])
    return pyramid


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 6000),
    cuts=st.lists(st.integers(0, 6000), max_size=6),
    start=st.floats(-0.1, 1.1),
    end=st.floats(-0.1, 1.1),
    least=st.integers(1, 60),
)
def test_a_window_holds_every_extreme_whatever_the_order_of_additions(
    count: int, cuts: list[int], start: float, end: float, least: int
) -> None:
    time_s, values = some(count)
    start_s, end_s = sorted((start * time_s[-1], end * time_s[-1]))
    pyramid = built(time_s, values, cuts)
    at_once = built(time_s, values, [])
    inside = values[(time_s >= start_s) & (time_s <= end_s)]
    first, last = pyramid.between(start_s, end_s)
    assert np.isin(inside, values[first - 1 : last]).all()
    found, other = pyramid.window(start_s, end_s, least), at_once.window(start_s, end_s, least)
    assert (found is None) is (other is None)
    if found is None or other is None or not len(inside):
        return
    assert all((a == b).all() for a, b in zip(found, other, strict=True))
    assert (found.low.min(axis=0) <= inside.min(axis=0)).all()
    assert (found.high.max(axis=0) >= inside.max(axis=0)).all()
    assert np.isin(found.low, values).all()
    assert np.isin(found.high, values).all()


def test_the_order_of_the_extremes_is_kept() -> None:
    time_s = np.arange(1000.0)
    falls_then_rises = np.abs(time_s - 500.0)[:, None].repeat(2, axis=1)
    window = built(time_s, falls_then_rises, [333]).window(0.0, 999.0, 10)
    assert window is not None
    assert (window.rises[window.first_s > 512] == True).all()  # noqa: E712  numpy's own bool
    assert (window.rises[window.last_s < 496] == False).all()  # noqa: E712


@given(st.integers(2, 400), st.integers(0, 5))
def test_an_envelope_of_samples_keeps_the_extremes_of_each_span(spans: int, seed: int) -> None:
    time_s, values = some(3000, seed)
    points = envelope(of_samples(time_s, values), spans)
    assert len(points.x) <= 2 * spans
    assert (np.diff(points.x) >= 0.0).all()
    assert points.values.min(axis=0).tolist() == values.min(axis=0).tolist()
    assert points.values.max(axis=0).tolist() == values.max(axis=0).tolist()
    edges = np.linspace(time_s[0], time_s[-1], spans + 1)
    for low, high in list(itertools.pairwise(edges))[:-1][:20]:
        inside = values[(time_s >= low) & (time_s < high), 0]
        drawn = points.values[(points.x >= low) & (points.x < high), 0]
        if len(inside):
            assert (drawn.min(), drawn.max()) == (inside.min(), inside.max())


def test_what_is_kept_in_a_file_goes_on_where_it_was(tmp_path: Path) -> None:
    time_s, values = some(2000)
    file = tmp_path / "run.npz"
    built(time_s[:1234], values[:1234], []).save(file)
    read = Pyramid.load(file, 2)
    assert read.samples == 1234 // STRETCH * STRETCH
    read.add(time_s[read.samples :], values[read.samples :])
    found, wanted = read.window(0.0, 1e9, 20), built(time_s, values, []).window(0.0, 1e9, 20)
    assert found is not None
    assert wanted is not None
    assert all((a == b).all() for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "nonsense"])
def test_a_damaged_file_is_as_none(damage: str, tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    built(*some(2000), []).save(file)
    whole = file.read_bytes()
    match damage:
        case "missing":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "cut":
            file.write_bytes(whole[: len(whole) // 2])
        case _:
            file.write_bytes(b"PK" + bytes(500))
    assert Pyramid.load(file, 2).samples == 0
