"""The files of translated protocols, and what a command line says about them."""

import re
from pathlib import Path

from labctl.errors import UserError
from labctl.exchange.file_name import safe_name, shown_name

LARGEST_bytes = 4 * 1024 * 1024
_WINDOW = re.compile(r"\s*(-?[0-9.]+ ?[mu]?V)\s*[, ]\s*(-?[0-9.]+ ?[mu]?V)\s*")


def read_text(path: str) -> tuple[str, str]:
    """A file's text, and its name as it can be shown.

    Raises:
        UserError: it is missing, too large, or not UTF-8 text.
    """
    name = shown_name(Path(path))
    try:
        if not Path(path).is_file():
            raise UserError(f"{name}: there is no such file")
        with Path(path).open("rb") as file:
            content = file.read(LARGEST_bytes + 1)
    except (OSError, ValueError) as error:
        raise UserError(f"{name}: cannot be read: {error}") from None
    if len(content) > LARGEST_bytes:
        raise UserError(f"{name}: is larger than {LARGEST_bytes // 1024} kB: no protocol")
    try:
        return content.decode("utf-8-sig"), name
    except UnicodeDecodeError:
        raise UserError(f"{name}: is not a text file") from None


def write_text(path: str, text: str) -> None:
    """Write a translated protocol; EC-Lab's files are Windows-1252, all others UTF-8.

    Raises:
        UserError: it cannot be written.
    """
    encoding = "cp1252" if path.endswith(".mps") else "utf-8"
    try:
        Path(path).write_text(text, encoding=encoding, errors="replace", newline="")
    except OSError as error:
        raise UserError(f"{shown_name(Path(path))}: cannot be written: {error.strerror}") from error


def protocol_name(path: str) -> str:
    """A protocol's name from its file's."""
    return safe_name(Path(path).name.split(".")[0]).lstrip("-_") or "imported"


def two_voltages(text: str | None) -> tuple[str, str] | None:
    """``2.0 V, 4.4 V``.

    Raises:
        UserError: it is something else.
    """
    if text is None:
        return None
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise UserError(f"--safety-voltage {text}: give the lowest and the highest, as in '2.0 V, 4.4 V'")
    return match[1], match[2]
