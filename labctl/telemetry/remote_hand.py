"""Sends a command to a station over a broker and waits for the answer."""

import asyncio

import aiomqtt

from labctl.errors import StationError
from labctl.station.broker import Broker
from labctl.telemetry import topics
from labctl.telemetry.command import Command, answer_from, to_text
from labctl.telemetry.connection import BrokerLost, client, why_lost

_PATIENCE_S = 20.0


async def send(broker: Broker, command: Command) -> str:
    """The station's answer.

    Raises:
        StationError: the station objects, or gives no answer.
        BrokerLost: there is no connection.
    """
    try:
        async with client(broker) as connected:
            await connected.subscribe(topics.station_topic(command.station, "answer"), 1)
            await connected.publish(topics.station_topic(command.station, "command"), to_text(command), qos=1)
            async with asyncio.timeout(_PATIENCE_S):
                return await _answer(connected, command)
    except TimeoutError as error:
        raise StationError(
            f"station {command.station} gives no answer at {broker}: it takes no commands there, or none with this key"
        ) from error
    except (aiomqtt.MqttError, OSError) as error:
        raise BrokerLost(why_lost(broker, error)) from error


async def _answer(connected: aiomqtt.Client, command: Command) -> str:
    async for received in connected.messages:
        answer = answer_from(received.payload) if isinstance(received.payload, bytes) else None
        if answer is None or answer.id != command.id:
            continue
        if not answer.ok:
            raise StationError(f"station {command.station}: {answer.text}")
        return answer.text
    raise AssertionError("the messages of a connection do not end")
