"""Running the ``labctl`` command as a person does: another process, its own directory."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABCTL = [sys.executable, "-m", "labctl.cli.main"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Commands run in one directory, with the data kept there."""

    directory: Path

    def environment(self) -> dict[str, str]:
        return {**os.environ, "LABCTL_DB": str(self.directory / "labctl.sqlite"), "NO_COLOR": "1"}

    def __call__(self, *arguments: str, timeout: float = 100.0) -> Outcome:
        done = subprocess.run(
            [*LABCTL, *arguments],
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*LABCTL, *arguments],
            cwd=self.directory,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
