"""What is kept of an unexpected error, so that a person sees one line and a developer sees everything."""

import platform
import sys
import traceback
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_state_path


def write_report(error: Exception) -> Path:
    """Write the traceback, the command and the versions into the user's state directory; returns the file."""
    written = datetime.now(UTC)
    path = user_state_path("labctl", ensure_exists=True) / f"bug-{written:%Y%m%dT%H%M%S}.txt"
    path.write_text(
        f"{written.isoformat(timespec='seconds')}\n"
        f"labctl {version('labctl-cycler')}, Python {platform.python_version()}, {platform.platform()}\n"
        f"command: {' '.join(sys.argv)}\n\n" + "".join(traceback.format_exception(error)),
        encoding="utf-8",
        errors="backslashreplace",
    )
    return path
