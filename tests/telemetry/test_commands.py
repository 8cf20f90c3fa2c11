"""Commands over MQTT: whoever has the key is obeyed once; nobody else is, whatever they send (guarantee G19)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from labctl.errors import StationError, UserError
from labctl.station.broker import Broker
from labctl.telemetry import command as command_module
from labctl.telemetry.command import Command, Refused, checked, new, to_text
from labctl.telemetry.connection import client
from labctl.telemetry.remote_hand import send
from tests.telemetry.benches import STATION, Bench, serving, until
from tests.telemetry.brokers import Mosquitto, mosquitto
from tests.telemetry.listeners import publishing

KEY = b"0123456789abcdef0123456789abcdef"
TOPIC = f"labctl/v1/{STATION}/command"
ALLOWED = ("pause", "stop", "abort")
NOW_S = 1_800_000_000.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("broker")) as made:
        yield made


@asynccontextmanager
async def commanded(folder: Path, broker: Mosquitto) -> AsyncIterator[tuple[Bench, aiomqtt.Client]]:
    """A station with a run, that takes commands; and a client that sends some."""
    key_file = folder / "key"
    key_file.write_bytes(KEY + b"\n")
    key_file.chmod(0o600)
    at = replace(broker.at, command_key=key_file)
    async with serving(folder) as bench, publishing(bench, at), client(broker.at) as sender:
        bench.begin("a1", "NaK-17")
        await until(lambda: "mqtt" in bench.broadcast.services)
        await asyncio.sleep(0.3)
        yield bench, sender


def on_record(bench: Bench) -> list[tuple[Any, ...]]:
    query = "SELECT command_id, verb, target, accepted, answer, times FROM remote_command ORDER BY 1, 2"
    return bench.store.submit(lambda c: [tuple(row) for row in c.exec_driver_sql(query)]).result()


def refused(bench: Bench) -> int:
    return sum(row[5] for row in on_record(bench) if not row[3])


async def test_a_command_is_carried_out_once_answered_and_on_record(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with commanded(tmp_path, broker) as (bench, sender):
        command = new(STATION, 1, "abort", KEY)
        assert await send(broker.at, command) == "abort 1: done"
        with pytest.raises(StationError, match="carried out before: abort 1: done"):
            await send(broker.at, command)
        for _ in range(20):
            await sender.publish(TOPIC, to_text(command), qos=1)
        await send(broker.at, new(STATION, 1, "pause", KEY))
        assert [(asked["do"], asked["target"]) for asked in bench.asked] == [("abort", "1"), ("pause", "1")]
        assert [row[:5] for row in on_record(bench) if row[1] == "abort"] == [
            (command.id, "abort", "1", 1, "abort 1: done")
        ]
        notes = bench.workers["a1"].noted
        assert notes[0] == (
            "remote_command",
            "abort, commanded over MQTT",
            "mqtt",
            {"command_id": command.id},
        )


async def test_a_command_that_was_carried_out_before_the_station_was_started_anew_is_not_again(
    tmp_path: Path, broker: Mosquitto
) -> None:
    command = new(STATION, 1, "stop", KEY)
    async with commanded(tmp_path, broker):
        await send(broker.at, command)
    async with commanded(tmp_path, broker) as (bench, _):
        with pytest.raises(StationError, match="carried out before"):
            await send(broker.at, command)
        assert bench.asked == []


async def test_nothing_of_strangers_is_carried_out_and_all_of_it_is_counted(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with commanded(tmp_path, broker) as (bench, sender):
        good = new(STATION, 1, "abort", KEY)
        forged = new(STATION, 1, "abort", b"x" * 32)
        others: list[bytes] = [
            to_text(forged),
            to_text(replace(good, run=2)),
            to_text(replace(good, signature="")),
            to_text(replace(good, signature="\u00e9")),
            to_text(new("other", 1, "abort", KEY)),
            to_text(new(STATION, 1, "resume", KEY)),
            to_text(new(STATION, 1, "submit", KEY)),
            b"",
            b"\xff",
            b"[" * 2000,
            b"{" + b" " * 5000 + b"}",
            json.dumps({**json.loads(to_text(good)), "extra": 1}).encode(),
        ]
        times = 25
        for payload in others * times:
            await sender.publish(TOPIC, payload, qos=1)
        await sender.publish(f"{TOPIC}/x", to_text(good), qos=1)
        await sender.publish("labctl/v1/+/command".replace("+", "other"), to_text(good), qos=1)
        await sender.publish(
            TOPIC, to_text(good), qos=1, retain=True
        )  # heard live first, and then never again
        await until(lambda: refused(bench) == times * len(others))
        await until(lambda: bench.asked)
    async with commanded(tmp_path, broker) as (bench, sender):
        await until(lambda: refused(bench) == times * len(others) + 1)
        assert bench.asked == []
        assert "never retained" in str(on_record(bench))
        await sender.publish(TOPIC, b"", retain=True)
        assert len(on_record(bench)) < 60


async def test_a_run_that_is_not_there_is_refused_with_an_answer(tmp_path: Path, broker: Mosquitto) -> None:
    async with commanded(tmp_path, broker):
        with pytest.raises(StationError, match="resume is not allowed over MQTT here; pause, stop, abort is"):
            await send(broker.at, new(STATION, 1, "resume", KEY))


async def test_without_a_key_no_command_is_taken(
    tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.telemetry.remote_hand._PATIENCE_S", 0.5)
    async with serving(tmp_path) as bench, publishing(bench, broker.at):
        bench.begin("a1", "NaK-17")
        await until(lambda: "mqtt" in bench.broadcast.services)
        with pytest.raises(StationError, match="gives no answer"):
            await send(broker.at, new(STATION, 1, "abort", KEY))
        assert bench.asked == []


def later(command: Command, by_s: float) -> Command:
    return replace(
        command,
        issued_unix_second=command.issued_unix_second + by_s,
        expires_unix_second=command.expires_unix_second + by_s,
    )


@pytest.mark.parametrize(
    ("change", "good"),
    [
        (lambda c: c, True),
        (lambda c: later(c, -29.0), True),
        (lambda c: later(c, -31.0), False),
        (lambda c: later(c, 4.0), True),
        (lambda c: later(c, 6.0), False),
        (lambda c: later(c, 1e12), False),
        (lambda c: replace(c, expires_unix_second=c.issued_unix_second + 31.0), False),
        (lambda c: replace(c, expires_unix_second=c.issued_unix_second - 1.0), False),
        (lambda c: replace(c, station="other"), False),
        (lambda c: replace(c, verb="skip"), False),
    ],
)
def test_a_command_is_fresh_or_refused(
    change: Callable[[Command], Command], good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_module, "unix_time_s", lambda: NOW_S)
    changed = change(new(STATION, 7, "stop", KEY))
    signed = replace(changed, signature=command_module._signature(changed, KEY))
    if good:
        assert checked(to_text(signed), KEY, STATION, ALLOWED) == signed
    else:
        with pytest.raises(Refused):
            checked(to_text(signed), KEY, STATION, ALLOWED)


@pytest.mark.parametrize(
    "field", ["run", "verb", "id", "station", "issued_unix_second", "expires_unix_second"]
)
def test_no_field_can_be_changed_after_it_was_signed(field: str) -> None:
    document = json.loads(to_text(new(STATION, 7, "stop", KEY)))
    document[field] = (
        8 if field == "run" else f"{document[field]}x" if isinstance(document[field], str) else 1.0
    )
    with pytest.raises(Refused, match="signature"):
        checked(json.dumps(document).encode(), KEY, STATION, ALLOWED)


def test_a_key_that_can_be_guessed_is_none() -> None:
    with pytest.raises(UserError, match="can be guessed"):
        new(STATION, 1, "stop", b"secret")


def test_commands_are_off_unless_they_are_switched_on_and_never_close_a_circuit_by_default() -> None:
    plain = Broker("127.0.0.1", 1883)
    assert plain.command_key is None
    assert set(plain.allowed).isdisjoint({"resume", "skip"})
