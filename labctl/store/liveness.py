"""Tells a run that is being written from one whose process was killed.

A lock beside the database file (``runs.db.run-7.lock``) is held as long as a run is written. The kernel lets go of
it however the process ends, so a run that is marked as running and whose lock is free was cut off. A served database
has no such file: there a run counts as cut off when it has been silent for a minute.
"""

import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from labctl.errors import StoreError

SILENCE_LIMIT_S = 60.0
"""After this long without a write, a run in a served database counts as cut off."""


def unix_time_s() -> float:
    """The clock on the wall, for marks of when something was written; never for timing."""
    return datetime.now(UTC).timestamp()


def boot_id() -> str:
    """Names the present start of this computer; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def boot_time_s() -> float:
    """Seconds since this computer was started, its sleep included: no step of the clock on the wall moves it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class RunLock:
    """Held while a run is written.

    Args:
        database: the database's file; None if it is served, then there is nothing to hold.
        run_id: the run.

    Raises:
        StoreError: somebody else holds it, or no file can be made there.
    """

    def __init__(self, database: Path | None, run_id: int) -> None:
        self._path = _lock_path(database, run_id) if database else None
        if self._path is None:
            return
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise StoreError(f"{self._path}: held by another process; was {database} replaced?") from error

    def release(self) -> None:
        """Let go and take the file away; idempotent."""
        if self._path is None:
            return
        self._path.unlink(missing_ok=True)
        os.close(self._fd)
        self._path = None


def is_being_written(database: Path | None, run_id: int, last_written_unix_s: float) -> bool:
    """Whether the process that writes a run is alive."""
    if database is None:
        return unix_time_s() - last_written_unix_s < SILENCE_LIMIT_S
    try:
        fd = os.open(_lock_path(database, run_id), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def clear(database: Path | None, run_id: int) -> None:
    """Take away the lock file that a killed process left behind."""
    if database:
        _lock_path(database, run_id).unlink(missing_ok=True)


def _lock_path(database: Path, run_id: int) -> Path:
    return database.with_name(f"{database.name}.run-{run_id}.lock")
