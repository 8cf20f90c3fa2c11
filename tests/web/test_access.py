"""Who may look and who may command: sessions, the token, CSRF, and the user at the other end of a connection."""

import os
import socket
from dataclasses import dataclass

import httpx
import pytest

from labctl.web.access import FRESH_S, IDLE_S, LONGEST_S
from labctl.web.loopback import user_at
from tests.web.parts import STRANGER, FakeDoor, access, browsing, held, with_session

TOKEN = "7c1de0b9f1a24b0e93d5"
PAUSE = {"confirm": "NaK-17"}
RESUME, STOP = "/api/v1/runs/7/resume", "/api/v1/runs/7/stop"


@dataclass
class Clock:
    time_s: float = 1000.0

    def __call__(self) -> float:
        return self.time_s


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def test_without_a_token_whoever_runs_the_server_may_look_and_command() -> None:
    async with browsing() as client:
        assert (await client.get("/api/v1/channels")).status_code == 200
        await with_session(client)
        session = (await client.get("/api/v1/session")).json()
        assert session["may"] == {"look": True, "stop": True, "start": True, "history": False}
        assert not session["token_wanted"]
        assert (await client.post(STOP, json=PAUSE)).status_code == 200


@pytest.mark.parametrize("user", [STRANGER, None])
async def test_another_user_of_the_computer_may_only_look(user: int | None) -> None:
    door = FakeDoor(channels=[held()])
    async with browsing(door, may=access(user=user)) as client:
        await with_session(client)
        assert (await client.get("/api/v1/channels")).status_code == 200
        assert (await client.post(STOP, json=PAUSE)).status_code == 403
        session = (await client.get("/api/v1/session")).json()
        assert not session["may"]["stop"]
        assert session["why_not"]
    assert door.asked == []


@pytest.mark.parametrize("csrf", [None, "", "x" * 43, "Ω"])
async def test_a_command_repeats_what_only_our_page_knows(csrf: str | None) -> None:
    door = FakeDoor(channels=[held()])
    async with browsing(door) as client:
        await client.get("/api/v1/session")
        headers = {} if csrf is None else {"x-csrf-token": csrf.encode()}
        assert kind(await client.post(STOP, json=PAUSE, headers=headers)) == (403, "csrf")
        await with_session(client)
        client.cookies.clear()  # the right token of a session that this viewer does not have
        assert kind(await client.post(STOP, json=PAUSE)) == (403, "csrf")
    assert door.asked == []


READ = [
    "channels",
    "live",
    "runs",
    "runs/1",
    "runs/1/series",
    "runs/1/cycles",
    "runs/1/spectra",
    "runs/1/events",
]


@pytest.mark.parametrize("path", [*READ, "queue", "protocols"])
async def test_with_a_token_nothing_is_shown_to_whoever_has_not_given_it(path: str) -> None:
    async with browsing(may=access(TOKEN)) as client:
        for _ in range(2):  # also with a session that has not
            assert kind(await client.get(f"/api/v1/{path}?token={TOKEN}")) == (401, "token-wanted")
            session = (await client.get("/api/v1/session")).json()
        assert session["may"] == {"look": False, "stop": False, "start": False, "history": False}
        assert session["stations"] == []
        assert (await client.get("/")).status_code == 200  # the page that asks for it


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites() -> None:
    for tls, name in ((False, "labctl-8420"), (True, "__Host-labctl-8420")):
        async with browsing(may=access(TOKEN, tls=tls)) as client:
            answer = await client.post("/api/v1/session", json={"token": TOKEN})
            cookie = answer.headers["set-cookie"].lower()
            assert cookie.startswith(f"{name.lower()}=")
            assert {"httponly", "samesite=strict", "path=/"} <= set(cookie.split("; "))
            assert ("secure" in cookie.split("; ")) is tls
            assert TOKEN not in cookie


async def test_giving_the_token_begins_a_session_of_another_name() -> None:
    async with browsing(may=access(TOKEN)) as client:
        await client.get("/api/v1/session")
        before = client.cookies["labctl-8420"]
        await with_session(client, TOKEN)
        assert client.cookies["labctl-8420"] != before
        assert (await client.get("/api/v1/channels")).status_code == 200
        assert (await client.post("/api/v1/session/end")).status_code == 200
        assert kind(await client.get("/api/v1/channels")) == (401, "token-wanted")


async def test_starting_needs_the_token_again_after_a_while_and_stopping_never() -> None:
    clock, door = Clock(), FakeDoor(channels=[held()])
    async with browsing(door, may=access(TOKEN, now=clock)) as client:
        await with_session(client, TOKEN)
        assert (await client.post(RESUME, json=PAUSE)).status_code == 200
        clock.time_s += FRESH_S + 1.0
        assert kind(await client.post(RESUME, json=PAUSE)) == (401, "token-again")
        submission = {"channel": "a1", "protocol": "protocol: x"}
        assert kind(await client.post("/api/v1/queue", json=submission)) == (401, "token-again")
        for verb in ("pause", "stop", "abort"):
            assert (await client.post(f"/api/v1/runs/7/{verb}", json=PAUSE)).status_code == 200
        session = (await client.get("/api/v1/session")).json()
        assert (session["may"]["stop"], session["may"]["start"]) == (True, False)
        await with_session(client, TOKEN)
        assert (await client.post(RESUME, json=PAUSE)).status_code == 200
    assert [verb for _, verb, _ in door.asked] == ["resume", "pause", "stop", "abort", "resume"]


async def test_sessions_end() -> None:
    clock = Clock()
    async with browsing(may=access(TOKEN, now=clock)) as client:
        await with_session(client, TOKEN)
        clock.time_s += IDLE_S - 1.0
        assert (await client.get("/api/v1/channels")).status_code == 200
        clock.time_s += IDLE_S + 1.0
        assert (await client.get("/api/v1/channels")).status_code == 401
        await with_session(client, TOKEN)
        for _ in range(int(LONGEST_S / (IDLE_S - 1.0))):
            clock.time_s += IDLE_S - 1.0
            assert (await client.get("/api/v1/channels")).status_code == 200
        clock.time_s += IDLE_S - 1.0
        assert (await client.get("/api/v1/channels")).status_code == 401


async def test_guessing_is_slow() -> None:
    clock, told = Clock(), []
    async with browsing(may=access(TOKEN, now=clock, tell=told.append)) as client:
        for _ in range(5):
            assert kind(await client.post("/api/v1/session", json={"token": "guess"})) == (
                401,
                "token-wanted",
            )
        answer = await client.post("/api/v1/session", json={"token": TOKEN})
        assert answer.status_code == 429
        assert len(told) == 5
        assert "guess" not in str(told)
        clock.time_s += 61.0
        await with_session(client, TOKEN)


async def test_whoever_logs_in_is_not_pushed_out_by_those_who_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labctl.web.access._MOST_SESSIONS", 3)
    async with browsing(may=access(TOKEN)) as client:
        await with_session(client, TOKEN)
        ours = dict(client.cookies)
        for _ in range(10):
            client.cookies.clear()
            await client.get("/api/v1/session")
        client.cookies.update(ours)
        assert (await client.get("/api/v1/channels")).status_code == 200


async def test_a_program_gives_the_token_in_a_header() -> None:
    door = FakeDoor(channels=[held()])
    async with browsing(door, may=access(TOKEN)) as client:
        client.headers["authorization"] = f"Bearer {TOKEN}"
        assert (await client.get("/api/v1/channels")).status_code == 200
        assert (await client.post(RESUME, json=PAUSE)).status_code == 200
        client.headers["authorization"] = "Bearer wrong"
        assert (await client.get("/api/v1/channels")).status_code == 401


def test_the_kernel_says_whose_a_connection_is() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert user_at(client.getsockname(), server.getsockname()) == os.getuid()
        assert user_at(client.getsockname(), ("127.0.0.1", 1)) is None
        assert user_at(("192.0.2.1", 5), server.getsockname()) is None
        assert user_at(("nonsense", 5), server.getsockname()) is None
    if socket.has_ipv6:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
            address = server.getsockname()[:2]
            with socket.create_connection(address) as client:
                assert user_at(client.getsockname()[:2], address) == os.getuid()
