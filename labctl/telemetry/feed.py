"""Where messages come from: one interface, whether a station of this computer speaks or a broker."""

from collections.abc import AsyncGenerator
from typing import Protocol

from labctl.telemetry.messages import Message


class Feed(Protocol):
    """A source of messages that comes back by itself.

    ``LocalFeed(station)`` reads the socket of a station on this computer, ``MqttFeed(url)`` a broker, for all
    stations there or for one.

    What a consumer can rely on:

    - A station begins with a snapshot: its ``StationStatus``, then the ``ChannelState`` of each of its channels. From
      a broker the two come in any order.
    - Then messages as they happen. A state replaces the one before of its channel; samples may be missing; cycles,
      spectra and events come in the order of ``seq``, at least once each while the source lasts.
    - A source that is lost is a message: ``StationStatus(online=False, reason=...)``, once for each station that was
      known. When it is found again there is a new snapshot. The iterator itself does not end.
    - A consumer that is slow loses samples and outdated states, never the rest; but it must go on reading.
    """

    def messages(self) -> AsyncGenerator[Message, None]:
        """Everything the source says, from now on. Each call is a connection of its own; close it with ``aclose``."""
        ...
