"""The thread that owns a port: jobs in order, what goes first, streams, leaving early, nothing leaked."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from labctl.clock import LoopClock, ThreadClock
from labctl.errors import Superseded
from labctl.link.thread import PortThread


@pytest.fixture
def clock() -> ThreadClock:
    return LoopClock().in_thread()


@pytest.fixture
async def thread(clock: ThreadClock) -> AsyncIterator[PortThread]:
    thread = PortThread("port under test", clock)
    yield thread
    await thread.close()
    assert not [t for t in threading.enumerate() if t.name == "port under test"]


async def test_jobs_run_in_one_thread_that_is_not_the_loops(thread: PortThread) -> None:
    async def whoami() -> str:
        return threading.current_thread().name

    assert [await thread.call(whoami) for _ in range(3)] == ["port under test"] * 3


async def test_an_error_reaches_whoever_waits(thread: PortThread) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await thread.call(fail)


async def test_a_job_that_suspends_is_a_bug_and_says_so(thread: PortThread) -> None:
    async def suspend() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="awaited something else"):
        await thread.call(suspend)


async def test_what_goes_first_interrupts_and_drops(thread: PortThread, clock: ThreadClock) -> None:
    done: list[str] = []

    async def long() -> None:
        await clock.sleep_until(clock.now() + 60.0)

    async def note(what: str) -> None:
        done.append(what)

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_superseded(thread, long))
        await asyncio.sleep(0.02)
        waiting = group.create_task(_superseded(thread, lambda: note("waiting")))
        await asyncio.sleep(0.02)
        await thread.call_first(lambda: note("first"))
    assert running.result()
    assert waiting.result()
    assert done == ["first"]
    assert time.monotonic() - began < 5.0
    await thread.call(lambda: note("after"))
    assert done == ["first", "after"]


async def _superseded(thread: PortThread, make: object) -> bool:
    try:
        await thread.call(make)  # type: ignore[arg-type]
    except Superseded:
        return True
    return False


async def test_what_goes_first_survives_the_cancellation_of_whoever_waits(
    thread: PortThread, clock: ThreadClock
) -> None:
    done: list[str] = []

    async def open_circuit() -> None:
        await clock.sleep_until(clock.now() + 0.1)
        done.append("open")

    async with asyncio.TaskGroup() as group:
        first = group.create_task(thread.call_first(open_circuit))
        await asyncio.sleep(0.02)
        first.cancel()
    await asyncio.sleep(0.2)
    assert done == ["open"]


async def test_a_second_opening_does_not_interrupt_the_first(thread: PortThread, clock: ThreadClock) -> None:
    done: list[int] = []

    async def open_circuit(number: int) -> None:
        await clock.sleep_until(clock.now() + 0.05)
        done.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(thread.call_first(lambda number=number: open_circuit(number)))
    assert done == [0, 1, 2]


async def test_cancelling_a_call_interrupts_it(thread: PortThread, clock: ThreadClock) -> None:
    async def long() -> None:
        await clock.sleep_until(clock.now() + 60.0)

    async with asyncio.TaskGroup() as group:
        call = group.create_task(thread.call(long))
        await asyncio.sleep(0.02)
        call.cancel()

    async def nothing() -> int:
        return 1

    async with asyncio.timeout(2.0):
        assert await thread.call(nothing) == 1


async def test_a_stream_hands_over_everything_in_order(thread: PortThread) -> None:
    async def numbers() -> AsyncGenerator[int, None]:
        for number in range(25_000):
            yield number

    assert [number async for number in thread.stream(numbers)] == list(range(25_000))


async def test_a_full_mailbox_makes_the_thread_wait(thread: PortThread) -> None:
    made = 0

    async def numbers() -> AsyncGenerator[int, None]:
        nonlocal made
        for made in range(25_000):
            yield made

    stream = thread.stream(numbers)
    assert await anext(stream) == 0
    await asyncio.sleep(0.2)
    assert made <= 10_001
    assert [number async for number in stream] == list(range(1, 25_000))


async def test_an_item_after_a_pause_arrives_at_once(thread: PortThread, clock: ThreadClock) -> None:
    async def times() -> AsyncGenerator[float, None]:
        for _ in range(5):
            await clock.sleep_until(clock.now() + 0.05)
            yield clock.now()

    delays = [clock.now() - time_s async for time_s in thread.stream(times)]
    assert sorted(delays)[2] < 0.005


async def test_an_error_comes_after_the_items_before_it(thread: PortThread) -> None:
    async def numbers() -> AsyncGenerator[int, None]:
        yield 1
        yield 2
        raise ZeroDivisionError

    stream = thread.stream(numbers)
    assert [await anext(stream), await anext(stream)] == [1, 2]
    with pytest.raises(ZeroDivisionError):
        await anext(stream)


async def test_leaving_a_stream_early_ends_it_in_the_thread(thread: PortThread, clock: ThreadClock) -> None:
    ended: list[str] = []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await clock.sleep_until(clock.now() + 60.0)
            yield 2
        finally:
            ended.append(threading.current_thread().name)

    stream = thread.stream(numbers)
    assert await anext(stream) == 1
    began = time.monotonic()
    await stream.aclose()
    assert time.monotonic() - began < 1.0
    assert ended == ["port under test"]


async def test_a_thread_that_was_closed_starts_again(clock: ThreadClock) -> None:
    thread = PortThread("port under test", clock)

    async def one() -> int:
        return 1

    assert await thread.call(one) == 1
    await thread.close()
    await thread.close()
    assert await thread.call(one) == 1
    await thread.close()
