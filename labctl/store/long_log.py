"""A write-ahead log that grows because somebody reads without end: how long it is, and who has the database open.

SQLite cannot begin its log anew while a reader holds a snapshot from before; writing goes on, into the log. Once the
reader has gone, the writer cuts it short (``sqlite.Upkeep``).
"""

import os
from pathlib import Path

WARN_BYTES = 64 * 1024 * 1024
"""Twice what the writer lets it grow to while readers come and go."""


def long_log(path: Path | None) -> str:
    """What is wrong with the log of a database, as a sentence that names who may be the reason; empty if nothing is.

    Args:
        path: of the database; None if it is served, then it has no such log.
    """
    if path is None:
        return ""
    log = path.with_name(f"{path.name}-wal")
    try:
        size = log.stat().st_size
    except OSError:
        return ""
    if size <= WARN_BYTES:
        return ""
    others = ", ".join(who_else_has(path)) or "a process of another user"
    return (
        f"{log} has grown to {size / 1e6:.0f} MB, since somebody reads the database without end: end that, perhaps "
        f"{others}; it is cut short then"
    )


def who_else_has(path: Path) -> list[str]:
    """Other processes that have a file open, as far as this user may see: name and process id. Linux only."""
    return [
        f"{_name(pid)} (process {pid})"
        for pid in sorted(int(entry.name) for entry in _proc() if entry.name.isdigit())
        if pid != os.getpid() and _has_open(pid, path)
    ]


def _proc() -> list[Path]:
    try:
        return list(Path("/proc").iterdir())
    except OSError:
        return []


def _has_open(pid: int, path: Path) -> bool:
    try:
        return any(os.path.realpath(opened) == str(path) for opened in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has ended, or is another user's
        return False


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "it has just ended"
