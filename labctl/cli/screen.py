"""Standard output and standard error that obey nobody but labctl: names and answers cannot move the cursor."""

import sys
from typing import Any, TextIO, cast

from labctl.invisible import visible


class Inert:
    """A stream that writes invisible characters as escapes; everything else is the stream's below."""

    def __init__(self, below: TextIO) -> None:
        self.below = below

    def write(self, text: str) -> int:
        """Write text, made visible."""
        self.below.write(visible(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write texts, made visible."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


def make_inert() -> None:
    """From here on, whatever is printed is inert."""
    sys.stdout, sys.stderr = (cast(TextIO, Inert(stream)) for stream in (sys.stdout, sys.stderr))


def drawn_on(stream: TextIO) -> TextIO:
    """The stream itself, for pictures that have to move the cursor; the texts in them go through ``visible``."""
    return stream.below if isinstance(stream, Inert) else stream
