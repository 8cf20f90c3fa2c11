"""The embedded broker: a station and a listener get along with it as with a real one."""

import socket
from pathlib import Path

import pytest

from labctl.errors import StationError
from labctl.station.broker import Broker, place_of
from labctl.telemetry.embedded_broker import broker
from labctl.telemetry.messages import Cycle, Samples
from labctl.telemetry.mqtt_feed import MqttFeed
from tests.telemetry.benches import half_cycle, serving, until
from tests.telemetry.listeners import hearing, publishing


async def test_a_station_publishes_at_the_embedded_broker(tmp_path: Path) -> None:
    async with broker("127.0.0.1", 0) as url:
        at = Broker(*place_of(url))
        async with serving(tmp_path) as bench, publishing(bench, at), hearing(MqttFeed(at)) as heard:
            await until(heard.online)
            run = bench.begin("a1", "NaK-17")
            run.half_cycle(half_cycle(1))
            run.flush_blocking()
            bench.workers["a1"].measure(1.0, 0.25)
            await until(lambda: heard.of(Samples) and heard.of(Cycle) and bench.published() == {True: 2})
            async with hearing(MqttFeed(at)) as later:
                await until(lambda: later.online() and later.state("a1"))


async def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StationError, match=f"nothing can listen at 127.0.0.1, port {port}"):
            async with broker("127.0.0.1", port):
                pass
