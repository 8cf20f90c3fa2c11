"""One written database, and a copy of it for each test that changes it."""

import shutil
from pathlib import Path

import pytest

from tests.audit.written import write


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit") / "runs.db"
    write(path)
    return path


@pytest.fixture
def path(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "runs.db"))
