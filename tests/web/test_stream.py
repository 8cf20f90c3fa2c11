"""Server-sent events, as the server's protocol sees them: greeting, ids, resuming, slow viewers, leaving."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from labctl.web import stream as stream_module
from labctl.web.application import create_app
from labctl.web.live import Live
from tests.web.parts import FakeDoor, access, event, samples, state, status


class Browser:
    """One connection to ``/api/v1/live``."""

    def __init__(self) -> None:
        self.text = b""
        self.status = 0
        self.over = False
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"")
        self.over = message["type"] == "http.response.body" and not message.get("more_body", False)

    def events(self) -> list[tuple[str, str, Any]]:
        found = []
        for block in self.text.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in fields:
                found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
        return found

    async def until(self, event: str, count: int = 1) -> list[tuple[str, str, Any]]:
        async with asyncio.timeout(10.0):
            while sum(kind == event for kind, *_ in self.events()) < count:
                await asyncio.sleep(0.005)
        return self.events()


@asynccontextmanager
async def looking(live: Live, last: str = "", query: str = "") -> AsyncIterator[Browser]:
    browser = Browser()
    app = create_app(live, None, FakeDoor(), access())
    headers = [(b"host", b"127.0.0.1:8420"), *([(b"last-event-id", last.encode())] if last else [])]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/live",
        "query_string": query.encode(),
        "headers": headers,
        "scheme": "http",
        "server": ("127.0.0.1", 8420),
        "client": ("127.0.0.1", 5),
        "http_version": "1.1",
    }
    async with live.running(), asyncio.TaskGroup() as group:
        task = group.create_task(app(scope, browser.receive, browser.send))  # type: ignore[arg-type]
        yield browser
        browser.gone.set()
        browser.reads.set()
        async with asyncio.timeout(10.0):
            await asyncio.wait((task,))


@pytest.fixture
def live() -> Live:
    return Live([])


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labctl.web.live.TICK_S", 0.01)


pytestmark = pytest.mark.usefixtures("_quick")


async def test_a_viewer_is_greeted_with_everything_and_told_what_changes(live: Live) -> None:
    live.take(status())
    live.take(state("a1"))
    live.take(event(1))
    live.tick()
    async with looking(live) as browser:
        greeting = await browser.until("state")
        assert [kind for kind, *_ in greeting] == ["event", "station", "state"]
        live.take(state("a1", state="running"))
        live.take(samples("a1"))
        found = (await browser.until("samples"))[3:]
    assert [(kind, bool(number)) for kind, number, _ in found] == [("state", True), ("samples", False)]
    assert browser.status == 200


async def test_a_viewer_that_comes_back_is_told_what_it_missed(live: Live) -> None:
    live.take(state("a1"))
    live.take(state("a2"))
    live.tick()
    async with looking(live) as browser:
        last = (await browser.until("state"))[-1][1]
    live.take(event(1))
    live.take(state("a2", state="held"))
    live.tick()
    async with looking(live, last) as browser:
        found = await browser.until("state")
    assert [kind for kind, *_ in found] == ["event", "state"]
    assert [one["channel"] for one in found[1][2]["channels"]] == ["a2"]


@pytest.mark.parametrize("last", ["0000-1", "nonsense", "-", "99999999999999999999"])
async def test_an_id_of_another_life_begins_anew(live: Live, last: str) -> None:
    live.take(state("a1"))
    live.tick()
    async with looking(live, last) as browser:
        assert [kind for kind, *_ in await browser.until("state")] == ["state"]


async def test_a_viewer_that_does_not_read_is_told_the_present_when_it_does(live: Live) -> None:
    live.take(state("a1"))
    live.tick()
    async with looking(live, query="samples=none") as browser:
        await browser.until("state")
        browser.reads.clear()
        for n in range(100):
            live.take(state("a1", state=f"s{n}"))
            live.take(samples("a1"))
            live.tick()
            await asyncio.sleep(0)
        browser.reads.set()
        async with asyncio.timeout(10.0):
            while browser.events()[-1][2]["channels"][0]["state"] != "s99":
                await asyncio.sleep(0.005)
    assert sum(kind == "state" for kind, *_ in browser.events()) < 20
    assert not any(kind == "samples" for kind, *_ in browser.events())


async def test_a_viewer_that_takes_nothing_in_is_let_go(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "GIVEN_UP_AFTER_S", 0.05)
    monkeypatch.setattr(stream_module, "MOST_VIEWERS", 1)
    live.take(state("a1"))
    live.tick()
    browser, app = Browser(), create_app(live, None, FakeDoor(), access())
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/live",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    sent = 0

    async def send(message: Any) -> None:
        nonlocal sent
        sent += 1
        if sent > 1:
            await asyncio.Event().wait()

    async with live.running(), asyncio.timeout(10.0):
        await app(scope, browser.receive, send)


async def test_silence_is_broken_now_and_then(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "HEARTBEAT_S", 0.02)
    async with looking(live) as browser, asyncio.timeout(10.0):
        while browser.text.count(b"event: alive") < 2:
            await asyncio.sleep(0.005)


async def test_too_many_viewers_are_refused(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "MOST_VIEWERS", 0)
    async with looking(live) as browser, asyncio.timeout(10.0):
        while not browser.over:
            await asyncio.sleep(0.005)
    assert browser.status == 429


async def test_viewers_are_let_go_when_the_server_ends(live: Live) -> None:
    async with looking(live) as browser, asyncio.timeout(10.0):
        await browser.until("state")
        live.close()
        while not browser.over:
            await asyncio.sleep(0.005)
