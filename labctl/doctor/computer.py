"""What the doctor asks of the computer it runs on; tests hand it another one."""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class KernelClock(NamedTuple):
    """What the kernel says of its clock.

    Attributes:
        synchronised: something keeps it in step.
        largest_error_s: as the kernel estimates it.
    """

    synchronised: bool
    largest_error_s: float


class _Timex(ctypes.Structure):
    """The head of ``struct timex``; Source: adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # us
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


_STA_UNSYNC = 0x40


def kernel_clock() -> KernelClock | None:
    """Ask the kernel, with no mode set, so that nothing is adjusted; None where it cannot be asked."""
    answer = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(answer))
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    return KernelClock(not answer.status & _STA_UNSYNC, answer.maxerror * 1e-6)


class Disk(NamedTuple):
    """Room on a file system, in bytes, for those who are not root."""

    free: int
    total: int


def disk_at(path: Path) -> Disk:
    """The room on the file system that holds ``path``."""
    found = os.statvfs(path)
    return Disk(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


@dataclass(frozen=True, slots=True)
class Computer:
    """A computer to look at.

    Attributes:
        root: where its ``/sys``, ``/proc``, ``/etc``, ``/run`` and ``/dev`` are.
        disk_at: tells the room on a file system.
        kernel_clock: asks the kernel about its clock.
        may_use: whether this user may read and write a file.
    """

    root: Path = Path("/")
    disk_at: Callable[[Path], Disk] = field(default=disk_at)
    kernel_clock: Callable[[], KernelClock | None] = field(default=kernel_clock)
    may_use: Callable[[Path], bool] = field(default=lambda path: os.access(path, os.R_OK | os.W_OK))

    def path(self, *parts: str) -> Path:
        """A path on it, parts without leading slash."""
        return self.root.joinpath(*parts)

    def at(self, absolute: str) -> Path:
        """Where an absolute path of that computer is."""
        return self.root / absolute.lstrip("/")

    def text(self, *parts: str) -> str:
        """The text of a small file; empty if it cannot be read."""
        try:
            return self.path(*parts).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""
