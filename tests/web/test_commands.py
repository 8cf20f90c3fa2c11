"""What a person asks through the dashboard: intent confirmed, passed on once, refused in words."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from labctl.protocol.plan_text import plan_from_text
from labctl.web.door import VERBS, NoDoor
from tests.web.parts import HOSTILE, FakeDoor, browsing, held, with_session

PROTOCOL = Path("protocols/na50k50-symmetric.yaml").read_text("utf-8")


async def asked(door: FakeDoor, path: str, body: Any) -> httpx.Response:
    async with browsing(door) as client:
        await with_session(client)
        return await client.post(f"/api/v1/{path}", json=body)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_command_is_passed_on_when_it_names_the_cell(verb: str) -> None:
    door = FakeDoor(channels=[held()])
    answer = await asked(door, f"runs/7/{verb}", {"confirm": "NaK-17", "command_id": "12345678"})
    assert answer.json() == {"message": f"{verb} was done"}
    ((station, done, more),) = door.asked
    assert (station, done, more["target"], more["id"]) == ("bench", verb, "7", "12345678")


@pytest.mark.parametrize("confirm", ["", "NaK-18", "nak-17", "NaK-17 ", "a1"])
async def test_a_command_for_another_cell_is_refused(confirm: str) -> None:
    door = FakeDoor(channels=[held()])
    answer = await asked(door, "runs/7/abort", {"confirm": confirm})
    assert (answer.status_code, answer.json()["type"]) == (409, "confirm")
    assert "NaK-17" in answer.json()["detail"]
    assert door.asked == []


@pytest.mark.parametrize("target", ["7", "a1", "q3"])
async def test_a_run_is_meant_by_number_channel_or_entry(target: str) -> None:
    door = FakeDoor(channels=[held()])
    assert (await asked(door, f"runs/{target}/pause", {"confirm": "NaK-17"})).status_code == 200


async def test_a_cell_without_a_name_is_confirmed_by_its_channel() -> None:
    door = FakeDoor(channels=[held(cell="")])
    assert (await asked(door, "runs/7/pause", {"confirm": ""})).status_code == 409
    assert (await asked(door, "runs/7/pause", {"confirm": "a1"})).status_code == 200


async def test_what_waits_in_the_queue_can_be_taken_off() -> None:
    entry = {
        "entry": "q9",
        "run_id": None,
        "cell": HOSTILE,
        "channel": "a1",
        "state": "queued",
        "protocol": "p",
    }
    door = FakeDoor(channels=[held()], entries=[entry])
    assert (await asked(door, "runs/q9/stop", {"confirm": "NaK-17"})).status_code == 409
    assert (await asked(door, "runs/q9/stop", {"confirm": HOSTILE})).status_code == 200


async def test_nothing_is_asked_about_what_is_not_there() -> None:
    door = FakeDoor(channels=[held()])
    assert (await asked(door, "runs/8/stop", {"confirm": "NaK-17"})).status_code == 404
    assert (await asked(door, "runs/None/stop", {"confirm": "NaK-17"})).status_code == 404
    assert door.asked == []


async def test_several_stations_have_to_be_told_apart() -> None:
    door = FakeDoor(channels=[held()], names=("bench", "other"))
    answer = await asked(door, "runs/7/stop", {"confirm": "NaK-17"})
    assert answer.status_code == 409
    assert "bench, other" in answer.json()["detail"]
    assert (await asked(door, "runs/7/stop", {"confirm": "NaK-17", "station": "third"})).status_code == 409
    assert (await asked(door, "runs/7/stop", {"confirm": "NaK-17", "station": "other"})).status_code == 200
    assert [station for station, *_ in door.asked] == ["other"]


async def test_without_a_way_to_a_station_the_reason_is_told() -> None:
    async with browsing(NoDoor("only looking here")) as client:
        await with_session(client)
        assert (await client.get("/api/v1/queue")).json() == {"entries": []}
        for path, body in (
            ("runs/7/stop", {"confirm": "x"}),
            ("queue", {"channel": "a1", "protocol": PROTOCOL}),
        ):
            answer = await client.post(f"/api/v1/{path}", json=body)
            assert (answer.status_code, answer.json()["type"]) == (409, "no-door")
            assert answer.json()["detail"] == "only looking here"
        assert not (await client.get("/api/v1/session")).json()["may"]["stop"]


async def test_a_protocol_is_bound_to_its_cell_and_submitted() -> None:
    door = FakeDoor()
    body = {"channel": "a1", "protocol": PROTOCOL, "cell": {"name": HOSTILE}, "unattended": True}
    answer = await asked(door, "queue", body)
    assert answer.status_code == 201
    ((_, verb, more),) = door.asked
    plan = plan_from_text(str(more["plan"]))
    assert (verb, more["channel"], more["unattended"]) == ("submit", "a1", True)
    assert (plan.cell.name, plan.text) == (HOSTILE, PROTOCOL)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"protocol": PROTOCOL.replace("loop:", "lop:")}, "protocol:"),
        ({"channel": "zz"}, "no channel 'zz'"),
        ({"cell": {"nonsense": "1"}}, "nonsense"),
    ],
)
async def test_what_cannot_be_run_is_refused_in_words(change: dict[str, Any], said: str) -> None:
    answer = await asked(FakeDoor(), "queue", {"channel": "a1", "protocol": PROTOCOL} | change)
    assert answer.status_code == 409
    assert said in answer.json()["detail"]


async def test_a_protocol_is_checked_with_places() -> None:
    good = (await asked(FakeDoor(), "check", {"protocol": PROTOCOL})).json()
    assert good["ok"]
    assert [step["kind"] for step in good["steps"]] == [
        "rest",
        "loop",
        "constant_current",
        "constant_current",
        "impedance",
    ]
    assert good["steps"][2]["path"] == "steps[1].steps[0].constant_current"
    assert good["steps"][2]["depth"] == 1
    line = PROTOCOL.splitlines().index("  - loop: 200") + 1
    bad = (await asked(FakeDoor(), "check", {"protocol": PROTOCOL.replace("loop:", "lop:")})).json()
    assert not bad["ok"]
    assert bad["problems"][0]["line"] == line
    assert bad["lines"] == []


async def test_an_instrument_that_cannot_hold_it_is_told_apart_from_a_wrong_text() -> None:
    without_impedance = {"protocol": PROTOCOL, "driver": "keithley-2450"}
    checked = (await asked(FakeDoor(), "check", without_impedance)).json()
    assert (checked["ok"], checked["problems"]) == (False, [])
    assert checked["refusals"]
    unknown = await asked(FakeDoor(), "check", {"protocol": PROTOCOL, "driver": "nonsense"})
    assert unknown.status_code == 409


async def test_an_event_is_acknowledged_at_its_station() -> None:
    door = FakeDoor()
    assert (await asked(door, "events/3.17/acknowledge", {"station": "bench"})).status_code == 200
    ((_, verb, more),) = door.asked
    assert (verb, more["event"]) == ("acknowledge", "3.17")


@pytest.mark.parametrize("file", ["/etc/hostname", "../../etc/hostname", "README.md"])
async def test_a_text_reads_no_file_of_the_server(file: str) -> None:
    rest = "  - rest: {until: {time: 1 h}}"
    profile = f"  - profile: {{file: {file}, until: {{voltage: {{above: 0.9 V, below: -0.9 V}}}}}}"
    assert rest in PROTOCOL
    checked = (await asked(FakeDoor(), "check", {"protocol": PROTOCOL.replace(rest, profile)})).json()
    assert not checked["ok"]
    (problem,) = checked["problems"]
    assert "no file" in problem["problem"] or "not a file beside" in problem["problem"]
