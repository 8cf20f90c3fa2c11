"""Many channels in one keeper: what happens on one touches no other, and when it dies, all of them are opened."""

import asyncio
import json
import os
import signal
import time
from asyncio import TaskGroup
from contextlib import aclosing, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from labctl.clock import LoopClock
from labctl.errors import CellStateUnknown, LabctlError, LinkLost
from labctl.keeper.blocked import BLOCKED_S, watch_for_blocking
from labctl.keeper.journal import Journal
from labctl.keeper.pairs import MOST_CHANNELS, KeeperPairs
from labctl.keeper.remote import RemoteChannel
from labctl.keeper.start import KeeperProcess
from tests.keeper.bench import Instruments, pause
from tests.keeper.conftest import another_of
from tests.keeper.engine import current

TOGETHER = 6


async def connected(bench: Instruments, first: KeeperProcess, second: KeeperProcess) -> RemoteChannel:
    channel = RemoteChannel(
        *(f"cell-{bench.first}", bench.kind, bench.resources[0], LoopClock(), first), standby=second
    )
    await channel.connect()
    return channel


async def test_one_keeper_and_one_second_keeper_for_all_and_the_second_opens_all(park: Instruments) -> None:
    first, second = KeeperProcess(["keithley-2450"], None), KeeperProcess(["keithley-2450"], None)
    benches = [another_of(park) for _ in range(TOGETHER)]
    channels = [await connected(bench, first, second) for bench in benches]
    assert {channel.keeper_pid for channel in channels} == {first.pid}

    async def until_lost(channel: RemoteChannel) -> str:
        with pytest.raises(LinkLost) as lost:
            async for _ in channel.run(current(5e-4, 60.0)):
                pass
        return lost.value.cell

    async with TaskGroup() as group:
        losing = [group.create_task(until_lost(channel)) for channel in channels]
        while not all(bench.closed() for bench in benches):
            await asyncio.sleep(0.02)
        killed_s = time.monotonic()
        os.kill(first.pid, signal.SIGKILL)
    assert {task.result() for task in losing} == {"open, confirmed by read-back"}
    took_s = [bench.open_after(killed_s) for bench in benches]
    assert max(took_s) <= 1.5, took_s
    assert {channel.keeper_pid for channel in channels} == {second.pid}
    for channel in channels:
        await channel.make_safe()
        await channel.close()
    first.close()
    second.close()


async def test_an_instrument_that_falls_silent_touches_no_other(
    channel: RemoteChannel, bench: Instruments, park: Instruments
) -> None:
    other = another_of(park)
    neighbour = await connected(other, channel._keepers, channel._standby)  # type: ignore[arg-type]
    assert neighbour.keeper_pid == channel.keeper_pid
    async with aclosing(neighbour.run(current(5e-4, 60.0))) as samples, TaskGroup() as group:
        times_s = [(await anext(samples)).time_s]

        async def trouble() -> None:
            bench.fault(0, "mute", 1)
            with pytest.raises(CellStateUnknown):
                await channel.make_safe()

        troubled = group.create_task(trouble())
        async for sample in samples:
            times_s.append(sample.time_s)
            if troubled.done():
                break
    assert other.closed()
    assert max(late - early for early, late in pairwise(times_s)) < 1.0
    await neighbour.close()
    assert not other.closed()
    bench.fault(0, "mute", 0)


async def test_when_the_engine_is_gone_the_keeper_opens_everything_and_ends(park: Instruments) -> None:
    keeper = KeeperProcess(["keithley-2450"], None)
    benches = [another_of(park), another_of(park)]
    channels = [await connected(bench, keeper, keeper) for bench in benches]
    pid = keeper.pid
    for channel, bench in zip(channels, benches, strict=True):
        async with aclosing(channel.run(current(5e-4, 60.0))) as samples:
            async for _ in samples:
                if bench.closed():
                    break
    gone_s = time.monotonic()
    keeper.close()
    for channel in channels:
        peer = channel._keeper
        assert peer is not None
        await peer.left()
    assert max(bench.open_after(gone_s) for bench in benches) <= 1.5
    await asyncio.to_thread(os.waitpid, pid, 0)
    for channel in channels:
        with suppress(LabctlError):
            await channel.close()


async def test_a_killed_keeper_is_started_again(park: Instruments) -> None:
    keeper = KeeperProcess(["keithley-2450"], None)
    keeper.ready()
    pid = keeper.pid
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(10.0):
        while keeper.pid == pid:
            keeper.ready()
            await asyncio.sleep(0.01)
    channel = await connected(another_of(park), keeper, keeper)
    assert channel.keeper_pid == keeper.pid != pid
    await channel.close()
    keeper.close()


async def test_what_blocks_a_keeper_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keeper.jsonl"
    journal = Journal(path)

    async def hang() -> None:
        pause(3.0 * BLOCKED_S)

    with watch_for_blocking(journal):
        async with TaskGroup() as group:
            group.create_task(hang(), name="channel 7")
        async with asyncio.timeout(10.0):
            while "unblocked" not in (path.read_text() if path.exists() else ""):
                await asyncio.sleep(0.02)
    blocked, unblocked = [json.loads(line) for line in path.read_text().splitlines()]
    assert "channel 7 blocks the keeper" in blocked["reason"]
    assert ".py, line" in blocked["reason"]
    assert unblocked["event"] == "unblocked"


def test_channels_are_shared_out() -> None:
    with KeeperPairs([], None) as pairs:
        places = [pairs.of(f"c{number}") for number in range(2 * MOST_CHANNELS + 1)]
        assert len(set(places)) == 3
        assert pairs.of("c0") is places[0]
        assert len({id(process) for pair in places for process in pair}) == 6
