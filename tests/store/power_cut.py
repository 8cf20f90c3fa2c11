"""Power cuts: what a process wrote to its database and when it waited for the disk, and what a cut may leave of it.

Theory of operation. The writing process runs under strace, which records each write with its bytes, each
synchronisation, and each acknowledgement that it printed. A cut falls between any two of these. What a synchronisation
that had returned has covered is on the disk. Of everything later, each sector of 512 bytes is there or not, a change
of length and a removal likewise: nothing orders them. So the process is the real one, with the SQLite, the settings
and the threads that labctl uses; only the disk is a model.

Assumed: a file that was synchronised is found under its name (so it is on ext4, XFS and btrfs), and a sector is written
whole or not at all.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from labctl.store.sqlite import load_dbapi

SECTOR_BYTES = 512
CHILD = Path(__file__).with_name("child.py")

_CALL = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*)")
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>")
_FILE = re.compile(r"\d+<(?P<path>[^>]*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Write(NamedTuple):
    """Bytes given to the system."""

    file: str
    offset: int
    data: bytes


class Resize(NamedTuple):
    """A file was cut short."""

    file: str
    size: int


class Remove(NamedTuple):
    """A file was removed."""

    file: str


class Sync(NamedTuple):
    """A synchronisation returned; it covers what came before the event of that number."""

    file: str
    before: int


class Acknowledged(NamedTuple):
    """So many samples had been acknowledged by then."""

    samples: int


Event = Write | Resize | Remove | Sync | Acknowledged


def record(path: Path, manner: str) -> list[Event]:
    """Have a process write runs to a database, in full or planted-fault manner, and return what it did.

    Args:
        path: of the database, which does not exist.
        manner: what ``synchronous`` is set to; ``FULL`` is labctl's own.
    """
    trace = path.with_name("trace")
    calls = "pwrite64,write,fdatasync,fsync,ftruncate,unlink"
    strace = ["strace", "-f", "-qq", "-xx", "-y", "-s", "1000000", "-e", f"trace={calls}", "-o", str(trace)]
    command = [*strace, sys.executable, str(CHILD), "power", str(path), manner]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return list(_events(trace.read_text(encoding="ascii").splitlines(), path.name))


def _events(lines: Sequence[str], database: str) -> Iterator[Event]:
    """Only those of the database and its log: the log's index is made anew after a cut."""
    number = 0
    waiting: dict[str, Sync] = {}
    for line in lines:
        event: Event | None = None
        if (resumed := _RESUMED.match(line)) is not None:
            event = waiting.pop(resumed["pid"], None)
        elif (call := _CALL.match(line)) is not None:
            event = _event(call["name"], call["arguments"], number)
            if isinstance(event, Sync) and "<unfinished ...>" in line:
                waiting[call["pid"]] = event
                continue
        if event is None:
            continue
        if isinstance(event, Acknowledged) or event.file in (database, f"{database}-wal"):
            number += 1
            yield event


def _event(name: str, arguments: str, number: int) -> Event | None:
    strings = [bytes.fromhex(found.replace("\\x", "")) for found in _STRING.findall(arguments)]
    opened = _FILE.match(arguments)
    file = Path(_decoded(opened["path"])).name if opened else ""
    last = arguments.partition(" <unfinished")[0].partition(") = ")[0].rpartition(", ")[2]
    match name:
        case "pwrite64":
            return Write(file, int(last), strings[0])
        case "ftruncate":
            return Resize(file, int(last))
        case "fsync" | "fdatasync":
            return Sync(file, number)
        case "unlink":
            return Remove(Path(strings[0].decode()).name)
        case "write" if arguments.startswith("1<") and strings[0].strip().isdigit():
            return Acknowledged(int(strings[0]))
    return None


def _decoded(path: str) -> str:
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut, and what was found after it.

    Attributes:
        after: how many events had happened.
        acknowledged: how many samples a caller had been told of.
        found: how many are there; -1: the database has no tables yet.
        damage: what SQLite's own check finds; empty: nothing. Also a gap between samples.
    """

    after: int
    acknowledged: int
    found: int
    damage: str

    @property
    def is_loss(self) -> bool:
        """Whether something that had been acknowledged is gone."""
        return max(self.found, 0) < self.acknowledged


def cut(events: Sequence[Event], seed: int, folder: Path, database: str) -> Cut:
    """Cut the power at a moment that the seed chooses, and look at what is left.

    Args:
        events: what the process did.
        seed: decides when, and what of the unsynchronised is there.
        folder: empty; the files are laid there, and removed.
        database: the file's name.
    """
    random = Random(f"power cut {seed}")
    after = random.randrange(len(events) + 1)
    happened = events[:after]
    acknowledged = max((each.samples for each in happened if isinstance(each, Acknowledged)), default=0)
    left = {name: _left(happened, name, random) for name in sorted({database, f"{database}-wal"})}
    for name, content in left.items():
        if content is not None:
            (folder / name).write_bytes(content)
    found, damage = _look(folder / database)
    for file in folder.iterdir():
        file.unlink()
    return Cut(after, acknowledged, found, damage)


def _left(happened: Sequence[Event], name: str, random: Random) -> bytes | None:
    """What a cut leaves of one file; None: it is not there."""
    settled = max(
        (each.before for each in happened if isinstance(each, Sync) and each.file == name), default=0
    )
    share = random.choice([0.0, 0.5, 0.9, 1.0])  # of what was not synchronised
    content: bytearray | None = None
    for number, each in enumerate(happened):
        if isinstance(each, Sync | Acknowledged) or each.file != name:
            continue
        certain = number < settled
        if isinstance(each, Remove):
            content = None if certain or random.random() < share else content
        elif isinstance(each, Resize):
            if content is not None and (certain or random.random() < share):
                content = content[: each.size].ljust(each.size, b"\0")
        else:
            content = bytearray() if content is None else content
            for start in range(0, len(each.data), SECTOR_BYTES):
                if certain or random.random() < share:
                    _put(content, each.offset + start, each.data[start : start + SECTOR_BYTES])
    return None if content is None else bytes(content)


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _look(path: Path) -> tuple[int, str]:
    """How many samples are there, and what is wrong with the database."""
    dbapi = load_dbapi()
    connection = dbapi.connect(str(path), isolation_level=None)
    try:
        damage = "; ".join(row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sample'").fetchone():
            return -1, damage
        runs = connection.execute("SELECT count(*), max(seq) FROM sample GROUP BY run_id").fetchall()
        gaps = "".join(f"; {last} samples, {count} of them there" for count, last in runs if count != last)
        return sum(count for count, _ in runs), damage + gaps
    except dbapi.DatabaseError as error:
        return -1, str(error)
    finally:
        connection.close()
