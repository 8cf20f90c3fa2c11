"""Every column of every table is under audit, or named here as one that is not; whatever is done to a row is found."""

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Table

from labctl.audit.log import head, records
from labctl.audit.verify import verify
from labctl.errors import UserError
from labctl.store import tables
from labctl.store.sqlite import load_dbapi
from labctl.store.store import Store
from tests.audit.written import live, open_run

NOT_AUDITED = {
    "event": {"published"},
    "run": {"host", "boot_id", "process_id", "last_written_unix_time_second"},
}

AUDITED_TABLES = [
    table
    for table in tables.metadata.sorted_tables
    # what is to be done, or was refused; what was done is in the chain
    if table.name not in ("progress", "queue_entry", "remote_command")
]

OTHER = {
    "INTEGER": "{0} + 7000",
    "BIGINT": "{0} + 7000",
    "DOUBLE": "{0} + 0.001",
    "TEXT": "{0} || 'x'",
    "BOOLEAN": "NOT {0}",
}


def execute(path: Path, *statements: str) -> None:
    with closing(load_dbapi().connect(str(path), isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement


def of_one_row(table: Table) -> str:
    """A condition that is true of one row in the middle."""
    keys = ", ".join(column.name for column in table.primary_key)
    middle = f"(SELECT count(*) / 2 FROM {table.name})"
    return f"({keys}) = (SELECT {keys} FROM {table.name} ORDER BY {keys} LIMIT 1 OFFSET {middle})"


AUDITED = [
    pytest.param(table, column.name, id=f"{table.name}.{column.name}")
    for table in AUDITED_TABLES
    for column in table.columns
    if column.name not in NOT_AUDITED.get(table.name, ())
]


def test_what_was_written_passes(path: Path) -> None:
    report = verify(path, str(head(path)))
    assert report.intact, report.findings
    assert (report.records, report.samples) == (60, 60)
    assert report.rows == 3 * (6 + 4 + 2) + 3 + 2


@pytest.mark.parametrize(("table", "column"), AUDITED)
def test_a_changed_value_is_found(path: Path, table: Table, column: str) -> None:
    kind = str(table.c[column].type)
    other = f"CASE WHEN {column} IS NULL THEN 1 ELSE {OTHER[kind].format(column)} END"
    execute(path, f"UPDATE {table.name} SET {column} = {other} WHERE {of_one_row(table)}")
    assert not verify(path).intact


@pytest.mark.parametrize("table", AUDITED_TABLES, ids=str)
def test_a_deleted_row_is_found(path: Path, table: Table) -> None:
    execute(path, f"DELETE FROM {table.name} WHERE {of_one_row(table)}")
    assert not verify(path).intact


@pytest.mark.parametrize(
    "name", ["run", "step", "sample", "half_cycle", "spectrum", "impedance_point", "event"]
)
def test_an_inserted_row_is_found(path: Path, name: str) -> None:
    table = tables.metadata.tables[name]
    number = list(table.primary_key)[-1].name
    fresh = {number: f"{number} + 1000", "chain_number": "chain_number + 1000"}
    columns = ", ".join(column.name for column in table.columns)
    values = ", ".join(fresh.get(column.name, column.name) for column in table.columns)
    execute(path, f"INSERT INTO {name} ({columns}) SELECT {values} FROM {name} WHERE {of_one_row(table)}")
    assert not verify(path).intact


def test_swapped_samples_are_found(path: Path) -> None:
    execute(
        path,
        "UPDATE sample SET seq = -1 WHERE run_id = 2 AND seq = 7",
        "UPDATE sample SET seq = 7 WHERE run_id = 2 AND seq = 8",
        "UPDATE sample SET seq = 8 WHERE run_id = 2 AND seq = -1",
    )
    (finding,) = verify(path).findings
    assert finding.where == "samples 6 to 10 of run 2"
    assert verify(path, records_only=True).intact


def test_a_run_that_was_wholly_deleted_is_found(path: Path) -> None:
    names = [table.name for table in AUDITED_TABLES if "run_id" in table.c]
    execute(path, *(f"DELETE FROM {name} WHERE run_id = 2" for name in names))
    assert "records 21 to 40: missing" in [str(finding) for finding in verify(path).findings]


def test_what_is_not_audited_may_change(path: Path) -> None:
    execute(path, "UPDATE event SET published = 1", "UPDATE run SET host = 'other'")
    assert verify(path).intact


def test_findings_say_what_was_changed(path: Path) -> None:
    execute(path, "UPDATE half_cycle SET charge_coulomb = 0.9 WHERE run_id = 3 AND half_cycle_id = 2")
    execute(path, "UPDATE run SET end_reason = 'all was well' WHERE run_id = 1")
    assert sorted(str(finding) for finding in verify(path).findings) == [
        "half_cycle 2 of run 3: charge_coulomb is 0.9, was 0.0005",
        "run 1: end_reason is 'all was well', was 'overpotential_jump: doubled'",
    ]


def test_a_cut_database_is_found_against_the_head_of_a_run(path: Path) -> None:
    published = str(head(path, 3))
    names = [table.name for table in AUDITED_TABLES if "run_id" in table.c]
    execute(path, *(f"DELETE FROM {name} WHERE run_id = 3" for name in names))
    last = "(SELECT sha256 FROM event ORDER BY chain_number DESC LIMIT 1)"
    execute(path, f"UPDATE chain_head SET chain_number = 40, sha256 = {last}")
    assert verify(path).intact  # by itself it is a database like any other
    assert [finding.where for finding in verify(path, published).findings] == ["records 41 to 60"]


def test_data_that_are_no_records_data_are_a_finding(path: Path) -> None:
    """Somebody who knows how the chain is made puts a record at its end that makes no sense."""
    from labctl.store import chain, trail
    from labctl.store.database import locate, open_for_writing

    with open_for_writing(locate(path)).begin() as connection:
        odd = {"rows": {"step": [{"step_id": "x"}]}}
        chain.append(connection, [trail.event_row(1, 99, "step_ended", (0.0, 0.0), "store", "", odd)])
    assert [finding.where for finding in verify(path).findings] == ["record 61"]


@pytest.mark.parametrize(
    "text", ["", "12", "12:", "g" * 64, f"-1:{'a' * 64}", f"1:{'A' * 64}", f"{'a' * 64}\n"]
)
def test_a_head_that_is_none_is_refused(path: Path, text: str) -> None:
    with pytest.raises(UserError, match="as `labctl audit head` prints it"):
        verify(path, text)


def test_a_run_that_goes_on_is_intact(path: Path) -> None:
    with Store(path) as store:
        writer = open_run(store, "A9")
        step = writer.begin_step(cycle=1, path="steps[0]", kind="rest", start_s=0.0)
        writer.sample(step, 1.0, 0.1, -0.0)
        writer.flush_blocking()
        assert verify(path).intact
        live(writer)
    assert verify(path).intact


def test_the_log_of_a_run_tells_who_had_the_circuit_switched(path: Path) -> None:
    told = [(record.kind, record.author) for record in records(path, 2)]
    assert told[0] == ("run_started", "store")
    assert told[-2:] == [("circuit_opened", "stop rule"), ("run_ended", "store")]
    assert [record.place.number for record in records(path, 2)] == list(range(21, 41))
