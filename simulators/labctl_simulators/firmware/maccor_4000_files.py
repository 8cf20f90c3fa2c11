"""Files of the simulated Maccor: its folders, and the transfer of (1, 6) and (1, 7) in blocks of 500 bytes.

Source: Maccor help, (1, 3) to (1, 7). Assumed: the error codes, which the help does not list, are those of TFTP. What
is recorded of a test is counted, but its data file, whose format is not published, is not made.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from .maccor_4000_procedure import demonstration

PROCEDURES = 3
_KINDS_SENT, _KINDS_GOT = (3, 4, 5, 6, 7), (1, 2, 3, 4, 5, 6, 7, 8)
_EXTENSIONS = {
    3: (".000", ".999"),
    4: (".DLL",),
    5: (".CAN", ".DBC"),
    6: (".FRA", ".MODULAB"),
    7: (".MWF",),
}
_READ, _WRITE, _DATA, _ACK, _ERROR = 1, 2, 3, 4, 5
_BLOCK = 500
_NOT_FOUND, _DISK_FULL, _ILLEGAL = 1, 3, 4
_LARGEST = 1 << 20
_MOST_FILES = 1000
_FORBIDDEN = set('\\/:*?"<>|\0')


@dataclass(slots=True)
class Files:
    """The folders, by the numbers that the messages give them."""

    folders: dict[int, dict[str, bytes]] = field(
        default_factory=lambda: {
            **{kind: {} for kind in _KINDS_GOT},
            PROCEDURES: {"test_procedure_1.000": demonstration()},
            8: {"SysEvent.log": b"MacTest32 started\r\n"},
        }
    )

    def procedure(self, name: str) -> bytes:
        """The file of a procedure.

        Raises:
            KeyError: there is none.
        """
        return self.folders[PROCEDURES][f"{name}.000"]

    def has_procedure(self, name: str) -> bool:
        """(1, 3)."""
        return f"{name}.000" in self.folders[PROCEDURES]


@dataclass(slots=True)
class Transfer:
    """What one connection sends and gets."""

    files: Files
    _listing: list[str] = field(default_factory=list)
    _index: int = 0
    _name: str = ""
    _incoming: bytearray = field(default_factory=bytearray)
    _block: int = 0
    _outgoing: bytes = b""
    _sent: int = -1

    def listing(self, kind: int, command: int) -> tuple[int, int, str, int]:
        """(1, 5): how many files; with command 1 the number of the next, its name and size."""
        folder = self.files.folders.get(kind, {}) if kind != 8 else {}
        if command == 0:
            self._listing, self._index = sorted(folder), 0
            return len(self._listing), 0, "", 0
        if self._index >= len(self._listing):
            return len(self._listing), 0, "", 0
        name, self._index = self._listing[self._index], self._index + 1
        return len(self._listing), self._index, name, len(folder.get(name, b""))

    def send(self, data: bytes) -> bytes:
        """(1, 6): a file to the tester."""
        kind, code = _head(data)
        if kind not in _KINDS_SENT:
            return _error(kind, _ILLEGAL, "Illegal file type")
        if code == _WRITE:
            name = _file_name(data)
            if not name or not name.upper().endswith(_EXTENSIONS[kind]):
                return _error(kind, _ILLEGAL, "Illegal file name")
            if len(self.files.folders[kind]) >= _MOST_FILES:
                return _error(kind, _DISK_FULL, "Disk full")
            self._name, self._block = name, 0
            self._incoming.clear()
            return struct.pack("<BBH", kind, _ACK, 0)
        if code == _DATA and len(data) >= 4 and self._name:
            return self._take(kind, int.from_bytes(data[2:4], "little"), data[4:])
        return _error(kind, _ILLEGAL, "Illegal operation")

    def _take(self, kind: int, block: int, content: bytes) -> bytes:
        if block == self._block and block > 0:  # again, because our answer was lost
            return struct.pack("<BBH", kind, _ACK, block)
        if block != (self._block + 1) & 0xFFFF or len(content) > _BLOCK:
            return _error(kind, _ILLEGAL, "Block out of order")
        self._incoming += content
        self._block = block
        if len(self._incoming) > _LARGEST:
            self._name = ""
            return _error(kind, _DISK_FULL, "Disk full")
        if len(content) < _BLOCK:
            self.files.folders[kind][self._name] = bytes(self._incoming)
            self._name = ""
        return struct.pack("<BBH", kind, _ACK, block)

    def get(self, data: bytes) -> bytes:
        """(1, 7): a file from the tester; nothing is answered once the last block has been acknowledged."""
        kind, code = _head(data)
        if code == _READ and kind in _KINDS_GOT:
            found = self.files.folders[kind].get(_file_name(data))
            if found is None:
                return _error(kind, _NOT_FOUND, "File not found")
            self._outgoing, self._sent = found, 0
            return self._next(kind)
        if code == _ACK and len(data) >= 4 and self._sent > 0:
            if int.from_bytes(data[2:4], "little") != self._sent & 0xFFFF:
                return _error(kind, _ILLEGAL, "Block out of order")
            if self._sent * _BLOCK > len(self._outgoing):
                self._sent = -1
                return b""
            return self._next(kind)
        return _error(kind, _ILLEGAL, "Illegal operation")

    def _next(self, kind: int) -> bytes:
        content = self._outgoing[self._sent * _BLOCK : (self._sent + 1) * _BLOCK]
        self._sent += 1
        return struct.pack("<BBH", kind, _DATA, self._sent & 0xFFFF) + content


def _head(data: bytes) -> tuple[int, int]:
    return (data[0], data[1]) if len(data) >= 2 else (0, 0)


def _file_name(data: bytes) -> str:
    length = int.from_bytes(data[2:4], "little")
    name = data[4 : 4 + length].decode("ascii", "replace").strip()
    return "" if _FORBIDDEN & set(name) or not name.isprintable() else name


def _error(kind: int, code: int, words: str) -> bytes:
    return struct.pack("<BBH", kind, _ERROR, code) + words.encode() + b"\0"
