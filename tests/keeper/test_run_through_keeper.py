"""``labctl run`` on an instrument at a port: held by a keeper, told in the records, refused where nothing guards."""

import os
import signal
import time
from pathlib import Path
from random import Random

import pytest

from labctl.clock import VirtualClock
from labctl.errors import ProtocolError
from labctl.keeper.pairs import KeeperPairs
from labctl.protocol import load
from labctl.station.connect import ChannelSpec, open_channel
from labctl.station.guards import note_guards
from labctl.station.keeper_record import KeeperRecord
from labctl.store.store import Store
from tests.keeper.bench import Instruments, pause
from tests.system.command_line import CommandLine

PROTOCOL = """\
protocol: to-and-fro
cell: {electrode_diameter: 6 mm%s}
safety: {voltage: [-2.0 V, 2.0 V], current: 2 mA}
record: {every: 0.2 s}
steps:
  - loop: 100
    steps:
      - constant_current: {current: +0.5 mA, until: {time: 1 s, voltage: 1.5 V}}
      - constant_current: {current: -0.5 mA, until: {time: 1 s, voltage: -1.5 V}}
"""


@pytest.fixture
def labctl(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def protocol(tmp_path: Path) -> str:
    path = tmp_path / "to-and-fro.yaml"
    path.write_text(PROTOCOL % "")
    return str(path)


def arguments(bench: Instruments, protocol: str) -> list[str]:
    return ["run", protocol, "--driver", bench.kind, "--resource", bench.resources[0]]


def test_killed_it_leaves_an_open_circuit_and_an_account(
    labctl: CommandLine, protocol: str, tmp_path: Path, bench: Instruments
) -> None:
    run = labctl.start(*arguments(bench, protocol))
    bench.wait_until_energised(within_s=20.0)
    pause(Random(20260302).uniform(0.2, 1.5))
    killed_s = time.monotonic()
    os.kill(run.pid, signal.SIGKILL)
    assert bench.open_after(killed_s) <= 1.5
    _, said = run.communicate(timeout=10)
    assert "labctl keeper: keithley-2450: the circuit is open, confirmed by read-back" in said
    shown = labctl("show", "last").out
    assert "the keeper's last words" in shown
    assert str(tmp_path / "labctl.keeper.jsonl") in shown
    assert "the engine is gone" in shown
    database = str(tmp_path / "labctl.sqlite")
    for _ in range(2):  # as whoever writes to the database next does
        with Store(database) as store:
            KeeperRecord(store, database, tmp_path / "labctl.keeper.jsonl").enter()
    log = labctl("audit", "log", "1").out
    assert log.count("the engine is gone") == 1
    assert labctl("audit", "verify").code == 0


def test_ctrl_c_twice_is_an_orderly_end(labctl: CommandLine, protocol: str, bench: Instruments) -> None:
    run = labctl.start(*arguments(bench, protocol))
    bench.wait_until_energised(within_s=20.0)
    os.kill(run.pid, signal.SIGINT)
    os.kill(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 130, err
    assert not bench.closed()
    assert "Traceback" not in err
    events = {e["kind"]: e for e in labctl("show", "last", "--json").document()["events"]}
    assert events["keeper"]["data"]["journal"].endswith("labctl.keeper.jsonl")
    assert "nothing opens the circuit" in events["host_silence"]["message"]


def test_unattended_is_refused_where_nothing_opens_the_circuit(
    labctl: CommandLine, protocol: str, bench: Instruments
) -> None:
    refused = labctl(*arguments(bench, protocol), "--unattended")
    assert refused.code == 2
    assert "something that opens the circuit when this computer dies" in refused.err
    assert bench.wire() == ""


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("hazard: pyrophoric", "relay: K1"),
        ("hazard: pyrophoric, relay: K1, waiver: no money", "keep one of them"),
        ("waiver: no money", "a waiver without a hazard"),
        ("hazard: rather", "pyrophoric"),
    ],
)
def test_a_cell_that_burns_asks_for_a_relay_or_a_waiver(protocol: str, keys: str, said: str) -> None:
    Path(protocol).write_text(PROTOCOL % f", {keys}")
    with pytest.raises(ProtocolError, match=said) as refused:
        load(protocol)
    assert "to-and-fro.yaml:2:" in str(refused.value)


class Recorded:
    """A record of which only the events are kept."""

    def __init__(self) -> None:
        self.events: dict[str, str] = {}

    def event(self, kind: str, time_s: float, by: str, message: str, data: object) -> None:
        self.events[kind] = message


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("hazard: pyrophoric, relay: K1 in cabinet 2", "pyrophoric; independent relay: K1 in cabinet 2"),
        (
            "hazard: pyrophoric, waiver: blast shield",
            "pyrophoric; no independent relay, waived: blast shield",
        ),
        ("name: harmless", ""),
    ],
)
def test_relay_and_waiver_are_recorded(protocol: str, keys: str, said: str) -> None:
    Path(protocol).write_text(PROTOCOL % f", {keys}")
    record = Recorded()
    channel = open_channel(
        ChannelSpec("a", "keithley-2450", cell="na50k50", watchdog_s=20.0),
        VirtualClock(),
        0,
        KeeperPairs([], None),
    )
    note_guards(record, 0.0, channel, load(protocol).cell, None, unattended=True)  # type: ignore[arg-type]
    assert said in record.events.get("hazard", "")
    assert ("hazard" in record.events) is bool(said)
    assert "within 20 s" in record.events["host_silence"]
