"""Real processes around a keeper, and what the simulated circuits truly did, on the computer's monotonic clock."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from labctl.keeper.start import KeeperProcess

HERE = Path(__file__).parent
_never = Event()


class Entry(NamedTuple):
    """One line of the instruments' log."""

    time_s: float
    kind: str
    value: Any


def pause(seconds: float) -> None:
    """Block this process: what a test does while others act."""
    _never.wait(seconds)


@dataclass
class Instruments:
    """Simulated instruments in another process."""

    kind: str
    log: Path
    resources: list[str]
    process: subprocess.Popen[str]
    first: int = 0

    def part(self, first: int, count: int) -> "Instruments":
        """Some of them, for one test alone; counted from 0 again."""
        return replace(self, first=self.first + first, resources=self.resources[first : first + count])

    def fault(self, index: int, fault: str, times: int = -1) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([self.first + index, fault, times]) + "\n")
        self.process.stdin.flush()
        while not any(entry[1:] == ("fault", [fault, times]) for entry in self.entries(index)):
            pause(0.01)

    def entries(self, index: int = 0) -> list[Entry]:
        text = Path(f"{self.log}.{self.first + index}").read_text()
        return [Entry(*json.loads(line)) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def wire(self, index: int = 0, since_s: float = 0.0) -> str:
        """Everything that was sent to an instrument."""
        return "".join(e.value for e in self.entries(index) if e.kind == "wire" and e.time_s >= since_s)

    def closed(self, index: int = 0) -> bool:
        """Whether the circuit is closed by anybody's doing; a 2450 wakes up with its off state across the cell."""
        on = {"keithley-2450": (":OUTP ON", ":INIT"), "palmsens-emstat4": ("cell_on",)}[self.kind]
        states = [entry.value for entry in self.entries(index) if entry.kind == "circuit"]
        return bool(states) and states[-1] and any(word in self.wire(index) for word in on)

    def wait_until_energised(self, index: int = 0, within_s: float = 10.0) -> None:
        until_s = time.monotonic() + within_s
        while not self.closed(index):
            assert time.monotonic() < until_s, f"instrument {index} was never switched on"
            pause(0.01)

    def open_after(self, since_s: float, index: int = 0, within_s: float = 3.0) -> float:
        """How long after a moment the circuit was opened for good; infinity if it is still closed at the end."""
        while self.closed(index):
            if time.monotonic() > since_s + within_s:
                return math.inf
            pause(0.01)
        opened = [e.time_s for e in self.entries(index) if e.kind == "circuit" and not e.value]
        return max(opened[-1] - since_s, 0.0) if opened else 0.0


@contextmanager
def instruments(directory: Path, kind: str = "keithley-2450", count: int = 1) -> Iterator[Instruments]:
    log = directory / f"{kind}.log"
    process = subprocess.Popen(
        [sys.executable, str(HERE / "instruments.py"), str(log), kind, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Instruments(kind, log, json.loads(process.stdout.readline()), process)
    finally:
        process.terminate()
        process.communicate(timeout=10)


@dataclass
class SharedKeeper:
    """A keeper in a process of its own that all tests hand connections to."""

    process: KeeperProcess
    journal: Path

    @property
    def pid(self) -> int:
        self.process.ready()
        return self.process.pid


@contextmanager
def shared_keeper(directory: Path) -> Iterator[SharedKeeper]:
    journal = directory / "keeper.jsonl"
    keeper = KeeperProcess(["keithley-2450"], journal)
    keeper.ready()
    try:
        yield SharedKeeper(keeper, journal)
    finally:
        pid = keeper.pid
        keeper.close()
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


@dataclass
class Engines:
    """Makes engines, each a process of its own."""

    process: subprocess.Popen[str]
    pids: list[int] = field(default_factory=list)

    def start(self, resource: str, driver: str, lease_s: float = 1.0, watchdog_s: float | None = None) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order: dict[str, Any] = {"resource": resource, "driver": driver}
        order |= {"lease_s": lease_s, "watchdog_s": watchdog_s}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        self.pids.append(int(self.process.stdout.readline()))
        return self.pids[-1]


@contextmanager
def engines(keeper: SharedKeeper) -> Iterator[Engines]:
    """Makes engines whose channels one keeper holds."""
    control = keeper.process.control.fileno()
    process = subprocess.Popen(
        [sys.executable, str(HERE / "engine.py"), str(control), str(keeper.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[control],
        text=True,
    )
    try:
        yield Engines(process)
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        process.wait(timeout=10)
        process.stdout.close()  # type: ignore[union-attr]
