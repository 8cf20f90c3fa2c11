"""Topics: where a message lies on a broker, ``labctl/v1/STATION/...``.

A name that would mean something else in a topic (``+``, ``#``, ``/``, a leading ``$``, what cannot be seen) is written
with its bytes as ``%XX``. The payload says the same names as they are.
"""

from urllib.parse import quote

from labctl.telemetry.messages import (
    ChannelState,
    Cycle,
    Event,
    Message,
    Samples,
    SpectrumTaken,
    StationStatus,
)

PREFIX = "labctl/v1"

_KEPT = " !&'()*,:;=@[]"


def level(name: str) -> str:
    """A name as one level of a topic."""
    return quote(name, safe=_KEPT, errors="replace") or "%"


def station_topic(station: str, what: str) -> str:
    """A topic of a station as a whole."""
    return f"{PREFIX}/{level(station)}/{what}"


def topic_of(message: Message) -> str:
    """Where a message belongs."""
    match message:
        case StationStatus() | Samples():
            return station_topic(message.station, message.type)
        case ChannelState() | Cycle() | SpectrumTaken() | Event():
            channel = f"{level(message.channel)}/" if message.channel else ""
            return station_topic(message.station, f"{channel}{message.type}")


def everything(station: str | None) -> tuple[str, ...]:
    """Filters for all that a station says, or that all do; commands and answers are no part of it."""
    which = "+" if station is None else level(station)
    own = (f"{PREFIX}/{which}/{what}" for what in ("status", "sample", "event"))
    of_channels = (f"{PREFIX}/{which}/+/{what}" for what in ("state", "cycle", "spectrum", "event"))
    return (*own, *of_channels)


def recorded(station: str) -> tuple[str, ...]:
    """Filters for what of a station lies in its database first."""
    return tuple(station_topic(station, f"+/{what}") for what in ("cycle", "spectrum", "event"))
