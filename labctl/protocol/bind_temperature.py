"""What a protocol says of temperature becomes bands: limits, ends of steps, and where a chamber has to settle."""

from typing import TYPE_CHECKING

from labctl.instrument.temperature import Band
from labctl.protocol import until
from labctl.protocol.document import Path
from labctl.units import show_celsius

if TYPE_CHECKING:
    from labctl.protocol import model
    from labctl.protocol.frame import Frame


def limits(safety: "model.Safety", frame: "Frame") -> Band | None:
    """The temperatures that must not be left; None if the protocol names none."""
    if safety.temperature is None:
        return None
    low, high = (temperature.value for temperature in safety.temperature)
    if low >= high:
        frame.refuse(
            ("safety", "temperature", 1),
            "the upper temperature is not above the lower",
            "write [lowest, highest]",
        )
    return Band(low, high)


def ends(given: until.Temperature | None, path: Path, frame: "Frame") -> tuple[Band, ...]:
    """The bands that end a step; each threshold is one, and any of them will do."""
    if given is None:
        return ()
    if given.value is not None:
        frame.refuse(
            path,
            "a temperature may be reached from either side",
            f"write `temperature: {{above: {given.value}}}` or `{{below: ...}}`",
        )
        return ()
    hold_s = 0.0 if given.hold is None else given.hold.value
    found = []
    for key, threshold in until.thresholds(given):
        _inside(threshold.value, (*path, key), frame)
        above = key == "above"
        found.append(Band(threshold.value if above else None, None if above else threshold.value, hold_s))
    return tuple(found)


def settling(soak: "model.Soak", path: Path, frame: "Frame") -> Band:
    """Where the temperature has to stay before the run goes on."""
    middle_K, half_K = soak.temperature.value, soak.within.value
    for edge_K in (middle_K - half_K, middle_K + half_K):
        _inside(edge_K, (*path, "temperature"), frame)
    if soak.for_.value >= soak.at_most.value:
        frame.refuse(
            (*path, "at_most"),
            f"{soak.for_} in the band do not fit into {soak.at_most}",
            "leave time to get there, as in `for: 30 min, at_most: 4 h`",
        )
    return Band(middle_K - half_K, middle_K + half_K, soak.for_.value)


def _inside(temperature_K: float, path: Path, frame: "Frame") -> None:
    """Refuse what would end as a fault."""
    limits = frame.temperature
    if limits is not None and not limits.holds(temperature_K):
        frame.refuse(
            path,
            f"{show_celsius(temperature_K)} is outside the safety limits, {limits}",
            "stay inside, or widen `safety: {temperature: [...]}` if the cell allows it",
        )
