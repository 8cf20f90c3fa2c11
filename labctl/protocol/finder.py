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
_IN_WHEEL = _PACKAGE / "_protocols"
_IN_CHECKOUT = _PACKAGE.parent / "protocols"


class Source(NamedTuple):
    """A protocol's text, under the name that the person gave; ``directory`` is the file's, None if it is no file."""

    name: str
    text: str
    directory: Path | None = None


def bundled_paths() -> dict[str, Path]:
    """The protocols that come with labctl, by name."""
    folder = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT
    return {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def read(path_or_name: str | Path, problems: Problems) -> Source:
    """The text of a protocol, given as a path or as the name of a bundled one.

    A path that exists wins over a bundled name. A symbolic link is followed, but only to an ordinary file.

    Raises:
        ProtocolError: no such file, not an ordinary file, too large, or not plain UTF-8 text.
    """
    name = str(path_or_name)
    mark = Mark(name if name.isprintable() else ascii(name), 1, 1)
    path = Path(path_or_name)
    if isinstance(path_or_name, str) and not os.path.exists(name):
        path = bundled_paths().get(name, path)
    return Source(mark.file, _decode(_read_bytes(path, mark, problems), mark, problems), path.parent)


def _read_bytes(path: Path, mark: Mark, problems: Problems) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(
            status.st_mode
        ):  # not even opened: a FIFO would wait, a serial port would wake up
            problems.fatal(mark, "is not an ordinary file", "name a YAML file, such as my-cell.yaml")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_bytes + 1)
    except FileNotFoundError:
        problems.fatal(
            mark, "there is no such file, and no bundled protocol of this name", _nearest(mark.file)
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        problems.fatal(mark, f"cannot be read: {reason}", "name a YAML file, such as my-cell.yaml")
    if len(content) > LARGEST_FILE_bytes:
        problems.fatal(
            mark,
            f"is {status.st_size / 1024:.0f} kB large",
            f"at most {LARGEST_FILE_bytes // 1024} kB are read; write loops instead of repeated steps",
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
    if near:
        return f"did you mean the bundled {near[0]}?"
    return f"check its path; the bundled protocols are {', '.join(names)}"
