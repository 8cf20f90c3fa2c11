"""A station as a person serves it: many channels in one process, one of which loses its instrument; kills; commands."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import LabctlError, StationError, UserError
from labctl.protocol import load
from labctl.protocol.plan_text import plan_to_text
from labctl.station.client import StationClient
from tests.system.command_line import CommandLine
from tests.system.test_instruments import PROTOCOL

SPEED = "3600"
STATION = """\
station: bench
limits: {{voltage: [-2 V, 2 V], current: 1 mA}}
channels:
  a1: {{driver: palmsens-emstat4, cell: na50k50}}
  a2: {{driver: palmsens-emstat4, cell: na}}
  smu: {{driver: keithley-2450, resource: "{resource}"}}
"""
LONG = PROTOCOL.replace("loop: 2", "loop: 200")
SHORT = """\
protocol: short-rest
cell: {electrode_diameter: 6 mm, simulate_as: na50k50}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 10 s}
steps:
  - rest: {until: {time: 5 min}}
"""


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="labctl") as folder:  # a socket's path must be short
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


@pytest.fixture
def plan(labctl: CommandLine) -> Callable[..., str]:
    """Plans as text: of two cycles, or of a rest of five minutes."""

    def text(cell: str, protocol: str = PROTOCOL) -> str:
        path = labctl.directory / "protocol.yaml"
        path.write_text(protocol)
        return plan_to_text(load(str(path), cell={"name": cell}, without=["impedance"]))

    return text


@contextmanager
def serving(labctl: CommandLine, file: str) -> Iterator[subprocess.Popen[str]]:
    """A station that is served, until it is told to end, unless it has ended by then."""
    process = labctl.start("serve", "--station", file, "--speed", SPEED)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "channels, process" in line, line + process.stderr.read()
        os.set_blocking(process.stderr.fileno(), False)  # nobody reads on, and it must not wait for that
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


def until(reached: Callable[[], Any], within_s: float = 15.0) -> Any:
    end_s = time.monotonic() + within_s
    while not (found := reached()):
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.05)  # noqa: TID251  waits for other processes
    return found


def channel(client: StationClient, name: str) -> dict[str, Any]:
    return next(found for found in client.ask("status")["channels"] if found["channel"] == name)


def until_it_is(client: StationClient, name: str, *states: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = channel(client, name)
        return found if found["state"] in states else None

    found: dict[str, Any] = until(look)
    return found


def until_current_flows(client: StationClient, *names: str) -> None:
    until(lambda: all(channel(client, name)["current_A"] for name in names))


@contextmanager
def instrument(labctl: CommandLine, where: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A simulated instrument in another process, and its resource."""
    process = labctl.start("simulate", "keithley-2450", "--tcp", where, "--cell", "na50k50", "--speed", SPEED)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().removeprefix("ready ").strip()
    finally:
        process.kill()
        process.communicate(timeout=10)


def test_one_channel_loses_its_instrument_and_the_others_go_on(
    labctl: CommandLine, runtime: Path, plan: Callable[..., str]
) -> None:
    with instrument(labctl, "127.0.0.1:0") as (box, resource):
        (labctl.directory / "bench.yaml").write_text(STATION.format(resource=resource))
        checked = labctl("station", "check", "bench.yaml")
        assert checked.code == 0, checked.out + checked.err
        assert "KEITHLEY INSTRUMENTS 2450, serial 04412345" in checked.out
        with serving(labctl, "bench.yaml") as process, StationClient(None) as client:
            for name in ("a1", "a2", "smu", "smu"):
                client.ask("submit", channel=name, plan=plan(f"cell {name}", LONG))
            until_current_flows(client, "a1", "a2", "smu")
            box.kill()
            lost = until_it_is(client, "smu", "unsafe")
            assert "look at the cell" in lost["reason"]
            until_they_go_on(client, "a1", "a2")
            with instrument(
                labctl, resource.removeprefix("TCPIP::").removesuffix("::SOCKET").replace("::", ":")
            ):
                held = until_it_is(client, "smu", "held")
                assert held["reason"].startswith(f"run {held['run_id']} failed: ")
                assert held["queued"] == 1
                until_they_go_on(client, "a1", "a2")
            process.send_signal(signal.SIGTERM)
            began_s = time.monotonic()
            _, err = process.communicate(timeout=20)
            assert (process.returncode, time.monotonic() - began_s < 5.0) == (0, True), err
    shown = {run["channel"]: run["state"] for run in labctl("runs", "--json").document()}
    assert shown == {"a1": "paused", "a2": "paused", "smu": "failed"}


def until_they_go_on(client: StationClient, *names: str) -> None:
    """For two hours of experiment: two seconds, in which what was measured before has become durable."""
    before_s = {name: channel(client, name)["time_s"] for name in names}
    until(lambda: all(channel(client, name)["time_s"] > before_s[name] + 7200.0 for name in names))


def test_a_killed_station_keeps_its_queue_and_energises_nothing_by_itself(
    labctl: CommandLine, runtime: Path, plan: Callable[..., str]
) -> None:
    with serving(labctl, "simulated-8") as process, StationClient(None) as client:
        command = "4" * 32
        first = client.ask("submit", command, channel="a1", plan=plan("A"))
        assert client.ask("submit", command, channel="a1", plan=plan("A")) == first
        client.ask("submit", channel="a1", plan=plan("A", SHORT))
        client.ask("submit", channel="b4", plan=plan("B", SHORT))
        until_current_flows(client, "a1")
        until_they_go_on(client, "a1")  # so that its progress is stored
        process.kill()
        process.communicate(timeout=10)
    with pytest.raises(StationError, match="no station is served"):
        StationClient(None)

    with serving(labctl, "simulated-8") as process, StationClient(None) as client:
        entries = {entry["entry"]: entry for entry in client.ask("queue")}
        assert client.ask("submit", command, channel="a1", plan=plan("A"))["entry"] == "q1"
        assert (entries["q1"]["state"], entries["q2"]["state"]) == ("held", "queued")
        run = str(entries["q1"]["run_id"])  # b4's may have begun before
        assert entries["q1"]["reason"] == f"run {run} interrupted: the process was cut off"
        with pytest.raises(UserError, match="--policy continue passes at most"):
            client.ask("resume", target=run)
        assert "taken up on channel a1 (continue)" in client.ask("resume", target=run, policy="continue")
        until_it_is(client, "a1", "running")
        until_current_flows(client, "a1")
        assert "goes on with the queue" not in client.ask("abort", target=run)
        assert channel(client, "a1")["state"] == "held"
        assert "the next begins" in client.ask("skip", target="a1")
        until_it_is(client, "a1", "idle")
    runs = labctl("runs", "--json").document()
    assert [run["state"] for run in runs if run["channel"] == "a1"] == ["ended", "finished"]


def test_what_a_person_asks_takes_effect_and_is_answered(
    labctl: CommandLine, runtime: Path, plan: Callable[..., str]
) -> None:
    with serving(labctl, "simulated-8"), StationClient(None) as client:
        client.ask("submit", channel="a1", plan=plan("A"))
        client.ask("submit", channel="a1", plan=plan("A"))
        until_current_flows(client, "a1")
        command = "5" * 32
        paused = client.ask("pause", command, target="1")
        assert paused == client.ask("pause", command, target="1")
        assert "is paused: the circuit is open, confirmed by read-back" in paused
        assert channel(client, "a1")["current_A"] is None
        assert "paused already" in client.ask("pause", target="a1")
        at_s = channel(client, "a1")["time_s"]
        assert "goes on" in client.ask("resume", target="1")
        until(lambda: channel(client, "a1")["time_s"] > at_s and channel(client, "a1")["current_A"])
        doing = channel(client, "a1")["doing"]
        assert "the plan goes on" in client.ask("skip", target="1")
        until(lambda: channel(client, "a1")["doing"] != doing)
        assert "ends after its present step" in client.ask("stop", target="1")
        assert "taken off the queue" in client.ask("stop", target="q2")
        until_it_is(client, "a1", "idle")
        client.ask("submit", channel="a1", plan=plan("A"))
        until_current_flows(client, "a1")
        assert "ended, a person had the circuit opened at once" in client.ask("abort", target="a1")


def test_what_a_station_refuses(labctl: CommandLine, runtime: Path, plan: Callable[..., str]) -> None:
    wide = PROTOCOL.replace("[-1.0 V, 1.0 V]", "[-3.0 V, 3.0 V]")
    with serving(labctl, "simulated-8"), StationClient(None) as client:
        client.ask("submit", channel="a1", plan=plan("A"))
        asked: list[tuple[str, dict[str, Any], str]] = [
            ("submit", {"channel": "a2", "plan": plan("W", wide)}, "wider than channel a2 allows"),
            ("submit", {"channel": "c1", "plan": plan("C")}, "no channel 'c1'"),
            ("submit", {"channel": "a2", "plan": "{}"}, "the stored plan cannot be read"),
            ("submit", {"channel": "a2", "plan": plan("A")}, "cell A is on channel a1"),
            ("submit", {"channel": "a1", "plan": plan("B")}, "channel a1 has cell A on it"),
            (
                "submit",
                {"channel": "b1", "plan": plan("B"), "unattended": True},
                "unattended run needs something",
            ),
            ("pause", {"target": "77"}, "'77' is neither a run nor an entry"),
            ("pause", {"target": "a2"}, "nothing that can be paused"),
            ("skip", {"target": "a2"}, "holds nothing that could be skipped"),
            ("abort", {"target": "a2"}, "nothing to end"),
            ("abort", {"target": 7}, "needs 'target', a text"),
            ("resume", {"target": "a2"}, "waits for nobody"),
            ("energise", {"target": "a1"}, "knows no 'energise'"),
        ]
        for verb, more, words in asked:
            with pytest.raises(LabctlError, match=words):
                client.ask(verb, **more)
        assert len(client.ask("queue")) == 1


def test_the_command_line_of_a_station(labctl: CommandLine, runtime: Path) -> None:
    with serving(labctl, "simulated-8"):
        submitted = labctl(
            "submit", "na-symmetric", "--channel", "b2", "--cell", "C", "--without", "impedance"
        )
        assert submitted.out.startswith("q1: na-symmetric on channel b2, cell C, at most 80"), submitted.err
        for arguments, words in {
            ("submit", "na-symmetric", "--channel", "b1"): "--without impedance",
            ("queue", "--station", "bench"): "nobody serves station bench",
            ("serve", "--station", "simulated-8"): "in the hands of another labctl",
        }.items():
            outcome = labctl(*arguments)
            assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1), outcome.err
            assert words in outcome.err
        assert "na-symmetric" in labctl("watch").out
        assert "is paused: the circuit is open" in labctl("pause", "1").out
        assert "run 1 on channel b2 goes on" in labctl("resume", "1").out
        assert [entry["cell"] for entry in labctl("queue", "--json").document()] == ["C"]
    assert "no station is served" in labctl("queue").err


def test_systemd_hears_only_from_a_loop_that_turns(
    labctl: CommandLine, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(runtime / "notify"))
        systemd.settimeout(10.0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(runtime / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "600000")
        with serving(labctl, "simulated-8") as process:
            heard = [systemd.recv(200) for _ in range(4)]
            assert sorted(heard)[0].startswith(b"READY=1")
            assert heard.count(b"WATCHDOG=1") == 3
            process.send_signal(signal.SIGSTOP)
            assert falls_silent(systemd)
            process.send_signal(signal.SIGCONT)
            systemd.settimeout(10.0)
            assert systemd.recv(200) == b"WATCHDOG=1"
            process.terminate()
            until(lambda: systemd.recv(200) == b"STOPPING=1")
            process.communicate(timeout=10)
            assert process.returncode == 0


def falls_silent(systemd: socket.socket) -> bool:
    """Whether nothing more comes for a second, after what was sent before."""
    systemd.settimeout(1.0)
    for _ in range(5):
        try:
            systemd.recv(200)
        except TimeoutError:
            return True
    return False
