"""Topics: a name is one level and nothing else, whatever is in it."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ProtocolError, StationError
from labctl.station.broker import place_of
from labctl.station.file import load_station
from labctl.telemetry import topics
from tests.telemetry.test_documentation import CHANNELS


@given(st.text(min_size=1))
def test_a_name_is_one_level_and_can_be_read_back(name: str) -> None:
    level = topics.level(name)
    assert level
    assert not set(level) & set("/+#$\0")
    assert level.isprintable()
    assert unquote(level) == name


def test_names_that_differ_have_topics_that_differ() -> None:
    names = ["a", "a/b", "a%2Fb", "A", "+", "#", "$SYS", " ", "\u202e", "\0"]
    assert len({topics.level(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("mqtt://broker", ("broker", 1883, False)),
        ("mqtts://broker/", ("broker", 8883, True)),
        ("mqtt://[::1]:1884", ("::1", 1884, False)),
    ],
)
def test_the_url_of_a_broker(url: str, place: tuple[str, int, bool]) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize(
    "url",
    ["broker", "http://broker", "mqtt://", "mqtt://b:99999", "mqtt://b/x", "mqtt://b?x=1", "mqtt://[::1"],
)
def test_what_is_no_url_of_a_broker_is_refused(url: str) -> None:
    with pytest.raises(StationError, match="mqtt://HOST"):
        place_of(url)


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(StationError, match="LABCTL_MQTT_PASSWORD") as refused:
        place_of("mqtt://me:hunter2@broker")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("{user: me}", "'url' is missing"),
        ("{url: 'http://broker'}", "not the URL of a broker"),
        ("{url: 'mqtt://broker', pasword_file: x}", "password_file"),
        ("{url: 'mqtt://broker', password: x}", "unknown key"),
        ("{url: 'mqtt://broker', ca: x}", "needs an encrypted connection"),
        ("{url: 'mqtts://broker', key: x}", "without a certificate"),
        ("{url: 'mqtts://broker', confirm: perhaps}", "neither yes nor no"),
        ("{url: 'mqtts://broker', commands: {allow: [stop]}}", "commands need a key"),
        ("{url: 'mqtts://broker', commands: {key: k, allow: [start]}}", "'start' is no command"),
        ("{url: 'mqtts://broker', commands: {key: k, allow: stop}}", "a list of commands"),
    ],
)
def test_a_wrong_section_is_refused_with_its_line(
    section: str, says: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("station") / "bench.yaml"
    path.write_text(f"mqtt: {section}\n{CHANNELS}")
    with pytest.raises(ProtocolError, match=says) as refused:
        load_station(str(path))
    assert refused.value.line == 1
