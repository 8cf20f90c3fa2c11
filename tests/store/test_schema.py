"""The schema: migrated and created alike, portable, and refused where it is not ours."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from labctl.errors import DataError
from labctl.store import database, schema, tables
from labctl.store.batch import SampleInsert
from labctl.store.reader import Reader
from labctl.store.sqlite import load_dbapi
from labctl.store.store import Store

PRESENT = schema.REVISION


def run_sql(path: Path, *statements: str) -> None:
    connection = load_dbapi().connect(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def description(connection: Connection) -> set[tuple[str, str, str]]:
    rows = connection.execute(text("SELECT type, name, coalesce(sql, '') AS sql FROM sqlite_master"))
    return {(row.type, row.name, "".join(row.sql.split())) for row in rows}


def test_migrating_gives_the_same_tables_as_creating(tmp_path: Path) -> None:
    created = database.open_for_writing(database.locate(tmp_path / "created.db"))
    migrated = database.open_for_writing(database.locate(tmp_path / "migrated.db"))
    with created.begin() as connection:
        schema.prepare(connection, database.locate(tmp_path / "created.db"))
    with migrated.begin() as connection:
        schema.migrate(connection)

    with created.connect() as one, migrated.connect() as other:
        assert description(one) == description(other)
        assert len(description(one)) > len(tables.metadata.tables)
        assert compare_metadata(MigrationContext.configure(other), tables.metadata) == []
        assert other.scalar(text("SELECT version_num FROM alembic_version")) == schema.REVISION


def test_revisions_are_numbered_and_the_last_is_the_present_one() -> None:
    script = ScriptDirectory(str(Path(schema.__file__).with_name("migrations")))
    revisions = [revision.revision for revision in script.walk_revisions()]
    assert script.get_heads() == [schema.REVISION]
    assert revisions == sorted(revisions, reverse=True)


def test_an_older_database_is_migrated_when_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(path).close()
    monkeypatch.setattr(schema, "REVISION", "9998")
    asked: list[Connection] = []
    monkeypatch.setattr(schema, "migrate", asked.append)
    Store(path).close()
    assert len(asked) == 1


def test_an_older_database_cannot_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(path).close()
    monkeypatch.setattr(schema, "REVISION", "9998")
    with pytest.raises(DataError, match=f"has schema {PRESENT}; a labctl run into it brings it to 9998"):
        Reader(path)


def test_a_newer_database_is_refused(path: Path) -> None:
    Store(path).close()
    run_sql(path, "UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    for opener in (Store, Reader):
        with pytest.raises(
            DataError, match=rf"written by a newer labctl \(schema 9999; this one knows {PRESENT}\)"
        ):
            opener(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    run_sql(path, "CREATE TABLE photo (name TEXT)")
    for opener in (Store, Reader):
        with pytest.raises(DataError, match=r"not (one|a database) of labctl"):
            opener(path)
    with database.open_for_reading(database.locate(path)).connect() as connection:
        assert [row[1] for row in description(connection)] == ["photo"]


def test_an_empty_file_becomes_a_database_only_for_a_writer(path: Path) -> None:
    path.touch()
    with pytest.raises(DataError, match="not a database of labctl"):
        Reader(path)
    Store(path).close()
    assert Reader(path).runs() == []


def test_the_tables_are_plain_enough_for_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    text_of = {
        table.name: str(CreateTable(table).compile(dialect=dialect))
        for table in tables.metadata.sorted_tables
    }
    assert "run_id SERIAL NOT NULL" in text_of["run"]
    assert "CONSTRAINT pk_sample PRIMARY KEY (run_id, seq)" in text_of["sample"]
    assert "voltage_volt DOUBLE PRECISION NOT NULL" in text_of["sample"]
    assert "complete BOOLEAN NOT NULL" in text_of["half_cycle"]
    assert "VALUES (%s, %s" in SampleInsert(dialect)._one


def test_every_constraint_has_a_name() -> None:
    for table in tables.metadata.sorted_tables:
        assert all(constraint.name for constraint in table.constraints), table.name


def test_a_new_database_does_not_wait_for_alembic(path: Path) -> None:
    code = (
        "import sys; from labctl.store.store import Store; "
        "Store(sys.argv[1]).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0
