"""Brings a database to the present schema, and refuses one that is not ours or newer than this labctl."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from labctl.errors import DataError
from labctl.store import chain
from labctl.store.adoption import adopt_runs
from labctl.store.database import Address
from labctl.store.tables import metadata

REVISION = "0005"
"""The present schema: the last of ``migrations/versions``. Revisions are numbered in order."""


def prepare(connection: Connection, address: Address) -> None:
    """Create the tables in an empty database, or migrate an older one. Runs in the caller's transaction.

    A new database is made from ``tables.py`` directly: alembic takes longer to import than everything else here.

    Raises:
        DataError: the database belongs to another program or to a newer labctl.
    """
    found = _revision(connection)
    if found == REVISION:
        return
    if found is None:
        if inspect(connection).get_table_names():
            raise DataError(f"{address}: a database, but not one of labctl")
        metadata.create_all(connection)
        chain.begin(connection)
        _stamp(connection)
        return
    _refuse_newer(found, address)
    migrate(connection)
    adopt_runs(connection)


def check(connection: Connection, address: Address) -> None:
    """See that a database can be read as it is.

    Raises:
        DataError: it is not one of labctl, or of another version.
    """
    found = _revision(connection)
    if found == REVISION:
        return
    if found is None:
        raise DataError(f"{address}: not a database of labctl")
    _refuse_newer(found, address)
    raise DataError(f"{address}: has schema {found}; a labctl run into it brings it to {REVISION}")


def migrate(connection: Connection) -> None:
    """Run every migration that is missing, in the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _stamp(connection: Connection) -> None:
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})


def _refuse_newer(found: str, address: Address) -> None:
    if found > REVISION:
        raise DataError(f"{address}: written by a newer labctl (schema {found}; this one knows {REVISION})")
