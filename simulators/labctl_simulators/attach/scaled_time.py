"""Simulated time that runs a number of times faster than the computer's monotonic clock."""

import time


class ScaledTime:
    """Seconds of simulated time since this object was made."""

    def __init__(self, speed: float) -> None:
        """Start at 0 s; ``speed`` simulated seconds pass in one real second (> 0)."""
        if not 0.0 < speed < float("inf"):
            raise ValueError(f"speed must be a positive number, not {speed!r}")
        self.speed = speed
        self._start_s = time.monotonic()

    def now_s(self) -> float:
        """Simulated seconds since the start."""
        return (time.monotonic() - self._start_s) * self.speed

    def real_seconds_until(self, time_s: float) -> float:
        """Real seconds until the simulated ``time_s``; 0 when it has passed."""
        return max(0.0, time_s / self.speed - (time.monotonic() - self._start_s))
