"""What the keeper does about an engine that blocks, an engine that does not care, and an instrument that disobeys."""

import asyncio
import json
import socket
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.clock import LoopClock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    LeaseExpired,
    LinkError,
    StationError,
    Superseded,
)
from labctl.instrument.step import Cutoff, Quantity, SafetyLimits, Side, Step
from labctl.keeper import kept
from labctl.keeper.journal import Journal
from labctl.keeper.peer import Peer
from labctl.keeper.remote import RemoteChannel
from labctl.keeper.session import Session
from labctl_drivers.keithley_2450 import DRIVER
from tests.keeper.bench import Instruments, SharedKeeper, pause
from tests.keeper.engine import current
from tests.keeper.test_keeper_dies import until_closed


async def noted(
    journal: Path, bench: Instruments, event: str, reason: str = "", within_s: float = 10.0
) -> bool:
    """Whether the keeper writes something down; it does so a moment after it has acted."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        lines = [json.loads(line) for line in _lines(journal)]
        lines = [line for line in lines if line["channel"] == f"cell-{bench.first}"]
        if any(line["event"] == event and reason in line["reason"] for line in lines):
            return True
        await asyncio.sleep(0.02)
    return False


def _lines(journal: Path) -> list[str]:
    return journal.read_text().splitlines()


async def all_of(channel: RemoteChannel, step: Step) -> None:
    async for _ in channel.run(step):
        pass


async def test_steps_follow_each_other_with_exact_cutoffs(channel: RemoteChannel, bench: Instruments) -> None:
    step = current(5e-4, 0.5)
    samples = [sample async for sample in channel.run(step)]
    assert samples[-1].cutoff == step.cutoffs[0]
    assert samples[-1].time_s - channel.step_began_s == pytest.approx(0.5, abs=0.1)
    assert samples[-1].voltage_V == pytest.approx(0.5, rel=0.01)
    assert bench.closed(), "the next step may follow without a gap"
    assert [sample async for sample in channel.run(current(-5e-4, 0.2))][-1].voltage_V < -0.4
    await channel.make_safe()
    assert not bench.closed()


async def test_an_engine_that_blocks_loses_the_circuit_and_learns_why(
    channel: RemoteChannel, bench: Instruments, journal: Path
) -> None:
    async with aclosing(channel.run(current(5e-4, 60.0))) as samples:
        await until_closed(samples, bench)
        blocked_s = time.monotonic()
        pause(2.0)  # in the event loop's own thread
        assert bench.open_after(blocked_s) <= 1.5
        with pytest.raises(LeaseExpired, match="control tick") as expired:
            async for _ in samples:
                pass
    assert "open, confirmed" in expired.value.cell
    with pytest.raises(LeaseExpired):
        await all_of(channel, current(5e-4, 0.2))
    assert not bench.closed()
    await channel.make_safe()
    await all_of(channel, current(5e-4, 0.2))
    assert await noted(journal, bench, "opening", "control tick")


async def test_an_engine_that_waits_for_something_else_completes_no_tick(
    channel: RemoteChannel, bench: Instruments
) -> None:
    """The event loop lives, but nobody evaluates readings: that feeds nothing."""
    async with aclosing(channel.run(current(5e-4, 60.0))) as samples:
        await until_closed(samples, bench)
        began_s = time.monotonic()
        await asyncio.sleep(1.6)
        assert bench.open_after(began_s) <= 1.5


async def test_a_slow_engine_that_comes_back_in_time_keeps_the_circuit(
    channel: RemoteChannel, bench: Instruments
) -> None:
    async with aclosing(channel.run(current(5e-4, 60.0, every_s=0.5))) as samples:
        await until_closed(samples, bench)
        until_s = time.monotonic() + 1.6
        async for _ in samples:
            await asyncio.sleep(0.3)
            assert bench.closed()
            if time.monotonic() > until_s:
                break
    await channel.make_safe()


async def test_between_steps_the_circuit_stays_closed_for_a_short_while_only(
    bench: Instruments, keeper: SharedKeeper
) -> None:
    keepers = keeper.process
    channel = RemoteChannel("a", "keithley-2450", bench.resources[0], LoopClock(), keepers, idle_s=1.5)
    await channel.connect()
    await all_of(channel, current(5e-4, 0.2))
    ended_s = time.monotonic()
    await asyncio.sleep(1.2)
    assert bench.closed(), "idle ticks keep it for a while"
    await asyncio.sleep(0.6)
    assert bench.open_after(ended_s) == pytest.approx(1.5, abs=0.2)
    with pytest.raises(LeaseExpired):
        await all_of(channel, current(5e-4, 0.2))
    await channel.close()


@pytest.mark.parametrize(("limit_V", "opens"), [(0.4, True), (1.0, False)])
async def test_limits_hold_although_the_engine_does_not_care(
    channel: RemoteChannel, bench: Instruments, limit_V: float, opens: bool
) -> None:
    """0.5 V at the cell; with a window that holds it, as the planted fault, nothing opens."""
    step = replace(current(5e-4, 0.6), safety=SafetyLimits(-limit_V, limit_V, 2e-3))
    step = replace(step, cutoffs=step.cutoffs[:1])
    if opens:
        with pytest.raises(InstrumentError, match="outside the safety window"):
            await all_of(channel, step)
        assert not bench.closed()
    else:
        await all_of(channel, step)
        assert bench.closed()


async def test_what_cannot_be_held_is_refused_in_the_drivers_words(
    channel: RemoteChannel, bench: Instruments
) -> None:
    before = bench.wire()
    with pytest.raises(CannotHold, match="beyond its ranges"):
        await all_of(channel, current(1.9, 0.2))
    assert bench.wire() == before


async def test_off_ignored_once_is_sent_again(
    channel: RemoteChannel, bench: Instruments, journal: Path
) -> None:
    await all_of(channel, current(5e-4, 0.2))
    bench.fault(0, "ignore-off", 1)
    asked_s = time.monotonic()
    await channel.make_safe()
    assert bench.open_after(asked_s) <= 1.0


async def test_off_ignored_for_ever_is_unsafe_and_at_least_the_current_is_gone(
    channel: RemoteChannel, bench: Instruments, journal: Path
) -> None:
    await all_of(channel, current(5e-4, 0.2))
    bench.fault(0, "ignore-off")
    asked_s = time.monotonic()
    with pytest.raises(CellStateUnknown, match="taken to zero"):
        await channel.make_safe()
    assert time.monotonic() - asked_s <= 3.3
    assert bench.closed()
    assert ":SOUR:CURR 0\n" in bench.wire(since_s=asked_s)
    assert await noted(journal, bench, "way", "a trip inside the instrument")
    bench.fault(0, "ignore-off", 0)
    assert await noted(journal, bench, "off", "late")
    assert not bench.closed()


@pytest.mark.parametrize(("second_session", "within_s"), [(True, 1.6), (False, 4.0)])
async def test_a_second_session_opens_while_the_first_hangs(
    bench: Instruments, monkeypatch: pytest.MonkeyPatch, second_session: bool, within_s: float
) -> None:
    """The first connection hears nothing any more. Without the other, as the planted fault, it takes its timeouts."""
    traits = DRIVER.traits["2450"]
    monkeypatch.setitem(DRIVER.traits, "2450", replace(traits, second_session=second_session))
    async with KeeperHere() as keepers:
        channel = RemoteChannel("cell", DRIVER.name, bench.resources[0], LoopClock(), keepers)
        await channel.connect()
        await all_of(channel, current(5e-4, 0.2))
        bench.fault(0, "deaf")
        asked_s = time.monotonic()
        await channel.make_safe()
        assert bench.open_after(asked_s) <= within_s
        assert (time.monotonic() - asked_s < 1.6) is second_session
        await channel.close()


async def test_a_keeper_that_has_given_up_ends(bench: Instruments, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine asks for the channel's release and then leaves, both while the circuit is still being tried."""
    monkeypatch.setattr(kept, "PERSIST_S", 3.0)
    monkeypatch.setattr(kept, "CONFIRMED_WITHIN_S", 0.5)
    async with KeeperHere() as keepers:
        channel = RemoteChannel("cell", DRIVER.name, bench.resources[0], LoopClock(), keepers)
        await channel.connect()
        await all_of(channel, current(5e-4, 0.2))
        bench.fault(0, "ignore-off")
        with pytest.raises(CellStateUnknown):
            await channel.make_safe()
        await channel.close()
        left_s = time.monotonic()
    assert time.monotonic() - left_s < 5.0


class KeeperHere:
    """Keepers in this process, so that a test can change what their driver promises."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> "KeeperHere":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._group.__aexit__(None, None, None)

    def ready(self) -> None:
        pass

    async def start(self) -> Peer:
        ours, theirs = socket.socketpair()
        session, peer, loop = Session(Journal(None), lambda: None), Peer(), asyncio.get_running_loop()
        self._group.create_task(session.serve())
        await loop.create_connection(lambda: session.frames, sock=theirs)
        await loop.create_connection(lambda: peer.frames, sock=ours)
        return peer

    def end(self, peer: Peer) -> None:
        raise AssertionError("it answers")


async def test_a_silent_instrument_is_unsafe_within_three_seconds_and_tried_on(
    channel: RemoteChannel, bench: Instruments, journal: Path
) -> None:
    await all_of(channel, current(5e-4, 0.2))
    bench.fault(0, "mute", 1)
    asked_s = time.monotonic()
    with pytest.raises(CellStateUnknown, match="confirmed open"):
        await channel.make_safe()
    assert time.monotonic() - asked_s <= 3.3
    assert await noted(journal, bench, "unsafe")
    with pytest.raises(CellStateUnknown):
        await all_of(channel, current(5e-4, 0.2))
    bench.fault(0, "mute", 0)
    assert await noted(journal, bench, "off", "late")
    await channel.make_safe()


async def test_readings_that_stay_away_open_the_circuit_without_the_engine(
    channel: RemoteChannel, bench: Instruments, journal: Path
) -> None:
    async with aclosing(channel.run(current(5e-4, 60.0))) as samples:
        await until_closed(samples, bench)
        bench.fault(0, "mute", 1)
        muted_s = time.monotonic()
        with pytest.raises((LinkError, InstrumentError, CellStateUnknown, LeaseExpired)):
            async for _ in samples:
                pass
    assert bench.open_after(muted_s, within_s=10.0) <= 5.0
    bench.fault(0, "mute", 0)
    assert await noted(journal, bench, "off")


async def test_a_port_has_one_keeper(
    channel: RemoteChannel, bench: Instruments, keeper: SharedKeeper
) -> None:
    other = RemoteChannel("b", "keithley-2450", bench.resources[0], LoopClock(), keeper.process)
    before = bench.wire()
    with pytest.raises(StationError, match=f"process {channel.keeper_pid}"):
        await other.connect()
    assert bench.wire() == before
    await other.close()


async def test_a_step_decided_before_the_circuit_was_opened_does_not_begin(
    channel: RemoteChannel, bench: Instruments
) -> None:
    decided = channel.run(current(5e-4, 0.2))
    await channel.make_safe()
    sent_before = bench.wire()
    with pytest.raises(Superseded):
        await anext(decided)
    assert ":OUTP ON" not in bench.wire()[len(sent_before) :]


async def test_leaving_a_step_early_ends_it_and_the_next_can_follow(
    channel: RemoteChannel, bench: Instruments
) -> None:
    async with aclosing(channel.run(current(5e-4, 60.0))) as samples:
        await until_closed(samples, bench)
    await all_of(channel, current(-5e-4, 0.2))
    await channel.make_safe()


async def test_closing_opens_what_is_still_closed(
    channel: RemoteChannel, bench: Instruments, journal: Path
) -> None:
    await all_of(channel, current(5e-4, 0.2))
    assert bench.closed()
    await channel.close()
    assert not bench.closed()
    assert await noted(journal, bench, "released", "given the channel back")


async def test_a_cut_off_that_the_driver_cannot_miss_is_the_same_value(channel: RemoteChannel) -> None:
    cutoff = Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.3, hold_s=0.2)
    step = replace(current(5e-4, 5.0), cutoffs=(cutoff,))
    samples = [sample async for sample in channel.run(step)]
    assert samples[-1].cutoff == cutoff
    await channel.make_safe()
