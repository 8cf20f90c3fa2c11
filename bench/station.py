"""How many channels a station holds, against the same exchanges in bare asyncio in the same run.

    python bench/station.py [--rate 1] [--channels 250 500 1000] [--seconds 60] [--output FILE]

Everything is real: ``labctl serve`` with its database, keepers and drivers; simulated 2450s in other processes, at TCP
ports. Each channel measures at the rate, and cycles: a current until a voltage is crossed, which happens at a
random moment and without warning, then the circuit open. A number of channels is held if

- 99 of 100 stop commands leave within 50 ms of the reading that crossed the cut-off (the instruments time both), and
- no control tick is late: no reading is asked for more than 50 ms after its time, and no run has ended.

Then the same number of connections in one bare asyncio process: a question at the same rate, its answer's first field
compared, and the OFF. The ratio of processor times tells what labctl costs, whatever else the computer does.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from labctl.protocol import load
from labctl.protocol.plan_text import plan_to_text
from labctl.station.client import StationClient

HERE = Path(__file__).parent
AN_INSTRUMENT_PROCESS = 250
WITHIN_MS = 50.0
BEGIN_EACH_S = 0.04
SETTLE_S = 8.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")

PROTOCOL = """\
protocol: bench
cell: {{electrode_diameter: 6 mm}}
safety: {{voltage: [-2.0 V, 2.0 V], current: 2 mA}}
record: {{every: {every:g} s}}
steps:
  - loop: 10000
    steps:
      - constant_current: {{current: +0.5 mA, until: {{voltage: 0.3 V, time: 10 min}}}}
      - rest: {{until: {{time: 3 s}}}}
"""


class Seen(NamedTuple):
    """What the instruments have seen while a number of channels was measured."""

    channels: int
    seconds: float
    readings: int
    exchanges: int
    late: int
    worst_gap_s: float
    actions_ms: list[float]
    firmware_s: float
    simulator_s: float
    processor_s: dict[str, float]

    def at(self, part: float) -> float:
        """So many of the actions took no longer, in ms."""
        ordered = sorted(self.actions_ms)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)] if ordered else float("nan")

    @property
    def held(self) -> bool:
        return bool(self.actions_ms) and self.at(0.99) < WITHIN_MS and not self.late

    def lines(self, name: str) -> list[str]:
        cores = {part: used_s / self.seconds for part, used_s in self.processor_s.items()}
        shares = ", ".join(f"{part} {share:.2f}" for part, share in cores.items())
        each_us = 1e6 * sum(self.processor_s.values()) / max(self.readings, 1)
        return [
            f"{name}: {self.channels} channels, {self.readings / self.seconds:.0f} readings/s: "
            f"{'held' if self.held else 'NOT HELD'}",
            f"  from reading to stop command: median {self.at(0.5):.1f} ms, p99 {self.at(0.99):.1f} ms, "
            f"longest {self.at(1.0):.1f} ms, of {len(self.actions_ms)}",
            f"  late ticks {self.late}, longest time between two readings {self.worst_gap_s:.3f} s",
            f"  cores: {shares}; {each_us:.0f} us a reading",
            f"  besides: instruments {self.simulator_s / self.seconds:.2f} cores, of which firmware "
            f"{self.firmware_s / self.seconds:.2f}",
        ]


class Instruments:
    """Simulated instruments in processes of their own."""

    def __init__(self, count: int, every_s: float) -> None:
        self._processes: list[subprocess.Popen[str]] = []
        self.ports: list[int] = []
        self._used_s: list[float] = []
        for seed, first in enumerate(range(0, count, AN_INSTRUMENT_PROCESS), start=1):
            number = min(AN_INSTRUMENT_PROCESS, count - first)
            command = [sys.executable, str(HERE / "many_instruments.py"), str(number)]
            command += ["--every", str(every_s), "--seed", str(seed)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._processes.append(process)
        for process in self._processes:
            assert process.stdout is not None
            self.ports += json.loads(process.stdout.readline())
        self._used_s = [0.0 for _ in self._processes]

    def seen(self) -> list[dict[str, Any]]:
        """What each process has seen since the last call; ``processor_s`` since then, too."""
        reports = []
        for place, process in enumerate(self._processes):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("report\n")
            process.stdin.flush()
            report = json.loads(process.stdout.readline())
            report["processor_s"] -= self._used_s[place]
            self._used_s[place] += report["processor_s"]
            reports.append(report)
        return reports

    def close(self) -> None:
        for process in self._processes:
            process.communicate()


def measure(instruments: Instruments, channels: int, seconds: float, processes: dict[str, list[int]]) -> Seen:
    """Watch for some seconds what is going on."""
    instruments.seen()
    before = {name: used_s(pids) for name, pids in processes.items()}
    began_s = time.monotonic()
    Event().wait(seconds)
    took_s = time.monotonic() - began_s
    after = {name: used_s(pids) for name, pids in processes.items()}
    reports = instruments.seen()
    return Seen(
        channels,
        took_s,
        *(sum(report[name] for report in reports) for name in ("readings", "exchanges", "late")),
        max(report["worst_gap_s"] for report in reports),
        [each_ms for report in reports for each_ms in report["actions_ms"]],
        *(sum(report[name] for report in reports) for name in ("firmware_s", "processor_s")),
        {name: after[name] - before[name] for name in processes},
    )


def used_s(pids: list[int]) -> float:
    """Processor time of processes."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_A_SECOND


@contextmanager
def served(directory: Path, ports: list[int]) -> Iterator[int]:
    """A station with a channel for each port; yields the process that serves it."""
    lines = [f"station: bench-{os.getpid()}", "channels:"]
    for number, port in enumerate(ports):
        lines.append(f"  c{number}: {{driver: keithley-2450, resource: 'TCPIP::127.0.0.1::{port}::SOCKET'}}")
    (directory / "station.yaml").write_text("\n".join(lines))
    command = [sys.executable, "-m", "labctl.cli.main", "serve", "--station", str(directory / "station.yaml")]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen([*command, "--db", str(directory / "labctl.sqlite")], stderr=log)
        try:
            while "channels, process" not in (directory / "log").read_text():
                assert process.poll() is None, (directory / "log").read_text()
                Event().wait(0.1)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def through_labctl(instruments: Instruments, channels: int, rate: float, seconds: float) -> Seen:
    """As many channels of a station."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "bench.yaml").write_text(PROTOCOL.format(every=1.0 / rate))
        plan = plan_to_text(load(str(directory / "bench.yaml")))
        with served(directory, instruments.ports[:channels]) as pid:
            with StationClient(f"bench-{os.getpid()}") as client:
                for number in range(channels):
                    client.ask("submit", channel=f"c{number}", plan=plan, unattended=False)
                    Event().wait(BEGIN_EACH_S)
            Event().wait(SETTLE_S)
            keepers = children_of(pid)
            seen = measure(instruments, channels, seconds, {"engine": [pid], "keepers": keepers})
            with StationClient(f"bench-{os.getpid()}") as client:
                states = [channel["state"] for channel in client.ask("status")["channels"]]
            ended = sum(state != "running" for state in states)
            if ended:
                log = (directory / "log").read_text().splitlines()
                print(
                    "\n".join(line for line in log if "failed" in line or "waits" in line)[:2000],
                    file=sys.stderr,
                )
            return seen._replace(late=seen.late + ended)


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in text.split()]


def through_asyncio(instruments: Instruments, channels: int, rate: float, seconds: float) -> Seen:
    """As many connections of a bare asyncio process."""
    ports = [str(port) for port in instruments.ports[:channels]]
    process = subprocess.Popen([sys.executable, __file__, "--bare", str(rate), *ports])
    try:
        Event().wait(channels * 0.01 + SETTLE_S)
        return measure(instruments, channels, seconds, {"process": [process.pid]})
    finally:
        process.terminate()
        process.wait()


# --- the same exchanges in bare asyncio ----------------------------------------------------------------------------

ARM = b""":OUTP:SMOD HIMP
:OUTP OFF
:SENS:FUNC "VOLT"
:SOUR:FUNC CURR
:SOUR:CURR:RANG 1e-3
:SOUR:CURR:VLIM 2
:SOUR:CURR 5e-4
:OUTP ON
"""
READ = b':READ? "defbuffer1",READ,SOUR,REL,UNIT\n'


class Bare(asyncio.Protocol):
    """One instrument: asks at a rate, compares, switches off, rests, and begins again."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._begin()

    def _begin(self) -> None:
        self._transport.write(ARM)
        self._due_s = self._loop.time()
        self._ask()

    def _ask(self) -> None:
        self._transport.write(READ)
        self._due_s += self._every_s

    def data_received(self, data: bytes) -> None:
        if float(data.split(b",", 1)[0]) >= 0.3:
            self._transport.write(b":OUTP OFF\n")
            self._loop.call_later(3.0, self._begin)
        else:
            self._loop.call_at(self._due_s, self._ask)


async def bare(every_s: float, ports: list[int]) -> None:
    loop = asyncio.get_running_loop()
    for port in ports:
        await loop.create_connection(lambda: Bare(every_s), "127.0.0.1", port)
        await asyncio.sleep(0.005)
    await asyncio.Event().wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=1.0, help="readings a second of each channel")
    parser.add_argument("--channels", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long each number is measured")
    parser.add_argument("--output", type=Path, help="a file to append the figures to")
    parser.add_argument("--bare", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        asyncio.run(bare(1.0 / float(given.bare[0]), [int(port) for port in given.bare[1:]]))
        return
    for channels in given.channels:
        instruments = Instruments(channels, 1.0 / given.rate)
        seen = through_labctl(instruments, channels, given.rate, given.seconds)
        base = through_asyncio(instruments, channels, given.rate, given.seconds)
        instruments.close()
        cost, base_cost = (sum(s.processor_s.values()) / s.readings for s in (seen, base))
        lines = [f"{given.rate:g} Hz, {given.seconds:g} s, load {os.getloadavg()[0]:.1f}"]
        lines += [*seen.lines("labctl"), *base.lines("bare asyncio")]
        lines += [f"  a reading costs labctl {cost / base_cost:.1f} times what it costs bare asyncio", ""]
        print("\n".join(lines), flush=True)
        if given.output is not None:
            with given.output.open("a", encoding="utf-8") as file:
                file.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
