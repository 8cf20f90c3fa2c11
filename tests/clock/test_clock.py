"""Clocks: virtual time jumps in order, loop time is scaled, thread time can be interrupted."""

import asyncio
import threading
import time

import pytest

from labctl.clock import LoopClock, ThreadClock, VirtualClock
from labctl.errors import Superseded
from tests.link.drive import drive


def test_a_lone_sleeper_in_virtual_time_is_never_suspended() -> None:
    clock = VirtualClock()
    drive(clock.sleep_until(900_000.0))
    assert clock.now() == 900_000.0
    drive(clock.sleep_until(5.0))
    assert clock.now() == 900_000.0


async def test_sleepers_in_virtual_time_wake_in_the_order_of_their_times() -> None:
    clock = VirtualClock()
    woken: list[tuple[float, str]] = []

    async def sleep(name: str, *times: float) -> None:
        for time_s in times:
            await clock.sleep_until(time_s)
            woken.append((clock.now(), name))
        clock.leave()

    async with asyncio.TaskGroup() as group:
        clock.join()
        group.create_task(sleep("a", 1.0, 4.0))
        clock.join()
        group.create_task(sleep("b", 2.0, 3.0))
        clock.leave()
    assert woken == [(1.0, "a"), (2.0, "b"), (3.0, "b"), (4.0, "a")]


async def test_a_cancelled_sleeper_does_not_hold_virtual_time() -> None:
    clock = VirtualClock()
    clock.join()

    async def sleep_long() -> None:
        try:
            await clock.sleep_until(100.0)
        finally:
            clock.leave()

    async with asyncio.TaskGroup() as group:
        sleeper = group.create_task(sleep_long())
        await asyncio.sleep(0)
        sleeper.cancel()
    await clock.sleep_until(200.0)
    assert clock.now() == 200.0


async def test_loop_time_runs_at_its_speed() -> None:
    clock = LoopClock(speed=1000.0)
    began = time.monotonic()
    await clock.sleep_until(50.0)
    assert clock.now() >= 50.0
    assert 0.05 <= time.monotonic() - began < 0.5


def test_thread_time_blocks_until_it_has_come() -> None:
    clock = ThreadClock(100.0, time.monotonic())
    drive(clock.sleep_until(5.0))
    assert 5.0 <= clock.now() < 30.0


def test_an_interruption_ends_a_sleep_at_once_and_every_later_one_until_resumed() -> None:
    clock = ThreadClock(1.0, time.monotonic())
    threading.Timer(0.05, clock.interrupt).start()
    began = time.monotonic()
    with pytest.raises(Superseded):
        drive(clock.sleep_until(10.0))
    assert time.monotonic() - began < 1.0
    with pytest.raises(Superseded):
        drive(clock.sleep_until(0.0))
    with pytest.raises(Superseded):
        clock.check()
    with pytest.raises(Superseded):
        clock.pause(10.0)
    clock.resume()
    clock.check()
    drive(clock.sleep_until(0.0))
