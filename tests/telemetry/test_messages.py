"""The vocabulary: what goes out comes in again the same, and what is none is refused in one line."""

import json
from dataclasses import asdict
from math import isfinite
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from labctl.errors import DataError
from labctl.telemetry.messages import (
    ChannelSamples,
    ChannelState,
    Cycle,
    Event,
    LONGEST_bytes,
    Message,
    Samples,
    Severity,
    SpectrumTaken,
    StationStatus,
    decode,
    encode,
    schema,
)


def _spectrum(frequencies: tuple[float, ...]) -> SpectrumTaken:
    return SpectrumTaken(
        station="bench",
        id="1.1",
        unix_time_second=1.0,
        spectrum_id=1,
        cycle=1,
        start_time_second=0.0,
        mode="galvanostatic",
        frequency_hertz=frequencies,
        real_impedance_ohm=(150.0, 450.0),
        imaginary_impedance_ohm=(-10.0, -1.0),
    )


def _samples(*values: float) -> Samples:
    columns = ChannelSamples(
        run_id=1,
        seq=tuple(range(len(values))),
        test_time_second=values,
        unix_time_second=values,
        voltage_volt=values,
        current_ampere=values,
    )
    return Samples(station="bench", channels={"a1": columns}, updated_unix_second=1.0)


@given(st.one_of([st.builds(kind) for kind in (StationStatus, ChannelState, Cycle, Event)]))
@example(_samples())
@example(_samples(-0.0, 5e-324, 1.7976931348623157e308, 0.1))
@example(_spectrum((100.0, 1.0)))
def test_what_goes_out_comes_in_again(message: Message) -> None:
    assume(all(isfinite(value) for value in asdict(message).values() if isinstance(value, float)))
    text = encode(message)
    assert b"\n" not in text
    found = json.loads(text)
    assert (found["v"], found["type"]) == (1, message.type)
    assert decode(text) == message


GOOD: dict[str, Any] = {
    "type": "state",
    "v": 1,
    "station": "bench",
    "channel": "a1",
    "state": "running",
    "updated_unix_second": 1.0,
}


def test_what_is_not_known_yet_is_passed_over() -> None:
    message = decode(json.dumps(GOOD | {"colour": "green"}).encode())
    assert isinstance(message, ChannelState)
    assert message.voltage_volt is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"v": 2}, "v: "),
        ({"type": "song"}, "type"),
        ({"state": None}, "state"),
        ({"voltage_volt": float("nan")}, "voltage_volt"),
        ({"voltage_volt": "0.3"}, "voltage_volt"),
        ({"run_id": "1"}, "run_id"),
        ({"run_id": True}, "run_id"),
    ],
)
def test_what_is_no_message_is_refused_in_one_line(change: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says) as refused:
        decode(json.dumps(GOOD | change).encode())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", [b"", b"\xff\x00", b"[" * 100_000, b"[]", b"null", b"{" * 5])
def test_garbage_is_refused(text: bytes) -> None:
    with pytest.raises(DataError):
        decode(text)


def test_what_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(DataError, match="bytes"):
        decode(b" " * (LONGEST_bytes + 1))


def test_columns_are_of_equal_length() -> None:
    text = encode(_spectrum((100.0, 1.0))).replace(b"[100.0,1.0]", b"[100.0]")
    with pytest.raises(DataError, match="equal length"):
        decode(text)


def test_a_temperature_belongs_to_each_sample() -> None:
    columns = {"run_id": 1, "seq": (1, 2), "test_time_second": (0.0, 1.0), "unix_time_second": (0.0, 1.0)}
    values = {"voltage_volt": (0.1, 0.1), "current_ampere": (0.0, 0.0)}
    told = ChannelSamples(**columns, **values, temperature_kelvin=(298.15, None))
    message = Samples(station="s", channels={"a": told}, updated_unix_second=0.0)
    assert decode(encode(message)) == message
    with pytest.raises(DataError, match="equal length"):
        decode(encode(message).replace(b"[298.15,null]", b"[298.15]"))


def test_the_schema_describes_every_kind_and_every_field_has_its_unit() -> None:
    described = schema()
    kinds = {ref.rpartition("/")[2] for ref in described["discriminator"]["mapping"].values()}
    assert kinds == {"StationStatus", "ChannelState", "Samples", "Cycle", "SpectrumTaken", "Event"}
    assert json.loads(json.dumps(described)) == described
    units = ("_second", "_volt", "_ampere", "_coulomb", "_joule", "_hertz", "_ohm", "_kelvin")
    for kind in described["$defs"].values():
        for name, field in kind.get("properties", {}).items():
            types = str(field)
            assert "'number'" not in types or name.endswith(units), name


def test_severities_are_words() -> None:
    assert [*Severity] == ["info", "notice", "warning", "alarm"]
