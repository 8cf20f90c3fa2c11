"""Settings of an instrument declared in its command tree: a number, a flag, a keyword; each is set and asked for."""

from collections.abc import Callable
from typing import Any

from labctl_simulators.firmware.scpi import CommandTree
from labctl_simulators.firmware.scpi_parameters import OUT_OF_RANGE, PRESET, Flag, Number, ScpiError, Word

Bounds = tuple[float, float, float]
"""What MIN, MAX and DEF mean, and the range outside of which a value is refused."""


class Declarations:
    """Adds settings to a tree.

    Args:
        tree: the instrument's commands.
        numeral: how it writes a real number.
    """

    def __init__(self, tree: CommandTree, numeral: Callable[[float], str]) -> None:
        self._tree = tree
        self._numeral = numeral

    def number(
        self,
        pattern: str,
        read: Callable[[Any], float],
        write: Callable[[Any, float], object],
        bounds: Callable[[Any], Bounds],
        *,
        whole: bool = False,
    ) -> None:
        """A number that can be set and asked for, with MIN, MAX and DEF."""
        show = str if whole else self._numeral

        @self._tree.command(pattern, Number(presets=True, whole=whole))
        def put(instrument: object, value: float | str) -> None:
            smallest, largest, default = bounds(instrument)
            if isinstance(value, str):
                value = {"MIN": smallest, "MAX": largest, "DEF": default}[value]
            if not smallest <= value <= largest:
                raise ScpiError(*OUT_OF_RANGE)
            write(instrument, value)

        @self._tree.query(pattern, PRESET)
        def get(instrument: object, preset: str | None) -> str:
            if preset is None:
                return show(read(instrument))
            return show(bounds(instrument)[("MIN", "MAX", "DEF").index(preset)])

    def flag(self, pattern: str, read: Callable[[Any], bool], write: Callable[[Any, bool], object]) -> None:
        """A boolean that can be set and is answered with 0 or 1."""

        @self._tree.command(pattern, Flag())
        def put(instrument: object, value: bool) -> None:
            write(instrument, value)

        @self._tree.query(pattern)
        def get(instrument: object) -> str:
            return "1" if read(instrument) else "0"

    def keyword(
        self,
        pattern: str,
        keywords: tuple[str, ...],
        read: Callable[[Any], str],
        write: Callable[[Any, str], object],
    ) -> None:
        """A keyword that can be set and is answered in its short form."""

        @self._tree.command(pattern, Word(*keywords))
        def put(instrument: object, value: str) -> None:
            write(instrument, value)

        @self._tree.query(pattern)
        def get(instrument: object) -> str:
            return read(instrument)
