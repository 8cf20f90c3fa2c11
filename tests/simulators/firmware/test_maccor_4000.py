"""The simulated Maccor: what it answers, byte by byte and as JSON; what its channels do; and what it refuses."""

import json
import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.maccor_4000 import Maccor4000, MacNetConnection

STATUS = "<BBHIIHffffffQ"
AVAILABLE, SELECTED, ACTIVE, SUSPENDED, COMPLETED, PROBLEM = range(6)


def twin(cell: object = None, **options: Any) -> tuple[Maccor4000, MacNetConnection]:
    device = Maccor4000(cell or Resistor(1000.0), 1, **options)  # type: ignore[arg-type]
    return device, device.port()


def frame(*function: int, channel: int = 0, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<HHHH", *function, channel, len(data) if length is None else length) + data


def start_direct(mode: str = "R", name: bytes = b"Random", record_s: float = 1.0) -> bytes:
    numbers = struct.pack("<ffffBBfff", 0.0, 0.0, -1.0, 0.0, 4, ord(mode), record_s, 0.0, 0.0)
    return frame(6, 7, data=name.ljust(25) + numbers)


def output(
    current_A: float, voltage_V: float, mode: str, *, power_W: float = -1.0, resistance_ohm: float = 0.0
) -> bytes:
    numbers = struct.pack("<ffffBB", current_A, voltage_V, power_W, resistance_ohm, 2, ord(mode))
    return frame(6, 8, data=numbers)


def result(answer: bytes) -> int:
    assert int.from_bytes(answer[6:8], "little") == 2 == len(answer) - 8
    return int.from_bytes(answer[8:], "little")


def status(port: MacNetConnection, now_s: float, channel: int = 0) -> dict[str, Any]:
    answer = port.receive(frame(4, 7, channel=channel), now_s)
    assert answer[:8] == struct.pack("<HHHH", 4, 7, channel, 46)
    names = [
        "rf1",
        "rf2",
        "stat",
        "records",
        "cycle",
        "step",
        "test_s",
        "step_s",
        "Ah",
        "Wh",
        "A",
        "V",
        "unix_ms",
    ]
    return dict(zip(names, struct.unpack(STATUS, answer[8:]), strict=True))


def asked(port: MacNetConnection, now_s: float, *function: int, **params: Any) -> dict[str, Any]:
    message = {"jsonrpc": "2.0", "method": "MacNet", "params": {"FClass": function[0], "FNum": function[1]}}
    message["params"] |= params  # type: ignore[operator]
    answer = port.receive(json.dumps(message | {"id": 1987}, indent=4).encode(), now_s)
    assert answer.endswith(b"\r\n")
    found: dict[str, Any] = json.loads(answer)
    assert (found["jsonrpc"], found["id"]) == ("2.0", 1987)
    return found


def procedure(*steps: str) -> bytes:
    body = "".join(f"<TestStep>{step}</TestStep>" for step in steps)
    return f'<?xml version="1.0"?><MaccorTestProcedure><ProcSteps>{body}</ProcSteps></MaccorTestProcedure>'.encode()


def stage(kind: str, mode: str = "", value: str = "", ends: str = "", limits: str = "") -> str:
    return (
        f"<StepType>{kind:^8}</StepType><StepMode>{mode:8}</StepMode><StepValue>{value}</StepValue>"
        f"<Limits>{limits}</Limits><Ends>{ends}</Ends><Reports/><Range>A</Range>"
    )


def end(what: str, oper: str, value: str, goto: int) -> str:
    return (
        f"<EndEntry><EndType>{what:8}</EndType><SpecialType> </SpecialType><Oper> {oper} </Oper>"
        f"<Step>{goto:03}</Step><Value>{value}</Value></EndEntry>"
    )


def send_file(port: MacNetConnection, name: str, content: bytes) -> bytes:
    """The answer to the last block."""
    named = name.encode()
    head = bytes([3, 2]) + struct.pack("<H", len(named)) + named
    answer = port.receive(frame(1, 6, data=head), 0.0)
    blocks = [content[at : at + 500] for at in range(0, len(content) + 1, 500)]
    for number, block in enumerate(blocks, start=1):
        assert answer[8:10] == bytes([3, 4]), answer
        answer = port.receive(frame(1, 6, data=bytes([3, 3]) + struct.pack("<H", number) + block), 0.0)
    return answer


def get_file(port: MacNetConnection, name: str) -> bytes:
    head = bytes([3, 1]) + struct.pack("<H", len(name)) + name.encode()
    content, answer = b"", port.receive(frame(1, 7, data=head), 0.0)
    while answer:
        assert answer[8:10] == bytes([3, 3]), answer
        content += answer[12:]
        answer = port.receive(frame(1, 7, data=bytes([3, 4]) + answer[10:12]), 0.0)
    return content


# --- byte by byte -----------------------------------------------------------------------------------------------------


def test_the_exchanges_that_are_published() -> None:
    device, port = twin()
    now_s = 1.0
    assert (
        port.receive(bytes.fromhex("0000 1234 5678 0300 61 62 63"), now_s).hex() == "0000123456780300616263"
    )
    assert port.receive(bytes.fromhex("0400 0700 0000 0000"), now_s)[:8].hex() == "0400070000002e00"
    direct = b"x".ljust(25) + struct.pack("<ffffBBfff", 0.0, 4.0, 5.0, 0.0, 4, 67, 1.0, 0.0, 0.0)
    port.receive(frame(6, 7, data=direct), now_s)
    charge = bytes.fromhex(
        "06000800000012000000003f666686400000a041000000000443"
    )  # 0.5 A, 4.2 V, 20 W, range 4
    assert port.receive(charge, now_s + 1.0).hex() == "06000800000002000000"
    assert device.channels[0].circuit_closed
    assert status(port, now_s + 2.0)["V"] == pytest.approx(4.2, abs=1e-3)  # the resistor takes no more


def test_what_it_says_of_itself() -> None:
    _, port = twin(further=[Resistor(10.0)], model="10V")
    name, kind, boards, channels, *_ = struct.unpack("<50sBHHHHHHI", port.receive(frame(1, 2), 0.0)[8:])
    assert (name.rstrip(), kind, boards, channels) == (b"labctl twin", 0, 1, 2)
    version = struct.unpack("<HHBBHBBQQ", port.receive(frame(1, 1), 0.0)[8:])
    assert version[:7] == (1, 18, 2, 3, 18, 2, 3)
    told = port.receive(frame(3, 1, channel=1, length=1), 0.0)
    assert struct.unpack("<21f", told[8:]) == pytest.approx(
        (0.005, 10, 0, 10, 0, *(5, 0.15, 0.005, 0.00015) * 2, 5, 5, 50, 50, 0, 0, 0, 0)
    )
    assert port.receive(frame(4, 1, length=2), 0.0)[8:] == struct.pack("<BBHBBH", 0, 192, 0, 0, 192, 0)
    assert len(port.receive(frame(4, 2, length=2), 0.0)) == 8 + 8
    assert port.receive(frame(4, 5, length=0), 0.0)[8:] == b"C   "
    assert struct.unpack("<I15f", port.receive(frame(4, 8), 0.0)[8:]) == (0,) * 16
    assert port.receive(frame(3, 2), 0.0)[6:8] == b"\x50\0"
    assert port.receive(frame(8, 1, data=b"\x05Robin\x02xx"), 0.0)[8:] == b"\1"
    assert port.receive(frame(4, 11), 0.0)[8:] == bytes(4)
    assert len(port.receive(frame(4, 6), 0.0)) == 8 + 210


@pytest.mark.parametrize("channel", [0, 1, 7, 65535])
def test_every_function_survives_whatever_data(channel: int) -> None:
    _, port = twin()
    for function_class in range(10):
        for number in range(26):
            for data in (b"", b"\xff" * 3, b"\x03\x01" + b"z" * 190, b"\x03\x03" + b"\xff" * 240):
                port.receive(frame(function_class, number, channel=channel, data=data), 1.0)
    assert (
        port.receive(frame(0, 0), 2.0) == frame(0, 0) or True
    )  # whatever was left of a message is waited for
    port.close(3.0)
    assert port.receive(frame(0, 0), 4.0) == frame(0, 0)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200), brace=st.booleans())
def test_hostile_input_does_no_harm(data: bytes, brace: bool) -> None:
    device, port = twin()
    port.receive((b"{" if brace else b"") + data, 0.0)
    fresh = device.port()
    assert fresh.receive(frame(0, 0), 1.0) == frame(0, 0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), text=st.booleans())
def test_any_split_gives_the_same_answers(seed: int, text: bool) -> None:
    params = (
        {"FClass": 4, "FNum": 7, "Chan": 0},
        {"FClass": 1, "FNum": 2},
        {"FClass": 9, "FNum": 1},
        {"a": '}{"'},
    )
    messages = [{"jsonrpc": "2.0", "method": "MacNet", "params": each, "id": 1} for each in params]
    told = (
        b"".join(json.dumps(each, indent=2).encode() + b"\r\n}x" for each in messages) + b'{"a": ]}{broken}'
    )
    if not text:
        told = (
            frame(0, 3, data=b"abc")
            + start_direct()
            + frame(4, 7)
            + frame(99, 1)
            + frame(1, 2)
            + frame(4, 2, length=1)
        )
    whole = twin()[1].receive(told, 1.0)
    assert whole
    random_ = random.Random(seed)
    port, answers, at = twin()[1], b"", 0
    while at < len(told):
        size = random_.randint(1, 20)
        answers += port.receive(told[at : at + size], 1.0)
        at += size
    assert answers == whole


def test_a_message_without_end_ends_the_connection() -> None:
    _, port = twin()
    with pytest.raises(ConnectionAbortedError):
        port.receive(b'{"' + b"x" * (1 << 21), 0.0)


# --- direct mode ------------------------------------------------------------------------------------------------------


def test_direct_mode_is_begun_set_and_ended() -> None:
    device, port = twin()
    assert result(port.receive(output(1e-3, 1.0, "C"), 0.0)) == 2  # not active
    assert result(port.receive(start_direct(), 0.0)) == 0
    assert result(port.receive(output(1e-3, 2.0, "C"), 0.05)) == 5  # not ready yet
    assert result(port.receive(start_direct(), 0.06)) == 2  # not available
    assert status(port, 0.2)["rf1"] == 4
    assert not device.circuit_closed
    assert result(port.receive(output(1e-3, 2.0, "C"), 0.3)) == 0
    assert result(port.receive(output(2e-3, 2.0, "C"), 0.35)) == 3  # too fast
    found = status(port, 10.3)
    assert (found["rf1"], found["stat"], found["V"], found["A"]) == (
        *(1, ACTIVE, pytest.approx(1.0, abs=1e-3)),
        pytest.approx(1e-3, rel=1e-3),
    )
    assert found["Ah"] == pytest.approx(1e-3 * 10.0 / 3600.0, rel=1e-3)
    assert found["records"] == 11
    assert result(port.receive(output(1e-3, -2.0, "D"), 11.0)) == 0
    found = status(port, 12.0)
    assert (found["rf1"], found["V"], found["A"]) == (
        2,
        pytest.approx(-1.0, abs=1e-3),
        pytest.approx(1e-3, rel=1e-3),
    )
    assert result(port.receive(frame(6, 3), 13.0)) == 0
    assert (status(port, 14.0)["stat"], device.circuit_closed) == (SUSPENDED, False)
    assert result(port.receive(frame(6, 4), 15.0)) == 0  # resumed
    assert device.circuit_closed
    assert result(port.receive(frame(6, 5), 16.0)) == 0
    assert (status(port, 17.0)["stat"], device.circuit_closed) == (AVAILABLE, False)
    assert result(port.receive(frame(6, 3), 18.0)) == 0xFFFF


@pytest.mark.parametrize(
    ("limits", "current_A"),
    [
        ({"current_A": 4e-3, "voltage_V": 1.0}, 1e-3),  # 1 V at 1 kohm
        ({"current_A": 5e-4, "voltage_V": 4.0}, 5e-4),
        ({"current_A": 4e-3, "voltage_V": 4.0, "power_W": 1e-3}, 1e-3),  # 1 mW at 1 kohm
        ({"current_A": 9.0, "voltage_V": 2.0}, 2e-3),  # a current out of range is ignored
    ],
)
def test_set_points_limit_each_other(limits: dict[str, float], current_A: float) -> None:
    _, port = twin()
    numbers = struct.pack("<ffffBBfff", 0.0, 0.0, 0.0, 0.0, 4, ord("R"), 0.0, 0.0, 0.0)
    assert result(port.receive(frame(6, 7, data=b"Random".ljust(25) + numbers), 0.0)) == 0
    assert result(port.receive(output(**limits, mode="C"), 1.0)) == 0
    assert status(port, 2.0)["A"] == pytest.approx(current_A, rel=1e-2)


def test_a_set_point_that_was_not_active_at_the_start_stays_without_effect() -> None:
    _, port = twin()
    port.receive(start_direct(), 0.0)  # without power
    port.receive(output(1e-3, 4.0, "C", power_W=1e-6), 1.0)
    assert status(port, 2.0)["A"] == pytest.approx(1e-3, rel=1e-3)


def test_four_set_points_at_a_time_are_refused() -> None:
    _, port = twin()
    numbers = struct.pack("<ffffBBfff", 0.1, 1.0, 1.0, 10.0, 4, ord("C"), 1.0, 0.0, 0.0)
    assert result(port.receive(frame(6, 7, data=b"Random".ljust(25) + numbers), 0.0)) == 3


def test_the_watchdog_suspends_a_channel_that_is_left_alone() -> None:
    device, port = twin(watchdog_s=5.0)
    port.receive(start_direct(), 0.0)
    for at_s in (1.0, 5.0, 9.0):
        assert result(port.receive(output(1e-3, 2.0, "C"), at_s)) == 0
    assert status(port, 13.9)["stat"] == ACTIVE  # a question is no update
    assert status(port, 14.1)["stat"] == SUSPENDED
    assert not device.circuit_closed


def test_safety_limits_are_told_back_in_single_precision_and_open_the_circuit() -> None:
    device, port = twin(RcCell(90.0, 10.0, 1e-3, 1.0))
    limits = (0.3, -0.2, 2e-3, 2e-3, 1.0, 1.0)
    answer = port.receive(frame(6, 10, data=struct.pack("<6f", *limits), length=5), 0.0)  # the help says 5
    assert struct.unpack("<6f", answer[8:]) == pytest.approx(limits)
    told = struct.unpack("<21f", port.receive(frame(3, 1, length=1), 0.0)[8:])
    assert (told[3:5], told[13:17]) == (pytest.approx(limits[:2]), pytest.approx(limits[2:]))
    port.receive(start_direct(), 0.0)
    port.receive(output(1e-3, 4.0, "C"), 1.0)
    assert status(port, 150.0)["stat"] == ACTIVE
    found = status(port, 300.0)
    assert (found["stat"], found["rf2"], device.circuit_closed) == (PROBLEM, 253, False)
    beyond = struct.pack("<6f", 50.0, -50.0, 500.0, 500.0, 1.0, 1.0)
    answer = port.receive(frame(6, 10, data=beyond), 301.0)
    assert struct.unpack("<4f", answer[8:24]) == pytest.approx(limits[:4])  # they stay as they were


# --- procedures -------------------------------------------------------------------------------------------------------


def test_a_procedure_is_sent_read_back_and_carried_out() -> None:
    _, port = twin(RcCell(90.0, 10.0, 1e-3, 1.0))
    content = procedure(
        stage("Do 1"),
        stage(
            "Charge",
            "Current",
            "1.0C",
            end("Voltage", "&gt;=", "0.2", 3) + end("StepTime", "=", "01:00:00", 7),
        ),
        stage("Dischrge", "Current", "2.0E-3", end("StepTime", "=", "00:00:20.0", 4)),
        stage("AdvCycle"),
        stage("Loop 1", ends=end("Loop Cnt", "=", "2", 6)),
        stage("End"),
        stage("End"),
    )
    assert send_file(port, "two cycles.000", content)[8:10] == bytes([3, 4])
    assert get_file(port, "two cycles.000") == content
    assert port.receive(frame(1, 3, data=b"two cycles".ljust(25)), 0.0)[8:] == b"\1"
    start = struct.pack("<BB25s25s80sfB", 1, 1, b"t1".ljust(25), b"two cycles".ljust(25), b" " * 80, 1e-3, 0)
    assert result(port.receive(frame(6, 11, data=start), 0.0)) == 0
    assert result(port.receive(frame(6, 2, data=start, channel=0), 0.0)) == 0
    assert (status(port, 50.0)["rf1"], status(port, 50.0)["step"]) == (1, 2)
    assert status(port, 110.0)["rf1"] == 2
    found = status(port, 1000.0)
    assert (found["stat"], found["rf1"], found["rf2"], found["cycle"], found["step"]) == (
        COMPLETED,
        31,
        193,
        2,
        3,
    )
    assert found["step_s"] == pytest.approx(20.0, abs=0.02)
    assert struct.unpack("<HH", port.receive(frame(4, 10), 1000.0)[8:]) == (2, 1)
    assert result(port.receive(frame(6, 2, data=start, channel=0), 1001.0)) == 23
    assert result(port.receive(frame(6, 6), 1002.0)) == 0
    assert result(port.receive(frame(6, 2, data=start, channel=0), 1003.0)) == 19  # its name is not unique


def test_a_constant_voltage_limited_by_its_current_ends_by_the_current() -> None:
    _, port = twin(RcCell(90.0, 10.0, 1e-3, 1.0))
    hold = stage(
        "Charge", "Voltage", "0.2", end("Current", "&lt;=", "1.0E-4", 2), limits="<Current>1.0E-3</Current>"
    )
    send_file(port, "hold.000", procedure(hold, stage("End")))
    start = struct.pack("<BB25s25s80sfB", 1, 1, b"Random".ljust(25), b"hold".ljust(25), b" " * 80, 1.0, 0)
    assert result(port.receive(frame(6, 2, data=start), 0.0)) == 0
    found = status(port, 10.0)
    assert (found["A"], found["stat"]) == (pytest.approx(1e-3, rel=1e-3), ACTIVE)
    assert status(port, 250.0)["V"] == pytest.approx(0.2, abs=1e-3)
    assert status(port, 500.0)["stat"] == COMPLETED


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"not a procedure", "no XML"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><MaccorTestProcedure/>", "document type"),
        (procedure(stage("FastWave")), "FastWave is not known"),
        (procedure(stage("Charge", "Current", "1.0")), "no end"),
        (procedure(stage("Rest", ends=end("StepTime", "=", "soon", 2)), stage("End")), "no time"),
        (
            procedure(stage("Rest", ends=end("StepTime", "=", "00:00:01", 9)), stage("End")),
            "which there is not",
        ),
        (procedure(stage("Rest", ends=end("StepTime", "=", "00:00:01", 1))), "no End"),
    ],
)
def test_a_procedure_that_it_cannot_read_is_not_started(content: bytes, told: str) -> None:
    device, port = twin()
    send_file(port, "odd.000", content)
    start = struct.pack("<BB25s25s80sfB", 1, 1, b"Random".ljust(25), b"odd".ljust(25), b" " * 80, 1.0, 0)
    assert result(port.receive(frame(6, 11, data=start), 0.0)) == 7
    assert told.encode() in port.receive(frame(6, 12), 0.0)
    assert port.receive(frame(6, 12), 0.0)[6:8] == b"\0\0"
    assert result(port.receive(frame(6, 2, data=start), 0.0)) == 22
    assert not device.circuit_closed


def test_steps_without_duration_do_not_go_on_for_ever() -> None:
    _, port = twin()
    send_file(
        port,
        "loop.000",
        procedure(stage("Do 1"), stage("Loop 1", ends=end("Loop Cnt", "=", "1E9", 3)), stage("End")),
    )
    start = struct.pack("<BB25s25s80sfB", 1, 1, b"Random".ljust(25), b"loop".ljust(25), b" " * 80, 1.0, 0)
    assert result(port.receive(frame(6, 2, data=start), 0.0)) == 0
    assert status(port, 1.0)["stat"] == PROBLEM


def test_files_that_do_not_belong_there_are_refused() -> None:
    _, port = twin()
    for name in ("x.exe", "..\\x.000", ""):
        head = bytes([3, 2]) + struct.pack("<H", len(name)) + name.encode()
        assert port.receive(frame(1, 6, data=head), 0.0)[9] == 5
    assert b"File not found" in port.receive(frame(1, 7, data=bytes([3, 1, 5, 0]) + b"a.000"), 0.0)


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_json_says_what_binary_says() -> None:
    _, port = twin(further=[Resistor(10.0)])
    assert asked(port, 0.0, 1, 2)["result"]["TestChannels"] == 2
    limits = {
        "VSafeMax": 4.5,
        "VSafeMin": 0.1,
        "ISafeChg": 4.3,
        "ISafeDis": -2.5,
        "PBatSafeChg": 0,
        "PBatSafeDis": 0,
    }
    told = asked(port, 0.0, 6, 10, Chan=1, **limits)["result"]
    assert told == {
        "FClass": 6,
        "FNum": 10,
        "Chan": 1,
        **limits,
        "VSafeMin": 0.100000001490116,
        "ISafeChg": 4.30000019073486,
    }
    start = {
        "TestName": "t",
        "Power": 50,
        "Resistance": 0,
        "CurrentRange": 4,
        "DataTime": 1.0,
        "DataV": 0,
        "DataI": 0,
    }
    assert (
        asked(port, 0.0, 6, 7, Chan=0, Current=0, Voltage=4.2, ChMode="C", **start)["result"]["Result"]
        == "OK"
    )
    again = asked(port, 1.0, 6, 7, Chan=0, Current=0, Voltage=4.2, ChMode="C", **start)["result"]["Result"]
    assert again == "The channel is not available"
    told = asked(port, 1.0, 4, 7, Chan=0)["result"]
    assert (told["Stat"], told["Current"], told["TesterTime"]) == (2, 0, "2022-05-18T00:00:01")
    assert asked(port, 1.0, 6, 3, Chan=0)["result"]["Result"] == "OK"
    assert [each["Stat"] for each in asked(port, 1.0, 4, 1, Chan=-1, Len=2)["result"]["Status"]] == [
        SUSPENDED,
        0,
    ]
    assert asked(port, 1.0, 5, 1, GlobFlags="0x00000021")["result"]["New GlobFlags"] == "0x00000021"
    assert asked(port, 1.0, 6, 9, Chan=0, VarNum=3, Value=-1.25)["result"]["Result"] == "OK"
    assert asked(port, 1.0, 4, 8, Chan=0)["result"]["VARs"][2] == -1.25
    assert asked(port, 1.0, 1, 3, ProcName="test_procedure_1")["result"]["ProcedurExists"] == "TRUE"
    assert asked(port, 1.0, 1, 5, FileType=3, Command=0)["result"]["NumberOfFiles"] == 1
    assert asked(port, 1.0, 1, 5, FileType=3, Command=1)["result"]["FileName"] == "test_procedure_1.000"
    assert asked(port, 1.0, 8, 1, UserID="a", Password="b")["result"]["Result"] == "PASSED"
    echo = {"jsonrpc": "2.0", "method": "MacNet", "params": {"FClass": 0, "FNum": 0}, "id": 7}
    assert json.loads(port.receive(json.dumps(echo).encode(), 1.0)) == echo


def test_channels_are_selected_and_started_together() -> None:
    device, port = twin(further=[Resistor(10.0), Resistor(20.0)])
    assert asked(port, 0.0, 6, 1, Chans=[0, 2])["result"]["Result"] == "OK"
    assert [channel.state for channel in device.channels] == [SELECTED, AVAILABLE, SELECTED]
    told = asked(port, 0.0, 6, 2, Chan=65535, TestName="Random", ProcName="test_procedure_1", Crate=1)
    assert told["result"]["Result"] == "OK"
    assert [each["Stat"] for each in asked(port, 1.0, 4, 1, Chan=0, Len=3)["result"]["Status"]] == [
        ACTIVE,
        0,
        ACTIVE,
    ]
    none = asked(port, 1.0, 6, 2, Chan=65535, TestName="Random", ProcName="test_procedure_1")["result"][
        "Result"
    ]
    assert none == "No Channels were selected to be started."


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("{,}", "Parse error"),
        ('{"jsonrpc": "2.0", "method": "Other", "id": 1}', "Method MacNet, jsonrpc 2.0 or id not found"),
        ('{"jsonrpc": "2.0", "method": "MacNet", "id": 1}', "Invalid params"),
        (
            '{"jsonrpc": "2.0", "method": "MacNet", "params": {"FNum": 1}, "id": 1}',
            '"FClass" key does not exist',
        ),
        (
            '{"jsonrpc": "2.0", "method": "MacNet", "params": {"FClass": 1, "FNum": "1"}, "id": 1}',
            '"FNum" key',
        ),
        (
            '{"jsonrpc": "2.0", "method": "MacNet", "params": {"FClass": 9, "FNum": 1}, "id": 1}',
            "Invalid FClass",
        ),
        (
            '{"jsonrpc": "2.0", "method": "MacNet", "params": {"FClass": 1, "FNum": 6}, "id": 1}',
            "Invalid FNum",
        ),
        (
            '{"jsonrpc": "2.0", "method": "MacNet", "params": {"FClass": 4, "FNum": 7}, "id": 1}',
            "Missing object",
        ),
        (
            '{"jsonrpc": "2.0", "method": "MacNet", "params": {"FClass": 4, "FNum": 7, "Chan": 9}, "id": 1}',
            "Illegal value",
        ),
        (
            '{"jsonrpc": "2.0", "method": "MacNet", "params": {"FClass": 7, "FNum": 1, "Chan": 0}, "id": 1}',
            "MacNet error",
        ),
    ],
)
def test_json_that_cannot_be_answered_is_told_why(message: str, told: str) -> None:
    _, port = twin()
    assert told in json.loads(port.receive(message.encode(), 0.0))["error"]["message"]
