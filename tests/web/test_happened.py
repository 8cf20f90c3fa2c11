"""Events of all runs: the newest first, how much each asks, who looks after it, and which station it is of."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from labctl.station.acknowledgement import Acknowledgements
from labctl.store import queue
from labctl.store.records import RunState
from labctl.store.store import Store
from labctl.web.history import History
from tests.store.conftest import CELL, IDENTITY, PLAN
from tests.web.parts import browsing


class Silent:
    """Stands for the broadcast of a station: nothing here is said without a run."""

    def event(self, *said: Any) -> None:
        raise AssertionError(said)


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """Run 1 of station bench: stopped, its decision looked after. Run 2 of no station: stopped, nobody cares."""
    path = tmp_path / "runs.db"
    with Store(path) as store:
        for station in ("bench", None):
            options: dict[str, Any] = {"driver": "d", "resource": "r", "channel": "a1", "seed": 1}
            run = store.open_run(PLAN, identity=IDENTITY, started_unix_s=1.0, speed=None, **options)
            if station:
                row = queue.EntryRow("c1", station, "a1", "{}", False, "me", 1.0, run_id=run.run_id)
                store.submit(lambda connection, row=row: queue.add(connection, row)).result(30.0)
            run.event("circuit_closed", 1.0, "plan", "steps[0]: galvanostatic")
            run.event(
                "decision", 2.0, "stop rule", "the overpotential jumped", {"rule": "overpotential_jump"}
            )
            run.finish(RunState.STOPPED, "overpotential_jump", 3.0)
            run.close()
        acknowledgements = Acknowledgements(store, {}, Silent())  # type: ignore[arg-type]
        await acknowledgements.acknowledge({"do": "acknowledge", "event": "1.3"})
    return path


@pytest.fixture
async def client(database: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(history=History(str(database))) as client:
        yield client


async def page(client: httpx.AsyncClient, query: str = "") -> Any:
    answer = await client.get(f"/api/v1/events?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_asks_for_somebody_is_told_without_what_somebody_looks_after(
    client: httpx.AsyncClient,
) -> None:
    open_ones = (await page(client, "severity=warning&acknowledged=false"))["events"]
    assert [(event["id"], event["kind"]) for event in open_ones] == [
        ("2.4", "run_ended"),
        ("2.3", "decision"),
        ("1.4", "run_ended"),
    ]
    assert {event["cell"] for event in open_ones} == {CELL.name}
    (seen_to,) = (await page(client, "severity=warning&acknowledged=true"))["events"]
    assert (seen_to["id"], seen_to["station"], seen_to["channel"]) == ("1.3", "bench", "a1")
    assert seen_to["acknowledged_by"]


async def test_the_station_is_that_of_the_queue_and_unknown_without_one(client: httpx.AsyncClient) -> None:
    events = (await page(client))["events"]
    assert {event["run_id"]: event["station"] for event in events} == {1: "bench", 2: ""}
    assert {event["severity"] for event in events} == {"warning", "notice"}
    assert "rows" not in (events[0]["data"] or {})


async def test_pages_follow_each_other_and_leave_nothing_out(client: httpx.AsyncClient) -> None:
    found, before = [], ""
    while True:
        part = await page(client, f"severity=info&limit=2{before}")
        found += [event["seq"] for event in part["events"]]
        if part["next_before"] is None:
            break
        before = f"&before={part['next_before']}"
    assert found == sorted(found, reverse=True)
    assert found == [event["seq"] for event in (await page(client, "severity=info"))["events"]]
    assert len(found) == 9  # four of each run, and the acknowledgement


@pytest.mark.parametrize(
    "wrong", ["severity=grave", "acknowledged=perhaps", "limit=0", "before=0", "before=1&before=2"]
)
async def test_what_makes_no_sense_is_refused(client: httpx.AsyncClient, wrong: str) -> None:
    assert (await client.get(f"/api/v1/events?{wrong}")).status_code in (400, 422)
