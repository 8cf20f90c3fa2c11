"""Opens databases: a path or URL becomes an engine that writes durably, or one that can only read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from labctl.errors import DataError, LabctlError, StoreError
from labctl.store import sqlite


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is.

    Attributes:
        url: as SQLAlchemy wants it.
        path: its file, absolute and without symbolic links; None if it is served.
    """

    url: URL
    path: Path | None

    def __str__(self) -> str:
        """The file, or the URL without its password."""
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)


def locate(url: str | Path) -> Address:
    """Read a path (``runs.db``) or URL (``sqlite:///runs.db``, ``postgresql+psycopg://host/runs``).

    Raises:
        DataError: not an URL, or an SQLite database that is no file.
    """
    if isinstance(url, Path) or "://" not in url:
        parsed = URL.create("sqlite", database=str(url))
    else:
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError) as error:
            raise DataError(f"{url}: not the URL of a database") from error
    if parsed.get_backend_name() != "sqlite":
        return Address(parsed, None)
    if parsed.database in (None, "", ":memory:"):
        raise DataError("a database in memory keeps nothing: name a file")
    return Address(parsed, Path(str(parsed.database)).resolve())


def open_for_writing(address: Address) -> Engine:
    """An engine whose transactions hold the write lock from their first moment and are durable once committed.

    Raises:
        DataError: the database's driver is not installed.
        StoreError: this SQLite is not to be trusted with two connections.
    """
    if address.path:
        return sqlite.writing_engine(address.path)
    return _served(address)


def open_for_reading(address: Address) -> Engine:
    """An engine that cannot write; each statement is a short transaction of its own.

    Raises:
        DataError: no such file, or the database's driver is not installed.
        StoreError: this SQLite is not to be trusted with two connections.
    """
    if not address.path:
        return _served(address, isolation_level="AUTOCOMMIT")
    if not address.path.is_file():
        raise DataError(f"{address}: no such file")
    return sqlite.reading_engine(address.path)


def upkeep(address: Address) -> Callable[[Connection], None]:
    """What the writer has to do after each commit, outside of any transaction."""
    return sqlite.Upkeep(address.path) if address.path else lambda _: None


def mend(address: Address, connection: Connection) -> None:
    """See, outside of any transaction, that a database is sound and everything in it durable, after a failure.

    Raises:
        StoreError: it is not.
    """
    if address.path:
        sqlite.mend(connection)


def _served(address: Address, **options: str) -> Engine:
    try:
        return create_engine(address.url, poolclass=NullPool, **options)
    except NoSuchModuleError as error:
        raise DataError(f"{address}: no such kind of database") from error
    except ModuleNotFoundError as error:
        raise DataError(f"{address}: needs the Python package {error.name}") from error


def describe(address: Address, error: DBAPIError) -> LabctlError:
    """What a database driver complained about, in one line."""
    cause = " ".join(str(error.orig).split())
    if "not a database" in cause or "malformed" in cause:
        return DataError(f"{address}: {cause}")
    return StoreError(f"{address}: {cause}")


@contextmanager
def writing(address: Address) -> Iterator[None]:
    """Turn what the driver raises while a database is opened for writing into one line for the person.

    Raises:
        DataError: it is no database.
        StoreError: it cannot be written.
    """
    try:
        yield
    except DBAPIError as error:
        raise describe(address, error) from error
    except OSError as error:
        raise StoreError(f"{address}: {error.strerror}") from error


@contextmanager
def reading(address: Address) -> Iterator[None]:
    """Turn what the driver raises while reading into one line for the person.

    Raises:
        DataError: always, if anything goes wrong.
    """
    try:
        yield
    except DBAPIError as error:
        raise DataError(str(describe(address, error))) from error
