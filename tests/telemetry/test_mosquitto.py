"""A station at a real mosquitto: what arrives, and that everything does, whatever the broker is up to."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import aiomqtt
import pytest

from labctl.station.broker import Broker
from labctl.store.writer import RunWriter
from labctl.telemetry import courier, publisher
from labctl.telemetry.connection import client
from labctl.telemetry.messages import Cycle, Event, Samples, StationStatus, encode
from labctl.telemetry.mqtt_feed import MqttFeed
from tests.telemetry.benches import STATION, Bench, half_cycle, serving, until
from tests.telemetry.brokers import Certificates, Mosquitto, access, mosquitto, passwords
from tests.telemetry.listeners import hearing, publishing

USER = {"bench": "one two three", "viewer": "four five six"}
OF_BENCH = "user bench\ntopic readwrite labctl/v1/bench/#\n"
OF_VIEWER = "user viewer\ntopic read labctl/v1/#\n"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a broker that does not answer costs in these tests: a second, not ten."""
    for module in (courier, publisher):
        monkeypatch.setattr(module, "ANSWER_S", 1.0)
    monkeypatch.setattr("labctl.telemetry.connection.ANSWER_S", 1.5)
    monkeypatch.setattr(courier, "_AGAIN_S", 0.5)
    monkeypatch.setattr(publisher, "_LONGEST_S", 0.5)
    monkeypatch.setattr("labctl.telemetry.mqtt_feed._LONGEST_S", 0.5)


def record(bench: Bench, events: int, channel: str = "a1") -> int:
    """A run with so many events; its number."""
    run = bench.begin(channel, f"cell of {channel}")
    record_more(run, events - 1)
    return run.run_id


def record_more(run: RunWriter, events: int) -> None:
    for _ in range(events):
        run.event("tag", 1.0, "plan", "another")
    run.flush_blocking()


async def test_what_a_station_says_and_records_arrives(tmp_path: Path, broker: Mosquitto) -> None:
    async with serving(tmp_path) as bench, publishing(bench, broker.at):
        async with hearing(MqttFeed(broker.at)) as heard:
            run = bench.begin("a1", "NaK-17")
            run.half_cycle(half_cycle(1))
            run.flush_blocking()
            bench.workers["a1"].measure(1.0, 0.25)
            await until(lambda: heard.of(Samples) and heard.recorded(run.run_id) == [1, 2])
            await until(lambda: (state := heard.state("a1")) and state.state == "running")
            assert [cycle.cell for cycle in heard.of(Cycle)] == ["NaK-17"]
            await until(lambda: bench.published() == {True: 2})
        async with hearing(MqttFeed(broker.at)) as later:  # only what is retained is left for who comes later
            await until(lambda: later.online() and later.state("a1") and later.state("a2"))
            assert not later.of(Event)
    async with hearing(MqttFeed(broker.at)) as after:
        status = await until(lambda: after.status)
        assert (status.online, status.reason) == (False, "its telemetry was told to end")


async def test_after_a_time_without_a_broker_everything_arrives_in_order_without_a_gap(
    tmp_path: Path, broker: Mosquitto
) -> None:
    events = 1500
    broker.stop()
    async with serving(tmp_path) as bench:
        async with publishing(bench, broker.at) as said:
            runs = [record(bench, events, channel) for channel in ("a1", "a2")]
            await until(lambda: said)
            assert "no connection to mqtt://127.0.0.1" in said[0]
        async with publishing(bench, broker.at):  # another process: what it knows is in the database
            broker.start()
            async with hearing(MqttFeed(broker.at)) as heard:
                await until(lambda: heard.online())
                await until(lambda: bench.published() == {True: 2 * events})
        whole = list(range(1, events + 1))
        assert all(numbers in (whole, whole[-len(numbers) :]) for numbers in map(heard.recorded, runs))
        places = [m.seq for m in heard.messages if isinstance(m, Event) and m.seq]
        assert places == sorted(places)


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_broker_that_comes_and_goes_loses_nothing(
    tmp_path: Path, broker: Mosquitto, how: str
) -> None:
    async with serving(tmp_path) as bench, publishing(bench, broker.at):
        run = bench.begin("a1", "NaK-17")
        async with hearing(MqttFeed(broker.at)) as heard:
            for number in range(1, 4):
                await until(heard.online)
                record_more(run, 20)
                await until(lambda run=run, number=number: bench.published() == {True: 40 * number - 19})
                broker.stop() if how == "killed" else broker.send(signal.SIGSTOP)
                record_more(run, 20)
                await asyncio.sleep(1.0)
                assert bench.published()[False] == 20
                broker.start() if how == "killed" else broker.send(signal.SIGCONT)
                await until(lambda number=number: bench.published() == {True: 40 * number + 1})
        if how == "frozen":  # a broker that was killed has forgotten who listened: that one missed some
            assert heard.recorded(run.run_id) == list(range(1, 122))


async def test_the_last_will_tells_of_a_publisher_that_was_killed(tmp_path: Path, broker: Mosquitto) -> None:
    async with serving(tmp_path) as bench, hearing(MqttFeed(broker.at)) as heard:
        command = [sys.executable, "-m", "labctl.cli.main", "telemetry", "publish", f"--station={STATION}"]
        command += [f"--db={bench.database}", f"--mqtt={broker.at}"]
        process = await asyncio.create_subprocess_exec(*command)
        try:
            await until(heard.online)
        finally:
            process.kill()
            await process.wait()
        status = await until(lambda: (last := heard.status) and not last.online and last)
        assert "the station itself may go on" in status.reason
        assert status.channels == ("a1", "a2")


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho: a socket that is refused
async def test_encrypted_with_password_and_certificate_and_access_list(tmp_path: Path) -> None:
    files = Certificates.made_in(tmp_path)
    lines = [*files.lines(), "require_certificate true", passwords(tmp_path, **USER)]
    (tmp_path / "secret").write_text(USER["bench"] + "\n")
    (tmp_path / "secret").chmod(0o600)
    with mosquitto(tmp_path, *lines, access(tmp_path, OF_BENCH + OF_VIEWER)) as broker:
        good = Broker(
            "127.0.0.1",
            broker.port,
            tls=True,
            user="bench",
            password_file=tmp_path / "secret",
            ca=files.ca,
            certificate=files.client,
            key=files.client,
        )
        async with serving(tmp_path) as bench, publishing(bench, good) as said:
            run_id = record(bench, 3)
            async with hearing(MqttFeed(good, STATION)) as heard:
                await until(lambda: heard.online() and bench.published() == {True: 3})
            assert not said
            for wrong, says in [
                (replace(good, user="viewer"), "refuses user viewer"),
                (replace(good, ca=None), "certificate"),
                (replace(good, certificate=None, key=None), "no connection"),
                (replace(good, tls=False), "no connection"),
                (replace(good, password_file=tmp_path / "none"), "cannot be read"),
                (replace(good, password_file=files.ca), "chmod 600"),
            ]:
                async with hearing(MqttFeed(wrong, STATION)) as refused:
                    status = await until(lambda refused=refused: refused.status)
                    assert not status.online
                    assert says in status.reason, status.reason
                    assert USER["bench"] not in status.reason
        assert run_id


async def test_a_refused_connection_is_told_to_the_station(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABCTL_MQTT_PASSWORD", "wrong")
    with mosquitto(tmp_path, passwords(tmp_path, **USER)) as broker:
        at = replace(broker.at, user="bench")
        async with serving(tmp_path) as bench, publishing(bench, at) as said:
            await until(lambda: "refuses user bench" in bench.broadcast.services.get("mqtt", ""))
            assert len(said) == 1
            assert "wrong" not in said[0]


async def test_a_refused_publish_is_noticed_though_the_broker_acknowledges_it_and_made_good_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABCTL_MQTT_PASSWORD", USER["bench"])
    without_events = "user bench\ntopic read labctl/v1/bench/#\ntopic write labctl/v1/bench/status\n"
    lines = [passwords(tmp_path, **USER), access(tmp_path, without_events)]
    with mosquitto(tmp_path, *lines) as broker:
        async with serving(tmp_path) as bench, publishing(bench, replace(broker.at, user="bench")):
            record(bench, 3)
            await until(lambda: "does not hand it back" in bench.broadcast.services.get("mqtt", ""))
            assert "a1/event" in bench.broadcast.services["mqtt"]
            assert bench.published() == {False: 3}
            access(tmp_path, OF_BENCH)
            broker.send(signal.SIGHUP)
            await until(lambda: bench.published() == {True: 3})
            await until(lambda: bench.broadcast.services["mqtt"] == "")


async def test_an_account_that_may_write_nothing_at_all_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABCTL_MQTT_PASSWORD", USER["viewer"])
    with mosquitto(tmp_path, passwords(tmp_path, **USER), access(tmp_path, OF_VIEWER)) as broker:
        async with serving(tmp_path) as bench, publishing(bench, replace(broker.at, user="viewer")):
            await until(lambda: "user viewer write" in bench.broadcast.services.get("mqtt", ""))


async def test_an_account_that_may_only_write_can_do_without_confirmation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABCTL_MQTT_PASSWORD", USER["bench"])
    lines = [passwords(tmp_path, **USER), access(tmp_path, OF_BENCH.replace("readwrite", "write"))]
    with mosquitto(tmp_path, *lines) as broker:
        at = replace(broker.at, user="bench", confirm=False)
        async with serving(tmp_path) as bench, publishing(bench, at) as said:
            record(bench, 3)
            await until(lambda: bench.published() == {True: 3})
            assert not said


async def test_a_connection_that_somebody_takes_over_is_made_again(tmp_path: Path, broker: Mosquitto) -> None:
    async with (
        serving(tmp_path) as bench,
        publishing(bench, broker.at) as said,
        hearing(MqttFeed(broker.at)) as heard,
    ):
        await until(heard.online)
        async with client(broker.at, f"labctl-{STATION}"):
            await until(lambda: said)
        record(bench, 3)
        await until(lambda: bench.published() == {True: 3} and heard.online())


async def test_nobody_speaks_for_another_station_and_garbage_is_passed_over(broker: Mosquitto) -> None:
    status = StationStatus(
        station="good", online=True, version="1", channels=(), since_unix_second=0.0, updated_unix_second=0.0
    )
    hostile = replace(status, station="a/b+c#$\0d%")
    async with hearing(MqttFeed(broker.at)) as heard, client(broker.at) as sender:
        for topic, payload in [
            ("labctl/v1/evil/status", encode(status)),
            ("labctl/v1/good/event", encode(status)),
            ("labctl/v1/good/status", b"\x00\xff{"),
            ("labctl/v1/good/status", b"{" + b" " * (1 << 20)),
            ("labctl/v1/a%2Fb%2Bc%23%24%00d%25/status", encode(hostile)),
        ]:
            await sender.publish(topic, payload, qos=1, retain=True)
        await until(lambda: heard.status)
        await sender.publish("labctl/v1/good/status", encode(status), qos=1)
        await until(lambda: len(heard.messages) > 1)
        assert [message.station for message in heard.messages] == [hostile.station, "good"]


async def test_the_late_will_of_an_earlier_connection_does_not_stay(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with (
        serving(tmp_path) as bench,
        publishing(bench, broker.at),
        hearing(MqttFeed(broker.at)) as heard,
    ):
        await until(heard.online)
        late = replace(heard.of(StationStatus)[-1], online=False, reason="late")
        async with client(broker.at) as other:
            await other.publish("labctl/v1/bench/status", encode(late), qos=1, retain=True)
        await until(lambda: any(status.reason == "late" for status in heard.of(StationStatus)))
        await until(heard.online)


async def test_a_broker_that_is_alone_is_no_trouble_for_who_listens(broker: Mosquitto) -> None:
    async with hearing(MqttFeed(broker.at, STATION)) as heard, client(broker.at) as connected:
        await connected.publish("labctl/v1/other/status", b"{}", qos=1)
        broker.stop()
        status = await until(lambda: heard.status)
        assert not status.online
        assert isinstance(status.reason, str)
        with pytest.raises(aiomqtt.MqttError):
            await connected.publish("x", b"", qos=1)
