"""Carries what a station says and records to a broker, whatever becomes of either.

Theory of operation. One task listens to the station and never waits for the broker (``hearing``). While there is a
connection, another publishes what is new, and a third the outbox (``courier``): events, cycles and spectra from the
database, one after the other, each acknowledged.

An MQTT 3.1.1 broker acknowledges also what its access list then drops. So, unless told otherwise, the publisher
subscribes to its own status and to what it takes from the outbox, and believes in a delivery when the broker has
handed it back. Then it tells the station, which notes it in the database: after an hour without a broker the outbox
goes on where it was, after a death of this process too. States and samples are believed to go where the status goes.

The station's socket, the broker and the database can each fail at any time; none of it reaches the station.
"""

import asyncio
from asyncio import TaskGroup
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import aiomqtt

from labctl.errors import DataError, LabctlError
from labctl.station.broker import Broker
from labctl.telemetry import topics
from labctl.telemetry.commander import Commander
from labctl.telemetry.connection import ANSWER_S, client, secret, why_lost
from labctl.telemetry.courier import Courier
from labctl.telemetry.hearing import Hearing
from labctl.telemetry.messages import ChannelState, Message, Samples, StationStatus, decode, encode
from labctl.telemetry.recorded import Outbox

_SHORTEST_S, _LONGEST_S = 0.5, 15.0
_STEADY_S = 30.0
"""After a connection that lasted so long the next is tried soon."""

_FIGURES_S = 5.0
"""A state of which only figures have changed is published this often; they are in the samples, too."""

_LAST_WORDS_S = 3.0

PUBLISHER_GONE = "the process that publishes is gone, or its connection; the station itself may go on"


class _Said(NamedTuple):
    """The state of a channel that was published last, without its figures, and when."""

    state: ChannelState
    time_s: float


class Publisher:
    """Publishes one station.

    Args:
        station: its name.
        broker: where to.
        database: URL or path of its database.
        say: called with a sentence when something is not well, or is well again.

    Raises:
        StationError: the file with the key for commands cannot be used.
    """

    def __init__(self, station: str, broker: Broker, database: str, say: Callable[[str], None]) -> None:
        self._station = station
        self._broker = broker
        self._hearing = hearing = Hearing(station, say)
        self._courier = Courier(
            Outbox(database, station),
            broker.confirm,
            lambda place: hearing.tell("published", up_to=place),
            lambda sentence: hearing.trouble("outbox", sentence),
        )
        self._commander: Commander | None = None
        if broker.command_key is not None:
            key = secret(broker.command_key, "the key that commands are signed with")
            self._commander = Commander(station, key, broker.allowed, hearing)
        self._said: dict[str, _Said] = {}
        self._awaited_since_s: float | None = None

    async def run(self, told: asyncio.Event) -> None:
        """Publish until told to end; then the station is said to be offline."""
        async with TaskGroup() as group:
            listening = group.create_task(self._hearing.listen())
            publishing = group.create_task(self._publish(told))
            await told.wait()
            listening.cancel()
            await asyncio.wait([publishing], timeout=_LAST_WORDS_S)
            publishing.cancel()

    async def _publish(self, told: asyncio.Event) -> None:
        """Connect, again and again."""
        loop, wait_s = asyncio.get_running_loop(), _SHORTEST_S
        await self._hearing.heard.wait()  # the last will names the channels
        while not told.is_set():
            began_s = loop.time()
            try:
                await self._connect(told)
            except* (aiomqtt.MqttError, LabctlError, OSError) as several:
                await self._hearing.trouble("connection", why_lost(self._broker, several.exceptions[0]))
            wait_s = _SHORTEST_S if loop.time() - began_s > _STEADY_S else min(2.0 * wait_s, _LONGEST_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await told.wait()

    async def _connect(self, told: asyncio.Event) -> None:
        """One connection, until it breaks or the end."""
        hearing, topic = self._hearing, topics.station_topic(self._station, "status")
        will = aiomqtt.Will(topic, encode(hearing.offline(PUBLISHER_GONE)), qos=1, retain=True)
        async with client(self._broker, f"labctl-{self._station}", will) as connected:
            await hearing.trouble("connection", "")
            self._said.clear()
            self._awaited_since_s = None
            if self._broker.confirm:
                await connected.subscribe(
                    [(topic, 1), *((filter_, 1) for filter_ in topics.recorded(self._station))]
                )
            commander = self._commander
            if commander is not None:
                await connected.subscribe(commander.topic, 1)
            async with TaskGroup() as group:
                tasks = [
                    group.create_task(self._receive(connected)),
                    group.create_task(self._speak(connected)),
                    group.create_task(self._doubt()),
                    group.create_task(self._courier.deliver(connected)),
                ]
                if commander is not None:
                    tasks.append(group.create_task(commander.live(connected)))
                await told.wait()
                for task in tasks:
                    task.cancel()
            last = (
                hearing.offline("its telemetry was told to end") if hearing.status.online else hearing.status
            )
            await connected.publish(topic, encode(last), qos=1, retain=True)

    # --- out ---------------------------------------------------------------------------------------------------

    async def _speak(self, connected: aiomqtt.Client) -> None:
        """All that is known, then what is new."""
        known: list[Message] = [self._hearing.status, *self._hearing.states.values()]
        for message in known:
            await self._say(connected, message)
        while True:
            for message in await self._hearing.news.take():
                await self._say(connected, message)

    async def _say(self, connected: aiomqtt.Client, message: Message) -> None:
        topic, loop = topics.topic_of(message), asyncio.get_running_loop()
        match message:
            case StationStatus():
                if self._awaited_since_s is None:
                    self._awaited_since_s = loop.time()
                await connected.publish(topic, encode(message), qos=1, retain=True)
            case ChannelState(channel=channel):
                before, said = self._said.get(channel), _Said(_without_figures(message), loop.time())
                figures_only = before is not None and before.state == said.state
                if before is not None and figures_only and said.time_s - before.time_s < _FIGURES_S:
                    return
                self._said[channel] = said
                await connected.publish(topic, encode(message), qos=0 if figures_only else 1, retain=True)
            case Samples():
                await connected.publish(topic, encode(message), qos=0)
            case _:
                await connected.publish(topic, encode(message), qos=1)

    # --- back --------------------------------------------------------------------------------------------------

    async def _receive(self, connected: aiomqtt.Client) -> None:
        """What the broker hands back."""
        async for received in connected.messages:
            if self._commander is not None and str(received.topic) == self._commander.topic:
                self._commander.receive(received.payload, retained=received.retain)
                continue
            if received.retain:
                continue  # from before this connection
            try:
                message = decode(received.payload)
            except DataError:
                continue
            if not isinstance(message, StationStatus):
                self._courier.back(getattr(message, "seq", None))
            elif message.online == self._hearing.status.online:
                self._awaited_since_s = None
            else:  # the last will of a connection that broke: it comes late
                await self._say(connected, self._hearing.status)

    async def _doubt(self) -> None:
        """Whether the broker keeps what it has acknowledged."""
        loop = asyncio.get_running_loop()
        while self._broker.confirm:
            since_s = self._awaited_since_s
            refused = since_s is not None and loop.time() - since_s > ANSWER_S
            who = f"user {self._broker.user}" if self._broker.user else "a client without a user name"
            await self._hearing.trouble(
                "status",
                f"{self._broker} acknowledges what is published, but does not hand it back: its access list does not "
                f"let {who} write, or not read, {topics.PREFIX}/{topics.level(self._station)}/#"
                if refused
                else "",
            )
            await asyncio.sleep(1.0)


def _without_figures(state: ChannelState) -> ChannelState:
    return replace(
        state,
        test_time_second=None,
        voltage_volt=None,
        temperature_kelvin=None,
        current_ampere=None,
        charge_coulomb=None,
        remaining_second=None,
        updated_unix_second=0.0,
    )
