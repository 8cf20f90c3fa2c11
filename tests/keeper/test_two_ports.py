"""An instrument at two ports in one keeper's hands: both are held, and both are switched off when the keeper dies."""

import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from labctl.clock import LoopClock
from labctl.errors import LinkLost, StationError, Superseded
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.keeper.claim import Claim
from labctl.keeper.remote import RemoteChannel
from labctl.keeper.start import KeeperProcess
from labctl_simulators.attach import tcp
from labctl_simulators.firmware.rigol_pair import RigolPair
from tests.acceptance.served import Served
from tests.simulators.firmware.keithley_bench import Battery

FOR_A_MINUTE = (Cutoff(Quantity.TIME, Side.ABOVE, 60.0),)


@pytest.fixture
def served() -> Iterator[Served]:
    device = RigolPair(Battery(3.0, capacitance_F=1000.0, resistance_ohm=0.05))
    with Served(device, tcp.serve, lines=2, port=0) as server:
        yield server


@pytest.fixture
async def channel(served: Served) -> AsyncIterator[RemoteChannel]:
    first, second = KeeperProcess(["rigol-pair"], None), KeeperProcess(["rigol-pair"], None)
    supply, load = served.resources
    channel = RemoteChannel(
        *("big", "rigol-pair", supply, LoopClock(), first),
        standby=second,
        options=(("load", load),),
        lease_s=3.0,
    )
    yield channel
    await channel.close()
    first.close()
    second.close()


def current(value_A: float) -> Step:
    return Step(Control.CURRENT, value_A, FOR_A_MINUTE, SafetyLimits(2.0, 4.2, 1.5), Sampling(1.0))


async def test_the_keeper_holds_both_ports(served: Served, channel: RemoteChannel) -> None:
    identity = await channel.connect()
    assert identity.model == "DP832+DL3021"
    claim = Claim(served.resources[1])
    with pytest.raises(StationError, match="in the hands of another labctl"):
        await claim.take(patience_s=0.0)
    await channel.close()
    await claim.take()
    claim.drop()


@pytest.mark.parametrize("value_A", [1.0, -1.0])
async def test_the_second_keeper_switches_off_what_a_dead_one_left_on(
    served: Served, channel: RemoteChannel, value_A: float
) -> None:
    await channel.connect()
    samples = channel.run(current(value_A))
    await anext(samples)
    assert served.device.circuit_closed
    os.kill(channel.keeper_pid, signal.SIGKILL)
    with pytest.raises(LinkLost) as lost:
        [sample async for sample in samples]
    assert lost.value.cell == "open, confirmed by read-back"
    assert not served.device.circuit_closed


async def test_a_superseded_step_energises_neither(served: Served, channel: RemoteChannel) -> None:
    await channel.connect()
    decided = channel.run(current(-1.0))
    await channel.make_safe()
    with pytest.raises(Superseded):
        await anext(decided)
    assert not served.device.circuit_closed
