"""Where in which file something is wrong: marks, and the collection of problems found in one reading."""

from typing import NamedTuple, NoReturn

from labctl.errors import ProtocolError


class Mark(NamedTuple):
    """A place in a file; line and column counted from 1."""

    file: str
    line: int
    column: int


class Problems:
    """What was found wrong so far, so that all of it can be told at once."""

    def __init__(self) -> None:
        self._found: list[ProtocolError] = []

    def add(self, mark: Mark, problem: str, remedy: str = "") -> None:
        """Note a problem and go on reading."""
        self._found.append(ProtocolError(mark.file, mark.line, mark.column, problem, remedy))

    def fatal(self, mark: Mark, problem: str, remedy: str = "") -> NoReturn:
        """Note a problem after which reading on makes no sense.

        Raises:
            ProtocolError: always; the first of all problems.
        """
        self.add(mark, problem, remedy)
        raise self.in_order()[0]

    def raise_first(self) -> None:
        """Raise the first problem, if there is any.

        Raises:
            ProtocolError: the first one in the file.
        """
        if self._found:
            raise self.in_order()[0]

    def in_order(self) -> list[ProtocolError]:
        """All problems from the top of the file to its end."""
        return sorted(self._found, key=lambda error: (error.line, error.column))
