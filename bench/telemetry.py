"""What telemetry costs, and that a frozen broker costs a control tick nothing.

    python bench/telemetry.py > bench/results/telemetry.txt

1. Throughput of aiomqtt with labctl's own messages through mosquitto and through the embedded broker.
2. The outbox: recorded events, delivered one after the other, acknowledged and handed back.
3. What a station of 1,000 channels spends on being listened to: processor time in its own process.
4. Control ticks of a station of 8 channels at 10 readings a second, with no broker, a broker, a frozen one, one that
   is killed and started once a second: how late readings are, against the grid of 0.1 s.
"""

import asyncio
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import numpy as np

from labctl.protocol import load
from labctl.protocol.plan_text import plan_to_text
from labctl.station.broker import Broker, place_of
from labctl.station.client import StationClient
from labctl.store.reader import Reader
from labctl.telemetry.connection import client
from labctl.telemetry.messages import ChannelSamples, ChannelState, Event, Message, Samples, Severity, encode
from labctl.telemetry.topics import topic_of
from tests.telemetry.benches import serving
from tests.telemetry.brokers import Mosquitto, mosquitto
from tests.telemetry.listeners import publishing

LABCTL = [sys.executable, "-m", "labctl.cli.main"]
MESSAGES = 3000
EVENTS = 3000
CHANNELS = 1000
LISTENED_S = 10.0
TICKED_S = 25.0
EVERY_S = 0.1

COLUMN = (0.123456789, 0.223456789, 0.323456789, 0.423456789)


def samples(channels: int) -> Samples:
    columns = ChannelSamples(
        run_id=12345,
        seq=(1000001, 1000002, 1000003, 1000004),
        test_time_second=COLUMN,
        unix_time_second=COLUMN,
        voltage_volt=COLUMN,
        current_ampere=COLUMN,
    )
    return Samples(
        station="bench", channels={f"a{n}": columns for n in range(channels)}, updated_unix_second=1.0
    )


STATE = ChannelState(
    station="bench",
    channel="a1",
    state="running",
    instrument="PalmSens EmStat4 HR, serial ES4SIM0001",
    entry="q1",
    run_id=1,
    cell="NaK-17",
    protocol="na50k50-symmetric",
    cycle=1,
    doing="constant current 113.1 uA until voltage >= 0.9 V or capacity >= 0.2827 mAh",
    path="steps[1].steps[0].constant_current",
    updated_unix_second=1.0,
)
EVENT = Event(
    station="bench",
    id="1.1",
    seq=1,
    event_id=1,
    channel="a1",
    run_id=1,
    cell="NaK-17",
    unix_time_second=1.0,
    kind="tag",
    text="something was noticed",
    author="plan",
    severity=Severity.INFO,
)


@contextmanager
def embedded() -> Iterator[Broker]:
    """The embedded broker, in a process of its own."""
    process = subprocess.Popen([*LABCTL, "broker", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Broker(*place_of(process.stdout.readline().removeprefix("ready ").strip()))
    finally:
        process.terminate()
        process.wait(10)


async def throughput(broker: Broker, message: Message, qos: int) -> float:
    """Messages a second from one client to another."""
    topic, payload = topic_of(message), encode(message)
    async with client(broker) as listener, client(broker) as sender:
        await listener.subscribe(topic, qos)

        async def count() -> None:
            left = MESSAGES
            async for _ in listener.messages:
                left -= 1
                if left == 0:
                    return

        began_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            group.create_task(count())
            for number in range(MESSAGES):
                await sender.publish(topic, payload, qos=qos)
                if number % 20 == 19:
                    await asyncio.sleep(0)
        return MESSAGES / (time.perf_counter() - began_s)


async def show_throughput(name: str, broker: Broker) -> None:
    for what, message, qos in [
        ("state, QoS 0", STATE, 0),
        ("event, QoS 1", EVENT, 1),
        ("samples of 8 channels, QoS 0", samples(8), 0),
        ("samples of 100 channels, QoS 0", samples(100), 0),
    ]:
        try:
            async with asyncio.timeout(120.0):
                rate = await throughput(broker, message, qos)
        except TimeoutError:
            print(f"{name:<10} {what:<32} did not arrive within 120 s")
            continue
        channels = len(message.channels) if isinstance(message, Samples) else 1
        print(
            f"{name:<10} {what:<32} {len(encode(message)):>7} bytes {rate:>8.0f} messages/s "
            f"{rate * channels:>9.0f} channels/s"
        )


async def show_outbox(name: str, broker: Broker, folder: Path) -> None:
    async with serving(folder) as bench:
        run = bench.begin("a1", "NaK-17")
        for number in range(EVENTS - 1):
            run.event("tag", float(number), "plan", "something was noticed")
        run.flush_blocking()
        began_s = time.perf_counter()
        async with publishing(bench, broker):
            while bench.published().get(False):
                await asyncio.sleep(0.05)
        print(
            f"{name:<10} outbox: {EVENTS / (time.perf_counter() - began_s):.0f} events/s, handed back and noted"
        )


@asynccontextmanager
async def listened_to(listeners: int) -> AsyncIterator[None]:
    """Other processes that listen to the station here."""
    command = [*LABCTL, "telemetry", "watch", "--station", "bench"]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(listeners)]  # noqa: ASYNC220
    try:
        await asyncio.sleep(4.0 * bool(listeners))
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


async def show_listening(folder: Path) -> None:
    async with serving(folder, *(f"c{n}" for n in range(CHANNELS))) as bench:
        for number, worker in enumerate(bench.workers.values()):
            worker.begin(number + 1, f"cell {number}")

        async def measure_all() -> None:
            time_s = 0.0
            while True:
                await asyncio.sleep(0.25)
                time_s += 0.25
                for worker in bench.workers.values():
                    worker.measure(time_s, 0.1)

        async with asyncio.TaskGroup() as group:
            measuring = group.create_task(measure_all())
            spent = {}
            for listeners in (0, 1, 4):
                async with listened_to(listeners):
                    began_s = time.process_time()
                    await asyncio.sleep(LISTENED_S)
                    spent[listeners] = (time.process_time() - began_s) / LISTENED_S
            measuring.cancel()
    for listeners in (1, 4):
        more = spent[listeners] - spent[0]
        print(
            f"{listeners} listeners, {CHANNELS} channels: {100.0 * more:.1f} % of a processor at the station, "
            f"{1e6 * more / CHANNELS:.0f} us a channel and second"
        )


PROTOCOL = f"""\
protocol: ticks
cell: {{electrode_diameter: 6 mm, simulate_as: na}}
safety: {{voltage: [-1.0 V, 1.0 V], current: 0.5 mA}}
record: {{every: {EVERY_S} s}}
steps:
  - constant_current: {{current: 0.05 mA, until: {{time: 10 min, voltage: 0.9 V}}}}
"""


def ticks(folder: Path, broker: Mosquitto | None, how: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """How late readings were, in s."""
    station = folder / "ticks.yaml"
    channels = "".join(f"  c{n}: {{driver: keithley-2450, cell: na}}\n" for n in range(8))
    station.write_text(f"station: ticks\nchannels:\n{channels}")
    (folder / "protocol.yaml").write_text(PROTOCOL)
    database = folder / f"{how.split()[0]}.sqlite"
    with_broker = [] if broker is None else ["--mqtt", str(broker.at)]
    serve = [*LABCTL, "serve", "--station", str(station), "--db", str(database), *with_broker]
    process = subprocess.Popen(serve, stderr=subprocess.DEVNULL)
    try:
        _until_served("ticks")
        with StationClient("ticks") as station_client:
            for number in range(8):
                plan = plan_to_text(load(str(folder / "protocol.yaml"), cell={"name": f"cell {number}"}))
                station_client.ask("submit", channel=f"c{number}", plan=plan)
        _pause(5.0)
        began = {run.run_id: run.last_sample_s or 0.0 for run in Reader(str(database)).runs()}
        disturb(broker, how)
    finally:
        process.terminate()
        process.wait(30)
    reader, late = Reader(str(database)), []
    for run in reader.runs():
        times_s = reader.samples(run.run_id, ["test_time_second"], start_s=began[run.run_id])[
            "test_time_second"
        ]
        late.append(np.diff(times_s) - EVERY_S)
    return np.concatenate(late)


def disturb(broker: Mosquitto | None, how: str) -> None:
    if broker is None or how == "broker":
        _pause(TICKED_S)
    elif how == "frozen":
        broker.send(signal.SIGSTOP)
        _pause(TICKED_S)
        broker.send(signal.SIGCONT)
    else:
        for _ in range(int(TICKED_S)):
            broker.stop()
            _pause(0.5)
            broker.start()
            _pause(0.5)


def _until_served(name: str) -> None:
    for _ in range(200):
        with suppress(Exception), StationClient(name):
            return
        _pause(0.1)
    raise SystemExit("the station does not answer")


def _pause(wait_s: float) -> None:
    time.sleep(wait_s)  # noqa: TID251  other processes work meanwhile


def show_ticks(folder: Path) -> None:
    p99 = {}
    with mosquitto(folder) as broker:
        for how in ("none", "broker", "frozen", "flapping"):
            late_ms = 1e3 * ticks(folder, None if how == "none" else broker, how)
            p99[how] = np.percentile(np.abs(late_ms), 99)
            median = np.percentile(np.abs(late_ms), 50)
            print(
                f"ticks, {how:<9} {late_ms.size:>6} readings  off the grid: p50 {median:6.2f}"
                f"  p99 {p99[how]:6.2f}  max {np.abs(late_ms).max():6.2f} ms"
            )
    print(f"p99 with the broker frozen / without a broker: {p99['frozen'] / p99['none']:.2f}")


def main() -> None:
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="lab") as name:
        os.environ["XDG_RUNTIME_DIR"] = name
        folders = [Path(name) / part for part in ("mosquitto", "embedded", "listening", "ticks")]
        for folder in folders:
            folder.mkdir()
        with mosquitto(folders[0]) as broker:
            asyncio.run(show_throughput("mosquitto", broker.at))
            asyncio.run(show_outbox("mosquitto", broker.at, folders[0]))
        with embedded() as at:
            asyncio.run(show_throughput("embedded", at))
            asyncio.run(show_outbox("embedded", at, folders[1]))
        asyncio.run(show_listening(folders[2]))
        show_ticks(folders[3])


if __name__ == "__main__":
    main()
