"""The dashboard beside a station that is served, as a person has it: one command, a browser's requests, commands."""

import json
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.command_line import CommandLine
from tests.web.parts import HOSTILE

PROTOCOL = Path("protocols/na50k50-symmetric.yaml").read_text("utf-8")
STATION = """\
station: bench
limits: {voltage: [-2 V, 2 V], current: 1 mA}
dashboard: {listen: 0}
channels:
  a1: {driver: palmsens-emstat4, cell: na50k50}
"""


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A browser at the dashboard of a station that is served."""
    (tmp_path / "bench.yaml").write_text(STATION, "utf-8")
    with tempfile.TemporaryDirectory(prefix="labctl") as folder:  # a socket's path must be short
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        process = CommandLine(tmp_path).start("serve", "--station", "bench.yaml", "--speed", "600")
        try:
            with httpx.Client(base_url=_address(process), timeout=30.0) as client:
                client.headers["x-csrf-token"] = client.get("/api/v1/session").json()["csrf"]
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=30.0)
        assert "every circuit is open" in said
        assert process.returncode == 0
        assert "Traceback" not in said


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"dashboard: (http://127\.0\.0\.1:[0-9]+)/", line):
            return found[1]
    raise AssertionError("the station ended before it said where its dashboard is")


def until(reached: Callable[[], Any], patience_s: float = 60.0) -> Any:
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        if found := reached():
            return found
        time.sleep(0.1)  # noqa: TID251  waits for another process
    raise AssertionError("it did not come to it")


def test_a_run_is_started_watched_paused_and_ended(client: httpx.Client) -> None:
    def channel() -> dict[str, Any]:
        (only,) = client.get("/api/v1/channels").json()["channels"]
        return only

    until(lambda: client.get("/api/v1/channels").json()["channels"])
    body = {"channel": "a1", "protocol": PROTOCOL, "cell": {"name": HOSTILE}, "command_id": "once-only-1"}
    for _ in range(2):  # sent again, it is answered again and nothing is done
        answer = client.post("/api/v1/queue", json=body)
        assert answer.status_code == 201, answer.text
    assert len(client.get("/api/v1/queue").json()["entries"]) == 1
    until(lambda: channel()["state"] == "running" and channel()["voltage_volt"] is not None)
    assert channel()["cell"] == HOSTILE
    kinds = _kinds(client, {"station", "state", "samples"})
    assert kinds >= {"station", "state", "samples"}
    run = until(lambda: client.get("/api/v1/runs").json()["runs"])[0]
    number = run["run_id"]
    assert (run["cell"], run["state"]) == (HOSTILE, "running")
    until(lambda: int(client.get(f"/api/v1/runs/{number}/series").headers["content-length"]) > 500)

    wrong = client.post(f"/api/v1/runs/{number}/pause", json={"confirm": "another"})
    assert wrong.status_code == 409
    paused = client.post(f"/api/v1/runs/{number}/pause", json={"confirm": HOSTILE})
    assert "the circuit is open" in paused.json()["message"]
    until(lambda: channel()["state"] == "paused")
    assert client.post(f"/api/v1/runs/{number}/resume", json={"confirm": HOSTILE}).status_code == 200
    until(lambda: channel()["state"] == "running")
    until(lambda: _segments(client, number) >= 2)  # no line is drawn across the pause
    ended = client.post(f"/api/v1/runs/{number}/abort", json={"confirm": HOSTILE})
    assert "confirmed by read-back" in ended.json()["message"]
    until(lambda: channel()["state"] == "idle")
    full = client.get(f"/api/v1/runs/{number}").json()
    assert full["run"]["state"] == "ended"
    assert full["present_step"] is None
    assert client.get(f"/api/v1/runs/{number}/events").json()["events"]


def _segments(client: httpx.Client, run_id: int) -> int:
    """Into how many pieces a window of the curve falls: all of it, so short that no pause is too short."""
    body = client.get(f"/api/v1/runs/{run_id}/series?points=20000").content
    header = json.loads(body[8 : 8 + int.from_bytes(body[4:8], "little")])
    return len(header["segments"])


def _kinds(client: httpx.Client, wanted: set[str]) -> set[str]:
    """The kinds of events of the live stream, until all that are wanted have come."""
    found: set[str] = set()
    with client.stream("GET", "/api/v1/live") as stream:
        for line in stream.iter_lines():
            key, _, value = line.partition(": ")
            if key == "event":
                found.add(value)
            if key == "data":
                json.loads(value)
            if found >= wanted:
                break
    return found
