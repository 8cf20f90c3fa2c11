"""Curves of a stored run of 250,000 samples: thinned without losing a spike, exact when few, read in the background."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.web import curves
from labctl.web.asked import SeriesQuery
from labctl.web.history import History
from labctl.web.series import Series

COUNT = 250_000
Run = tuple[Path, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from tests.web.parts import long_run

    path = tmp_path_factory.mktemp("long") / "runs.db"
    return path, *long_run(path, COUNT)


def query(**asked: Any) -> SeriesQuery:
    return SeriesQuery.model_validate(asked)


async def whole(history: History, **asked: Any) -> Series:
    """The curve, once the run has been read."""
    async with asyncio.timeout(60.0):
        while (series := await history.series(1, query(**asked))).preliminary:
            await asyncio.sleep(0.02)
    return series


async def test_a_run_that_is_not_read_yet_is_shown_at_once_and_whole_soon_after(run: Run) -> None:
    path, time_s, values = run
    history = History(str(path))
    async with history.running():
        first = await history.series(1, query(points=1000))
        assert first.preliminary
        assert 900 <= len(first.points.x) <= 1000
        assert np.isin(first.points.values, values).all()
        series = await whole(history, points=1000)
    assert not series.exact
    assert len(series.points.x) <= 1000
    assert series.points.values[:, 0].max() == values[:, 0].max()
    assert (series.first_second, series.last_second) == (time_s[0], time_s[-1])
    spikes = series.points.x[series.points.values[:, 0] > 0.4]
    assert len(spikes) == 3


async def test_zooming_ends_at_each_sample(run: Run) -> None:
    path, time_s, values = run
    history = History(str(path))
    async with history.running():
        await whole(history)
        start, end = 200_003, 200_403
        window = {"from": time_s[start], "to": time_s[end]}
        exact = await history.series(1, query(**window, points=500))
        thinned = await history.series(1, query(**window, points=100, y="voltage"))
        beyond = await history.series(1, query(**{"from": time_s[-1] + 1.0}))
        between = await history.series(1, query(**{"from": time_s[5] + 1e-6, "to": time_s[6] - 1e-6}))
    assert exact.exact
    assert exact.samples == 401
    assert exact.points.x.tolist() == time_s[start - 1 : end + 2].tolist()  # and a neighbour on each side
    assert exact.points.values.tolist() == values[start - 1 : end + 2].tolist()
    assert not thinned.exact
    assert thinned.points.values.max() == values[start : end + 1, 0].max()
    assert beyond.samples == 0
    assert between.points.x.tolist() == time_s[5:7].tolist()


async def test_the_body_is_as_described(run: Run) -> None:
    path, *_ = run
    history = History(str(path))
    async with history.running():
        series = await whole(history, points=64, y="current")
    body = series.encoded()
    assert body[:4] == b"LSR1"
    length = int.from_bytes(body[4:8], "little")
    assert (length + 8) % 8 == 0
    header = json.loads(body[8 : 8 + length])
    columns = np.frombuffer(body[8 + length :], dtype="<f8").reshape(len(header["columns"]), header["length"])
    assert [column["name"] for column in header["columns"]] == ["test_time_second", "current_ampere"]
    assert columns[0].tolist() == series.points.x.tolist()
    assert columns[1].tolist() == series.points.values[:, 0].tolist()


async def test_a_long_run_is_read_once(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "WORTH_A_FILE", 1000)
    path, *_ = run
    first = History(str(path), tmp_path / "kept")
    async with first.running():
        wanted = await whole(first)
        await asyncio.sleep(0)
        async with asyncio.timeout(30.0):
            while not list((tmp_path / "kept").glob("*.npz")):
                await asyncio.sleep(0.02)
    second = History(str(path), tmp_path / "kept")
    async with second.running():
        found = await second.series(1, query())
    assert not found.preliminary
    assert found.encoded() == wanted.encoded()


async def test_what_was_kept_of_another_database_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.web.parts import long_run

    monkeypatch.setattr(curves, "AT_ONCE", 500)
    monkeypatch.setattr(curves, "WORTH_A_FILE", 1000)
    path = tmp_path / "runs.db"
    long_run(path, 3000, seed=1)
    history = History(str(path), tmp_path / "kept")
    async with history.running():
        await whole(history)
    for file in list(tmp_path.glob("runs.db*")):  # noqa: ASYNC240  three small files
        file.unlink()
    other, values = long_run(tmp_path / "other.db", 3000, seed=2)
    shutil.move(tmp_path / "other.db", path)
    history = History(str(path), tmp_path / "kept")
    async with history.running():
        series = await whole(history)
    assert series.last_second == other[-1]
    assert series.points.values[:, 0].min() == values[:, 0].min()


@pytest.fixture
def paused(tmp_path: Path) -> Path:
    """A run of 400 samples, one a second: a pause after the 100th, a sweep after the 200th, a look after the 300th."""
    from labctl.store.records import RunState
    from labctl.store.store import Store
    from tests.store.conftest import IDENTITY, PLAN

    path = tmp_path / "paused.db"
    options: dict[str, Any] = {"driver": "d", "resource": "r", "channel": "1", "seed": 1, "speed": None}
    with Store(path) as store:
        run = store.open_run(PLAN, identity=IDENTITY, started_unix_s=1.0, **options)
        now_s, over = 0.0, {"end_reason": "x", "charge_C": 0.0, "energy_J": 0.0}
        for kind in ("gap", "impedance", "look", ""):
            number = run.begin_step(cycle=1, path="steps[0]", kind="constant_current", start_s=now_s)
            for _ in range(100):
                now_s += 1.0
                run.sample(number, now_s, 0.05, 1e-4)
            run.end_step(number, start_s=now_s - 100.0, end_s=now_s, **over)
            if kind == "look":
                run.event("circuit_opened", now_s, "person", "paused")
                run.event("resumed", now_s + 1000.0, "person", "goes on")
            elif kind:
                number = run.begin_step(cycle=1, path="", kind=kind, start_s=now_s)
                run.end_step(number, start_s=now_s, end_s=now_s + 1000.0, **over)
            now_s += 1000.0
        run.finish(RunState.FINISHED, "done", now_s)
        run.close()
    return path


@pytest.mark.parametrize("points", [1000, 40])
async def test_a_line_is_broken_where_nothing_was_measured(paused: Path, points: int) -> None:
    history = History(str(paused))
    async with history.running():
        series = await whole(history, points=points)
    x, voltage = series.points.x, series.points.values[:, 0]
    breaks = np.flatnonzero(np.isnan(voltage))
    assert len(breaks) == 3
    assert (np.diff(x) >= 0.0).all()  # and NaN nowhere
    for place, end_s in zip(breaks, (100.0, 1200.0, 2300.0), strict=True):
        assert end_s <= x[place] <= end_s + 1001.0
    assert [one.offset for one in series.segments] == [0, *(breaks + 1)]
    assert sum(segment.length for segment in series.segments) == len(x) - 3
    assert series.exact is (points == 1000)


async def test_zoomed_into_a_pause_nothing_is_drawn(paused: Path) -> None:
    history = History(str(paused))
    async with history.running():
        inside = await whole(history, **{"from": 400.0, "to": 500.0})
    assert inside.samples == 0
    assert [segment.length for segment in inside.segments] == [
        1,
        1,
    ]  # a neighbour on each side, and nothing between
