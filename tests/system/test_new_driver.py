"""The driver package that ``labctl new-driver`` writes runs as it is, and knows what is left of the example in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.cli.skeleton import write_skeleton
from labctl.errors import UserError
from tests.system.command_line import CommandLine

ROOT = Path(__file__).parents[2]


def run_tests(package: Path, *which: str) -> subprocess.CompletedProcess[str]:
    """Its own tests, but for the one that wants it installed (which the build does)."""
    paths = [package, ROOT, ROOT / "drivers", ROOT / "simulators"]
    command = ["-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", "-k", "not entry_points", *which]
    return subprocess.run(
        [sys.executable, *command],
        cwd=package,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=100.0,
        check=False,
    )


def test_a_new_driver_runs_and_says_what_is_left_to_fill_in(labctl: CommandLine) -> None:
    made = labctl("new-driver", "acme_gx1")
    assert made.code == 0, made.err
    package = labctl.directory / "labctl-acme-gx1"
    done = run_tests(package)
    assert done.returncode == 0, done.stdout
    assert "1 xfailed" in done.stdout
    assert "FILL IN: this is an imaginary instrument" in done.stdout
    assert not [path for path in package.rglob("*") if "ex1" in path.name]
    for path in package.rglob("*.*"):
        if path.suffix in (".md", ".py", ".txt"):  # as the person does who has filled in everything
            path.write_text(path.read_text().replace("FILL IN", "filled in"))
    finished = run_tests(package, "tests/test_filled_in.py")
    assert finished.returncode == 1
    assert "XPASS(strict)" in finished.stdout


@pytest.mark.parametrize("name", ["Acme_GX1", "acme", "acme gx1", "../acme_gx1", "acme_"])
def test_a_name_that_is_none_for_a_module(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="write vendor_model"):
        write_skeleton(name, tmp_path)
    assert list(tmp_path.iterdir()) == []
