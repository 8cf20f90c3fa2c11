"""A band of temperature: a safety limit, the end of a step, or where a chamber has to settle."""

from dataclasses import dataclass

from labctl.units import show, show_celsius


@dataclass(frozen=True, slots=True)
class Band:
    """Temperatures from one to another, both included.

    Attributes:
        low_K, high_K: None: open on this side.
        hold_s: the temperature has to stay there this long.
    """

    low_K: float | None = None
    high_K: float | None = None
    hold_s: float = 0.0

    def holds(self, temperature_K: float) -> bool:
        """Whether a temperature lies in it; NaN lies nowhere."""
        above = self.low_K is None or temperature_K >= self.low_K
        return above and (self.high_K is None or temperature_K <= self.high_K) and temperature_K > 0.0

    def __str__(self) -> str:
        held = f" for {show(self.hold_s, 's')}" if self.hold_s else ""
        if self.low_K is None or self.high_K is None:
            side, edge_K = (">=", self.low_K) if self.high_K is None else ("<=", self.high_K)
            return f"temperature {side} {show_celsius(edge_K or 0.0)}{held}"
        return f"temperature {show_celsius(self.low_K)} .. {show_celsius(self.high_K)}{held}"


class BandWatch:
    """Decides, temperature by temperature, whether one of several bands has been held long enough."""

    def __init__(self, bands: tuple[Band, ...]) -> None:
        self._bands = bands
        self._since_s: dict[Band, float] = {}

    def reached(self, time_s: float, temperature_K: float | None) -> Band | None:
        """The band that is held by now, or None.

        Args:
            time_s: experiment time.
            temperature_K: None: it is not known, so nothing is held.
        """
        for band in self._bands:
            if temperature_K is None or not band.holds(temperature_K):
                self._since_s.pop(band, None)
            elif time_s - self._since_s.setdefault(band, time_s) >= band.hold_s:
                return band
        return None
