"""Paths, URLs, the settings of SQLite, and which SQLite is trusted."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from labctl.errors import DataError, StoreError
from labctl.store import database, sqlite
from labctl.store.reader import Reader
from labctl.store.store import Store


@pytest.mark.parametrize("version", [(3, 7, 0), (3, 40, 1), (3, 51, 2)])
def test_versions_with_the_wal_reset_bug(version: tuple[int, ...]) -> None:
    assert sqlite.has_wal_reset_bug(version)


@pytest.mark.parametrize("version", [(3, 6, 23), (3, 51, 3), (3, 53, 4), (4, 0, 0)])
def test_versions_without_it(version: tuple[int, ...]) -> None:
    assert not sqlite.has_wal_reset_bug(version)


def fake_dbapi(monkeypatch: pytest.MonkeyPatch, name: str, *version: int) -> object:
    module = SimpleNamespace(sqlite_version_info=version, sqlite_version=".".join(map(str, version)))
    monkeypatch.setitem(sys.modules, name, module)
    return module


def test_the_first_trusted_sqlite_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dbapi(monkeypatch, "standard", 3, 40, 1)
    other = fake_dbapi(monkeypatch, "other", 3, 53, 4)
    assert sqlite.load_dbapi(("standard", "missing", "other")) is other


def test_no_trusted_sqlite_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dbapi(monkeypatch, "standard", 3, 40, 1)
    with pytest.raises(StoreError, match=r"\(standard has 3\.40\.1\); install pysqlite3") as caught:
        sqlite.load_dbapi(("standard", "missing"))
    assert "\n" not in str(caught.value)


def test_the_sqlite_in_use_is_trusted() -> None:
    assert not sqlite.has_wal_reset_bug(sqlite.load_dbapi().sqlite_version_info)


def test_a_commit_outlives_a_power_cut(path: Path) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL: one fdatasync a commit
        "foreign_keys": 1,
        "busy_timeout": 30_000,
        "wal_autocheckpoint": sqlite.CHECKPOINT_PAGES,
    }
    with database.open_for_writing(database.locate(path)).connect() as connection:
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted} == wanted


def test_a_reader_cannot_write(path: Path) -> None:
    Store(path).close()
    address = database.locate(path)
    with (
        pytest.raises(DataError, match="readonly"),
        database.reading(address),
        database.open_for_reading(address).connect() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM run")


def test_path_and_url_name_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "runs.db"
    for url in (path, str(path), "runs.db", f"sqlite:///{path}", "sqlite:///runs.db"):
        assert database.locate(url).path == path


def test_a_symbolic_link_leads_to_the_file_itself(tmp_path: Path) -> None:
    """Or the lock of a run would be looked for in the wrong place."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "real" / "runs.db")
    assert database.locate(link).path == tmp_path / "real" / "runs.db"


@pytest.mark.parametrize("name", ["a b?c#d%20e.db", "ü.db", "x;y.db"])
def test_odd_file_names_work(tmp_path: Path, name: str) -> None:
    Store(tmp_path / name).close()
    assert Reader(tmp_path / name).runs() == []
    assert {file.name for file in tmp_path.iterdir()} <= {name, f"{name}-wal", f"{name}-shm"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (":memory:", "in memory keeps nothing"),
        ("", "in memory keeps nothing"),
        ("sqlite://", "in memory keeps nothing"),
        ("://", "not the URL of a database"),
        ("postgresql://host:port/x", "not the URL of a database"),
        ("oddsql://host/x", "no such kind of database"),
        ("postgresql+pg8000://u:secret@host/x", r"u:\*\*\*@host/x: needs the Python package pg8000"),
    ],
)
def test_what_is_no_database_is_refused(url: str, message: str) -> None:
    for opener in (Store, Reader):
        with pytest.raises(DataError, match=message) as caught:
            opener(url)
        assert "secret" not in str(caught.value)


def test_a_missing_file_is_not_made_by_reading(path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        Reader(path)
    assert not path.exists()


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"missing/runs\.db: unable to open database file"):
        Store(tmp_path / "missing" / "runs.db")


def test_a_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open database file"):
        Store(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        Reader(tmp_path)


def test_a_file_of_another_kind_is_refused_and_left_alone(path: Path) -> None:
    content = b"protocol: not a database\n" * 100
    path.write_bytes(content)
    for opener in (Store, Reader):
        with pytest.raises(DataError, match="file is not a database"):
            opener(path)
    assert path.read_bytes() == content


def test_a_database_can_be_read_where_nothing_may_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader otherwise makes the files of the log beside the database. (Root may write anywhere, hence the patch.)"""
    Store(path).close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert Reader(path).runs() == []
    assert list(path.parent.iterdir()) == [path]


def test_a_log_that_is_there_is_read_even_where_nothing_may_be_written(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the log holds is not in the database's own file yet."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert Reader(path).runs() == []
