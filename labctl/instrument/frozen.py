"""Notices a converter that has stopped: readings that are alike to the last digit, one after another."""

import math

ALIKE = 60
"""So many readings in a row are one reading. Assumed: where current flows, noise moves a digit of voltage or current in
at least every second reading, so that this happens by chance once in 1e17."""


class Frozen:
    """Counts readings that are alike."""

    __slots__ = ("_current_A", "_left", "_voltage_V")

    def __init__(self) -> None:
        self._voltage_V = self._current_A = math.nan
        self._left = ALIKE

    def look(self, voltage_V: float, current_A: float) -> bool:
        """Take a reading; True if it is one too many of its kind."""
        if voltage_V != self._voltage_V or current_A != self._current_A:
            self._voltage_V, self._current_A = voltage_V, current_A
            self._left = ALIKE
        self._left -= 1
        return self._left <= 0
