"""``labctl serve`` with a broker, as a person starts it: its companion dies, the broker freezes, it dies itself."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from labctl.protocol import load
from labctl.protocol.plan_text import plan_to_text
from labctl.station.client import StationClient
from labctl.store.reader import Reader
from labctl.telemetry.messages import Cycle, Event, Samples
from labctl.telemetry.mqtt_feed import MqttFeed
from tests.telemetry.benches import until
from tests.telemetry.brokers import Mosquitto, mosquitto
from tests.telemetry.listeners import hearing

PROTOCOL = """\
protocol: short
cell: {electrode_diameter: 6 mm, simulate_as: na}
safety: {voltage: [-1.0 V, 1.0 V], current: 0.5 mA}
record: {every: 10 s}
steps:
  - loop: 500
    steps:
      - constant_current: {current: +0.1 mA, until: {time: 20 min, voltage: 0.9 V}}
      - constant_current: {current: -0.1 mA, until: {time: 20 min, voltage: -0.9 V}}
"""


@asynccontextmanager
async def served(folder: Path, broker: Mosquitto) -> AsyncIterator[Process]:
    (folder / "bench.yaml").write_text("channels: {a1: {driver: palmsens-emstat4, cell: na}}\n")
    (folder / "short.yaml").write_text(PROTOCOL)
    options = ["--speed", "1000", "--mqtt", str(broker.at), "--db", str(folder / "labctl.sqlite")]
    command = [sys.executable, "-m", "labctl.cli.main", "serve", "--station", str(folder / "bench.yaml")]
    process = await asyncio.create_subprocess_exec(*command, *options, stderr=DEVNULL)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def publishers(of: int) -> list[int]:
    """Processes that publish, whose parent is the station."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            text = path.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if parent == of and b"publish" in text:
            found.append(int(path.parent.name))
    return found


def submit(folder: Path) -> None:
    plan = load(str(folder / "short.yaml"), cell={"name": "NaK-17"})
    with StationClient("bench") as client:
        client.ask("submit", channel="a1", plan=plan_to_text(plan))


async def test_a_station_goes_on_whatever_becomes_of_its_telemetry_and_its_end_is_told(
    tmp_path: Path,
) -> None:
    with mosquitto(tmp_path) as broker:
        async with hearing(MqttFeed(broker.at)) as heard, served(tmp_path, broker) as process:
            await until(heard.online)
            await asyncio.to_thread(submit, tmp_path)
            await until(lambda: heard.of(Samples) and heard.of(Cycle))

            (publisher,) = publishers(process.pid)
            os.kill(publisher, signal.SIGKILL)
            await until(lambda: not heard.online())
            await until(lambda: heard.online() and publishers(process.pid) not in ([], [publisher]))
            (publisher,) = publishers(process.pid)

            broker.send(signal.SIGSTOP)
            before = await asyncio.to_thread(seq_of, tmp_path)
            await until(lambda: seq_of(tmp_path) > before + 100)
            broker.send(signal.SIGCONT)

            process.kill()
            status = await until(lambda: (last := heard.status) and not last.online and last)
            await until(lambda: not Path(f"/proc/{publisher}").exists())
        run = next(event.run_id for event in heard.of(Event) if event.run_id)
        numbers = heard.recorded(run)
        assert numbers == list(range(1, len(numbers) + 1))
        assert "gone" in status.reason or "told to end" in status.reason


def seq_of(folder: Path) -> int:

    return Reader(str(folder / "labctl.sqlite")).run("last").sample_count
