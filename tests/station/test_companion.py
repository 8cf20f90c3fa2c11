"""What accompanies a station: started again when it dies, ended with the station, and never a danger to it."""

import asyncio
import os
import sys
from asyncio import TaskGroup
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labctl.station import broadcast as broadcast_module
from labctl.station import companion as companion_module
from labctl.station.broadcast import Broadcast
from labctl.station.companion import Companion, accompany


async def until(reached: Callable[[], Any]) -> None:
    async with asyncio.timeout(30.0):
        while not reached():
            await asyncio.sleep(0.02)


def python(text: str) -> Companion:
    return Companion("mqtt", (sys.executable, "-c", text))


@pytest.mark.parametrize(
    ("companion", "says"),
    [
        (python("raise SystemExit(3)"), "mqtt ended with exit code 3"),
        (python("import os; os.kill(os.getpid(), 9)"), "mqtt was killed by SIGKILL"),
        (Companion("mqtt", ("/nowhere/at/all",)), "mqtt cannot be started"),
    ],
)
async def test_one_that_dies_is_started_again_ever_more_slowly_and_the_station_says_so(
    companion: Companion, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(companion_module, "_SHORTEST_S", 0.1)
    said: list[str] = []
    broadcast = Broadcast("bench", {}, lambda *_: None)
    async with TaskGroup() as group:
        task = group.create_task(accompany(companion, broadcast, lambda _, text: said.append(text)))
        await until(lambda: len(said) == 3)
        task.cancel()
    assert all(says in line for line in said)
    assert [line.rpartition("again in ")[2] for line in said] == ["0.1 s", "0.2 s", "0.4 s"]


@pytest.mark.parametrize("stubborn", [False, True])
async def test_it_ends_with_the_station_also_one_that_does_not_want_to(
    tmp_path: Path, stubborn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(companion_module, "_PATIENCE_S", 0.3)
    path = tmp_path / "pid"
    ignore = "import signal; signal.signal(15, signal.SIG_IGN)" if stubborn else ""
    text = f"{ignore}\nimport os, time; open({str(path)!r}, 'w').write(str(os.getpid())); time.sleep(100)"
    async with TaskGroup() as group:
        task = group.create_task(
            accompany(python(text), Broadcast("b", {}, lambda *_: None), lambda *_: None)
        )
        await until(lambda: path.is_file() and path.read_text())
        task.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(int(path.read_text()), 0)


async def test_a_bug_in_what_is_shown_does_not_leave_the_broadcast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast_module, "_AFTER_A_BUG_S", 0.01)
    said: list[str] = []
    broadcast = Broadcast("bench", {}, lambda _, text: said.append(text))
    monkeypatch.setattr(broadcast, "_status", lambda: {"nan": float("nan")})
    monkeypatch.setattr(broadcast_module, "_LOOKS_A_SIGN", 1)
    async with TaskGroup() as group:
        task = group.create_task(broadcast.live())
        broadcast._heard.set()
        await until(lambda: len(said) > 1)
        assert not task.done()
        task.cancel()
    assert "a bug in what is shown" in said[0]
