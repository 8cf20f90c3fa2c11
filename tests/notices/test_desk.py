from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from labctl.notices.desk import Desk
from labctl.notices.settings import Quiet, Recipient, Rule, Settings
from labctl.telemetry.messages import ChannelState, Event, Severity, StationStatus

DAY = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
PHONE = Recipient("phone", "json://phone")
MAIL = Recipient("mail", "json://mail", Quiet(time(22), time(7)))
JUMP = Event(
    station="bench-1",
    id="12.7",
    channel="a1",
    run_id=12,
    cell="Na50K50-07",
    unix_time_second=1.7e9,
    test_time_second=660_930.0,
    kind="run_ended",
    text="stopped: overpotential_jump: overpotential 119.5 mV is 2.0 times the 59.6 mV of earlier cycles",
    author="stop rule",
    severity=Severity.WARNING,
)
UNSAFE = replace(
    JUMP, id="12.8", kind="circuit_unknown", severity=Severity.ALARM, text="output does not go off"
)
RUNNING = ChannelState(
    station="bench-1", channel="a1", state="running", updated_unix_second=0.0, voltage_volt=0.05, cycle=3
)
ONLINE = StationStatus(
    station="bench-1",
    online=True,
    version="1",
    channels=("a1",),
    since_unix_second=0.0,
    updated_unix_second=0.0,
)
LOST = replace(ONLINE, online=False, reason="the connection was closed")


def _desk(*rules: Rule) -> Desk:
    return Desk(Settings({"phone": PHONE, "mail": MAIL}, rules or (Rule(("phone",)),)))


def _told(desk: Desk, now: datetime) -> list[tuple[str, str]]:
    return [(letter.recipient.name, letter.notice.subject) for letter in desk.due(now)]


def test_a_notice_says_which_cell_what_since_when_what_was_done_and_what_to_do() -> None:
    desk = _desk()
    desk.hear(JUMP, DAY)
    (letter,) = desk.due(DAY)
    assert letter.notice.subject.startswith(
        "Warning bench-1/a1, cell Na50K50-07: stopped: overpotential_jump"
    )
    text = letter.notice.text
    assert "Cell: Na50K50-07, bench-1/a1, run 12" in text
    assert "What: stopped: overpotential_jump: overpotential 119.5 mV" in text
    assert "Since: 2023-11-14 22:13:20 UTC, 183.59 h into the run" in text
    assert "The cell: disconnected; the circuit is open, confirmed by read-back" in text
    assert "To do: Look at it: labctl show 12." in text


def test_an_unsafe_circuit_asks_somebody_to_go_there() -> None:
    desk = _desk()
    desk.hear(UNSAFE, DAY)
    text = desk.due(DAY)[0].notice.text
    assert "NOT confirmed disconnected" in text
    assert "Open the circuit by hand" in text


@pytest.mark.parametrize("doing", ["running", "held", "unsafe"])
def test_a_run_that_ended_unsafe_is_never_said_to_be_disconnected(doing: str) -> None:
    desk = _desk()
    desk.hear(replace(RUNNING, state=doing), DAY)
    desk.hear(replace(JUMP, text="unsafe: the output does not go off", severity=Severity.ALARM), DAY)
    text = desk.due(DAY)[0].notice.text
    assert "The cell: NOT confirmed disconnected" in text
    assert "Open the circuit by hand" in text


def test_of_a_run_whose_process_was_cut_off_nobody_has_read_back_the_circuit() -> None:
    desk = _desk()
    desk.hear(replace(RUNNING, state="held"), DAY)
    desk.hear(replace(JUMP, text="interrupted: the process was cut off"), DAY)
    text = desk.due(DAY)[0].notice.text
    assert "The cell: no run is in progress there" in text
    assert "confirmed" not in text


def test_what_accompanies_a_station_concerns_no_cell() -> None:
    desk = _desk()
    live = replace(
        JUMP, id="live:1", channel="", run_id=None, cell="", kind="companion", text="mqtt was killed"
    )
    desk.hear(live, DAY)
    assert "To do: Nothing for the cells." in desk.due(DAY)[0].notice.text


def test_what_comes_twice_is_told_once() -> None:
    desk = _desk()
    desk.hear(JUMP, DAY)
    desk.hear(JUMP, DAY)
    assert len(desk.due(DAY)) == 1
    desk.hear(JUMP, DAY + timedelta(hours=3))
    assert desk.due(DAY + timedelta(hours=3)) == []


def test_what_happens_again_soon_is_counted_and_told_with_the_next() -> None:
    desk = _desk()
    for number in range(5):
        desk.hear(replace(JUMP, id=f"12.{number}"), DAY + timedelta(minutes=number))
    assert len(desk.due(DAY + timedelta(minutes=5))) == 1
    desk.hear(replace(JUMP, id="12.9"), DAY + timedelta(minutes=20))
    (letter,) = desk.due(DAY + timedelta(minutes=20))
    assert "happened 4 more times since" in letter.notice.text


def test_another_channel_is_another_matter() -> None:
    desk = _desk()
    desk.hear(JUMP, DAY)
    desk.hear(replace(JUMP, id="13.7", run_id=13, channel="a2"), DAY)
    assert len(desk.due(DAY)) == 2


def test_only_alarms_come_in_quiet_hours_and_the_rest_comes_together_afterwards() -> None:
    desk = _desk(Rule(("mail", "phone")))
    desk.hear(JUMP, NIGHT)
    desk.hear(replace(JUMP, id="13.7", run_id=13), NIGHT)
    desk.hear(UNSAFE, NIGHT)
    assert [name for name, _ in _told(desk, NIGHT)] == ["phone", "phone", "mail", "phone"]
    assert _told(desk, NIGHT + timedelta(hours=7)) == []
    ((name, subject),) = _told(desk, NIGHT + timedelta(hours=7, minutes=30))
    assert name == "mail"
    assert subject.startswith("2 notices from the quiet hours")


def test_an_alarm_is_told_again_until_it_is_acknowledged() -> None:
    desk = _desk(Rule(("phone",), repeat_s=900.0))
    desk.hear(UNSAFE, DAY)
    assert len(desk.due(DAY)) == 1
    assert desk.due(DAY + timedelta(minutes=14)) == []
    assert _told(desk, DAY + timedelta(minutes=15))[0][1].startswith("(not acknowledged, 2)")
    assert _told(desk, DAY + timedelta(minutes=30))[0][1].startswith("(not acknowledged, 3)")
    seen = replace(JUMP, id="12.99", kind="acknowledged", severity=Severity.INFO, data={"id": UNSAFE.id})
    desk.hear(seen, DAY + timedelta(minutes=31))
    assert desk.due(DAY + timedelta(hours=5)) == []


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (Rule(("phone",), severity=Severity.ALARM), 0),
        (Rule(("phone",), severity=Severity.NOTICE), 1),
        (Rule(("phone",), channels="b*"), 0),
        (Rule(("phone",), cells="Na50K50-*", stations="bench-?"), 1),
        (Rule(("phone",), kinds=("run_started",)), 0),
        (Rule(("phone",), kinds=("run_started", "run_ended")), 1),
    ],
)
def test_a_rule_covers_what_it_names(rule: Rule, told: int) -> None:
    desk = _desk(rule)
    desk.hear(JUMP, DAY)
    assert len(desk.due(DAY)) == told


def test_a_silent_station_with_a_cell_under_current_is_an_alarm_after_half_a_minute() -> None:
    desk = _desk(Rule(("phone",), severity=Severity.ALARM))
    for message in (ONLINE, RUNNING, LOST):
        desk.hear(message, DAY)
    assert desk.due(DAY + timedelta(seconds=29)) == []
    ((_, subject),) = _told(desk, DAY + timedelta(seconds=30))
    assert "a1 had cells under current" in subject


def test_a_station_that_is_back_soon_was_not_silent() -> None:
    desk = _desk()
    for message in (ONLINE, RUNNING, LOST):
        desk.hear(message, DAY)
    desk.hear(ONLINE, DAY + timedelta(seconds=20))
    assert desk.due(DAY + timedelta(minutes=5)) == []


def test_hostile_names_stay_on_their_line() -> None:
    desk = _desk()
    desk.hear(replace(JUMP, cell="x\r\nBcc: all@example.org\u202e<img src=x>"), DAY)
    notice = desk.due(DAY)[0].notice
    assert "\n" not in notice.subject
    assert "\r" not in notice.text
    assert "\u202e" not in notice.text
