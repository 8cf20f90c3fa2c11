"""The feed of a broker: what one station, or all of them, publish there."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import aiomqtt

from labctl.errors import DataError, LabctlError
from labctl.station.broker import Broker
from labctl.station.mailbox import Mailbox
from labctl.store.liveness import unix_time_s
from labctl.telemetry import topics
from labctl.telemetry.connection import BrokerLost, client, why_lost
from labctl.telemetry.feed import collected, put, unknown
from labctl.telemetry.messages import Message, StationStatus, decode

_SHORTEST_S, _LONGEST_S = 0.5, 15.0


class MqttFeed:
    """What stations publish at a broker.

    A message that lies under another station's or channel's topic than it says is passed over, so that who may write
    under one name on the broker cannot speak for another; so is what is no message at all.

    Args:
        broker: where.
        station: which; None: all that speak there.
    """

    def __init__(self, broker: Broker, station: str | None = None) -> None:
        self._broker = broker
        self._station = station

    def messages(self) -> AsyncGenerator[Message, None]:
        """As ``Feed`` promises; of a broker without any station: nothing, until one speaks."""
        mailbox: Mailbox[Message] = Mailbox()
        return collected(mailbox, _Ear(self._broker, self._station, mailbox).listen)


class _Ear:
    """Listens to a broker, again and again."""

    def __init__(self, broker: Broker, station: str | None, mailbox: Mailbox[Message]) -> None:
        self._broker = broker
        self._station = station
        self._mailbox = mailbox
        self._known: dict[str, StationStatus] = {} if station is None else {station: unknown(station)}

    async def listen(self) -> None:
        wait_s = _SHORTEST_S
        while True:
            began_s = asyncio.get_running_loop().time()
            try:
                await self._hear()
            except (aiomqtt.MqttError, LabctlError, OSError) as error:
                self._lose(why_lost(self._broker, error))
            if asyncio.get_running_loop().time() - began_s > _LONGEST_S:
                wait_s = _SHORTEST_S
            await asyncio.sleep(wait_s)
            wait_s = min(2.0 * wait_s, _LONGEST_S)

    async def _hear(self) -> None:
        async with client(self._broker) as connected:
            granted = await connected.subscribe([(topic, 1) for topic in topics.everything(self._station)])
            if all(_refused(code) for code in granted):
                raise BrokerLost(f"{self._broker} lets nobody like us read what stations publish")
            async for received in connected.messages:
                if isinstance(received.payload, bytes) and received.payload:
                    self._receive(str(received.topic), received.payload)

    def _receive(self, topic: str, payload: bytes) -> None:
        try:
            message = decode(payload)
        except DataError:
            return
        if topics.topic_of(message) != topic:
            return
        if isinstance(message, StationStatus):
            self._known[message.station] = message
        put(self._mailbox, message)

    def _lose(self, reason: str) -> None:
        """Say of each station that was there that it is not seen any more."""
        for station, known in self._known.items():
            if known.online or not known.reason:
                lost = replace(known, online=False, reason=reason, updated_unix_second=unix_time_s())
                self._known[station] = lost
                put(self._mailbox, lost)


def _refused(code: object) -> bool:
    return int(getattr(code, "value", code)) >= 0x80  # type: ignore[call-overload, no-any-return]
