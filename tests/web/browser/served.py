"""A station and its dashboard as processes of their own, as a person starts them."""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LABCTL = [sys.executable, "-m", "labctl.cli.main"]
PATIENCE_S = 40.0

STATION = """\
station: bench
limits: {voltage: [-2 V, 2 V], current: 5 mA}
channels:
  a1: {driver: palmsens-emstat4, cell: na50k50}
  a2: {driver: palmsens-emstat4, cell: na}
  b1: {driver: keithley-2450, cell: rc}
"""


@dataclass
class Process:
    """A command that goes on until it is stopped, and what it says."""

    command: list[str]
    folder: Path
    environment: dict[str, str]
    said: list[str] = field(default_factory=list)

    def start(self) -> "Process":
        self.child = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def _read(self) -> None:
        assert self.child.stderr is not None
        self.said.extend(self.child.stderr)

    def wait_for(self, pattern: str) -> re.Match[str]:
        end_s = time.monotonic() + PATIENCE_S
        while True:
            if found := re.search(pattern, "".join(self.said)):
                return found
            assert self.child.poll() is None, "".join(self.said)
            assert time.monotonic() < end_s, "".join(self.said)
            time.sleep(0.05)  # noqa: TID251  waits for another process

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        assert self.child.stderr is not None
        self.child.stderr.close()


@dataclass
class Bench:
    """A folder with a station file and a database; commands run there with sockets of their own."""

    folder: Path
    runtime: str

    @property
    def environment(self) -> dict[str, str]:
        own = {f"XDG_{name}_HOME": str(self.folder / name.lower()) for name in ("DATA", "CACHE", "STATE")}
        own |= {"XDG_RUNTIME_DIR": self.runtime, "LABCTL_DB": str(self.folder / "labctl.sqlite")}
        return {**os.environ, **own, "NO_COLOR": "1"}

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*LABCTL, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100.0,
            check=False,
        )
        assert done.returncode in (0,), done.stderr
        return done.stdout

    @contextmanager
    def process(self, *arguments: str) -> Iterator[Process]:
        process = Process([*LABCTL, *arguments], self.folder, self.environment).start()
        try:
            yield process
        finally:
            process.stop()


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """A bench with the station file above."""
    (folder / "bench.yaml").write_text(STATION)
    with tempfile.TemporaryDirectory(prefix="labctl") as runtime:  # a socket's path must be short
        yield Bench(folder, runtime)


def address(process: Process) -> str:
    """Where the dashboard of a process is."""
    return process.wait_for(r"dashboard: (http://\S+)/\s").group(1)
