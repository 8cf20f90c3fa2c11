"""What a browser is told of a finished run: the same as the database holds, under its names."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from labctl.store.reader import Reader
from labctl.web import openapi
from labctl.web.history import History
from tests.web.conftest import PROTOCOL
from tests.web.parts import browsing


@pytest.fixture
async def client(finished: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(history=History(str(finished))) as client:
        yield client


async def test_runs_are_listed_and_found(client: httpx.AsyncClient) -> None:
    (run,) = (await client.get("/api/v1/runs")).json()["runs"]
    assert (run["run_id"], run["cell"], run["state"]) == (1, "NaK <b>17</b>", "finished")
    for query, found in (
        ("state=finished", 1),
        ("state=running", 0),
        ("cell=nak", 1),
        ("cell=%25", 0),
        ("before=1", 0),
        ("limit=1", 1),
    ):
        assert len((await client.get(f"/api/v1/runs?{query}")).json()["runs"]) == found, query
    for wrong in ("limit=0", "limit=x", "state=nonsense", "before=0", "limit=1&limit=2", "limit=1e3"):
        assert (await client.get(f"/api/v1/runs?{wrong}")).status_code in (400, 422), wrong


async def test_pages_are_read_one_after_the_other(tmp_path: Path) -> None:
    from labctl.store.store import Store
    from tests.store.conftest import IDENTITY, PLAN

    with Store(tmp_path / "many.db") as store:
        for _ in range(5):
            options = {"driver": "d", "resource": "r", "channel": "1", "seed": 1, "speed": None}
            with store.open_run(PLAN, identity=IDENTITY, started_unix_s=1.0, **options):
                pass
    found, before = [], ""
    async with browsing(history=History(str(tmp_path / "many.db"))) as client:
        while True:
            page = (await client.get(f"/api/v1/runs?state=interrupted&limit=2{before}")).json()
            found += [run["run_id"] for run in page["runs"]]
            if page["next_before"] is None:
                break
            before = f"&before={page['next_before']}"
    assert found == [5, 4, 3, 2, 1]


async def test_a_run_in_full(client: httpx.AsyncClient) -> None:
    run = (await client.get("/api/v1/runs/1")).json()
    assert run["protocol_text"] == PROTOCOL
    assert run["present_step"] is None
    assert [step["kind"] for step in run["steps"]] == ["rest", "loop", *["constant_current"] * 2, "impedance"]
    assert {step["path"] for step in run["steps"]} >= {"steps[0].rest", "steps[1].steps[0].constant_current"}
    assert "can be taken off" in run["next"]
    for missing in ("2", "0", "99999999999", "x", "-1", "1.0"):
        answer = await client.get(f"/api/v1/runs/{missing}")
        assert answer.status_code == 404, missing


async def test_cycles_are_those_of_the_database(client: httpx.AsyncClient, finished: Path) -> None:
    cycles = (await client.get("/api/v1/runs/1/cycles")).json()
    stored = Reader(finished).half_cycles(1)
    assert [row["charge_coulomb"] for row in cycles["half_cycles"]] == [row.charge_C for row in stored]
    assert [row["cycle"] for row in cycles["cycles"]] == [1, 2, 3]
    for row in cycles["cycles"]:
        assert row["coulombic_efficiency"] == pytest.approx(1.0, abs=1e-3)
        assert row["energy_efficiency"] is None  # a symmetric cell takes energy both ways
        assert row["voltage_gap_volt"] == pytest.approx(2 * row["overpotential_volt"], rel=0.1)


async def test_spectra_come_at_once_and_their_fits_when_they_are_done(finished: Path) -> None:
    history = History(str(finished))
    async with history.running(), browsing(history=history) as client:
        for _ in range(60):
            found = (await client.get("/api/v1/runs/1/spectra")).json()
            if found["fitted"]:
                break
    assert [one["cycle"] for one in found["spectra"]] == [1, 3]
    for one in found["spectra"]:
        assert one["frequency_hertz"][0] > one["frequency_hertz"][-1]
        assert len(one["frequency_hertz"]) == len(one["imaginary_impedance_ohm"]) == 61
        assert one["fit"]["arcs"]
        assert one["fit"]["series_ohm"]["low"] < one["fit"]["series_ohm"]["high"]


async def test_curves_against_charge_begin_at_zero_and_do_not_join(
    client: httpx.AsyncClient, finished: Path
) -> None:
    answer = await client.get("/api/v1/runs/1/series?x=capacity&cycles=1,3&points=64")
    body = answer.content
    length = int.from_bytes(body[4:8], "little")
    import json

    header = json.loads(body[8 : 8 + length])
    x, voltage, _ = np.frombuffer(body[8 + length :], "<f8").reshape(3, -1)
    assert [(one["cycle"], one["sign"]) for one in header["segments"]] == [(1, 1), (1, -1), (3, 1), (3, -1)]
    stored = {(row.cycle, row.sign): row for row in Reader(finished).half_cycles(1)}
    for one in header["segments"]:
        part = slice(one["offset"], one["offset"] + one["length"])
        assert x[part][0] == 0.0
        assert x[part][-1] == pytest.approx(stored[one["cycle"], one["sign"]].charge_C, rel=0.02)
        assert (np.sign(voltage[part][3:]) == one["sign"]).all()
    assert np.isnan(x).sum() == 3


async def test_events_tell_what_was_decided(client: httpx.AsyncClient, finished: Path) -> None:
    events = (await client.get("/api/v1/runs/1/events")).json()["events"]
    assert [row["event_id"] for row in events] == [row.event_id for row in Reader(finished).events(1)]


async def test_without_a_database_the_reason_is_told() -> None:
    async with browsing() as client:
        for path in ("runs", "runs/1", "runs/1/series", "runs/1/cycles", "runs/1/spectra", "runs/1/events"):
            answer = await client.get(f"/api/v1/{path}")
            assert (answer.status_code, answer.json()["type"]) == (409, "no-history")


async def test_the_description_names_every_column_that_is_given(client: httpx.AsyncClient) -> None:
    schemas = openapi.description()["components"]["schemas"]
    run = (await client.get("/api/v1/runs/1")).json()
    assert set(run) == set(schemas["RunInFull"]["properties"])
    assert set(run["run"]) == set(schemas["Run"]["properties"])
    half_cycle = (await client.get("/api/v1/runs/1/cycles")).json()["half_cycles"][0]
    assert set(half_cycle) == set(schemas["HalfCycle"]["properties"])
