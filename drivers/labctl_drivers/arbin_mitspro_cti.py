"""The frames of Arbin's Console TCP/IP Interface: requests from values, values from feedback. Pure.

A frame is a token, a length, a command, four bytes of zero, arguments and a checksum; little-endian, packed. The length
of a request counts from the command on, that of feedback the whole frame.

Source: "Arbin CTI Protocol Commands" v1.1; "Arbin CTI Instructions" v4.5; captures in the tests of pycti-arbin 0.0.13.
"""

import math
import re
import struct
from dataclasses import dataclass

TOKEN = 0x11DDDDDDDDDDDDDD

#: Requests, each with the command of its feedback.
LOGIN, LOGIN_FEEDBACK = 0xEEAB0001, 0xEEBA0001
INFO, INFO_FEEDBACK = 0xEEAB0003, 0xEEBA0003
ASSIGN, ASSIGN_FEEDBACK = 0xBB210001, 0xBB120001
START, START_FEEDBACK = 0xBB320004, 0xBB230004
STOP, STOP_FEEDBACK = 0xBB310001, 0xBB130001
JUMP, JUMP_FEEDBACK = 0xBB320005, 0xBB230005
UPDATE, UPDATE_FEEDBACK = 0xBB150002, 0xBB510002
PLAN, PLAN_FEEDBACK = 0xCD130001, 0xCD310001
STATE, STATE_FEEDBACK = 0xCD130003, 0xCD310003

#: MV_UD1 to MV_UD16 (v1.1, THIRD_PARTY_SET_MV_VALUE).
VARIABLE_CODES = (52, 53, 54, 55, *range(105, 117))

STATUSES = (
    *(
        "Idle",
        "Transition",
        "Charge",
        "Discharge",
        "Rest",
        "Wait",
        "External Charge",
        "Calibration",
        "Unsafe",
    ),
    *(
        "Pulse",
        "Internal Resistance",
        "AC Impedance",
        "ACI Cell",
        "Test Settings",
        "Error",
        "Finished",
        "Volt Meter",
    ),
    *(
        "Waiting for ACS",
        "Pause",
        "Empty",
        "Idle from MCU",
        "Start",
        "Running",
        "Step Transfer",
        "Resume",
        "Go Pause",
    ),
    *("Go Stop", "Go Next Step", "Online Update", "DAQ Memory Unsafe", "ACR"),
)
"""By number (v1.1, Status codes table)."""

_HEAD = struct.Struct("<QIII")
_LEAST, _MOST = 22, 1 << 20
_WIDE_TEST, _WIDE_SCHEDULE = 144, 400
_IN_INFO = struct.Struct("<IIhB400s144s100s64s144s400s400sHdd6f")
_IN_STATE = struct.Struct("<IIII144s400s384s")
_STEPS_AT = 4 + 16 + 400 + 64  # behind counts, schedule and variables of the data before a start
_VARIABLES_AT = 1144 - _HEAD.size  # behind the counters of THIRD_PARTY_RESUME_DATA
_PLACE = re.compile(r"\[\d+\] *(\d+): *([^,]*)")

#: The manual's words for results (v1.1); those of a start say most, others use the same numbers for the same.
RESULTS = {
    ASSIGN: {
        0x10: "the channel does not exist",
        0x11: "somebody uses the Monitor and Control window, or this user may not control",
        0x12: "the schedule's name is empty",
        0x13: "there is no schedule of that name",
        0x14: "the channel is running",
        0x15: "the channel is downloading another schedule",
        0x16: "the batch file is open",
        0x17: "the schedule could not be assigned",
    },
    START: {
        0x10: "invalid channel index",
        0x11: "somebody uses the Monitor and Control window, or this user may not control",
        0x12: "the channel is running or unsafe",
        0x13: "the channel is not connected to the DAQ",
        0x14: "the schedule does not suit the system's configuration",
        0x15: "no schedule is assigned",
        0x16: "the schedule is of another version of MITS",
        0x1E: "check the schedule's tab of auxiliary test settings",
        0x21: "the DAQ is still downloading the schedule",
        0x22: "the database cannot be asked",
        0x26: "the schedule's safety check has failed",
    },
    JUMP: {
        0x11: "somebody uses the Monitor and Control window, or this user may not control",
        0x12: "the channel is not running",
        0x13: "the channel is not connected to the DAQ",
        0x21: "the DAQ is still downloading the schedule",
        0x24: "the schedule has an invalid limit",
        0x26: "the schedule's safety check has failed",
    },
    UPDATE: {
        0x10: "the meta variables could not be set",
        0x11: "a meta variable does not exist",
        0x12: "the channel is not running",
        0x14: "meta variables were updated less than 200 ms before",
    },
    STOP: {
        0x10: "the channel does not exist",
        0x11: "somebody uses the Monitor and Control window, or this user may not control",
    },
}


@dataclass(frozen=True, slots=True)
class Login:
    """What a login tells: accepted or not, the cycler's serial number, how many channels it has."""

    result: int
    serial: str
    version: int
    channels: int


@dataclass(frozen=True, slots=True)
class Info:
    """A channel at the time of its latest reading; capacities since they were reset.

    Attributes:
        status: a word of the manual's.
        lost: the computer cannot reach the cycler.
        step: number of the step as shown, from 1; 0 where none is.
        label: of the step.
        exit: why the test ended, in the cycler's words.
    """

    status: str
    lost: bool
    schedule: str
    test: str
    exit: str
    step: int
    label: str
    test_s: float
    step_s: float
    voltage_V: float
    current_A: float
    charge_C: float
    discharge_C: float


@dataclass(frozen=True, slots=True)
class State:
    """A test with its variables, as kept for its resumption."""

    code: int
    test: str
    schedule: str
    variables: tuple[float, ...]


def frame_size(begin: bytes) -> int:
    """How long the feedback is that begins so; 0 while that cannot be told.

    ArbinSpoofer does not count its checksum: where it is not at the end of the length that is told, it may follow.

    Raises:
        ValueError: no feedback begins so.
    """
    if not struct.pack("<Q", TOKEN).startswith(begin[:8]):
        raise ValueError("no frame of CTI begins so")
    if len(begin) < 12:
        return 0
    length = int.from_bytes(begin[8:12], "little")
    if not _LEAST <= length <= _MOST:
        raise ValueError(f"a frame of {length} bytes")
    return length if len(begin) < length or _is_whole(begin[:length]) else length + 2


def request(command: int, arguments: bytes) -> bytes:
    """A whole request."""
    data = _HEAD.pack(TOKEN, 8 + len(arguments) + 2, command, 0) + arguments
    return data + struct.pack("<H", sum(data) & 0xFFFF)


def arguments_of(frame: bytes, command: int) -> bytes:
    """What a whole feedback says.

    Raises:
        ValueError: damaged, or the feedback to another command.
    """
    if not _is_whole(frame):
        raise ValueError("the checksum is wrong")
    _, _, found, _ = _HEAD.unpack_from(frame)
    if found != command:
        raise ValueError(f"feedback {found:08X} in place of {command:08X}")
    return frame[_HEAD.size : -2]


def _is_whole(frame: bytes) -> bool:
    return sum(frame[:-2]) & 0xFFFF == int.from_bytes(frame[-2:], "little")


def login(user: str, password: str) -> bytes:
    """THIRD_PARTY_USER_LOGIN_CMD."""
    return request(LOGIN, struct.pack("<32s32s", user.encode(), password.encode()))


def info(channel: int) -> bytes:
    """THIRD_PARTY_GET_CHANNELS_INFO of one channel, without auxiliaries."""
    return request(INFO, struct.pack("<hhI32x", channel, 1, 0))


def assign(channel: int, schedule: str, barcode: str) -> bytes:
    """THIRD_PARTY_ASSIGN_SCHEDULE; capacity and variables in it have no effect in MITS 8."""
    head = struct.pack("<iB", channel, 0) + _wide(schedule, _WIDE_SCHEDULE)
    return request(ASSIGN, head + struct.pack("<f", 0.0) + _wide(barcode, 144) + bytes(16 * 4 + 32))


def start(channel: int, test: str) -> bytes:
    """THIRD_PARTY_START_SCHEDULE of one channel."""
    return request(START, _wide(test, _WIDE_TEST) + struct.pack("<IH", 1, channel))


def stop(channel: int) -> bytes:
    """THIRD_PARTY_STOP_SCHEDULE of one channel."""
    return request(STOP, struct.pack("<IB101x", channel, 0))


def jump(channel: int, step: int) -> bytes:
    """THIRD_PARTY_JUMP_CHANNEL to a step, counted from 0."""
    return request(JUMP, struct.pack("<ii101x", step, channel))


def update(channel: int, values: tuple[float, ...]) -> bytes:
    """Set MV_UD1 and so on at once (UPDATE_MV_ADVANCED)."""
    pairs = zip(VARIABLE_CODES, values, strict=False)
    entries = b"".join(struct.pack("<HHf", channel, code, value) for code, value in pairs)
    return request(UPDATE, struct.pack("<I18x", channel) + entries)


def plan(channel: int) -> bytes:
    """GET_START_DATA of one channel."""
    return request(PLAN, struct.pack("<IH", 1, channel))


def state(channel: int) -> bytes:
    """GET_RESUME_DATA of one channel."""
    return request(STATE, struct.pack("<IH", 1, channel))


def read_login(body: bytes) -> Login:
    """Feedback to a login.

    Raises:
        ValueError: too short.
    """
    if len(body) < 8656:
        raise ValueError("a login's feedback that is too short")
    (result,) = struct.unpack_from("<I", body)
    version, _, channels = struct.unpack_from("<III", body, 8636)
    return Login(result, _narrow(body[8:24]), version, channels)


def read_result(body: bytes, channel: int) -> int:
    """The result of a command to one channel; -1 stands for the channel where it succeeded.

    Raises:
        ValueError: of another channel, or too short.
    """
    if len(body) < 5:
        raise ValueError("feedback that is too short")
    number, result = struct.unpack_from("<iB", body)
    if number not in (channel, -1):
        raise ValueError(f"feedback for channel {number} in place of {channel}")
    return int(result)


def read_info(body: bytes, channel: int) -> Info:
    """Channel information.

    Raises:
        ValueError: not of this channel, or not numbers.
    """
    if len(body) < _IN_INFO.size:
        raise ValueError("there is no such channel")
    count, number, status, lost, schedule, test, ended, place, _, _, _, _, test_s, step_s, *values = (
        _IN_INFO.unpack_from(body)
    )
    if count != 1 or number != channel:
        raise ValueError(f"information on channel {number} in place of {channel}")
    if not all(math.isfinite(value) for value in (test_s, step_s, *values)):
        raise ValueError("a reading that is no number")
    voltage_V, current_A, _, charge_Ah, discharge_Ah, _ = values
    at = _PLACE.match(_narrow(place))
    return Info(
        STATUSES[status] if 0 <= status < len(STATUSES) else f"status {status}",
        bool(lost),
        _from_wide(schedule),
        _from_wide(test),
        _narrow(ended),
        int(at[1]) if at else 0,
        at[2].strip() if at else "",
        test_s,
        step_s,
        voltage_V,
        current_A,
        charge_Ah * 3600.0,
        discharge_Ah * 3600.0,
    )


def read_state(body: bytes, channel: int) -> State:
    """A test's state.

    Raises:
        ValueError: not of this channel, or too short.
    """
    if len(body) < _VARIABLES_AT + 64:
        raise ValueError("the data for a resumption are missing")
    count, number, code, _, test, schedule, _ = _IN_STATE.unpack_from(body)
    if count != 1 or number != channel:
        raise ValueError(f"data of channel {number} in place of {channel}")
    variables = struct.unpack_from("<16f", body, _VARIABLES_AT)
    return State(code, _from_wide(test), _from_wide(schedule), variables)


def read_plan(body: bytes, channel: int, labels: tuple[str, ...]) -> bool:
    """Whether the assigned schedule has these steps, and no more.

    Assumed: the labels stand in order behind the names of earlier tests, in one byte or two for a character; the
    manual's ``char`` leaves that open.

    Raises:
        ValueError: not of this channel, or too short.
    """
    if len(body) < _STEPS_AT:
        raise ValueError("the data before a start are missing")
    count, number, _, _, steps = struct.unpack_from("<IIIII", body)
    if count != 1 or number != channel:
        raise ValueError(f"data of channel {number} in place of {channel}")
    return steps == len(labels) and any(
        _in_order([label.encode(encoding) for label in labels], body[_STEPS_AT:])
        for encoding in ("ascii", "utf-16-le")
    )


def _in_order(parts: list[bytes], whole: bytes) -> bool:
    at = 0
    for part in parts:
        found = whole.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _wide(text: str, size: int) -> bytes:
    return text.encode("utf-16-le")[: size - 2].ljust(size, b"\0")


def _from_wide(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").partition("\0")[0]


def _narrow(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("latin-1")
