"""Whatever way a database came about, it is intact: several writers, kills, continued runs, an older schema."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

from alembic import command
from alembic.config import Config

from labctl.audit.log import head, records
from labctl.audit.verify import verify
from labctl.store import database, schema
from labctl.store.records import RunState
from labctl.store.sqlite import load_dbapi
from labctl.store.store import Store
from tests.audit.written import half_cycle, live, open_run

CHILD = """
import sys
from pathlib import Path
from labctl.store.store import Store
from tests.audit.written import half_cycle, open_run
writer = open_run(Store(Path(sys.argv[1])))
half_cycle(writer, 1, 1, 100.0)
step = writer.begin_step(cycle=1, path="steps[0]", kind="rest", start_s=200.0)
for n in range(10):
    writer.sample(step, 201.0 + n, 0.1, 0.0)
writer.flush_blocking()
print(writer.run_id, flush=True)
sys.stdin.read()
"""


def start_a_run_and_kill_it(path: Path) -> int:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=Path(__file__).parents[2],
    )
    with process:
        assert process.stdout
        run_id = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    return run_id


def test_writers_of_one_database_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    Store(path).close()

    together = Barrier(3)

    def write(name: str) -> None:
        with Store(path) as store:  # a connection and a thread of its own, as another process has
            writer = open_run(store, name)
            for cycle in range(1, 20):
                together.wait(30.0)
                half_cycle(writer, cycle, 1, 100.0 * cycle)
                writer.flush_blocking()
            live(writer)

    writers = [Thread(target=write, args=(name,)) for name in ("A", "B", "C")]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    assert verify(path, str(head(path))).findings == ()
    runs = [record.place.number for run_id in (1, 2, 3) for record in records(path, run_id)]
    assert sorted(runs) == list(range(1, len(runs) + 1))
    assert runs != sorted(runs)  # they did take turns


def test_a_killed_run_is_intact_before_and_after_its_end_is_written_down(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    run_id = start_a_run_and_kill_it(path)
    assert verify(path).findings == ()
    published = str(head(path))
    Store(path).close()
    report = verify(path, published)
    assert (report.findings, report.samples) == ((), 15)
    assert records(path, run_id)[-1].message == "interrupted: the process was cut off"


def test_samples_added_to_a_killed_run_are_found(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    run_id = start_a_run_and_kill_it(path)
    Store(path).close()
    with closing(load_dbapi().connect(str(path), isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO sample SELECT run_id, 16, 300, 0, step_id, 0, 0, NULL, 0 FROM sample WHERE seq = 15"
        )
    assert [str(finding) for finding in verify(path).findings] == [
        f"samples 16 to 16 of run {run_id}: no record speaks of them"
    ]


def test_a_run_that_goes_on_after_a_kill_is_intact(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    run_id = start_a_run_and_kill_it(path)
    with Store(path) as store:
        writer = store.reopen_run(run_id, 0.0)
        writer.go_on(RunState.RUNNING)
        writer.reopen_half_cycle()
        writer.flush_blocking()
        assert verify(path).findings == ()
        live(writer)
    report = verify(path)
    assert (report.findings, report.samples) == ((), 35)


def test_a_run_that_goes_on_from_a_pause_is_intact(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with Store(path) as store:
        writer = open_run(store)
        step = writer.begin_step(cycle=1, path="steps[0]", kind="rest", start_s=0.0)
        writer.sample(step, 1.0, 0.1, 0.0)
        writer.go_on(RunState.PAUSED)
        writer.close()
        assert verify(path).findings == ()
        writer = store.reopen_run(1, 0.0)
        writer.sample(step, 2.0, 0.1, 0.0)
        live(writer)
    report = verify(path)
    assert (report.findings, report.samples) == ((), 22)


def test_runs_of_an_older_schema_are_taken_into_the_chain_as_they_are_found(
    original: Path, tmp_path: Path
) -> None:
    path = tmp_path / "runs.db"
    engine = database.open_for_writing(database.locate(path))
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
        command.upgrade(config, "0002")
    kept = "run_id, event_id, kind, test_time_second, unix_time_second, author, message, data, published"
    with closing(load_dbapi().connect(str(path), isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS other", (str(original),))
        for name in ("cell", "run", "step", "sample", "half_cycle", "spectrum", "impedance_point"):
            connection.execute(f"INSERT INTO {name} SELECT * FROM other.{name}")
        connection.execute(f"INSERT INTO event SELECT {kept} FROM other.event WHERE author != 'store'")
    Store(path).close()
    report = verify(path)
    assert report.findings == ()
    assert (report.records, report.rows, report.samples) == (18 + 3, 41, 60)
    with closing(load_dbapi().connect(str(path), isolation_level=None)) as connection:
        connection.execute("UPDATE half_cycle SET charge_coulomb = 1 WHERE run_id = 2 AND half_cycle_id = 1")
    assert not verify(path).intact
