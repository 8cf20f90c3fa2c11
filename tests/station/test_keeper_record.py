"""What keepers decide is entered into the audit log: each line once, whoever enters it, and after the run's own."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from labctl.audit.log import Record, records
from labctl.audit.verify import verify
from labctl.instrument.channel import Identity
from labctl.protocol import load
from labctl.station.keeper_record import KeeperRecord
from labctl.store.store import Store
from labctl.store.writer import RunWriter

STARTED_UNIX_S = 1.8e9
PROTOCOL = """\
protocol: short
cell: {electrode_diameter: 6 mm}
safety: {voltage: [-1 V, 1 V], current: 1 mA}
record: {every: 10 s}
steps: [rest: {until: {time: 10 min}}]
"""


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "labctl.sqlite")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "labctl.keeper.jsonl"


def begin(store: Store, tmp_path: Path, channel: str = "a") -> RunWriter:
    (tmp_path / "short.yaml").write_text(PROTOCOL)
    return store.open_run(
        load(str(tmp_path / "short.yaml")),
        identity=Identity("", "", "", ""),
        driver="",
        resource="",
        channel=channel,
        seed=0,
        speed=1.0,
        started_unix_s=STARTED_UNIX_S,
    )


def note(journal: Path, event: str, reason: str, **more: Any) -> None:
    line = {"unix_time_second": STARTED_UNIX_S + 60.0, "monotonic_second": 7.5, "keeper_pid": 4242}
    line |= {
        "channel": "a",
        "event": event,
        "reason": reason,
        "engine_pid": os.getpid(),
        "by": "keeper",
    } | more
    with journal.open("a") as file:
        file.write(json.dumps(line) + "\n")


def entered(database: str, run_id: int = 1) -> list[Record]:
    return [record for record in records(database, run_id) if record.author == "keeper"]


def test_what_the_keeper_did_is_in_the_log_once_with_its_time_and_reason(
    database: str, journal: Path, tmp_path: Path
) -> None:
    with Store(database) as store:
        begin(store, tmp_path).close()
    note(journal, "off", "the circuit is open; because the lease expired")
    note(journal, "unsafe", "UNSAFE, look at the cell", monotonic_second=9.0)
    for _ in range(2):  # two processes, one after the other, each asking twice
        with Store(database) as store:
            record = KeeperRecord(store, database, journal)
            record.enter()
            record.enter()
    opened, unknown = entered(database)
    assert (opened.kind, unknown.kind) == ("circuit_opened", "circuit_unknown")
    assert opened.message == "the circuit is open; because the lease expired"
    assert (opened.time_s, opened.unix_time_s) == (60.0, STARTED_UNIX_S + 60.0)
    assert opened.data is not None
    assert opened.data["keeper_pid"] == 4242
    assert verify(database).intact


def test_what_the_engine_asked_for_is_in_its_own_record_only(
    database: str, journal: Path, tmp_path: Path
) -> None:
    with Store(database) as store:
        begin(store, tmp_path).close()
        note(journal, "off", "because the engine asks for it", by="engine")
        note(journal, "on", "step begins")
        note(journal, "off", "another channel", channel="b")
        note(journal, "off", "another process", engine_pid=1)
        journal.write_text(journal.read_text() + '{"by": "keeper", "torn')
        KeeperRecord(store, database, journal).enter()
    assert entered(database) == []


def test_a_run_that_is_being_written_is_waited_for(database: str, journal: Path, tmp_path: Path) -> None:
    with Store(database) as store:
        record, run = KeeperRecord(store, database, journal), begin(store, tmp_path)
        note(journal, "off", "because the lease expired")
        record.enter()
        assert entered(database) == []
        run.close()
        record.enter()
    assert len(entered(database)) == 1
