"""The simulated MITS Pro: its frames byte by byte, what its channels do, its files, and what it refuses."""

import hashlib
import struct
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.arbin_channel import Scale
from labctl_simulators.firmware.arbin_mitspro import ArbinMitsPro, CtiConnection
from labctl_simulators.firmware.arbin_schedule import Unusable, read_schedule

LOGIN, CONNECT, INFO = 0xEEAB0001, 0xEEAB0002, 0xEEAB0003
ASSIGN, SET_MV, UPDATE_MV, SERIAL = 0xBB210001, 0xBB150001, 0xBB150002, 0xBB340001
STOP, RESUME, START, JUMP, CONTINUE = 0xBB310001, 0xBB310002, 0xBB320004, 0xBB320005, 0xBB320006
BROWSE, DOWNLOAD, UPLOAD, NEW_OR_DELETE, NEW_FOLDER, DELETE = range(0xCC130001, 0xCC130007)
START_DATA, START_EX, RESUME_DATA, RESUME_EX = range(0xCD130001, 0xCD130005)
HEAD = bytes.fromhex("dddddddddddddd11")
IDLE, CHARGE, DISCHARGE, REST, UNSAFE, FINISHED, PAUSE = 0, 2, 3, 4, 8, 15, 18
MADE, DELETED = 1, 2


def utf16(text: str, characters: int) -> bytes:
    return text.encode("utf-16-le").ljust(2 * characters, b"\0")


def request(command: int, body: bytes = b"") -> bytes:
    data = HEAD + struct.pack("<III", len(body) + 10, command, 0) + body
    return data + struct.pack("<H", sum(data) & 0xFFFF)


def login(user: str = "admin", password: str = "000000") -> bytes:
    return request(LOGIN, user.encode().ljust(32, b"\0") + password.encode().ljust(32, b"\0"))


def info(channel: int, selection: int = 1, needs: int = 0) -> bytes:
    return request(INFO, struct.pack("<hhI32x", channel, selection, needs))


def assign(channel: int, name: str, *, everywhere: bool = False) -> bytes:
    return request(
        ASSIGN, struct.pack("<iB", channel, everywhere) + utf16(name, 200) + bytes(4 + 144 + 64 + 32)
    )


def start(*channels: int, test: str = "test") -> bytes:
    return request(START, utf16(test, 72) + struct.pack(f"<I{len(channels)}H", len(channels), *channels))


def one(command: int, channel: int, everywhere: int = 0) -> bytes:
    return request(command, struct.pack("<IB101x", channel, everywhere))


def listed(command: int, *channels: int) -> bytes:
    return request(command, struct.pack(f"<I{len(channels)}H", len(channels), *channels))


def jump(channel: int, step: int) -> bytes:
    return request(JUMP, struct.pack("<ii101x", step, channel))


def set_mv(channel: int, code: int, value: float, kinds: tuple[int, int] = (1, 1)) -> bytes:
    return request(SET_MV, struct.pack("<Iii16xif16x", channel, kinds[0], code, kinds[1], value))


def update_mv(channel: int, **values: float) -> bytes:
    codes = (52, 53, 54, 55, *range(105, 117))
    entries = [
        struct.pack("<HHf", channel, codes[int(name[2:]) - 1], value) for name, value in values.items()
    ]
    return request(UPDATE_MV, struct.pack("<I18x", channel) + b"".join(entries))


def path(text: str) -> bytes:
    return utf16(text, 1024)


def upload(name: str, data: bytes, packages: int = 1, index: int = 0, md5: bytes | None = None) -> bytes:
    digest = hashlib.md5(data, usedforsecurity=False).digest() if md5 is None else md5
    return request(UPLOAD, path(name) + struct.pack("<QIId", len(data), packages, index, 7.0) + digest + data)


class Feedback(NamedTuple):
    command: int
    body: bytes


class Shown(NamedTuple):
    channel: int
    status: int
    place: str
    test_s: float
    step_s: float
    voltage_V: float
    current_A: float
    charge_Ah: float


def feedback(data: bytes) -> list[Feedback]:
    found = []
    while data:
        token, length, command, extended = struct.unpack_from("<QIII", data)
        frame, data = data[:length], data[length:]
        assert (token, extended) == (0x11DDDDDDDDDDDDDD, 0)
        assert struct.unpack("<H", frame[-2:])[0] == sum(frame[:-2]) & 0xFFFF
        found.append(Feedback(command, frame[20:-2]))
    return found


def shown(data: bytes) -> Shown:
    (body,) = (each.body for each in feedback(data))
    _, channel, status = struct.unpack_from("<IIh", body)
    place = body[655:719].rstrip(b"\0").decode()
    test_s, step_s, voltage_V, current_A, _, charge_Ah = struct.unpack_from("<dd4f", body, 1665)
    return Shown(channel, status, place, test_s, step_s, voltage_V, current_A, charge_Ah)


def result(data: bytes) -> tuple[int, int, int]:
    """Command, channel and result of the only feedback."""
    ((command, body),) = feedback(data)
    assert len(body) == 106
    return command, *struct.unpack_from("<iB", body)


def box(*, user: str = "admin", scale: Scale | None = None) -> tuple[ArbinMitsPro, CtiConnection]:
    """0.1 V at once and 1 mV/s from then on at 1 mA; and 100 ohm."""
    device = ArbinMitsPro(RcCell(90.0, 10.0, 1e-3, 1.0), 1, further=[Resistor(100.0)], scale=scale)
    port = device.port()
    assert feedback(port.receive(login(user), 0.0))[0].body[0] == 1
    return device, port


# --- frames -----------------------------------------------------------------------------------------------------


def test_lengths_are_those_of_a_real_cycler() -> None:
    _, port = box()
    assert [len(port.receive(each, 0.0)) for each in (login(), info(0), one(STOP, 0))] == [8678, 1779, 128]
    assert len(port.receive(info(0, needs=0x400), 0.0)) == 1779 + 2 * 8
    assert port.receive(one(STOP, 1), 0.0)[:25] == HEAD + bytes.fromhex("80000000010013bb000000000100000000")


def test_a_login_is_accepted_refused_or_the_second_and_goes_before_everything() -> None:
    device = ArbinMitsPro(Resistor(100.0))
    port = device.port()
    assert port.receive(info(0), 0.0) == b""
    for user, password, expected in (
        ("admin", "111111", 2),
        ("", "", 2),
        ("nobody", "000000", 2),
        ("admin", "000000", 1),
        ("admin", "000000", 3),
    ):
        (answer,) = feedback(port.receive(login(user, password), 0.0))
        assert (answer.command, answer.body[0]) == (0xEEBA0001, expected)
    assert struct.unpack_from("<II", answer.body, 8640) == (1, 1)  # may control, one channel
    assert device.port().receive(info(0), 0.0) == b""  # each connection for itself
    assert len(port.receive(info(0), 0.0)) == 1779
    ((command, body),) = feedback(port.receive(request(CONNECT, struct.pack("<I32x", 1)), 0.0))
    assert (command, body[:8], len(body)) == (0xEEBA0002, bytes.fromhex("0100000000000000"), 40)
    serial = feedback(port.receive(one(SERIAL, 0), 0.0))[0]
    assert (serial.command, int.from_bytes(serial.body[:4], "little")) == (0xBB430001, 218340)


def test_a_user_who_may_only_look_is_told_so() -> None:
    _, port = box(user="viewer")
    for asked in (
        assign(0, "Rest.sdx"),
        start(0),
        one(STOP, 0),
        one(RESUME, 0),
        listed(CONTINUE, 0),
        jump(0, 0),
    ):
        assert result(port.receive(asked, 0.0))[1:] == (0, 0x11)
    assert result(port.receive(set_mv(0, 52, 1.0), 0.0))[2] == 0x10
    assert shown(port.receive(info(0), 0.0)).status == IDLE


CONVERSATION = (
    login() + info(-1, needs=0x400) + assign(0, "Cycles.sdx") + start(0) + info(0) + jump(0, 1) + info(0)
)


@given(st.lists(st.integers(0, len(CONVERSATION)), max_size=6))
def test_any_split_of_the_input_gives_the_same_output(cuts: list[int]) -> None:
    def talk(*pieces: bytes) -> bytes:
        port = ArbinMitsPro(Resistor(100.0), 1).port()
        return b"".join(port.receive(piece, 0.0) for piece in pieces)

    places = [0, *sorted(cuts), len(CONVERSATION)]
    pieces = [CONVERSATION[a:b] for a, b in pairwise(places)]
    assert talk(*pieces) == talk(CONVERSATION)


@given(st.binary(max_size=60), st.sampled_from([b"", HEAD, login()]))
def test_hostile_bytes_end_the_connection_at_most(garbage: bytes, before: bytes) -> None:
    device = ArbinMitsPro(Resistor(100.0))
    port = device.port()
    port.receive(before + garbage, 0.0)
    if port.next_wake() is not None:
        with pytest.raises(ConnectionAbortedError):
            port.wake(0.0)
        assert port.receive(login(), 0.0) == b""
    assert len(device.port().receive(login(), 1.0)) == 8678


@given(
    st.sampled_from(
        [
            *(CONNECT, INFO, ASSIGN, SET_MV, UPDATE_MV, SERIAL, STOP, RESUME, START, JUMP, CONTINUE),
            *range(0xCC130001, 0xCC130007),
            *range(0xCD130001, 0xCD130005),
            *(0xCD140001, 0xCD140002, 0xDEADBEEF),
        ]
    ),
    st.one_of(st.binary(max_size=40), st.integers(0, 255).map(lambda byte: bytes([byte]) * 3000)),
)
def test_no_arguments_upset_it(command: int, body: bytes) -> None:
    _, port = box()
    port.receive(assign(0, "labctl-1.sdx") + start(0), 0.0)
    feedback(port.receive(request(command, body), 1.0))
    assert len(port.receive(info(0), 2.0)) == 1779


def test_a_wrong_checksum_is_not_answered_and_disturbs_nothing() -> None:
    _, port = box()
    damaged = bytearray(info(0))
    damaged[30] ^= 1
    assert port.receive(bytes(damaged), 0.0) == b""
    assert len(port.receive(info(0), 0.0)) == 1779


# --- channels ---------------------------------------------------------------------------------------------------


def test_a_schedule_is_assigned_started_and_goes_from_step_to_step() -> None:
    device, port = box()
    assert result(port.receive(assign(0, "Cycles"), 0.0)) == (0xBB120001, 0, 0)
    assert result(port.receive(start(0), 0.0)) == (0xBB230004, -1, 0)
    seen = [shown(port.receive(info(0), float(t))) for t in range(0, 400, 5)]
    assert seen[0][1:3] == (REST, "[1] 1: Step_A, Rest")
    assert seen[5][1:3] == (CHARGE, "[1] 2: Charge, Current(A)")
    assert seen[5].voltage_V == pytest.approx(0.12, abs=1e-3)
    assert (seen[-1].status, seen[-1].place) == (PAUSE, "[1] 4: Look, Pause")
    assert not device.circuit_closed
    assert result(port.receive(listed(CONTINUE, 0), 400.0)) == (0xBB230006, -1, 0)
    assert shown(port.receive(info(0), 410.0))[1:3] == (DISCHARGE, "[1] 5: Discharge, Current(A)")
    assert shown(port.receive(info(0), 440.0)).place == "[2] 3: Hold, CCCV"
    assert result(port.receive(one(STOP, 0), 441.0)) == (0xBB130001, 0, 0)
    assert shown(port.receive(info(0), 442.0)).status == IDLE


def test_how_often_it_is_asked_makes_no_difference() -> None:
    ends = []
    for every_s in (1.0, 7.0, 350.0):
        _, port = box()
        port.receive(assign(0, "Cycles.sdx") + start(0), 0.0)
        for n in range(int(350.0 / every_s)):
            port.receive(info(0), n * every_s)
        ends.append(shown(port.receive(info(0), 350.0)).charge_Ah)
    assert ends == [pytest.approx(ends[0], rel=1e-6)] * 3


def test_a_stopped_test_is_resumed_where_it_was_and_a_jump_goes_elsewhere() -> None:
    _, port = box()
    port.receive(assign(0, "Cycles.sdx") + start(0), 0.0)
    port.receive(one(STOP, 0), 25.0)
    assert result(port.receive(one(RESUME, 0), 100.0)) == (0xBB130002, 0, 0)
    at = shown(port.receive(info(0), 110.0))
    assert (at.place, at.test_s, at.step_s) == (
        "[1] 2: Charge, Current(A)",
        pytest.approx(35.0, abs=1.1),
        pytest.approx(30.0, abs=1.1),
    )
    assert result(port.receive(jump(0, 4), 111.0)) == (0xBB230005, 0, 0)
    assert shown(port.receive(info(0), 112.0)).place == "[1] 5: Discharge, Current(A)"
    port.receive(jump(0, 99), 113.0)
    assert shown(port.receive(info(0), 114.0)).status == FINISHED


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (assign(7, "Rest.sdx"), (0xBB120001, 7, 0x10)),
        (assign(1, ""), (0xBB120001, 1, 0x12)),
        (assign(1, "none"), (0xBB120001, 1, 0x13)),
        (assign(0, "Rest.sdx"), (0xBB120001, 0, 0x14)),
        (start(7), (0xBB230004, 7, 0x10)),
        (start(0), (0xBB230004, 0, 0x12)),
        (start(1), (0xBB230004, 1, 0x15)),
        (one(RESUME, 0), (0xBB130002, 0, 0x12)),
        (one(RESUME, 1), (0xBB130002, 1, 0x15)),
        (one(RESUME, 9), (0xBB130002, 9, 0x10)),
        (listed(CONTINUE, 0), (0xBB230006, 0, 0x12)),
        (listed(CONTINUE, 1), (0xBB230006, 1, 0x15)),
        (listed(CONTINUE, 9), (0xBB230006, 9, 0x10)),
        (jump(1, 0), (0xBB230005, 1, 0x12)),
        (one(STOP, 9), (0xBB130001, 9, 0x10)),
        (set_mv(1, 52, 1.0), (0xBB510001, 1, 0x12)),
        (set_mv(0, 99, 1.0), (0xBB510001, 0, 0x11)),
        (set_mv(0, 52, 1.0, (2, 1)), (0xBB510001, 0, 0x10)),
        (set_mv(0, 52, float("nan")), (0xBB510001, 0, 0x10)),
        (set_mv(0, 116, 1.0), (0xBB510001, 0, 0)),
        (update_mv(1, MV1=1.0), (0xBB510002, 1, 0x12)),
        (request(UPDATE_MV, bytes(22)), (0xBB510002, 0, 0x10)),
    ],
)
def test_results_of_what_cannot_be_done(asked: bytes, expected: tuple[int, int, int]) -> None:
    _, port = box()
    port.receive(assign(0, "labctl-1.sdx") + start(0), 0.0)
    assert result(port.receive(asked, 1.0)) == expected


def test_a_start_needs_a_name_and_may_be_of_several_channels_at_once() -> None:
    _, port = box()
    results = feedback(port.receive(assign(0, "OnRequest.sdx", everywhere=True), 0.0))
    assert [struct.unpack_from("<iB", each.body) for each in results] == [(0, 0), (1, 0)]
    assert result(port.receive(start(0, test=""), 0.0)) == (0xBB230004, 0, 0x23)
    assert result(port.receive(start(0, 1), 0.0)) == (0xBB230004, -1, 0)
    assert len(feedback(port.receive(one(STOP, 0, 1), 1.0))) == 2
    assert [shown(port.receive(info(n), 2.0)).status for n in (0, 1)] == [IDLE, IDLE]


def test_advanced_start_and_resumption_name_schedule_and_step() -> None:
    _, port = box()
    entry = struct.pack("<I", 0) + utf16("advanced", 72) + utf16("Cycles.sdx", 200) + bytes(256)
    entry += struct.pack("<I", 4) + bytes(244)
    assert result(port.receive(request(START_EX, struct.pack("<I", 1) + entry), 0.0)) == (0xBB230004, -1, 0)
    assert shown(port.receive(info(0), 1.0)).place == "[1] 5: Discharge, Current(A)"
    port.receive(one(STOP, 0), 2.0)
    entry = (
        struct.pack("<I", 0)
        + utf16("advanced", 72)
        + utf16("Cycles.sdx", 200)
        + struct.pack("<I", 4)
        + bytes(244)
    )
    assert result(port.receive(request(RESUME_EX, struct.pack("<I", 1) + entry), 3.0)) == (0xBB130002, 0, 0)
    assert shown(port.receive(info(0), 4.0)).status == DISCHARGE


def test_channel_information_of_all_of_those_that_run_and_of_none() -> None:
    _, port = box()
    port.receive(assign(1, "OnRequest.sdx") + start(1), 0.0)

    def told(asked: bytes) -> list[tuple[int, ...]]:
        return [
            struct.unpack_from("<II", each.body.ljust(8, b"\0"))
            for each in feedback(port.receive(asked, 1.0))
        ]

    assert told(info(-1)) == [(1, 0), (1, 1)]
    assert told(info(-1, 2)) == [(1, 1)]
    assert told(info(-1, 3)) == told(info(9)) == [(0, 0)]
    body = feedback(port.receive(info(1, needs=0x400), 1.0))[0].body
    assert struct.unpack_from("<14H", body, 1729) == (1, 1, *(0,) * 12)
    assert struct.unpack_from("<4f", body, 1757) == pytest.approx((0.0, 0.0, 25.0, 0.0), abs=1e-4)


def test_meta_variables_control_at_once_and_in_batches_not_too_often() -> None:
    _, port = box()
    port.receive(assign(1, "OnRequest.sdx") + start(1), 0.0)
    port.receive(set_mv(1, 52, 2e-3), 1.0)
    assert shown(port.receive(info(1), 2.1)).voltage_V == pytest.approx(0.2, abs=1e-4)
    assert result(port.receive(update_mv(1, MV1=-1e-3), 3.0))[2] == 0
    assert result(port.receive(update_mv(1, MV1=1e-3), 3.1)) == (0xBB510002, 1, 0x14)
    assert result(port.receive(update_mv(1, MV2=1.0), 3.2))[2] == 0
    assert shown(port.receive(info(1), 3.3)).status == FINISHED


def test_the_data_before_a_start_and_a_resumption_hold_variables_and_labels() -> None:
    _, port = box()
    code = struct.unpack_from("<III", feedback(port.receive(listed(RESUME_DATA, 0), 0.0))[0].body)
    assert code == (1, 0, 36)
    port.receive(assign(0, "labctl-1.sdx") + start(0, test="mine") + update_mv(0, MV1=0.5, MV16=7.0), 0.0)
    ((command, body),) = feedback(port.receive(listed(RESUME_DATA, 0, 9), 2.0))
    assert (command, struct.unpack_from("<4I", body)) == (0xCD310003, (1, 0, 0, 9))
    assert body[16:24] == "mine".encode("utf-16-le")
    assert struct.unpack_from("<I2d", body, 944) == (1, 2.0, 2.0)
    assert struct.unpack_from("<16f", body, 1124) == (0.5, *(0.0,) * 14, 7.0)
    assert body[1188:1196] == struct.pack("<I", 4) + b"Wait"
    ((command, body),) = feedback(port.receive(listed(START_DATA, 0, 1), 2.0))
    assert (command, struct.unpack_from("<5I", body)) == (0xCD310001, (2, 0, 0, 1, 9))
    assert b"mine" in body
    assert b"KeepT" in body


def test_what_a_channel_cannot_hold_makes_it_unsafe() -> None:
    _, port = box()
    port.receive(assign(1, "OnRequest.sdx") + start(1) + set_mv(1, 52, 2.0), 0.0)
    assert shown(port.receive(info(1), 1.0)).status == UNSAFE
    assert result(port.receive(start(1), 1.0)) == (0xBB230004, 1, 0x12)
    assert result(port.receive(listed(CONTINUE, 1), 1.0)) == (0xBB230006, 1, 0x16)
    _, port = box(scale=Scale(0.0, 5.0, (5.0, 0.5)))
    port.receive(assign(1, "OnRequest.sdx") + start(1) + set_mv(1, 52, -1e-3), 0.0)
    assert shown(port.receive(info(1), 1.0)).status == UNSAFE  # it goes from 0 V


# --- files and schedules ----------------------------------------------------------------------------------------


def browse(port: CtiConnection, folder: str) -> tuple[int, dict[str, int]]:
    ((command, body),) = feedback(port.receive(request(BROWSE, path(folder)), 0.0))
    assert command == 0xCC310001
    outcome, count = struct.unpack_from("<II", body)
    entries = [body[8 + 200 * n : 208 + 200 * n] for n in range(count)]
    names = {
        each[4:132].decode("utf-16-le").rstrip("\0"): struct.unpack_from("<I", each)[0] for each in entries
    }
    return outcome, names


def test_folders_are_browsed_made_and_deleted() -> None:
    _, port = box()
    assert browse(port, "")[1].keys() >= {"Work", "Simulation", "Support"}
    outcome, files = browse(port, "\\Work\\")
    assert outcome == 2
    assert files["labctl-1.sdx"] == 1
    assert browse(port, "Nowhere") == (3, {})

    def code(command: int, body: bytes) -> int:
        return int.from_bytes(feedback(port.receive(request(command, body), 0.0))[0].body, "little")

    assert code(NEW_FOLDER, path("Work\\Na")) == code(NEW_OR_DELETE, b"\1\0\0\0" + path("Work/K")) == MADE
    assert (code(NEW_FOLDER, path("Work\\Na")), code(NEW_FOLDER, path("Else\\Na"))) == (3, 4)
    assert code(DELETE, path("Work\\Na")) == code(NEW_OR_DELETE, bytes(4) + path("Work/K")) == DELETED
    assert (code(DELETE, path("Work\\Na")), code(DELETE, path("Work")), code(DELETE, path(""))) == (8, 5, 8)
    port.receive(assign(0, "Rest.sdx") + start(0), 0.0)
    assert (code(DELETE, path("Work/Rest.sdx")), code(DELETE, path("Work/Cycles.sdx"))) == (7, DELETED)
    port.receive(upload("Support/a.exe", b"x"), 0.0)
    assert code(DELETE, path("Support/a.exe")) == 6


def test_files_are_uploaded_in_packages_run_and_downloaded() -> None:
    _, port = box()
    text = (
        b"[Schedule_Step0]\r\nm_uLimitNum=2\r\nm_szLabel=Up\r\nm_szStepCtrlType=Voltage(V)\r\nm_szCtrlValue=0.3\r\n"
        b"[Schedule_Step0_Limit0]\r\nm_bStepLimit=1\r\nm_bLogDataLimit=1\r\nm_szGotoStep=End Test\r\n"
        b"Equation0_szLeft=PV_CHAN_Step_Time\r\nEquation0_szCompareSign=>\r\nEquation0_szRight=10\r\n"
        b"[Schedule_Step0_Limit1]\r\nm_bStepLimit=0\r\nm_bLogDataLimit=1\r\nm_szGotoStep=Next Step\r\n"
        b"Equation0_szLeft=DV_Time\r\nEquation0_szCompareSign=>=\r\nEquation0_szRight=1\r\n"
    )

    def sent(*arguments: object, md5: bytes | None = None) -> tuple[float, int, int, int]:
        ((command, body),) = feedback(port.receive(upload(*arguments, md5=md5), 0.0))  # type: ignore[arg-type]
        assert command == 0xCC310003
        return struct.unpack("<dIII", body)

    assert sent("Work\\Up.sdx", text[:50], 2, 0) == (7.0, 2, 0, 1)
    assert result(port.receive(assign(1, "Up.sdx"), 0.0))[2] == 0x13  # half of it is no file
    assert sent("Work\\Up.sdx", text[50:], 2, 1)[3] == 1
    assert sent("Work\\Up.sdx", text, md5=bytes(16))[3] == 3
    assert sent("Nowhere\\Up.sdx", text)[3] == sent("Work\\Up.sdx", text, 1, 1)[3] == 2
    port.receive(assign(1, "up") + start(1), 0.0)
    assert sent("Work\\Up.sdx", text)[3] == 4  # it runs
    at = shown(port.receive(info(1), 5.0))
    assert (at.status, at.voltage_V, at.current_A) == (
        CHARGE,
        pytest.approx(0.3, abs=1e-4),
        pytest.approx(3e-3, rel=1e-3),
    )
    assert shown(port.receive(info(1), 11.0)).status == FINISHED
    ((command, body),) = feedback(
        port.receive(request(DOWNLOAD, path("Work/Up.sdx") + struct.pack("<d", 9.0)), 11.0)
    )
    assert (command, struct.unpack_from("<IdII", body)) == (0xCC310002, (1, 9.0, 1, 0))
    assert (body[20:36], body[44:]) == (hashlib.md5(text, usedforsecurity=False).digest(), text)
    port.receive(upload("Support/big.txt", bytes(600_000)), 11.0)
    parts = feedback(port.receive(request(DOWNLOAD, path("Support/big.txt") + bytes(8)), 11.0))
    assert [len(part.body) - 44 for part in parts] == [512 * 1024, 600_000 - 512 * 1024]
    missing = feedback(port.receive(request(DOWNLOAD, path("Work/none") + bytes(8)), 11.0))[0].body
    assert (missing[0], len(missing)) == (2, 44)


def test_a_message_arrives_and_calibration_needs_its_window() -> None:
    device, port = box()
    assert feedback(port.receive(request(0xCD140002, path("hello")), 0.0))[0] == (0xCD410002, b"\1\0\0\0")
    assert device.messages == ["hello"]
    assert feedback(port.receive(request(0xCD140001, bytes(102)), 0.0))[0] == (0xCD410001, bytes(4))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no schedule",
        "[Schedule_Step0]\nm_szStepCtrlType=Magic",
        "[Schedule_Step0]\nm_szStepCtrlType=Rest\nm_uLimitNum=-1",
        "[Schedule_Step0]\nm_szStepCtrlType=Rest\nm_uLimitNum=1\n[Schedule_Step0_Limit0]\nm_bStepLimit=1",
        "[Schedule_Step0]\nm_szStepCtrlType=Rest\nm_uLimitNum=1\n[Schedule_Step0_Limit0]\nm_bStepLimit=1\n"
        "Equation0_szLeft=DV_Time\nEquation0_szCompareSign=~\nEquation0_szRight=1",
        "[Schedule_Step0]\nm_szStepCtrlType=Rest\nm_uLimitNum=1\n[Schedule_Step0_Limit0]\nm_bStepLimit=1\n"
        "m_szGotoStep=Nowhere\nEquation0_szLeft=DV_Time\nEquation0_szCompareSign=>\nEquation0_szRight=1",
    ],
    ids=["nothing", "no section", "unknown type", "no number", "no equation", "no sign", "nowhere"],
)
def test_a_file_that_is_no_schedule_is_not_assigned(text: str) -> None:
    with pytest.raises(Unusable):
        read_schedule(text.encode())
    _, port = box()
    port.receive(upload("Work/bad.sdx", text.encode()), 0.0)
    assert result(port.receive(assign(0, "bad.sdx"), 0.0)) == (0xBB120001, 0, 0x17)


def test_steps_that_set_variables_without_end_make_a_channel_unsafe() -> None:
    _, port = box()
    text = (
        "[Schedule_Step0]\nm_szLabel=A\nm_szStepCtrlType=Set Variable(s)\nm_uLimitNum=1\n[Schedule_Step0_Limit0]\n"
        "m_bStepLimit=1\nm_szGotoStep=A\nEquation0_szLeft=PV_CHAN_Step_Time\nEquation0_szCompareSign=>=\n"
        "Equation0_szRight=0"
    )
    port.receive(upload("Work/turns.sdx", text.encode()) + assign(0, "turns.sdx") + start(0), 0.0)
    assert shown(port.receive(info(0), 0.0)).status == UNSAFE


def test_a_step_that_begins_again_at_once_or_logs_without_pause_takes_its_time() -> None:
    _, port = box()
    text = (
        "[Schedule_Step0]\nm_szLabel=A\nm_szStepCtrlType=Rest\nm_uLimitNum=2\n[Schedule_Step0_Limit0]\n"
        "m_bStepLimit=1\nm_szGotoStep=A\nEquation0_szLeft=PV_CHAN_Step_Time\nEquation0_szCompareSign=>=\n"
        "Equation0_szRight=0\n[Schedule_Step0_Limit1]\nm_bLogDataLimit=1\nEquation0_szLeft=DV_Time\n"
        "Equation0_szCompareSign=>\nEquation0_szRight=1e-9"
    )
    port.receive(upload("Work/turns.sdx", text.encode()) + assign(0, "turns.sdx") + start(0), 0.0)
    assert shown(port.receive(info(0), 30.0)).status == REST
