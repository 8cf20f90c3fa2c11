"""A connection to an instrument that speaks only when it is spoken to."""


class SpokenTo:
    """Nothing is ever due by itself; whoever answers writes ``receive`` and ``close``."""

    def next_wake(self) -> float | None:
        """Never."""
        return None

    def wake(self, now_s: float) -> bytes:
        """Nothing is due."""
        return b""
