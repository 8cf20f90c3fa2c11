"""The keeper is killed or stopped: the engine opens the circuit through a second one."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from labctl.clock import LoopClock
from labctl.errors import CellStateUnknown, LinkLost
from labctl.instrument.channel import Sample
from labctl.keeper.peer import Peer
from labctl.keeper.remote import RemoteChannel
from labctl.keeper.start import KeeperProcess
from tests.keeper.bench import Instruments
from tests.keeper.engine import current


@pytest.fixture
async def channel(bench: Instruments) -> AsyncIterator[RemoteChannel]:
    first, second = KeeperProcess([bench.kind], None), KeeperProcess([bench.kind], None)
    made = RemoteChannel(
        *("cell", bench.kind, bench.resources[0], LoopClock()), keepers=first, standby=second
    )
    await made.connect()
    yield made
    await made.close()
    first.close()
    second.close()


async def until_closed(samples: AsyncGenerator[Sample, None], bench: Instruments) -> None:
    async for _ in samples:
        if bench.closed() and ":OUTP ON" in bench.wire():
            return


async def spare_is_warm() -> None:
    """A second keeper needs a moment to start; a run lasts for days."""
    await asyncio.sleep(1.5)


async def test_killed_between_two_readings(channel: RemoteChannel, bench: Instruments) -> None:
    await spare_is_warm()
    async with aclosing(channel.run(current(5e-4, 60.0))) as samples:
        await until_closed(samples, bench)
        killed_s = time.monotonic()
        os.kill(channel.keeper_pid, signal.SIGKILL)
        with pytest.raises(LinkLost, match="keeper") as lost:
            async for _ in samples:
                pass
    assert bench.open_after(killed_s) <= 0.5
    assert "open, confirmed" in lost.value.cell
    await channel.make_safe()
    assert not bench.closed()


async def test_stopped_is_as_good_as_dead(channel: RemoteChannel, bench: Instruments) -> None:
    await spare_is_warm()
    async with aclosing(channel.run(current(5e-4, 60.0))) as samples:
        await until_closed(samples, bench)
        stopped_s = time.monotonic()
        os.kill(channel.keeper_pid, signal.SIGSTOP)
        with pytest.raises(LinkLost, match="has said nothing"):
            async for _ in samples:
                pass
    assert bench.open_after(stopped_s) <= 1.5 + 0.5  # the lease, a grace, and the opening


async def test_without_a_second_keeper_nobody_knows(
    channel: RemoteChannel, bench: Instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: no keeper can be started any more. The circuit stays closed, and that is said."""

    async def none_left() -> Peer:
        raise OSError("no more processes")

    async with aclosing(channel.run(current(5e-4, 60.0))) as samples:
        await until_closed(samples, bench)
        monkeypatch.setattr(channel._standby, "start", none_left)
        os.kill(channel.keeper_pid, signal.SIGKILL)
        with pytest.raises(CellStateUnknown, match="no more processes"):
            async for _ in samples:
                pass
    assert bench.closed()
    with pytest.raises(CellStateUnknown):
        await channel.make_safe()
    monkeypatch.undo()
    await channel.make_safe()
    assert not bench.closed()


async def test_after_a_loss_the_channel_can_be_connected_again(
    channel: RemoteChannel, bench: Instruments
) -> None:
    os.kill(channel.keeper_pid, signal.SIGKILL)
    await asyncio.sleep(0.1)
    with pytest.raises(LinkLost):
        async for _ in channel.run(current(5e-4, 0.3)):
            pass
    await channel.make_safe()
    await channel.connect()
    last = [sample async for sample in channel.run(current(5e-4, 0.3))][-1]
    assert last.cutoff is not None
    await channel.make_safe()
    assert not bench.closed()
