"""The simulated JULABO alone: what it answers and what it does not, its bath, and any split of its input."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.firmware.julabo import Julabo


def say(device: Julabo, command: str, now_s: float = 0.0) -> str:
    return device.port().receive(command.encode() + b"\r", now_s).decode()


TRANSCRIPT = [
    # chapter 11 of the manuals
    ("version", "JULABO MAGIO MS-1000F VERSION 2.2.1\r\n"),
    ("status", "02 REMOTE STOP\r\n"),
    ("out_sp_00 55.5", ""),
    ("in_sp_00", "55.50\r\n"),
    ("IN_SP_01", "30.00\r\n"),
    ("A001_in_sp_00", "A001_55.50\r\n"),
    ("A002_in_sp_00", ""),
    ("out_mode_05 1", ""),
    ("in_mode_05", "1\r\n"),
    ("status", "03 REMOTE START\r\n"),
    ("in_pv_04", "180\r\n"),
    ("out_sp_07 3", ""),
    ("in_sp_07", "3\r\n"),
    ("out_par_06 2.5", ""),
    ("in_par_06", "2.5\r\n"),
    # what is refused is told by the next status, once
    ("out_sp_00 300", ""),
    ("status", "-11 VALUE TOO LARGE\r\n"),
    ("status", "03 REMOTE START\r\n"),
    ("out_sp_00 -31", ""),
    ("status", "-10 VALUE TOO SMALL\r\n"),
    ("out_sp_03 60", ""),
    ("out_sp_00 61", ""),
    ("status", "-13 VALUE EXCEEDS TEMPERATURE LIMITS\r\n"),
    ("in_sp_00", "55.50\r\n"),
    ("out_sp_00 warm", ""),
    ("status", "-08 INVALID COMMAND\r\n"),
    ("in_pv_09", ""),
    ("status", "-08 INVALID COMMAND\r\n"),
    ("out_pv_00 20", ""),
    ("status", "-08 INVALID COMMAND\r\n"),
    ("in_sp_00 20", ""),
    ("status", "-08 INVALID COMMAND\r\n"),
    ("out_par_01 5", ""),
    ("status", "-08 INVALID COMMAND\r\n"),
    ("hello", ""),
    ("status", "-08 INVALID COMMAND\r\n"),
    ("out_mode_05 0", ""),
    ("status", "02 REMOTE STOP\r\n"),
]


def test_it_speaks_as_the_manuals_say() -> None:
    device = Julabo(None, 1)
    assert [(command, say(device, command)) for command, _ in TRANSCRIPT] == TRANSCRIPT


def test_without_remote_control_nothing_is_set() -> None:
    device = Julabo(None, 1)
    device.remote = False
    assert say(device, "out_sp_00 30") == ""
    assert say(device, "status") == "-09 COMMAND NOT ALLOWED IN CURRENT OPERATING MODE\r\n"
    assert say(device, "status") == "00 MANUAL STOP\r\n"
    assert say(device, "in_sp_00") == "20.00\r\n"


def test_the_bath_goes_to_the_selected_set_point_and_the_external_sensor_follows() -> None:
    device = Julabo(None, 1)
    say(device, "out_sp_01 5.0")
    say(device, "out_mode_01 1")
    say(device, "out_mode_05 1")
    assert float(say(device, "in_pv_00", 600.0)) == pytest.approx(23.0 - 8.0, abs=0.1)
    assert say(device, "in_pv_01", 600.0) == "-100\r\n"
    assert float(say(device, "in_pv_02", 600.0)) > float(say(device, "in_pv_00", 600.0))
    assert float(say(device, "in_pv_00", 7200.0)) == pytest.approx(5.0, abs=0.05)
    assert float(say(device, "in_pv_02", 9000.0)) == pytest.approx(5.0, abs=0.05)


def test_an_alarm_stops_it_and_it_cannot_be_started() -> None:
    device = Julabo(None, 1)
    say(device, "out_mode_05 1")
    device.fail(-1)
    assert say(device, "in_mode_05") == "0\r\n"
    assert say(device, "status") == "-01 ALARM\r\n"
    say(device, "out_mode_05 1")
    assert say(device, "status").startswith("-09")
    assert device.air.goal_C is None


@given(data=st.binary(max_size=600), cuts=st.lists(st.integers(0, 620), max_size=8))
def test_any_bytes_in_any_pieces_are_answered_alike(data: bytes, cuts: list[int]) -> None:
    data += b"\rstatus\rin_sp_00\r"
    whole = Julabo(None, 1).port().receive(data, 1.0)
    port = Julabo(None, 1).port()
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    assert b"".join(port.receive(data[a:b], 1.0) for a, b in pairwise(edges)) == whole
    assert whole.endswith(b"\r\n")
