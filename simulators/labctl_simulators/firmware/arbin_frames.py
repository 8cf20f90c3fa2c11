"""The frames of the simulated Arbin's Console TCP/IP Interface: reading requests, writing feedback.

Source: "Arbin CTI Protocol Commands" v1.1: header, command, arguments, checksum; "Arbin CTI Instructions" v4.5.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

LOGIN, CONNECT, CHANNELS = 0xEEAB0001, 0xEEAB0002, 0xEEAB0003
ASSIGN, SET_MV, UPDATE_MV = 0xBB210001, 0xBB150001, 0xBB150002
STOP, RESUME, START, JUMP, CONTINUE = 0xBB310001, 0xBB310002, 0xBB320004, 0xBB320005, 0xBB320006
SERIAL = 0xBB340001
BROWSE, DOWNLOAD, UPLOAD, NEW_OR_DELETE, NEW_FOLDER, DELETE = (0xCC130000 + n for n in range(1, 7))
START_DATA, START_EX, RESUME_DATA, RESUME_EX = (0xCD130000 + n for n in range(1, 5))
CALIBRATE, MESSAGE = 0xCD140001, 0xCD140002

_TOKEN = bytes.fromhex("dddddddddddddd11")
_HEAD = 12  # token and length
_LEAST = 10  # command, its extension, checksum
_MOST = 1 << 20


class Request(NamedTuple):
    """A command with its arguments."""

    command: int
    body: bytes


class FrameBuffer:
    """Takes bytes in any pieces, gives requests.

    Attributes:
        broken: something came that is no frame; what follows it is not looked at.
    """

    def __init__(self) -> None:
        self.broken = False
        self._input = bytearray()

    def feed(self, data: bytes) -> list[Request]:
        """The requests that are whole by now; one whose checksum is wrong is dropped."""
        self._input += b"" if self.broken else data
        found = []
        while (size := self._size()) and len(self._input) >= size:
            frame = bytes(self._input[:size])
            del self._input[:size]
            if sum(frame[:-2]) & 0xFFFF == int.from_bytes(frame[-2:], "little"):
                found.append(Request(int.from_bytes(frame[12:16], "little"), frame[20:-2]))
        return found

    def _size(self) -> int:
        """Of the next frame; 0 while that is not known."""
        begin = self._input[: len(_TOKEN)]
        length = int.from_bytes(self._input[8:12], "little") if len(self._input) >= _HEAD else _LEAST
        if not _TOKEN.startswith(begin) or not _LEAST <= length <= _MOST:
            self.broken = True
            self._input.clear()
        return _HEAD + length if len(self._input) >= _HEAD else 0

    def clear(self) -> None:
        """Forget what has come."""
        self._input.clear()


def frame(command: int, body: bytes) -> bytes:
    """A whole feedback; its length counts the header, too."""
    data = _TOKEN + struct.pack("<III", _HEAD + 8 + len(body) + 2, command, 0) + body
    return data + struct.pack("<H", sum(data) & 0xFFFF)


def simple(command: int, channel: int, result: int) -> bytes:
    """The feedback of most commands: a channel, a result, 101 bytes of nothing."""
    return frame(command, struct.pack("<IB101x", channel & 0xFFFFFFFF, result))


def wide(text: str, characters: int) -> bytes:
    """Text in UTF-16 in a field of so many characters, the last of them zero."""
    data = text.encode("utf-16-le", "replace")[: 2 * (characters - 1)]
    return data.ljust(2 * characters, b"\0")


def narrow(text: str, length: int) -> bytes:
    """Text of single bytes in a field."""
    return text.encode("latin-1", "replace")[: length - 1].ljust(length, b"\0")


def from_wide(data: bytes) -> str:
    """Text of a field in UTF-16, up to its end."""
    return data.decode("utf-16-le", "replace").partition("\0")[0]


def from_narrow(data: bytes) -> str:
    """Text of a field of single bytes, up to its end."""
    return data.partition(b"\0")[0].decode("latin-1")
