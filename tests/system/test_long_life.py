"""Eight channels in one process: after the first hours it holds no more files, tasks and memory than before.

The long form is ``bench/soak_long_life.py``.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.engine.outcome import RunState
from labctl.store.liveness import RunLock
from tests.system.long_life import CHANNELS, Life, live

HOURS = 15.0
RUNS = 3
WARM_H = HOURS / RUNS
MOST_MB = 20.0


def leaks(life: Life) -> list[str]:
    """What grew after the first run of each channel, until the last run began to end."""
    later = [each for each in life.holdings if WARM_H < each.time_h < HOURS - 0.5]
    first, last = later[0], later[-1]
    found = [
        name
        for name, before, after in (("files", first.files, last.files), ("tasks", first.tasks, last.tasks))
        if after > before
    ]
    return found + (["memory"] if last.resident_MB - first.resident_MB > MOST_MB else [])


def test_nothing_leaks(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    life = live(tmp_path, HOURS, RUNS, every="10 min")
    record_property("channel hours", HOURS * len(CHANNELS))
    record_property("files", life.holdings[-1].files)
    record_property("tasks", life.holdings[-1].tasks)
    assert life.ends == [RunState.FINISHED] * len(CHANNELS) * RUNS
    assert leaks(life) == []


def test_a_file_that_stays_open_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault for the test above: the lock of a run that is over is not let go of."""
    monkeypatch.setattr(RunLock, "release", lambda self: None)
    assert leaks(live(tmp_path, HOURS, RUNS, "30 min", channels=CHANNELS[:2])) == ["files"]
