"""Finds a protocol by path or bundled name, and reads its bytes with care."""

import difflib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from labctl.protocol.problems import Mark, Problems

SUFFIX = ".yaml"
LARGEST_FILE_bytes = 128 * 1024  # a thousand steps; reading it takes a fraction of a second

_PACKAGE = Path(__file__).resolve().parent.parent
_FOLDERS = (_PACKAGE / "_protocols", _PACKAGE.parent / "protocols")  # in a wheel; in a checkout


class Source(NamedTuple):
    """A protocol's file: its name as the person gave it, and its text."""

    name: str
    text: str


def bundled_paths() -> dict[str, Path]:
    """The protocols that come with labctl, by name."""
    found: dict[str, Path] = {}
    for folder in _FOLDERS:
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            found.setdefault(path.name.removesuffix(SUFFIX), path)
    return found


def read(path_or_name: str | Path, problems: Problems) -> Source:
    """The text of a protocol, given as a path or as the name of a bundled one.

    A path that exists wins over a bundled name. A symbolic link is followed, but only to an ordinary file.

    Raises:
        ProtocolError: no such file, not an ordinary file, too large, or not plain UTF-8 text.
    """
    name = str(path_or_name)
    mark = Mark(name, 1, 1)
    path = Path(path_or_name)
    if isinstance(path_or_name, str) and "\0" not in name and not path.exists():
        path = bundled_paths().get(name, path)
    return Source(name, _decode(_read_bytes(path, mark, problems), mark, problems))


def _read_bytes(path: Path, mark: Mark, problems: Problems) -> bytes:
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        problems.fatal(
            mark, "there is no such file, and no bundled protocol of this name", _nearest(mark.file)
        )
    except (OSError, ValueError) as error:
        problems.fatal(mark, f"cannot be read: {error.strerror if isinstance(error, OSError) else error}")
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        problems.fatal(mark, "is not an ordinary file", "name a protocol file, such as my-cell.yaml")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LARGEST_FILE_bytes + 1)
    if len(content) > LARGEST_FILE_bytes:
        size_kB = max(status.st_size, len(content)) / 1024
        problems.fatal(
            mark,
            f"is {size_kB:.0f} kB large",
            f"a protocol has at most {LARGEST_FILE_bytes // 1024} kB; write loops instead of repeated steps",
        )
    return content


def _decode(content: bytes, mark: Mark, problems: Problems) -> str:
    remedy = "save it as plain UTF-8 text"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.fatal(mark, "is UTF-16 text", remedy)
    if content.startswith(b"\xef\xbb\xbf"):
        problems.fatal(mark, "begins with a byte-order mark", remedy + " without a byte-order mark")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = len(content[content.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8")) + 1
        problems.fatal(
            Mark(mark.file, line, column), f"byte 0x{content[error.start]:02x} is not UTF-8 text", remedy
        )
    return text


def _nearest(name: str) -> str:
    names = list(bundled_paths())
    near = difflib.get_close_matches(Path(name).name.removesuffix(SUFFIX), names, 1, 0.6)
    return f"did you mean {near[0]}?" if near else f"bundled are {', '.join(names) or 'none'}"
