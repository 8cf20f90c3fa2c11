"""Listening to a station for a broker: what was said last, what is new, and what is to be told the station."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import replace

from labctl.errors import LabctlError
from labctl.station.client import StationClient
from labctl.station.mailbox import Mailbox
from labctl.store.liveness import unix_time_s
from labctl.telemetry.feed import put, unknown
from labctl.telemetry.local_feed import live, said_by
from labctl.telemetry.messages import ChannelState, Message, StationStatus

_SHORTEST_S, _LONGEST_S = 0.2, 5.0

SERVICE = "mqtt"
"""What the station calls this."""


class Hearing:
    """Keeps what a station says, whether anybody takes it or not.

    Args:
        station: its name.
        say: called with a sentence when something about the telemetry is not well, or is well again.

    Attributes:
        status: the latest.
        states: the latest of each channel.
        news: what nobody has taken yet; bounded.
        heard: set once the station has said anything, or was found not to be there.
    """

    def __init__(self, station: str, say: Callable[[str], None]) -> None:
        self.status: StationStatus = unknown(station)
        self.states: dict[str, ChannelState] = {}
        self.news: Mailbox[Message] = Mailbox()
        self.heard = asyncio.Event()
        self._station = station
        self._say = say
        self._troubles: dict[str, str] = {}
        self._reported: str | None = None

    async def listen(self) -> None:
        """Listen until cancelled."""
        wait_s = _SHORTEST_S
        while True:
            try:
                async with (
                    said_by(self._station) as (reader, _),
                    aclosing(live(self._station, reader)) as said,
                ):
                    wait_s, self._reported = _SHORTEST_S, None
                    async for message in said:
                        self._keep(message)
                        await self._report()
            except LabctlError as error:
                if self.status.online or not self.status.reason:
                    self._keep(self.offline(str(error)))
            await asyncio.sleep(wait_s)
            wait_s = min(2.0 * wait_s, _LONGEST_S)

    def offline(self, reason: str) -> StationStatus:
        """The station's status, if it is not heard any more."""
        return replace(self.status, online=False, reason=reason, updated_unix_second=unix_time_s())

    async def trouble(self, what: str, sentence: str) -> None:
        """Something about the telemetry is not well, or, with an empty sentence, is well again; the station is told."""
        if sentence != self._troubles.get(what, ""):
            self._say(sentence or f"{what}: well again")
        self._troubles[what] = sentence
        await self._report()

    async def tell(self, verb: str, /, **more: str | int) -> bool:
        """Tell the station something; whether it was there to hear it."""

        def ask() -> None:
            with StationClient(self._station) as client:
                client.ask(verb, "", **more)

        with suppress(LabctlError):
            await asyncio.to_thread(ask)
            return True
        return False

    async def _report(self) -> None:
        """Say how the telemetry is, if it is otherwise than was said; again when the station is back."""
        state = next((sentence for sentence in self._troubles.values() if sentence), "")
        if state != self._reported and self._troubles and self.status.online:
            self._reported = state
            await self.tell("report", service=SERVICE, state=state)

    def _keep(self, message: Message) -> None:
        match message:
            case StationStatus():
                self.status = message
                self.heard.set()
            case ChannelState():
                self.states[message.channel] = message
        put(self.news, message)
