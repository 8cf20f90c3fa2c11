"""Where messages come from: one interface, whether a station of this computer speaks or a broker."""

from asyncio import TaskGroup
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Protocol

from labctl.station.mailbox import Mailbox
from labctl.store.liveness import unix_time_s
from labctl.telemetry.messages import ChannelState, Message, Samples, StationStatus

_SAMPLES_KEPT = 30
_RECORDED_KEPT = 10_000


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
        """Everything the source says, from now on. Each call is a connection of its own.

        Iterate it in one task, and close it there with ``aclose`` (``contextlib.aclosing``).
        """
        ...


async def collected(
    mailbox: Mailbox[Message], collect: Callable[[], Coroutine[None, None, None]]
) -> AsyncGenerator[Message, None]:
    """What a task that goes on for ever puts into a mailbox; it ends when this is closed."""
    async with TaskGroup() as group:
        task = group.create_task(collect())
        try:
            while True:
                for message in await mailbox.take():
                    yield message
        except GeneratorExit:  # closed: not an error for the group to report
            return
        finally:
            task.cancel()


def put(mailbox: Mailbox[Message], message: Message) -> None:
    """Keep a message for whoever reads: only the latest of a state, no more samples than are worth it."""
    match message:
        case StationStatus():
            mailbox.put(f"status {message.station}", message)
        case ChannelState():
            mailbox.put(f"state {message.station} {message.channel}", message)
        case Samples():
            mailbox.put(f"sample {message.station}", message, _SAMPLES_KEPT)
        case _:
            mailbox.put("recorded", message, _RECORDED_KEPT)


def unknown(station: str) -> StationStatus:
    """A station of which nothing is known yet."""
    now_s = unix_time_s()
    return StationStatus(
        station=station,
        online=False,
        version="",
        channels=(),
        since_unix_second=now_s,
        updated_unix_second=now_s,
    )
