"""What a keeper costs: the same steps through a keeper's process, and in this one, against a simulated 2450 over TCP.

    python bench/keeper_latency.py [--seconds 10]

Tells, for both ways: samples a second as fast as the driver can, and, at 50 samples a second, the time from the moment
a reading is asked for to the moment its sample is in the hands of the engine. Also: how long the frames of one sample
take to be written and read.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from contextlib import aclosing
from dataclasses import replace

from labctl import plugins
from labctl.clock import LoopClock
from labctl.instrument.channel import Channel, Sample
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.instrument.threaded import ThreadedChannel
from labctl.keeper.remote import RemoteChannel
from labctl.keeper.start import KeeperProcess
from labctl.keeper.values import from_plain, to_plain

SPEED = 1000.0  # so that the instrument's own integration time does not hide the way of a sample


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    seconds = parser.parse_args().seconds
    command = [
        sys.executable,
        "-m",
        "labctl.cli.main",
        "simulate",
        "keithley-2450",
        "--cell",
        "resistor:1000",
    ]
    command += ["--tcp", "127.0.0.1:0", "--speed", str(SPEED)]
    simulator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert simulator.stdout is not None
        resource = simulator.stdout.readline().split(" ", 1)[1].strip()
        rates = asyncio.run(_compare(resource, seconds))
    finally:
        simulator.terminate()
        simulator.wait()
    for name, (rate, _, delays_ms) in rates.items():
        ordered = sorted(delays_ms)
        p99_ms = ordered[int(0.99 * len(ordered))]
        print(
            f"{name:<18} {rate:7.0f} samples/s, from question to engine: median {statistics.median(ordered):.2f} ms, "
            f"p99 {p99_ms:.2f} ms"
        )
    print(f"frames of a sample {_frames_us():7.1f} us to write and read")


async def _compare(resource: str, seconds: float) -> dict[str, tuple[float, float, list[float]]]:
    driver = plugins.driver("keithley-2450")
    driver = replace(
        driver, traits={name: replace(t, shortest_interval_s=0.0) for name, t in driver.traits.items()}
    )
    found = {}
    for name in ("in this process", "through a keeper"):
        clock = LoopClock(SPEED)
        channel: Channel
        if name == "in this process":
            channel = ThreadedChannel(driver, resource, clock)
        else:
            channel = RemoteChannel("bench", driver.name, resource, clock, KeeperProcess([driver.name], None))
        await channel.connect()
        fastest, _ = await _measure(channel, clock, seconds, 1e-3)
        found[name] = fastest, *(await _measure(channel, clock, seconds, 0.02))
        await channel.make_safe()
        await channel.close()
    return found


async def _measure(
    channel: Channel, clock: LoopClock, seconds: float, every_s: float
) -> tuple[float, list[float]]:
    """Samples a second, and how long each was under way, in ms."""
    step = Step(
        Control.CURRENT,
        5e-4,
        (Cutoff(Quantity.TIME, Side.ABOVE, seconds * SPEED),),
        SafetyLimits(-2.0, 2.0, 2e-3),
        Sampling(every_s * SPEED),
    )
    delays_ms = []
    began = time.perf_counter()
    async with aclosing(channel.run(step)) as samples:
        async for sample in samples:
            delays_ms.append((clock.now() - sample.time_s) / SPEED * 1e3)  # noqa: PERF401  each at its own moment
    return len(delays_ms) / (time.perf_counter() - began), delays_ms


def _frames_us() -> float:
    sample, count = Sample(1234.5678, 0.123456789, 4.56789e-4), 20_000
    began = time.perf_counter()
    for _ in range(count):
        text = json.dumps({"of": 7, "item": to_plain(sample), "began": 0.25})
        from_plain(Sample, json.loads(text)["item"])
    return (time.perf_counter() - began) / count * 1e6


if __name__ == "__main__":
    main()
