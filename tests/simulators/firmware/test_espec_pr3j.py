"""The simulated ESPEC chamber alone: its words, its modes and alarms, how its air moves, and any split of its input."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.firmware.chamber_air import ChamberAir, Machine
from labctl_simulators.firmware.espec_pr3j import EspecPr3j

TRANSCRIPT = [
    # espec-pr3j 0.5.0 and P-300 command set of chamberconnectlibrary 2.2.5
    ("TEMP, S25.0", "OK:TEMP, S25.0"),
    ("TEMP, H 60.0", "OK:TEMP, H 60.0"),
    ("TEMP, L 0.0", "OK:TEMP, L 0.0"),
    ("TEMP, S40.0 H80.0 L-10.0", "OK:TEMP, S40.0 H80.0 L-10.0"),
    ("CONSTANT SET?,TEMP", "40.0,ON"),
    ("HUMI, SOFF", "OK:HUMI, SOFF"),
    ("CONSTANT SET?,HUMI", "0,OFF"),
    ("HUMI, S50", "OK:HUMI, S50"),
    ("HUMI, S50.0 H90.0 L20.0", "OK:HUMI, S50.0 H90.0 L20.0"),
    ("MODE?", "STANDBY"),
    ("MODE, CONSTANT", "OK:MODE, CONSTANT"),
    ("mode?,detail", "CONSTANT"),
    ("1,MODE?", "CONSTANT"),
    ("1,MODE,STANDBY", "OK:1,MODE,STANDBY"),
    ("POWER,ON", "OK:POWER,ON"),
    ("POWER,off", "OK:POWER,off"),
    ("MODE?", "OFF"),
    ("KEYPROTECT,ON", "NA:CONT NOT READY-4"),
    ("MODE,STANDBY", "OK:MODE,STANDBY"),
    ("KEYPROTECT,ON", "OK:KEYPROTECT,ON"),
    ("KEYPROTECT?", "ON"),
    ("SET?", "REF9"),
    ("SET,REF6", "OK:SET,REF6"),
    ("CONSTANT SET?,REF", "6"),
    ("RELAY,ON,1,12", "OK:RELAY,ON,1,12"),
    ("RELAY?", "2,1,12"),
    ("RELAY,OFF,1", "OK:RELAY,OFF,1"),
    ("CONSTANT SET?,RELAY", "1,12"),
    ("MASK,01000000", "OK:MASK,01000000"),
    ("MASK?", "01000000"),
    ("ALARM?", "0"),
    ("DATE,27.2/3. WED", "OK:DATE,27.2/3. WED"),
    ("DATE?", "27.02/03"),
    ("TIME,9:5:0", "OK:TIME,9:5:0"),
    ("TIME?", "09:05:00"),
    ("PRGM USE?,RAM", "0"),
    # mistakes
    ("TEMPERATURE?", "NA:CMD ERR"),
    ("START", "NA:CMD ERR"),
    ("TEMP, S", "NA:PARA ERR"),
    ("TEMP, S25,0", "NA:PARA ERR"),
    ("TEMP, S25.0 S26.0", "NA:PARA ERR"),
    ("TEMP, SOFF", "NA:PARA ERR"),
    ("TEMP, S81.0", "NA:DATA OUT OF RANGE"),
    ("TEMP, S-11.0", "NA:DATA OUT OF RANGE"),
    ("TEMP, H300.0", "NA:DATA OUT OF RANGE"),
    ("TEMP, S99999999999999", "NA:DATA OUT OF RANGE"),
    ("HUMI, S10", "NA:DATA OUT OF RANGE"),
    ("HUMI, H", "NA:PARA ERR"),
    ("MODE, FAST", "NA:PARA ERR"),
    ("MODE,RUN1", "NA:DATA NOT READY"),
    ("RELAY,ON,13", "NA:DATA OUT OF RANGE"),
    ("RELAY,ON", "NA:PARA ERR"),
    ("DATE,27.2/30", "NA:DATA OUT OF RANGE"),
    ("PRGM,PAUSE", "NA:CONT NOT READY-2"),
    ("PRGM DATA?,RAM:1", "NA:DATA NOT READY"),
    ("MON PTC?", "NA:CONT NOT READY-1"),
    ("TIMER,ON,0", "NA:INVALID REQ"),
]


def say(device: EspecPr3j, line: str, now_s: float = 0.0) -> str:
    return device.port().receive(line.encode() + b"\r\n", now_s).decode().removesuffix("\r\n")


def test_it_speaks_as_the_published_clients_expect() -> None:
    device = EspecPr3j(None, 1)
    assert [(line, say(device, line)) for line, _ in TRANSCRIPT] == TRANSCRIPT


def test_it_nears_the_set_point_no_faster_than_it_can_below_zero_as_well() -> None:
    device = EspecPr3j(None, 1)
    say(device, "TEMP, L-20.0")
    say(device, "TEMP, S-15.0")
    say(device, "MODE, CONSTANT")
    after_10_min_C, set_C, _, lower_C = map(float, say(device, "TEMP?", 600.0).split(","))
    assert after_10_min_C == pytest.approx(23.0 - 10.0, abs=0.2)
    assert (set_C, lower_C) == (-15.0, -20.0)
    assert say(device, "MON?", 3600.0).split(",")[0] == "-15.0"
    assert say(device, "%?", 3600.0).startswith("2,0.0,")
    say(device, "MODE, STANDBY", 3600.0)
    assert -15.0 < float(say(device, "MON?", 7200.0).split(",")[0]) < 23.0


def test_air_beyond_a_limit_stops_it_until_somebody_clears_the_alarm() -> None:
    device = EspecPr3j(None, 1)
    say(device, "MODE, CONSTANT")
    say(device, "TEMP, H24.0 L10.0")
    say(device, "TEMP, S24.0")
    device.air.temperature_C = 30.0
    assert say(device, "MON?", 1.0).split(",")[2:] == ["STANDBY", "1"]
    assert say(device, "ALARM?", 1.0) == "1,1"
    assert say(device, "SRQ?", 1.0) == "01000000"
    assert say(device, "MODE, CONSTANT", 1.0) == "NA:CHB NOT READY"
    device.clear_alarms()
    device.air.temperature_C = 20.0
    assert say(device, "MODE, CONSTANT", 1.0) == "OK:MODE, CONSTANT"


def test_protected_at_the_panel_it_takes_no_setting_and_answers_questions() -> None:
    device = EspecPr3j(None, 1)
    device.protected = True
    assert say(device, "TEMP, S30.0") == "NA:PROTECT ON"
    assert say(device, "MODE?") == "STANDBY"


def test_how_often_it_is_looked_at_changes_nothing() -> None:
    machine = Machine(0.05, 0.02, 100.0, 5000.0)
    seldom, often = ChamberAir(machine), ChamberAir(machine)
    for goal_C, until_s in ((60.0, 1000.0), (-10.0, 1500.0), (-10.0, 9000.0), (None, 20000.0)):
        from_s = often._lived_s
        seldom.goal_C = often.goal_C = goal_C
        seldom.live_until(until_s)
        for part in range(1, 101):
            often.live_until(from_s + (until_s - from_s) * part / 100)
        assert often.temperature_C == pytest.approx(seldom.temperature_C, abs=1e-9)


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 260), max_size=8))
def test_any_bytes_in_any_pieces_are_answered_alike(data: bytes, cuts: list[int]) -> None:
    data += b"\r\nMODE?\r\nTEMP, S30.0\r\n"
    whole = EspecPr3j(None, 1).port().receive(data, 1.0)
    port = EspecPr3j(None, 1).port()
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = b"".join(port.receive(data[a:b], 1.0) for a, b in pairwise(edges))
    assert pieces == whole
    assert whole.endswith(b"\r\n")
