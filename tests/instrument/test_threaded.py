"""A driver in the thread of its port: nothing energises after the circuit was opened, nothing is leaked."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from labctl.clock import LoopClock, ThreadClock
from labctl.errors import CellStateUnknown, LinkLost, Superseded
from labctl.instrument.channel import Driver
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.instrument.threaded import ThreadedChannel
from labctl.link import Deadline, Fence, Link
from labctl.plugins import cell as make_cell
from labctl_drivers.keithley_2450 import DRIVER
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from tests.instrument.in_thread import InThreadPort
from tests.link.drive import drive
from tests.link.peer import Peer

STEP = Step(
    Control.CURRENT,
    1e-4,
    (Cutoff(Quantity.TIME, Side.ABOVE, 3600.0),),
    SafetyLimits(-1.0, 1.0, 5e-4),
    Sampling(0.2),
)


class Rig:
    """A threaded channel over a port whose answers can be held back."""

    def __init__(self) -> None:
        self.device = Keithley2450(make_cell("resistor:1000", 1), 1)
        self.channel = ThreadedChannel(DRIVER, "rig", LoopClock(), port=self._port)

    def _port(self, resource: str, clock: ThreadClock, driver: Driver) -> InThreadPort:
        self.port = InThreadPort(self.device.port, clock)
        return self.port


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    await rig.channel.connect()
    yield rig
    rig.port.go_on.set()
    await rig.channel.make_safe()
    await rig.channel.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "rig"]


def _nothing_energised_after_off(heard: list[bytes]) -> None:
    last_off = len(heard) - 1 - heard[::-1].index(b":OUTP OFF")
    assert b":OUTP ON" not in heard[last_off:]
    assert not any(line.startswith(b":SOUR") and not line.endswith(b"?") for line in heard[last_off:])


async def test_a_write_in_a_thread_outlives_the_cancellation_of_whoever_waits() -> None:
    """The fault that epochs are for, first without and then with an epoch: ON leaves 0.1 s after OFF."""
    for epoch, expected in ((None, [b"off", b"ON"]), (0, [b"off"])):
        clock = ThreadClock(1.0, time.monotonic())
        peer = Peer()
        link = Link(InThreadPort(lambda peer=peer: peer, clock), clock, fence=Fence())
        drive(link.open())

        def switch_on(link: Link = link, clock: ThreadClock = clock, epoch: int | None = epoch) -> None:
            drive(clock.sleep_until(clock.now() + 0.1))
            drive(link.send(b"ON", epoch=epoch))

        async with asyncio.TaskGroup() as group:
            switching = group.create_task(asyncio.to_thread(switch_on))
            await asyncio.sleep(0.02)
            switching.cancel()
        link.fence.advance()
        drive(link.send_anyway(b"off"))
        await asyncio.sleep(0.2)
        assert peer.received == expected


@pytest.mark.parametrize("stalled", [0, 5, 10, 15, *range(17, 24)])
async def test_an_on_decided_before_opening_the_circuit_never_leaves_after_it(stalled: int, rig: Rig) -> None:
    """Arming is stalled at each of its exchanges in turn; the circuit is opened meanwhile."""
    asked = 0

    def hold(line: bytes) -> bool:
        nonlocal asked
        asked += line.endswith(b"?") or b"READ?" in line
        return asked == stalled + 1

    rig.port.hold = hold
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_take(rig))
        while not rig.port.holding.is_set():
            await asyncio.sleep(0.005)
        rig.port.hold = lambda line: False
        opening = group.create_task(rig.channel.make_safe())
        await asyncio.sleep(0)
        rig.port.go_on.set()
        await opening
        await asyncio.sleep(0.02)
    assert isinstance(running.result(), Superseded)
    _nothing_energised_after_off(rig.port.heard)
    assert not rig.device.circuit_closed


async def _take(rig: Rig) -> BaseException | None:
    try:
        async for _ in rig.channel.run(STEP):
            pass
    except (Superseded, LinkLost) as error:
        return error
    return None


async def test_opening_the_circuit_does_not_wait_for_the_next_reading(rig: Rig) -> None:
    step = Step(STEP.control, STEP.value, STEP.cutoffs, STEP.safety, Sampling(3600.0))
    samples = rig.channel.run(step)
    await anext(samples)
    await asyncio.sleep(0.3)
    began = time.monotonic()
    await rig.channel.make_safe()
    assert time.monotonic() - began < 0.3
    assert not rig.device.circuit_closed
    with pytest.raises(Superseded):
        [sample async for sample in samples]


async def test_opening_the_circuit_goes_on_when_whoever_asked_for_it_is_cancelled(rig: Rig) -> None:
    samples = rig.channel.run(STEP)
    await anext(samples)
    rig.port.hold = lambda line: line == b":OUTP?"
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(rig.channel.make_safe())
        while not rig.port.holding.is_set():
            await asyncio.sleep(0.005)
        opening.cancel()
    rig.port.go_on.set()
    await asyncio.sleep(0.1)
    assert rig.port.heard[-1] == b":OUTP:VOLT:SMOD?", "it went on to the last read-back"
    assert not rig.device.circuit_closed
    await samples.aclose()


async def test_cancelling_the_consumer_stops_the_step(rig: Rig) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_take(rig))
        await asyncio.sleep(0.5)
        running.cancel()
    count = len(rig.port.heard)
    await asyncio.sleep(0.5)
    assert len(rig.port.heard) == count
    assert count > 30


async def test_an_instrument_that_never_answers_does_not_hold_the_program(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = rig.channel.run(STEP)
    await anext(samples)
    blocked = threading.Event()
    monkeypatch.setattr("labctl.instrument.held._SAFE_WITHIN_S", 0.2)
    monkeypatch.setattr(rig.port, "_write", lambda data: blocked.wait(10.0))
    with pytest.raises(CellStateUnknown, match="has not answered"):
        await rig.channel.make_safe()
    monkeypatch.undo()
    blocked.set()
    await samples.aclose()


async def test_a_step_after_a_lost_connection_in_the_thread(rig: Rig) -> None:
    samples = rig.channel.run(STEP)
    await anext(samples)
    held: list[bytes] = []

    def hold(line: bytes) -> bool:
        """The next reading's answer comes only after the port was opened again, that is: never."""
        if line.startswith(b":READ?") and not held:
            held.append(line)
            return True
        return False

    rig.port.hold = hold
    seen = [await anext(samples) for _ in range(3)]
    assert held
    assert all(abs(sample.voltage_V - 0.1) < 1e-3 for sample in seen)
    assert rig.port.heard.count(b":OUTP ON") == 1
    await samples.aclose()


async def test_the_present_step_is_known_from_its_first_sample_on(rig: Rig) -> None:
    samples = rig.channel.run(STEP)
    first = await anext(samples)
    assert 0.0 <= first.time_s - rig.channel.step_began_s < 0.2
    assert rig.channel.traits.model == "2450"
    await samples.aclose()


async def test_an_answer_that_never_comes_is_interrupted(rig: Rig) -> None:
    """Not the deadline but the interruption ends the wait."""
    clock = rig.port._clock
    link = Link(InThreadPort(Peer, clock), clock)
    drive(link.open())
    threading.Timer(0.05, clock.interrupt).start()
    began = time.monotonic()
    with pytest.raises(Superseded):
        drive(link.ask(b"silent", Deadline("what never comes", slack_s=20.0)))
    assert time.monotonic() - began < 0.3
    clock.resume()
