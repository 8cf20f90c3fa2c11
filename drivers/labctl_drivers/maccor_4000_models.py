"""The ranges of Maccor channels, as a station file names them and as a channel tells them itself."""

from dataclasses import dataclass

from labctl.instrument.channel import Traits

#: What may lie between a number that a channel tells in single precision and the one that it means.
SINGLE = 1e-6


@dataclass(frozen=True, slots=True)
class Ranges:
    """What one channel sets and measures; currents of its ranges 1 to 4, ascending."""

    low_V: float
    high_V: float
    currents_A: tuple[float, float, float, float]

    @property
    def largest_A(self) -> float:
        """Largest magnitude that can be set or measured."""
        return self.currents_A[-1]

    @property
    def largest_V(self) -> float:
        """Largest magnitude that can be set or measured."""
        return max(abs(self.low_V), abs(self.high_V))

    def number_for(self, current_A: float) -> int:
        """The number of the smallest range that holds a current."""
        return next(
            (number for number, full_A in enumerate(self.currents_A, start=1) if current_A <= full_A), 4
        )

    def is_like(self, other: "Ranges") -> bool:
        """Whether both are the same in single precision."""
        ours = (self.low_V, self.high_V, *self.currents_A)
        theirs = (other.low_V, other.high_V, *other.currents_A)
        return all(abs(a - b) <= SINGLE * max(1e-3, abs(a)) for a, b in zip(ours, theirs, strict=True))

    def __str__(self) -> str:
        return f"{self.low_V:g} V to {self.high_V:g} V, {', '.join(f'{full_A:g} A' for full_A in self.currents_A)}"


_CURRENTS_A = (0.00015, 0.005, 0.15, 5.0)

#: The currents are those of the help's example, (3, 1). Assumed: the voltages of channels as they are sold.
MODELS = {
    "bipolar-5V": Ranges(-5.0, 5.0, _CURRENTS_A),
    "5V": Ranges(0.0, 5.0, _CURRENTS_A),
    "10V": Ranges(0.0, 10.0, _CURRENTS_A),
}


def traits_of(model: str, ranges: Ranges) -> Traits:
    """What a channel with these ranges holds."""
    return Traits(
        model=model,
        voltage_max_V=ranges.largest_V,
        current_max_A=ranges.largest_A,
        shortest_interval_s=0.1,
        autonomous=False,
        off_mode="channel suspended (open circuit)",
        holds=(
            "the voltage ahead of a current, 10 mV beyond its cut-off or the safety window: there it holds the voltage",
            "the safety window as the channel's own safety limits, 20 mV and 2 % beyond it: there it opens",
        ),
        host_silence=None,
        second_session=True,
        impedance=None,
    )
