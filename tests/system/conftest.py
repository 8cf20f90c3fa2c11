"""A command line in a directory of its own."""

from pathlib import Path

import pytest

from tests.system.command_line import CommandLine


@pytest.fixture
def labctl(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
