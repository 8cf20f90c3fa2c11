"""JSON messages of MacNet for the simulated Maccor: found in a stream by their braces, answered on a line of their own.

Source: Maccor help, "JSON protocol" and the JSON part of each function; answers end with CR LF as pymacnet 1.1.3 has
found them to. Assumed: the numbers of the errors, of which the help gives the words. A rest cannot be set
(pymacnet has found this).
"""

from __future__ import annotations

import json
import math
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .maccor_4000_binary import FUNCTIONS
from .maccor_4000_messages import OTHER_PROBLEM, MacNetError

if TYPE_CHECKING:
    from .maccor_4000 import Maccor4000
    from .maccor_4000_files import Transfer

_PARSE, _REQUEST, _PARAMS, _METHOD, _MACNET = -32700, -32600, -32602, -32601, -32000
_NOT_IN_JSON = {(1, 6), (1, 7), (4, 11), (6, 12)}
_CLASSES = (1, 2, 3, 4, 5, 6, 7, 8)
_DIRECT = {(6, 7), (6, 8)}
_START_WORDS = {
    14: "No test procedure was selected, please select a test procedure",
    18: "The maximum length of the data file name is 256 characters.",
    19: "Name is not a unique filename.",
    22: "Invalid entry.",
    23: "Channel in use",
    24: "No Channels were selected to be started.",
}
_WORDS: dict[tuple[int, int], dict[int, str]] = {
    (6, 2): _START_WORDS,
    (6, 7): {2: "The channel is not available", 3: "Failed creating the pseudo test procedure"},
    (6, 8): {
        2: "The channel is not active",
        3: "Command sent too fast. There must be at least 100 ms (10 ticks) between commands.",
        4: "Direct mode is not active.",
        5: "Direct mode is not ready yet.",
    },
    (6, 11): {
        1: "Channel not available or selected",
        2: "Procedure does not exist",
        4: "File name exists in Archive",
        5: "Invalid file name",
        6: "Invalid EV chamber number",
        7: "Compile error",
    },
    (6, 13): {
        1: "Invalid channel number",
        2: "Channel not available or selected",
        4: "Archived file does not exist",
        6: "Illegal test step",
        8: "Cannot start at this step type",
    },
}


class Braces:
    """Finds whole objects in a stream of characters; what stands between them is dropped."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._depth = 0
        self._in_string = self._escaped = False

    def __len__(self) -> int:
        return len(self._text)

    def feed(self, data: bytes) -> list[bytes]:
        """The objects that are whole by now."""
        found = []
        for byte in data:
            letter = chr(byte)
            if self._depth == 0 and letter != "{":
                continue
            self._text.append(byte)
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif letter == "\\":
                    self._escaped = True
                elif letter == '"':
                    self._in_string = False
            elif letter == '"':
                self._in_string = True
            elif letter in "{}":
                self._depth += 1 if letter == "{" else -1
                if self._depth == 0:
                    found.append(bytes(self._text))
                    self._text.clear()
        return found


def answer(tester: Maccor4000, transfer: Transfer, message: bytes) -> bytes:
    """The line that answers a message."""
    try:
        request = json.loads(message)
    except (ValueError, RecursionError):
        return _line(_error(_PARSE, "Parse error", None))
    number = request.get("id")
    if not (
        request.get("jsonrpc") == "2.0"
        and request.get("method") == "MacNet"
        and "id" in request
        and isinstance(number, int | float | str | None)
    ):
        return _line(_error(_REQUEST, "Method MacNet, jsonrpc 2.0 or id not found", None))
    params = request.get("params")
    if not isinstance(params, dict):
        return _line(_error(_PARAMS, "Invalid params", number))
    for name in ("FClass", "FNum"):
        if type(params.get(name)) is not int:
            return _line(_error(_PARAMS, f'"{name}" key does not exist or value syntax error', number))
    if params["FClass"] == 0:
        return _line(request)
    return _line(_carried_out(tester, transfer, params, number))


def _carried_out(
    tester: Maccor4000, transfer: Transfer, params: dict[str, Any], number: Any
) -> dict[str, Any]:
    function = params["FClass"], params["FNum"]
    if function[0] not in _CLASSES:
        return _error(_METHOD, "Invalid FClass", number)
    known = FUNCTIONS.get(function)
    if function in _NOT_IN_JSON or (known is None and function != (1, 5)):
        return _error(_METHOD, "Invalid FNum", number)
    try:
        if function in _DIRECT and params.get("ChMode") == "R":
            raise MacNetError("Illegal value")
        told = _listing(tester, transfer, params) if known is None else known.carry_out(tester, _read(params))
    except MacNetError as problem:
        words = str(problem)
        return _error(_MACNET if words == "MacNet error" else _PARAMS, words, number)
    result = {name: params[name] for name in ("FClass", "FNum", "Chan") if name in params}
    return {"jsonrpc": "2.0", "result": result | _told(function, told), "id": number}


def _read(params: dict[str, Any]) -> dict[str, Any]:
    """Flags are written as text in hexadecimal."""
    flags = params.get("GlobFlags")
    if not isinstance(flags, str):
        return params
    try:
        return params | {"GlobFlags": int(flags, 16)}
    except ValueError:
        raise MacNetError("Illegal value") from None


def _listing(tester: Maccor4000, transfer: Transfer, params: dict[str, Any]) -> dict[str, Any]:
    kind, command = tester.whole(params, "FileType"), tester.whole(params, "Command")
    if kind not in range(1, 8) or command not in (0, 1):
        raise MacNetError("Illegal value")
    files, index, name, size = transfer.listing(kind, command)
    told: dict[str, Any] = {"FileType": kind, "Command": command, "NumberOfFiles": files}
    if command:
        told |= {"Index": index, "FileDate": _date(tester.unix_s()), "Size": size, "FileName": name}
    return told


def _told(function: tuple[int, int], told: dict[str, Any]) -> dict[str, Any]:
    """An answer's values as JSON has them: words for results, dates, truths and flags."""
    told = {name: _value(name, value) for name, value in told.items()}
    if "Result" in told:
        told["Result"] = _result(function, told["Result"])
    if function == (5, 1):
        told = {"New GlobFlags": told["GlobFlags"]}
    if function == (1, 2):
        del told["ChannelNumberOffset"]
    return told


def _result(function: tuple[int, int], code: int) -> str:
    if function[0] == 8:
        return {1: "PASSED", 2: "LOGGED OUT"}[function[1]]
    if code == 0:
        return "OK"
    return _WORDS.get(function, {}).get(
        code, "Other non-defined problem" if code == OTHER_PROBLEM else str(code)
    )


def _value(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_value("", each) for each in value]
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if name in _DATES:
        return _date(value)
    if name == "GlobFlags":
        return f"0x{value:08X}"
    return _single(value) if isinstance(value, float) else value


_DATES = {"TesterTime", "MacTest32ExeDT", "MacTest32DLLDT"} | {
    name for name, how in FUNCTIONS[3, 2].answer if how == "t"
}


def _single(value: float) -> float | int:
    """As a number in single precision is written with 15 digits."""
    (single,) = struct.unpack("<f", struct.pack("<f", value))
    shown = float(f"{single:.15g}")
    return int(shown) if shown == math.floor(shown) else shown


def _date(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _error(code: int, words: str, number: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": words}, "id": number}


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\r\n"
