"""The feed of a station on this computer: a snapshot, what changes, what is recorded, and losing it."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from labctl.station import local_socket
from labctl.station.mailbox import Mailbox
from labctl.telemetry.local_feed import LocalFeed
from labctl.telemetry.messages import ChannelState, Cycle, Event, Message, Samples, StationStatus
from tests.telemetry.benches import BEGUN_UNIX_S, STATION, half_cycle, serving, until

HOSTILE = "<img src=x onerror=alert(1)>/#+$\u202e"


async def first(messages: AsyncGenerator[Message, None], kind: type[Message], **fields: object) -> Message:
    """The next message of a kind whose fields are as given."""
    async with asyncio.timeout(20.0):
        async for message in messages:
            if isinstance(message, kind) and all(getattr(message, n) == v for n, v in fields.items()):
                return message
    raise AssertionError("the feed ended")


async def test_a_snapshot_comes_first_and_then_what_changes(tmp_path: Path) -> None:
    async with serving(tmp_path, "a1", "a2") as bench, aclosing(LocalFeed(STATION).messages()) as messages:
        snapshot = [await anext(messages) for _ in range(3)]
        assert [(message.type, getattr(message, "channel", "")) for message in snapshot] == [
            ("status", ""),
            ("state", "a1"),
            ("state", "a2"),
        ]
        status = snapshot[0]
        assert isinstance(status, StationStatus)
        assert (status.online, status.channels, status.reason) == (True, ("a1", "a2"), "")
        run = bench.begin("a2", HOSTILE)
        state = await first(messages, ChannelState, state="running")
        assert isinstance(state, ChannelState)
        assert (state.channel, state.run_id, state.cell) == ("a2", run.run_id, HOSTILE)


async def test_samples_come_in_one_message_for_all_channels_and_none_twice(tmp_path: Path) -> None:
    async with serving(tmp_path, "a1", "a2") as bench, aclosing(LocalFeed(STATION).messages()) as messages:
        for name in ("a1", "a2"):
            bench.begin(name, f"cell of {name}")
            bench.workers[name].measure(1.0, 0.1)
        found = await first(messages, Samples)
        assert isinstance(found, Samples)
        assert set(found.channels) == {"a1", "a2"}
        bench.workers["a1"].measure(2.0, 0.2)
        found = await first(messages, Samples)
        assert isinstance(found, Samples)
        (columns,) = found.channels.values()
        assert (columns.seq, columns.voltage_volt) == ((2,), (0.2,))
        assert columns.unix_time_second == (BEGUN_UNIX_S + 2.0,)


async def test_what_is_recorded_follows_in_order_without_a_gap(tmp_path: Path) -> None:
    async with serving(tmp_path) as bench, aclosing(LocalFeed(STATION).messages()) as messages:
        await anext(messages)
        await asyncio.sleep(0.5)  # the tail begins at the end there is, and has found that by now
        run = bench.begin("a1", HOSTILE)
        for cycle in (1, 2):
            run.half_cycle(half_cycle(cycle))
        run.event("decision", 30.0, "overpotential_jump", "twice the baseline", {"seen_V": 0.2})
        run.flush_blocking()
        found = [await first(messages, kind) for kind in (Event, Cycle, Cycle, Event)]
    assert [message.event_id for message in found] == [1, 2, 3, 4]
    assert [message.cell for message in found] == [HOSTILE] * 4
    assert isinstance(found[1], Cycle)
    assert (found[1].cycle, found[1].overpotential_median_volt, found[1].complete) == (1, 0.05, True)
    assert isinstance(found[3], Event)
    assert (found[3].severity, found[3].data, found[3].author) == (
        "warning",
        {"seen_V": 0.2},
        "overpotential_jump",
    )


async def test_a_station_that_is_lost_and_found_is_said_to_be(tmp_path: Path) -> None:
    async with aclosing(LocalFeed(STATION).messages()) as messages:
        lost = await anext(messages)
        assert isinstance(lost, StationStatus)
        assert not lost.online
        assert "does not answer" in lost.reason
        async with serving(tmp_path):
            await first(messages, StationStatus, online=True)
        lost = await first(messages, StationStatus, online=False)
        assert isinstance(lost, StationStatus)
        assert (lost.channels, lost.version != "") == (("a1", "a2"), True)
        async with serving(tmp_path):
            await first(messages, ChannelState)


async def test_a_listener_that_stands_still_is_dropped_and_nobody_else_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_socket, "_SLOW_S", 0.2)
    async with serving(tmp_path, "a1") as bench, aclosing(LocalFeed(STATION).messages()) as messages:
        bench.begin("a1", "x")
        await first(messages, ChannelState)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as frozen:
            frozen.connect(str(local_socket.socket_path(STATION)))
            frozen.sendall(json.dumps({"id": "1", "do": "watch"}).encode() + b"\n")
            await until(lambda: len(bench.broadcast.listeners) == 2)
            for number in range(4):
                bench.workers["a1"].reason = f"{number}" * 500_000
                await first(messages, ChannelState, reason=bench.workers["a1"].reason)
            await until(lambda: len(bench.broadcast.listeners) == 1)


@pytest.mark.parametrize("most", [1, 3])
async def test_of_a_kind_the_latest_wait_and_the_rest_is_counted(most: int) -> None:
    mailbox: Mailbox[int] = Mailbox()
    for number in range(5):
        mailbox.put("numbers", number, most)
        mailbox.put("last", -number)
    assert await mailbox.take() == sorted([*range(5 - most, 5), -4], key=lambda n: (abs(n), n < 0))
    assert mailbox.lost == ({} if most == 1 else {"numbers": 2})
