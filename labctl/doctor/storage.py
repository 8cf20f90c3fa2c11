"""Where the database lies: room for what is planned, and a file system on which it is safe."""

import re
from collections.abc import Iterable
from pathlib import Path

from labctl.doctor.computer import Computer
from labctl.doctor.line import Line, look, ok, wrong
from labctl.store.long_log import long_log

BYTES_PER_ROW = 100
"""A sample in the database with everything that comes with it; measured: 60 bytes a sample, half-cycles included."""

RESERVE_BYTES = 1 << 30
"""What should stay free besides: the log of the database, exports, pictures."""

_NETWORK = re.compile(r"nfs\d?|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|beegfs|gpfs|ncpfs|fuse\..*|virtiofs")
_PASSING = ("tmpfs", "ramfs", "overlay")


def check_room(computer: Computer, directory: Path, rows: int) -> Line:
    """Free space for the rows that queued runs may write.

    Args:
        computer: where.
        directory: of the database.
        rows: at most written by what is queued and running.
    """
    disk = computer.disk_at(directory)
    needed = rows * BYTES_PER_ROW
    found = f"{_size(disk.free)} free at {directory}"
    planned = f"{_size(needed)} for at most {rows} queued samples" if rows else "nothing is queued"
    if disk.free < needed:
        return wrong("disk", f"{found}, {planned}", "make room, or give another place with --db")
    if disk.free < needed + RESERVE_BYTES:
        return look("disk", f"{found}, {planned}", f"leave {_size(RESERVE_BYTES)} free besides")
    return ok("disk", f"{found}, {planned}")


def check_log(path: Path) -> Line:
    """The database's write-ahead log is begun anew now and then, unless somebody reads without end."""
    if problem := long_log(path):
        return wrong("log", problem, "end that process; writing goes on meanwhile")
    return ok("log", f"the log of {path.name} is short")


def check_file_system(computer: Computer, directory: Path) -> Line:
    """A write-ahead log needs memory that all processes share, which a network file system does not give."""
    kind, mount = file_system_of(computer.text("proc/self/mounts").splitlines(), directory)
    found = f"{directory} is on {kind or 'an unknown file system'}" + (f" ({mount})" if mount else "")
    if _NETWORK.fullmatch(kind):
        return wrong("file system", found, "SQLite's log is not safe there: give a local disk with --db")
    if kind in _PASSING:
        return look("file system", found, "it may be gone after a restart: give a disk with --db")
    if not kind:
        return look("file system", found, "see that it is a local disk")
    return ok("file system", found)


def file_system_of(mounts: Iterable[str], path: Path) -> tuple[str, str]:
    """Kind and mount point of the file system that holds ``path``; empty if not known.

    Args:
        mounts: lines of ``/proc/self/mounts``, the later hiding the earlier.
        path: absolute, without symbolic links.
    """
    best = ("", "")
    for line in mounts:
        _, mount, kind, *_ = (*line.split(), "", "", "")
        mount = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), mount)
        if mount and path.is_relative_to(mount) and len(mount) >= len(best[1]):
            best = (kind, mount)
    return best


def _size(count: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
