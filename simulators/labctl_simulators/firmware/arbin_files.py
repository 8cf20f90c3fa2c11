"""The disk of the simulated Arbin's computer, as far as its Console TCP/IP Interface shows it.

Source: "Arbin CTI Protocol Commands" v1.1, THIRD_PARTY_BROWSE_DIRECTORY to THIRD_PARTY_DELETE_DIRECTORY.
Assumed: paths begin at the folder of MITS Pro; the names of its folders; an answer to a damaged request is "failed".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

from .arbin_frames import (
    BROWSE,
    DELETE,
    DOWNLOAD,
    NEW_FOLDER,
    NEW_OR_DELETE,
    UPLOAD,
    frame,
    from_wide,
    wide,
)
from .arbin_schedules import FILES

WORK = "Work"
_FOLDERS = (WORK, "Simulation", "Support", "SMB Config", "CANBMS Config")
_FEEDBACK = 0xCC310000 - 0xCC130000
_PATH = 2048  # bytes of a path of 1024 characters
_PACKAGE = 512 * 1024
_MOST_BYTES = 1 << 24
_MOST_FILES = 1000
_ERASABLE = (".sdx", ".sdu", ".can", ".smb", ".txt")
_MODIFIED = "2026-01-01 00:00:00"

_FOUND, _FOUND_SCHEDULES, _NOT_FOUND = 1, 2, 3
_GIVEN, _NOT_GIVEN = 1, 2
_TAKEN, _NOT_TAKEN, _WRONG_MD5, _TAKEN_IS_RUNNING = 1, 2, 3, 4
_MADE, _DELETED, _NOT_MADE, _MAY_NOT_MAKE = 1, 2, 3, 4
_NOT_DELETED, _MAY_NOT_DELETE, _IN_USE, _IS_NOT_THERE = 5, 6, 7, 8


class Disk:
    """Folders and files by their path with slashes, whatever slashes a client uses.

    Args:
        in_use: whether a schedule of that name runs.
    """

    def __init__(self, in_use: Callable[[str], bool]) -> None:
        self._in_use = in_use
        self._folders = set(_FOLDERS)
        self._files = {f"{WORK}/{name}": data for name, data in FILES.items()}
        self._parts: dict[tuple[str, float], dict[int, bytes]] = {}

    def schedule(self, name: str) -> bytes | None:
        """A file in the folder of schedules; the name with or without its ending."""
        path = f"{WORK}/{_normal(name)}".lower()
        wanted = {path, f"{path}.sdx"}
        return next((data for known, data in self._files.items() if known.lower() in wanted), None)

    def answer(self, command: int, body: bytes) -> list[bytes]:
        """The feedback to a command about files."""
        if command == BROWSE:
            return [frame(command + _FEEDBACK, self._browse(_path(body)))]
        if command == DOWNLOAD:
            return self._download(body)
        if command == UPLOAD:
            return [frame(command + _FEEDBACK, self._upload(body))]
        if command == NEW_OR_DELETE:
            wanted = body[:4] == b"\x01\0\0\0"
            path = _path(body[4:])
            return [
                frame(
                    command + _FEEDBACK, struct.pack("<I", self._make(path) if wanted else self._delete(path))
                )
            ]
        make = {NEW_FOLDER: self._make, DELETE: self._delete}[command]
        return [frame(command + _FEEDBACK, struct.pack("<I", make(_path(body))))]

    def _browse(self, folder: str) -> bytes:
        if folder and folder not in self._folders:
            return struct.pack("<II", _NOT_FOUND, 0)
        begin = f"{folder}/" if folder else ""
        inside = [path[len(begin) :] for path in (*self._folders, *self._files) if path.startswith(begin)]
        entries = b"".join(
            struct.pack("<I", int(begin + name in self._files))
            + wide(name, 64)
            + struct.pack("<I", len(self._files.get(begin + name, b"")))
            + wide(_MODIFIED, 32)
            for name in sorted(inside)
            if name and "/" not in name
        )
        result = _FOUND_SCHEDULES if folder == WORK else _FOUND
        return struct.pack("<II", result, len(entries) // (4 + 128 + 4 + 64)) + entries

    def _download(self, body: bytes) -> list[bytes]:
        (stamp,) = struct.unpack_from("<d", body.ljust(_PATH + 8, b"\0"), _PATH)
        data = self._files.get(_path(body))
        result = _NOT_GIVEN if data is None else _GIVEN
        parts = [
            (data or b"")[begin : begin + _PACKAGE] for begin in range(0, len(data or b"") or 1, _PACKAGE)
        ]
        return [
            frame(
                DOWNLOAD + _FEEDBACK,
                struct.pack("<IdII", result, stamp, len(parts), index)
                + hashlib.md5(part, usedforsecurity=False).digest()
                + struct.pack("<Q", len(part))
                + part,
            )
            for index, part in enumerate(parts)
        ]

    def _upload(self, body: bytes) -> bytes:
        """One package; the file is there when all have come."""
        fixed = body.ljust(_PATH + 40, b"\0")
        length, packages, index, stamp = struct.unpack_from("<QIId", fixed, _PATH)
        path, data, md5 = _path(body), body[_PATH + 40 :], fixed[_PATH + 24 : _PATH + 40]
        result = self._take(path, data, length, packages, index, stamp, md5)
        return struct.pack("<dIII", stamp, packages, index, result)

    def _take(
        self, path: str, data: bytes, length: int, packages: int, index: int, stamp: float, md5: bytes
    ) -> int:
        folder = path.rpartition("/")[0]
        if folder not in self._folders or len(data) != length or not index < packages <= 1000:
            return _NOT_TAKEN
        if hashlib.md5(data, usedforsecurity=False).digest() != md5:
            return _WRONG_MD5
        if self._in_use(path.rpartition("/")[2]):
            return _TAKEN_IS_RUNNING
        parts = self._parts.setdefault((path, stamp), {})
        parts[index] = data
        if (
            len(self._files) >= _MOST_FILES
            or len(self._parts) > 16
            or sum(map(len, parts.values())) > _MOST_BYTES
        ):
            self._parts.clear()
            return _NOT_TAKEN
        if len(parts) == packages:
            self._files[path] = b"".join(parts[number] for number in sorted(parts))
            del self._parts[path, stamp]
        return _TAKEN

    def _make(self, path: str) -> int:
        if path in self._folders or path in self._files or not path:
            return _NOT_MADE
        if path.rpartition("/")[0] not in self._folders or len(self._folders) >= _MOST_FILES:
            return _MAY_NOT_MAKE
        self._folders.add(path)
        return _MADE

    def _delete(self, path: str) -> int:
        if path in self._files:
            if not path.lower().endswith(_ERASABLE):
                return _MAY_NOT_DELETE
            if self._in_use(path.rpartition("/")[2]):
                return _IN_USE
            del self._files[path]
            return _DELETED
        if path not in self._folders:
            return _IS_NOT_THERE
        inside = any(other.startswith(f"{path}/") for other in (*self._files, *self._folders))
        if path in _FOLDERS or inside:
            return _NOT_DELETED
        self._folders.remove(path)
        return _DELETED


def _path(body: bytes) -> str:
    return _normal(from_wide(body[:_PATH]))


def _normal(path: str) -> str:
    return path.replace("\\", "/").strip("/")
