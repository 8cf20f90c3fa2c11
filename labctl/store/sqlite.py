"""SQLite: which build may be trusted, and the settings under which a commit outlives a power cut."""

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from labctl.errors import StoreError

BUSY_TIMEOUT_S = 30.0
"""How long a writer waits for another process that holds the write lock."""

CHECKPOINT_PAGES = 4_000
"""Size of the write-ahead log, in pages of 4 KiB, at which it is copied into the database."""

LOG_LIMIT_BYTES = 32 * 1024 * 1024
"""Size of the log at which the writer waits for readers, so that it can begin it anew."""

_WAIT_FOR_READERS_MS = 500
_WAIT_AGAIN_AFTER_S = 10.0

_DBAPI_MODULES = ("sqlite3", "pysqlite3.dbapi2")


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether two connections that write or checkpoint together can corrupt a WAL database.

    Source: sqlite.org/wal.html, "The WAL-Reset Bug": 3.7.0 to 3.51.2, fixed in 3.51.3 of 2026-03-13. Back-ported
    fixes are not told apart.
    """
    return (3, 7, 0) <= version <= (3, 51, 2)


def load_dbapi(names: Iterable[str] = _DBAPI_MODULES) -> ModuleType:
    """The first database module whose SQLite is without the WAL-reset bug.

    Raises:
        StoreError: there is none.
    """
    found = []
    for name in names:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if not has_wal_reset_bug(module.sqlite_version_info):
            return module
        found.append(f"{name} has {module.sqlite_version}")
    raise StoreError(
        f"SQLite 3.7.0 to 3.51.2 can corrupt a database that is read while written ({', '.join(found)}); "
        "install pysqlite3 or a Python with SQLite 3.51.3 or later"
    )


def writing_engine(path: Path) -> Engine:
    """Write-ahead log, full synchronisation, foreign keys, and every transaction a ``BEGIN IMMEDIATE``.

    A deferred transaction that turns from reading to writing fails at once when another process has written in
    between, whatever its busy timeout; an immediate one waits.
    """
    dbapi = load_dbapi()

    def connect() -> Any:
        connection = dbapi.connect(str(path), timeout=BUSY_TIMEOUT_S, isolation_level=None)
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise dbapi.OperationalError(f"its file system allows no write-ahead log (mode {mode})")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        return connection

    engine = create_engine("sqlite://", module=dbapi, creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin_immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


class Upkeep:
    """What the writing thread looks after following a commit: the file is in its place, and the log is short.

    SQLite goes on writing to a file that was deleted or moved, where nobody will find the rows.

    SQLite begins its log anew only at a moment when nobody reads it. Readers that overlap leave no such moment, and
    the log would grow without end. So beyond ``LOG_LIMIT_BYTES`` the writer waits for those who read at present;
    whoever comes later reads the database itself. A reader that never ends is waited for now and then, never long.

    Args:
        path: the database, which exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._file = _file_at(path)
        self._next_try_s = 0.0

    def __call__(self, connection: Connection) -> None:
        """Outside of any transaction.

        Raises:
            StoreError: the file is no longer where it was.
        """
        if _file_at(self._path) != self._file:
            raise StoreError("the file was moved, deleted or replaced while it was written to")
        if monotonic() >= self._next_try_s and _size(self._log) > LOG_LIMIT_BYTES:
            self._begin_log_anew(connection)
            self._next_try_s = monotonic() + _WAIT_AGAIN_AFTER_S

    def _begin_log_anew(self, connection: Connection) -> None:
        raw = connection.connection.cursor()
        raw.execute(f"PRAGMA busy_timeout = {_WAIT_FOR_READERS_MS}")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        raw.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
        raw.close()


def mend(connection: Connection) -> None:
    """After a failure: have all that was committed copied into the database and synchronised anew, then look at it.

    What a failed synchronisation has left on the disk is not known, whatever can be read of it; a second one may
    succeed without having written anything.

    Raises:
        StoreError: it is damaged.
    """
    raw = connection.connection.cursor()
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    (found,) = raw.execute("PRAGMA quick_check(1)").fetchone()
    raw.close()
    if found != "ok":
        raise StoreError(f"damaged ({found}): restore it from a backup, and start labctl anew")


def _file_at(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to, whatever it is called."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def reading_engine(path: Path) -> Engine:
    """Read-only at the level of the file; no transaction outlives its statement, so no checkpoint waits for it."""
    dbapi = load_dbapi()

    def connect() -> Any:
        # Even a reader makes the files of the log. Where it may not, and there is no log, nobody is writing.
        archived = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
        uri = f"file:{quote(str(path))}?{'immutable=1' if archived else 'mode=ro'}"
        return dbapi.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)

    return create_engine("sqlite://", module=dbapi, creator=connect, poolclass=NullPool)
