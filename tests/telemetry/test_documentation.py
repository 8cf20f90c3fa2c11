"""What docs/telemetry.md promises can be used as it is written."""

import json
import re
from pathlib import Path

from labctl.station.broker import COMMANDS
from labctl.station.file import load_station
from labctl.telemetry import topics
from labctl.telemetry.messages import ChannelState, Event, Message, Severity, StationStatus, schema

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "telemetry.md").read_text(encoding="utf-8")
CHANNELS = "channels: {a: {driver: palmsens-emstat4, cell: na}}\n"


def test_the_published_schema_is_the_present_one() -> None:
    assert json.loads((DOCS / "telemetry.schema.json").read_text(encoding="utf-8")) == schema()


def test_the_example_is_understood(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "bench.yaml").write_text(example + CHANNELS)
    broker = load_station(str(tmp_path / "bench.yaml")).mqtt
    assert broker is not None
    assert (str(broker), broker.user, broker.confirm) == ("mqtts://broker.lab.example:8883", "bench-1", True)
    assert broker.password_file == tmp_path / "broker.password"
    assert set(broker.allowed) < set(COMMANDS)


def test_messages_lie_where_it_is_written() -> None:
    common = {"station": "STATION", "updated_unix_second": 0.0}
    event = Event(
        station="STATION",
        id="1",
        unix_time_second=0.0,
        kind="x",
        text="x",
        author="x",
        severity=Severity.INFO,
    )
    messages: list[Message] = [
        StationStatus(online=True, version="1", channels=(), since_unix_second=0.0, **common),
        ChannelState(channel="CHANNEL", state="idle", **common),
        event,
    ]
    for message in messages:
        assert f"| `{topics.topic_of(message)}`" in TEXT
