"""What stands for a station in the tests of the dashboard: its feed, and the way to it; and databases to look into."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from labctl.errors import StationError
from labctl.instrument.channel import Identity
from labctl.instrument.step import SafetyLimits, Sampling
from labctl.protocol.plan import CellDescription, Plan
from labctl.store.sqlite import load_dbapi
from labctl.store.store import Store
from labctl.telemetry.messages import (
    ChannelSamples,
    ChannelState,
    Event,
    Message,
    Samples,
    Severity,
    StationStatus,
)
from labctl.web.access import Access
from labctl.web.application import create_app
from labctl.web.door import Door
from labctl.web.history import History
from labctl.web.live import Live

US, STRANGER = 1000, 1001
BASE = "http://127.0.0.1:8420"
HOSTILE = "<img src=x onerror=alert(1)>"


def status(station: str = "bench", channels: tuple[str, ...] = ("a1",), **more: Any) -> StationStatus:
    known: dict[str, Any] = {
        "online": True,
        "version": "1",
        "since_unix_second": 1.0,
        "updated_unix_second": 2.0,
    }
    return StationStatus(station=station, channels=channels, **known | more)


def state(channel: str = "a1", station: str = "bench", **more: Any) -> ChannelState:
    return ChannelState(
        station=station, channel=channel, **{"state": "idle", "updated_unix_second": 1.0} | more
    )


def samples(*channels: str, station: str = "bench") -> Samples:
    one = ChannelSamples(
        run_id=1,
        seq=(1,),
        test_time_second=(1.0,),
        unix_time_second=(2.0,),
        voltage_volt=(0.1,),
        current_ampere=(1e-4,),
    )
    return Samples(station=station, channels=dict.fromkeys(channels, one), updated_unix_second=1.0)


def event(number: int, **more: Any) -> Event:
    known: dict[str, Any] = {
        "kind": "decision",
        "text": "stopped",
        "author": "a rule",
        "severity": Severity.WARNING,
    }
    return Event(station="bench", id=f"1.{number}", unix_time_second=1.0, **known | more)


@dataclass
class FakeFeed:
    """Says what it was given, and then nothing."""

    said: list[Message] = field(default_factory=list)

    async def messages(self) -> AsyncGenerator[Message, None]:
        for message in self.said:
            yield message
        await asyncio.Event().wait()


@dataclass
class FakeDoor:
    """A station that notes what it is asked."""

    channels: list[dict[str, Any]] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    names: tuple[str, ...] = ("bench",)
    asked: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def stations(self) -> tuple[str, ...]:
        return self.names

    async def ask(self, station: str, verb: str, command_id: str, **more: object) -> Any:
        if verb == "status":
            return {"channels": self.channels}
        if verb == "queue":
            return self.entries
        self.asked.append((station, verb, {"id": command_id, **more}))
        if verb == "submit":
            if more["channel"] != "a1":
                raise StationError(f"station bench has no channel {more['channel']!r}; it has a1")
            return {"entry": "q7", "channel": "a1", "before": 0}
        return f"{verb} was done"


def held(channel: str = "a1", cell: str = "NaK-17", run_id: int | None = 7) -> dict[str, Any]:
    """A channel as ``status`` tells it."""
    return {"channel": channel, "cell": cell, "run_id": run_id, "entry": "q3", "state": "running"}


def access(token: str | None = None, user: int | None = US, **more: Any) -> Access:
    return Access(token, owner=US, user_at=lambda client, server: user, **more)


@asynccontextmanager
async def browsing(
    door: Door | None = None,
    history: History | None = None,
    live: Live | None = None,
    may: Access | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at a browser on the same computer."""
    app = create_app(live or Live([]), history, door or FakeDoor(channels=[held()]), may or access())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


async def with_session(client: httpx.AsyncClient, token: str | None = None) -> httpx.AsyncClient:
    """The same, with what a page of ours knows; with a token: logged in."""
    if token is None:
        answer = await client.get("/api/v1/session")
    else:
        answer = await client.post("/api/v1/session", json={"token": token})
    assert answer.status_code == 200, answer.text
    client.headers["x-csrf-token"] = answer.json()["csrf"]
    return client


PLAN = Plan(
    "symmetric",
    "protocol: symmetric\n",
    "5a" * 32,
    CellDescription(HOSTILE, 0.2827, 0.0028, None, "1 M NaClO4", 0.0, "na50k50"),
    SafetyLimits(-1.0, 1.0, 5e-4),
    Sampling(10.0),
    (),
    (),
)


def long_run(path: Path, count: int, seed: int = 1) -> tuple[Any, Any]:
    """A database with one run of so many samples, written past the writer; returns times and values.

    Half-cycles of 9,000 samples with noise, and one spike in a hundred thousand.
    """
    with Store(path) as store:
        run = store.open_run(
            PLAN,
            identity=Identity("KEITHLEY INSTRUMENTS", "MODEL 2450", "04612345", "1.7.12b"),
            driver="keithley-2450",
            resource="TCPIP::127.0.0.1::5025::SOCKET",
            channel="a1",
            seed=7,
            speed=None,
            started_unix_s=1_790_000_000.0,
        )
        run.begin_step(cycle=0, path="steps[0]", kind="constant_current", start_s=0.0)
        run.flush_blocking()
        place = np.arange(count)
        rng = np.random.default_rng(seed)
        sign = np.where(place // 9000 % 2 == 0, 1.0, -1.0)
        time_s = place * 10.0 + rng.uniform(0.0, 5.0, count)
        values = np.stack((sign * 0.05 + rng.normal(0.0, 1e-4, count), sign * 1e-4), axis=1)
        values[5::100_000, 0] += 0.5
        connection = load_dbapi().connect(str(path), timeout=30.0)
        rows = zip((place + 1).tolist(), time_s.tolist(), *values.T.tolist(), strict=True)
        connection.executemany("INSERT INTO sample VALUES (1, ?, ?, 0.0, 1, ?, ?, NULL, 0)", rows)
        connection.commit()
        connection.close()
    return time_s, values
