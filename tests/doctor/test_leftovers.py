"""Runs without a writer, locks that nobody holds, sockets without a listener; and a report of everything."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from labctl.doctor.examine import examine
from labctl.doctor.leftovers import check_database, check_locks, check_sockets
from labctl.doctor.line import Verdict
from labctl.store.liveness import RunLock
from labctl.store.sqlite import load_dbapi
from labctl.store.store import Store
from tests.audit.written import open_run, write
from tests.doctor.conftest import Planted
from tests.system.command_line import CommandLine

OK, LOOK, WRONG = Verdict.OK, Verdict.LOOK, Verdict.WRONG


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "runs.db")
    return tmp_path / "runs.db"


def execute(path: Path, statement: str) -> None:
    with closing(load_dbapi().connect(str(path), isolation_level=None)) as connection:
        connection.execute(statement)


def test_a_database_that_is_well(path: Path) -> None:
    assert [line.verdict for line in check_database(str(path))] == [OK]


def test_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    assert [line.verdict for line in check_database(str(tmp_path / "new.db"))] == [OK]
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_program(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text("no database at all, but long enough to be read as something")
    assert [line.verdict for line in check_database(str(tmp_path / "other.db"))] == [WRONG]


def test_a_run_whose_process_is_gone(path: Path) -> None:
    execute(path, "UPDATE run SET state = 'running' WHERE run_id = 2")
    lines = list(check_database(str(path)))
    assert [line.verdict for line in lines] == [OK, WRONG]
    assert "run 2, cell A8, channel 1: its process is gone" in lines[1].found
    lock = RunLock(path, 2)
    assert [line.verdict for line in check_database(str(path))] == [OK]
    lock.release()


def test_a_run_that_is_written_is_no_leftover(path: Path) -> None:
    with Store(path) as store:
        writer = open_run(store)
        assert [line.verdict for line in check_database(str(path))] == [OK]
        assert list(check_locks(path.parent, ("runs.db.run-*.lock",))) == []
        writer.close()


def test_a_circuit_that_was_never_confirmed_open(path: Path) -> None:
    execute(path, "UPDATE run SET state = 'unsafe' WHERE run_id = 2")
    assert [line.verdict for line in check_database(str(path))] == [
        OK
    ]  # a later run has been on that channel
    execute(path, "UPDATE run SET state = 'unsafe' WHERE run_id = 3")
    assert [line.verdict for line in check_database(str(path))] == [OK, WRONG]


def test_a_lock_that_nobody_holds(path: Path) -> None:
    left = path.with_name("runs.db.run-9.lock")
    left.touch()
    (line,) = check_locks(path.parent, ("runs.db.run-*.lock",))
    assert line.verdict is LOOK
    assert "runs.db.run-9.lock" in line.found
    assert left.exists()


@pytest.fixture
def short_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("s")
    before = Path.cwd()
    os.chdir(path)  # the path of a socket may be short only
    yield path
    os.chdir(before)


def test_a_socket_without_a_listener(planted: Planted, short_directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("alive.sock")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind("dead.sock")
        alive = f"0000000000000000: 00000002 00000000 00010000 0001 01 1 {short_directory}/alive.sock"
        planted.file("proc/net/unix", f"Num RefCount Protocol Flags Type St Inode Path\n{alive}")
        (line,) = check_sockets(planted.computer, short_directory)
    assert line.verdict is LOOK
    assert "nobody listens at dead.sock" in line.found


async def test_a_report_of_everything(planted: Planted, tmp_path: Path) -> None:
    planted.file("proc/self/mounts", "/dev/sda1 / ext4 rw 0 0")
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    lines = await examine(str(tmp_path / "runs.db"), None, planted.computer, runtime)
    assert {line.verdict for line in lines} == {OK, LOOK}
    assert all(bool(line.remedy) is (line.verdict is not OK) for line in lines)
    assert {"Python", "libraries", "SQLite", "VISA", "disk", "file system", "clock", "sleep"} < {
        line.subject for line in lines
    }


async def test_what_is_queued_needs_room(planted: Planted, tmp_path: Path) -> None:
    from labctl.protocol import load
    from labctl.protocol.plan_text import plan_to_text

    path = tmp_path / "runs.db"
    Store(path).close()
    plan = plan_to_text(load("na50k50-symmetric"))
    with closing(load_dbapi().connect(str(path), isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO queue_entry (command_id, station, channel, plan, unattended, state, author, "
            "submitted_unix_time_second) VALUES ('c', 's', '1', ?, 0, 'queued', 'p', 0)",
            (plan,),
        )
    (line,) = [
        line for line in await examine(str(path), None, planted.computer, tmp_path) if line.subject == "disk"
    ]
    assert "queued samples" in line.found


def test_the_command(tmp_path: Path) -> None:
    labctl = CommandLine(tmp_path)
    well = labctl("doctor", "--json")
    assert well.code == (4 if any(line["verdict"] == "wrong" for line in well.document()) else 0)
    write(tmp_path / "labctl.sqlite")
    execute(tmp_path / "labctl.sqlite", "UPDATE run SET state = 'running' WHERE run_id = 2")
    ill = labctl("doctor")
    assert ill.code == 4
    assert "wrong  run: run 2" in ill.out
