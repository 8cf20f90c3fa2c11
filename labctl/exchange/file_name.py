"""Names of cells and runs as parts of file names, whatever a person has called them."""

import re
from pathlib import Path

from labctl.invisible import visible


def safe_name(text: str) -> str:
    """Letters, digits, ``-`` and ``_`` are kept, everything else becomes ``_``; at most 60 characters."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")[:60] or "unnamed"


def shown_name(path: Path) -> str:
    """A file's name as one line that can be shown, whatever characters are in it."""
    return visible(path.name).replace("\n", "\\n").replace("\t", "\\t")
