"""How much room a database's disk must have: below it, circuits are opened while everything can still be written."""

import shutil
from pathlib import Path

RESERVE_BYTES = 64 * 1024 * 1024
"""Rows and the log of all channels of a large station for more than the minute it takes to end their runs."""


def shortage(path: Path | None) -> str:
    """What to do about a database's disk, as a clause; empty if it has room, or is another computer's.

    Args:
        path: of the database; None if it is served.
    """
    if path is None:
        return ""
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        return f"see why {path.parent} cannot be looked at ({error.strerror})"
    if free >= RESERVE_BYTES:
        return ""
    return f"free {(RESERVE_BYTES - free) / 1e6:.0f} MB at {path.parent}"
