"""Many channels for many hours, in one process and one virtual time, and what that process holds meanwhile."""

import asyncio
import gc
import os
from asyncio import TaskGroup
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from labctl.clock import VirtualClock
from labctl.engine.control import RunControl
from labctl.engine.outcome import RunState
from labctl.engine.run import Run
from labctl.keeper.pairs import KeeperPairs
from labctl.protocol import load
from labctl.protocol.plan import Plan
from labctl.rules import RuleSet
from labctl.station.connect import ChannelSpec, open_channel
from labctl.station.launch import execute, identify
from labctl.store.store import Store

CYCLE_H = 5.0
LOOKS = 30
CELLS = ("na50k50", "na60k40", "na80k20", "resistor:500")
CHANNELS = tuple(
    ChannelSpec(f"{driver[0]}{number}", driver, cell=cell)
    for driver in ("palmsens-emstat4", "keithley-2450")
    for number, cell in enumerate(CELLS, start=1)
)
PROTOCOL = """\
protocol: long-life
cell: {{electrode_diameter: 6 mm, equilibrium_voltage: 0 V}}
safety: {{voltage: [-1.5 V, 1.5 V], current: 0.5 mA}}
record: {{every: {every}, voltage_change: 20 mV}}
steps:
  - loop: {cycles}
    steps:
      - constant_current: {{current: +0.4 mA/cm2, until: {{capacity: 1 mAh/cm2, voltage: 1.2 V}}}}
      - constant_current: {{current: -0.4 mA/cm2, until: {{capacity: 1 mAh/cm2, voltage: -1.2 V}}}}
stop_rules:
  - overpotential_jump: {{factor: 2, baseline_cycles: 5, then: warn}}
  - soft_short: {{then: warn}}
"""


class Holdings(NamedTuple):
    """What a process holds."""

    time_h: float
    resident_MB: float
    files: int
    tasks: int


@dataclass
class Life:
    """What came of it: the holdings every few hours, and how each run ended."""

    holdings: list[Holdings] = field(default_factory=list)
    ends: list[RunState] = field(default_factory=list)
    samples: int = 0

    def growth_MB_a_100h(self, from_h: float) -> float:
        """Slope of the resident memory from a time on, by least squares."""
        points = [(each.time_h, each.resident_MB) for each in self.holdings if each.time_h >= from_h]
        mean_h = sum(time_h for time_h, _ in points) / len(points)
        mean_MB = sum(size_MB for _, size_MB in points) / len(points)
        spread = sum((time_h - mean_h) ** 2 for time_h, _ in points)
        return 100.0 * sum((time_h - mean_h) * (size_MB - mean_MB) for time_h, size_MB in points) / spread


def live(
    folder: Path,
    hours: float,
    runs: int = 3,
    every: str = "10 s",
    seed: int = 0,
    channels: Sequence[ChannelSpec] = CHANNELS,
) -> Life:
    """Carry out several runs on each channel, one after the other, all channels at once.

    Args:
        folder: for the database.
        hours: of experiment on each channel.
        runs: how many on each channel.
        every: how often samples are taken, as in a protocol.
        seed: of everything simulated.
        channels: which.
    """
    text = folder / "long-life.yaml"
    text.write_text(PROTOCOL.format(every=every, cycles=round(hours / CYCLE_H / runs)), encoding="utf-8")
    return asyncio.run(_live(folder / "labctl.sqlite", load(str(text)), hours, runs, seed, channels))


async def _live(
    database: Path, plan: Plan, hours: float, runs: int, seed: int, channels: Sequence[ChannelSpec]
) -> Life:
    life, clock = Life(), VirtualClock()
    with Store(database) as store:
        async with TaskGroup() as group:
            for spec in channels:
                clock.join()
                group.create_task(_channel(spec, clock, store, plan, runs, seed, life))
            group.create_task(_watch(life, clock, hours))
    return life


async def _watch(life: Life, clock: VirtualClock, hours: float) -> None:
    """Look now and then, not for ever: someone who sleeps alone in virtual time is never suspended."""
    for number in range(LOOKS):
        await clock.sleep_until(number * hours / LOOKS * 3600.0)
        gc.collect()
        files, tasks = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
        life.holdings.append(Holdings(clock.now() / 3600.0, _resident_MB(), files, tasks))
    clock.leave()


async def _channel(
    spec: ChannelSpec, clock: VirtualClock, store: Store, plan: Plan, runs: int, seed: int, life: Life
) -> None:
    try:
        for _ in range(runs):
            channel = open_channel(spec, clock, seed, KeeperPairs([], None))
            try:
                record = store.open_run(
                    plan,
                    identity=await identify(channel, spec),
                    driver=spec.driver,
                    resource=f"simulated:{spec.cell}",
                    channel=spec.name,
                    seed=seed,
                    speed=None,
                    started_unix_s=1.7e9 + clock.now(),
                    origin_s=clock.now(),
                )
                run = Run(plan, channel, record, RuleSet.of(plan.rules), clock, RunControl())
                life.ends.append((await execute(run, record)).state)
                record.close()
                life.samples += record.seq
            finally:
                await channel.close()
    finally:
        clock.leave()


def _resident_MB() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
