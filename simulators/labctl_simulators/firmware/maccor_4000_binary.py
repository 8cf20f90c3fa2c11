"""Binary messages of MacNet for the simulated Maccor: bytes to values and back, all little-endian.

A field is a name and how it is written: a letter of ``struct``; ``t`` a time in ms since 1970; a number, that many
characters filled with spaces; ``p`` characters after their count; ``*`` with a letter one for each of several.

Source: Maccor help, "Remote Control - MacNet", each function's tables. Assumed: where a table gives no length that
fits (5 for the six numbers of (6, 10)), the message is as long as its fields; commands without an answer in the help
are answered with a result word; what no function is known for is not answered.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from . import maccor_4000_commands as commands
from . import maccor_4000_questions as questions
from .maccor_4000_messages import ALL_SELECTED, OTHER_PROBLEM, Answer, MacNetError

if TYPE_CHECKING:
    from .maccor_4000 import Maccor4000

Field = tuple[str, str]

HEADER = struct.Struct("<HHHH")


class Function(NamedTuple):
    """How a function is written.

    Attributes:
        carry_out: what it does.
        request: the fields of its data; None: Len is a number of channels.
        answer: the fields of the answer.
    """

    carry_out: Callable[[Maccor4000, Any], Answer]
    request: tuple[Field, ...] | None = ()
    answer: tuple[Field, ...] = (("Result", "H"),)


def _fields(letter: str, *names: str) -> tuple[Field, ...]:
    return tuple((name, letter) for name in names)


_SPECIFICATION = _fields(
    "f",
    *("TickSpeed", "Vmax", "Vmin", "VSafeMax", "VSafeMin"),
    *(f"IR{number}{way}" for way in ("Chg", "Dis") for number in (4, 3, 2, 1)),
    *(
        "ISafeChg",
        "ISafeDis",
        "PBatSafeChg",
        "PBatSafeDis",
        "PChanSafeChg",
        "PChanSafeDis",
        "PSVChg",
        "PSVDis",
    ),
)
_NAMES = (("TestName", "25"), ("Comment", "80"), ("ProcName", "25"), ("ProcDesc", "80"))
_OUTPUT = (
    *_fields("f", "Current", "Voltage", "Power", "Resistance"),
    *_fields("B", "CurrentRange", "ChMode"),
)
_STATUS = (
    *_fields("B", "RF1", "RF2"),
    *(("Stat", "H"), ("LastRecNum", "I"), ("Cycle", "I"), ("Step", "H")),
    *_fields("f", "TestTime", "StepTime", "Capacity", "Energy", "Current", "Voltage"),
    ("TesterTime", "t"),
)
_START = (
    *_fields("B", "StartDataType", "StartDataVersion"),
    *(("TestName", "25"), ("ProcName", "25"), ("Comment", "80"), ("Crate", "f"), ("ChamberNum", "B")),
    *(("StartCycle", "H"), ("TotCycles", "H"), ("Mass", "f"), ("VGain", "B"), ("AbsTRepAlign", "B")),
    *_fields("f", "ParallelR", "VDivHiR", "VDivLoR"),
    *(("CANpos", "h"), ("CANprof", "25"), ("RegimeName", "25")),
)
_ADVANCED = (
    *_START[:7],
    *(("Options", "B"), ("ArchivedTestName", "30"), ("RemoveLastDataRecords", "B")),
    *(("TestTime", "f"), ("StepTime", "f"), ("TestStep", "h"), ("Cycle", "i")),
    *_fields("h", *(f"RemainingLoop{number}" for number in (1, 2, 3, 4))),
    *_fields("f", "Capacity", "Energy"),
)
_VERSION = (
    ("APIVersion", "H"),
    *(
        field
        for part in ("EXE", "DLL")
        for field in (
            (f"MacTest32{part}versionBuild", "H"),
            (f"MacTest32{part}versionMinor", "B"),
            (f"MacTest32{part}versionMajor", "B"),
        )
    ),
    *_fields("t", "MacTest32ExeDT", "MacTest32DLLDT"),
)
_SYSTEM = (
    *(("SystemID", "50"), ("SystemType", "B")),
    *_fields("H", "ControllerBoards", "TestChannels", "AuxBoards", "AuxChannels", "SMB1Pos", "SMB3Pos"),
    ("ChannelNumberOffset", "I"),
)
_CALIBRATION = _fields(
    "t",
    *(
        f"{what}"
        for n in ("V", 4, 3, 2, 1)
        for what in ((f"{n}Chg", f"{n}Dis") if n == "V" else (f"IChgR{n}", f"IDisR{n}"))
    ),
)

FUNCTIONS: dict[tuple[int, int], Function] = {
    (1, 1): Function(questions.version, (), _VERSION),
    (1, 2): Function(questions.system, (), _SYSTEM),
    (1, 3): Function(questions.procedure_exists, (("ProcName", "25"),), (("ProcedurExists", "B"),)),
    (1, 4): Function(questions.test_name_exists, (("TestName", "25"),), (("TestNameExists", "B"),)),
    (3, 1): Function(questions.specification, None, _SPECIFICATION),
    (3, 2): Function(questions.calibration, (), _CALIBRATION),
    (4, 1): Function(questions.statuses, None, (("Status", "*s"),)),
    (4, 2): Function(questions.voltages, None, (("Voltage", "*f"),)),
    (4, 3): Function(questions.currents, None, (("Current", "*f"),)),
    (4, 4): Function(questions.aux_values, None, (("AuxValues", "*f"),)),
    (4, 5): Function(questions.aux_units, None, (("AuxUnit", "*4"),)),
    (4, 6): Function(questions.names, (), _NAMES),
    (4, 7): Function(questions.status, (), _STATUS),
    (4, 8): Function(questions.variables, (), (("GlobFlags", "I"), ("VARs", "*f"))),
    (4, 9): Function(questions.test_times, None, (("TestTimes", "*f"),)),
    (4, 10): Function(questions.end_status, (), _fields("H", "NumOfEnds", "EndNum")),
    (4, 11): Function(questions.names, (), tuple((name, "p") for name, _ in _NAMES)),
    (5, 1): Function(commands.set_flags, (("GlobFlags", "I"),), (("GlobFlags", "I"),)),
    (6, 1): Function(commands.select, (("Bitmap", "rest"),)),
    (6, 2): Function(commands.start, _START),
    (6, 3): Function(commands.suspend),
    (6, 4): Function(commands.resume),
    (6, 5): Function(commands.reset),
    (6, 6): Function(commands.archive),
    (6, 7): Function(
        commands.start_direct, (("TestName", "25"), *_OUTPUT, *_fields("f", "DataTime", "DataV", "DataI"))
    ),
    (6, 8): Function(commands.set_direct, _OUTPUT),
    (6, 9): Function(commands.set_variable, (("VarNum", "B"), ("Value", "f"))),
    (6, 10): Function(commands.set_safety, _fields("f", *commands.SAFETY), _fields("f", *commands.SAFETY)),
    (6, 11): Function(commands.check_start, _START[:7]),
    (6, 12): Function(commands.complaint, (), (("Message", "rest"),)),
    (6, 13): Function(commands.advanced_start, _ADVANCED),
    (8, 1): Function(commands.log_in, (("UserID", "p"), ("Password", "p")), (("Result", "B"),)),
    (8, 2): Function(commands.log_out, (), (("Result", "B"),)),
    **{(7, number): Function(commands.no_battery, (("Raw", "rest"),)) for number in range(1, 25)},
}
_LONGEST_REQUEST = {(6, 10): 24}  # as long as its fields, whatever Len says


def data_bytes(function: tuple[int, int], length: int, channel: int) -> int:
    """How many bytes follow the header of a request."""
    known = FUNCTIONS.get(function)
    if function in ((1, 5), (1, 6), (1, 7)) or function[0] == 0:
        return length
    if known is None or known.request is None:
        return 0
    if function == (6, 1):
        return length if channel == ALL_SELECTED else 0
    return _LONGEST_REQUEST.get(function, length if known.request else 0)


def values(function: Function, channel: int, length: int, data: bytes) -> dict[str, Any]:
    """A request's values; what it is too short for is left out."""
    found: dict[str, Any] = {"Chan": channel}
    if function.request is None:
        return found | {"Len": length}
    at = 0
    for name, how in function.request:
        if how == "rest":
            found[name] = data[at:]
        elif how == "p":
            count = data[at] if at < len(data) else 0
            found[name] = data[at + 1 : at + 1 + count].decode("latin-1")
            at += 1 + count
        else:
            size = int(how) if how.isdigit() else struct.calcsize(f"<{how}")
            part = data[at : at + size]
            at += size
            if len(part) < size:
                break
            found[name] = (
                part.decode("latin-1").rstrip(" \0") if how.isdigit() else struct.unpack(f"<{how}", part)[0]
            )
    if "Bitmap" in found:
        bits = found.pop("Bitmap")
        found["Chans"] = [8 * i + bit for i, byte in enumerate(bits) for bit in range(8) if byte >> bit & 1]
    if "ChMode" in found:
        found["ChMode"] = chr(found["ChMode"])
    return found


def answer(tester: Maccor4000, function: tuple[int, int], channel: int, length: int, data: bytes) -> bytes:
    """The whole answer to a request; nothing if there is no such function."""
    known = FUNCTIONS.get(function)
    if known is None:
        return b""
    try:
        told = known.carry_out(tester, values(known, channel, length, data))
        body = b"".join(_written(how, told[name]) for name, how in known.answer)
    except MacNetError:
        body = struct.pack("<H", OTHER_PROBLEM) if known.answer == (("Result", "H"),) else b""
    return HEADER.pack(*function, channel, len(body)) + body


def _written(how: str, value: Any) -> bytes:
    if how.startswith("*"):
        return b"".join(_written(how[1:], each) for each in value)
    if how == "s":
        return struct.pack("<BBH", value["RF1"], value["RF2"], value["Stat"])
    if how == "t":
        return struct.pack("<Q", round(value * 1000.0))
    if how == "rest":
        return bytes(value.encode("latin-1", "replace"))
    if how == "p":
        text: bytes = value.encode("latin-1", "replace")[:255]
        return bytes([len(text)]) + text
    if how.isdigit():
        return bytes(value.encode("latin-1", "replace")[: int(how)].ljust(int(how)))
    return struct.pack(f"<{how}", value)
