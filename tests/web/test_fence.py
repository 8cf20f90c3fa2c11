"""What is let in at all, at every address: names, origins, sizes, depths, pace; and what every answer says."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from labctl.web import fence, openapi
from labctl.web.application import create_app
from labctl.web.live import Live
from tests.web.parts import BASE, FakeDoor, access, browsing, held, with_session

PATHS = ["/", "/static/js/main.js", *openapi.description()["paths"], "/api/v1/openapi.json", "/nowhere"]
STOP, CONFIRM = "/api/v1/runs/7/stop", {"confirm": "NaK-17"}


def filled(path: str) -> str:
    for name, value in {"run_id": "1", "target": "7", "verb": "stop", "event_id": "1.1"}.items():
        path = path.replace(f"{{{name}}}", value)
    return path


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "", "[", "a@127.0.0.1:x"]
)
async def test_a_strange_name_is_refused_at_every_address(host: str) -> None:
    async with browsing() as client:
        for path in map(filled, PATHS):
            for method in ("GET", "POST"):
                answer = await client.request(method, path, headers={"host": host})
                assert answer.status_code == 421, (method, path)


async def test_names_that_were_allowed_are_let_in_with_any_port() -> None:
    async with browsing() as client:
        for host in ("localhost:8420", "LOCALHOST", "[::1]:8420", "127.0.0.1"):
            assert (await client.get("/api/v1/channels", headers={"host": host})).status_code == 200


ELSEWHERE = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "https://127.0.0.1:8420"},
    {"origin": "http://127.0.0.1:9999"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": BASE, "sec-fetch-site": "cross-site"},
]


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
async def test_a_page_of_another_origin_may_not_command(headers: dict[str, str]) -> None:
    door = FakeDoor(channels=[held()])
    async with browsing(door) as client:
        await with_session(client)
        assert (await client.post(STOP, json=CONFIRM, headers=headers)).status_code == 403
        assert door.asked == []
        ours = {"origin": BASE, "sec-fetch-site": "same-origin"}
        assert (await client.post(STOP, json=CONFIRM, headers=ours)).status_code == 200


async def test_every_answer_forbids_what_a_page_has_no_need_of() -> None:
    async with browsing() as client:
        for path in map(filled, PATHS):
            if path == "/api/v1/live":
                continue
            answer = await client.get(path)
            policy = dict(
                part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; ")
            )
            assert policy["default-src"] == "'self'", path
            assert policy["frame-ancestors"] == "'none'", path
            assert "unsafe" not in str(policy), path
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert answer.headers["referrer-policy"] == "no-referrer", path
            assert path.startswith("/api/") is (answer.headers.get("cache-control") == "no-store"), path
            assert "access-control-allow-origin" not in answer.headers, path


async def test_errors_are_one_sentence() -> None:
    async with browsing() as client:
        for answer in (
            await client.get("/nowhere"),
            await client.put("/api/v1/channels"),
            await client.get("/api/v1/runs"),
            await client.get("/api/v1/channels", headers={"host": "evil.example"}),
        ):
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert problem["detail"]
            assert "\n" not in problem["detail"]


DEEP = b"[" * 200_000
HEAVY: list[tuple[bytes, set[int]]] = [
    (json.dumps({"protocol": "x" * 10_000_000}).encode(), {413}),
    (DEEP, {400}),
    (b'{"protocol": ' + DEEP[:100_000], {400}),
    (b'{"protocol": 5}', {422}),
    (b'{"protocol": "\\ud800"}', {422}),
    (b"\xff\xfe", {400}),
    (b"", {400}),
    (b"[]", {400}),
    (b'{"protocol": "x", "more": 1}', {422}),
]


@pytest.mark.parametrize(("body", "wanted"), HEAVY, ids=lambda value: str(value)[:20])
async def test_heavy_and_strange_bodies_are_refused(body: bytes, wanted: set[int]) -> None:
    async with browsing() as client:
        await with_session(client)
        answer = await client.post(
            "/api/v1/check", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code in wanted
        form = await client.post("/api/v1/check", content=b"a=b", headers={"content-type": "text/plain"})
        assert form.status_code == 415


async def test_a_body_that_says_no_length_is_cut_off_at_the_same_size() -> None:
    async def endless() -> Any:
        while True:
            yield b"x" * 65536

    async with browsing() as client:
        answer = await client.post("/api/v1/check", content=endless())
        assert answer.status_code == 413


async def test_a_body_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "BODY_WITHIN_S", 0.05)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    app = create_app(Live([]), None, FakeDoor(), access())
    scope = {"type": "http", "method": "POST", "path": "/api/v1/check", "headers": [(b"host", b"localhost")]}
    async with asyncio.timeout(10.0):
        await app(scope, receive, send)
    assert sent[0]["status"] == 408


async def test_there_are_no_web_sockets() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await create_app(Live([]), None, FakeDoor(), access())({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_pages_are_asked_for_once_and_stay_below_their_folder() -> None:
    async with browsing() as client:
        page = await client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        again = await client.get("/", headers={"if-none-match": page.headers["etag"]})
        assert again.status_code == 304
        script = await client.get("/static/js/main.js")
        assert script.headers["content-type"].startswith("text/javascript")
        for path in (
            "/static/../application.py",
            "/static/%2e%2e/application.py",
            "/static/..%2fserver.py",
            "/static//etc/passwd",
        ):
            answer = await client.request("GET", httpx.URL(BASE + path))
            assert answer.status_code == 404, path
