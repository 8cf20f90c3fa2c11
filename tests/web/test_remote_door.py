"""Commands to stations elsewhere: the cell is named as telemetry shows it, the command is signed, sent once."""

from collections.abc import AsyncIterator

import httpx
import pytest

from labctl.station.broker import Broker
from labctl.telemetry import command
from labctl.telemetry.command import Command
from labctl.web import remote_door
from labctl.web.live import Live
from labctl.web.remote_door import RemoteDoor
from tests.web.parts import browsing, state, status, with_session

KEY = bytes(32)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    commands: list[Command] = []

    async def send(_: Broker, command: Command) -> str:
        commands.append(command)
        return f"{command.verb} was done"

    monkeypatch.setattr(remote_door, "send", send)
    return commands


@pytest.fixture
async def client(sent: list[Command]) -> AsyncIterator[httpx.AsyncClient]:
    live = Live([])
    running = state("a1", state="running", run_id=7, cell="NaK-17", entry="q3", protocol="p")
    for message in (status(), running, state("a2"), status("gone", online=False)):
        live.take(message)
    async with browsing(RemoteDoor(Broker("broker.example", 8883, tls=True), KEY), live=live) as client:
        yield await with_session(client)


async def test_a_command_names_the_cell_and_is_signed(client: httpx.AsyncClient, sent: list[Command]) -> None:
    assert (await client.get("/api/v1/session")).json()["stations"] == ["bench"]
    wrong = await client.post("/api/v1/runs/7/abort", json={"confirm": "NaK-18"})
    assert (wrong.status_code, sent) == (409, [])
    body = {"confirm": "NaK-17", "command_id": "once-only-1"}
    for _ in range(2):
        answer = await client.post("/api/v1/runs/7/abort", json=body)
        assert answer.json() == {"message": "abort was done"}
    (only,) = sent
    assert (only.station, only.run, only.verb) == ("bench", 7, "abort")
    assert command.checked(command.to_text(only), KEY, "bench", ("abort",)) == only


async def test_the_queue_is_what_the_channels_have_to_do_with(client: httpx.AsyncClient) -> None:
    (entry,) = (await client.get("/api/v1/queue")).json()["entries"]
    assert (entry["station"], entry["entry"], entry["state"], entry["run_id"]) == (
        "bench",
        "q3",
        "running",
        7,
    )


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("runs/a1/pause", {"confirm": "NaK-17"}),
        ("runs/7/resume", {"confirm": "NaK-17", "any_voltage": True}),
        ("events/7.1/acknowledge", {}),
    ],
)
async def test_what_only_its_own_computer_does_is_refused_in_words(
    path: str, body: dict[str, object], client: httpx.AsyncClient, sent: list[Command]
) -> None:
    answer = await client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 409
    assert "computer of" in answer.json()["detail"]
    assert sent == []
