"""The live state: merged, four times a second, resumable; who is slow loses samples and never a state."""

import asyncio
import json
from typing import Any

import pytest

from labctl.web import live as live_module
from labctl.web.live import RECENT, Frame, Live, batches
from tests.web.parts import FakeFeed, event, samples, state, status


def told(*messages: Any) -> Live:
    live = Live([])
    for message in messages:
        live.take(message)
    live.tick()
    return live


def states(frames: list[Frame]) -> dict[str, str]:
    """The states that these frames leave a viewer with."""
    known = {}
    for frame in frames:
        if frame.event == "state":
            known |= {one["channel"]: one["state"] for one in json.loads(frame.data)["channels"]}
    return known


async def test_states_between_two_ticks_are_merged() -> None:
    live = told(status(), state("a1"), state("a2"))
    seen = live.snapshot()[-1].number
    for phase in ("running", "pausing", "paused"):
        live.take(state("a1", state=phase))
    live.tick()
    (frame,) = live.since(seen)
    assert states([frame]) == {"a1": "paused"}
    assert live.since(frame.number) == []


async def test_a_document_of_everything() -> None:
    live = told(status(channels=("a1", "a2")), state("a1"))
    live.take(state("a2", state="held"))
    document = json.loads(live.as_document())
    assert [one["station"] for one in document["stations"]] == ["bench"]
    assert [(one["channel"], one["state"]) for one in document["channels"]] == [
        ("a1", "idle"),
        ("a2", "held"),
    ]


async def test_a_slow_viewer_loses_samples_and_never_a_state_or_an_event() -> None:
    live = told(status(channels=("a1", "a2")), state("a1"), state("a2"))
    seen = live.snapshot()[-1].number
    for n in range(5 * RECENT):
        live.take(state("a1", state=f"s{n}"))
        if n == 0:
            live.take(state("a2", state="held"))
        live.take(samples("a1"))
        live.take(event(n))
        live.tick()
    frames = live.since(seen)
    assert states(frames) == {"a1": f"s{5 * RECENT - 1}", "a2": "held"}
    assert [json.loads(f.data)["id"] for f in frames if f.event == "event"] == [
        f"1.{n}" for n in range(5 * RECENT)
    ]
    assert sum(frame.event == "samples" for frame in frames) == RECENT
    assert [frame.number for frame in frames] == sorted(frame.number for frame in frames)
    assert live.since(frames[-1].number) == []


async def test_a_viewer_that_missed_more_than_is_remembered_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_module, "REMEMBERED", 10)
    live = told(status(), state("a1"))
    seen = live.snapshot()[-1].number
    for n in range(30):
        live.take(event(n))
    live.take(state("a1", state="paused"))
    live.tick()
    kinds = [frame.event for frame in live.since(seen)]
    assert kinds == [*["event"] * 30, "station", "state"]
    assert states(live.since(seen)) == {"a1": "paused"}


async def test_a_number_that_was_never_given_begins_anew() -> None:
    live = told(status(), state("a1"))
    assert [frame.event for frame in live.since(10_000)] == ["station", "state"]


async def test_a_station_is_told_when_it_changes_and_not_at_each_sign_of_life() -> None:
    live = told(status())
    seen = live.snapshot()[-1].number
    live.take(status(updated_unix_second=9.0))
    assert live.since(seen) == []
    live.take(status(online=False, reason="its process is gone"))
    (frame,) = live.since(seen)
    assert json.loads(frame.data)["reason"] == "its process is gone"


async def test_a_channel_that_a_station_no_longer_has_is_forgotten() -> None:
    live = told(status(channels=("a1", "a2")), state("a1"), state("a2"))
    live.take(status(channels=("a1",)))
    assert [one["channel"] for one in json.loads(live.as_document())["channels"]] == ["a1"]


def test_samples_are_those_that_a_viewer_wants() -> None:
    both = [samples("a1", "a2"), samples("a1", station="other")]
    assert [list(batch["channels"]) for batch in json.loads(batches(both, None))["batches"]] == [
        ["a1", "a2"],
        ["a1"],
    ]
    (one,) = json.loads(batches(both, frozenset({"bench/a2"})))["batches"]
    assert list(one["channels"]) == ["a2"]
    assert batches(both, frozenset({"none"})) == b""


async def test_feeds_are_followed_and_let_go() -> None:
    feeds = [FakeFeed([status(), state("a1")]), FakeFeed([status("other"), state("b1", "other")])]
    live = Live(feeds)
    async with asyncio.timeout(10.0), live.running():
        while len(live.cells) < 2:
            await live.ticked()
    assert sorted(live.cells) == [("bench", "a1"), ("other", "b1")]
