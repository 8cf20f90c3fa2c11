"""Thermometers and chambers in station files: shared by channels, one sensor of several, refused by line."""

from pathlib import Path

import pytest

from labctl.errors import CannotHold, ProtocolError, StationError
from labctl.protocol import load
from labctl.station.connect import ChannelSpec
from labctl.station.file import Station, load_station
from labctl.station.launch import refuse_what_cannot_be_held
from labctl.station.thermometers import AuxiliarySpec, ThermometerSpec, beyond_thermometer

CHAMBER = 'resource: "TCPIP::192.0.2.20::57732::SOCKET"'
PROTOCOL = """\
protocol: warm
safety: {{voltage: [-1 V, 1 V], current: 0.5 mA{limits}}}
record: {{every: 10 s}}
steps:
{steps}
"""
SOAK = "  - soak: {temperature: %s, within: 0.5 K, for: 30 min, at_most: 4 h}"
REST = "  - rest: {until: {time: 1 h}}"


def read(folder: Path, auxiliaries: str, channels: dict[str, str]) -> Station:
    lines = ["station: bench", "auxiliaries:", f"  oven: {auxiliaries}", "channels:"]
    lines += [f"  {name}: {{driver: palmsens-emstat4, {text}}}" for name, text in channels.items()]
    path = folder / "bench.yaml"
    path.write_text("\n".join(lines) + "\n")
    return load_station(str(path))


def beside(name: str = "espec-pr3j") -> ThermometerSpec:
    return ThermometerSpec(AuxiliarySpec("oven", name), "temperature")


def test_channels_share_one(tmp_path: Path) -> None:
    station = read(
        tmp_path,
        f"{{driver: espec-pr3j, {CHAMBER}}}",
        {
            "a": "cell: na, temperature: oven",
            "b": "cell: na, temperature: oven/temperature",
            "c": "cell: na",
        },
    )
    spec = AuxiliarySpec("oven", "espec-pr3j", "TCPIP::192.0.2.20::57732::SOCKET")
    assert station.channels["a"].thermometer == ThermometerSpec(spec, "temperature")
    assert station.channels["b"].thermometer == station.channels["a"].thermometer
    assert station.channels["c"].thermometer is None
    assert station.auxiliaries() == (spec,)


@pytest.mark.parametrize(
    ("auxiliary", "channels", "line", "reason"),
    [
        (
            "{driver: espec-pr3j}",
            {"a": "cell: na, temperature: over"},
            5,
            "is called 'over'; did you mean 'oven'",
        ),
        ("{driver: espec-pr3j}", {"a": "cell: na, temperature: oven/t9"}, 5, "has no sensor 't9'"),
        ("{driver: keithley-2450}", {"a": "cell: na"}, 3, "no thermometer or chamber is called"),
        ("{resource: X}", {"a": "cell: na"}, 3, "no thermometer or chamber is called"),
        ("{driver: espec-pr3j, color: red}", {"a": "cell: na"}, 3, "unknown key"),
        (f"{{driver: espec-pr3j, {CHAMBER}}}", {"a": CHAMBER}, 3, "is the resource of channel a already"),
    ],
)
def test_what_cannot_be_is_refused_by_line(
    tmp_path: Path, auxiliary: str, channels: dict[str, str], line: int, reason: str
) -> None:
    with pytest.raises((ProtocolError, StationError), match=reason) as refused:
        read(tmp_path, auxiliary, channels)
    assert isinstance(refused.value, ProtocolError)
    assert refused.value.line == line


def protocol(folder: Path, steps: str, limits: str = "") -> Path:
    path = folder / "warm.yaml"
    path.write_text(PROTOCOL.format(steps=steps, limits=limits))
    return path


@pytest.mark.parametrize(
    ("steps", "limits", "place"),
    [
        (SOAK % "40 degC", "", "line 5, soak"),
        (REST, ", temperature: [5 degC, 60 degC]", "safety"),
        ("  - rest: {until: {time: 1 h, temperature: {above: 30 degC}}}", "", "line 5, rest"),
    ],
)
def test_without_a_thermometer_it_is_refused(tmp_path: Path, steps: str, limits: str, place: str) -> None:
    plan = load(protocol(tmp_path, steps, limits))
    channel = ChannelSpec("a", "palmsens-emstat4", cell="na")
    with pytest.raises(CannotHold, match=f"{place}: this wants a thermometer"):
        refuse_what_cannot_be_held(plan, channel)
    assert not beyond_thermometer(plan, beside(), "a")


def test_a_set_point_beyond_the_chamber_is_refused(tmp_path: Path) -> None:
    (sentence,) = beyond_thermometer(load(protocol(tmp_path, SOAK % "300 degC")), beside(), "a")
    assert sentence.startswith("line 5, soak: 300 degC is beyond oven (espec-pr3j), which goes from")


@pytest.mark.parametrize(
    ("steps", "limits", "line", "column", "reason"),
    [
        (SOAK.replace("0.5 K", "0.5 degC") % "40 degC", "", 5, 42, "degC"),
        (SOAK.replace("30 min", "5 h") % "40 degC", "", 5, 68, "do not fit"),
        (SOAK.replace(", at_most: 4 h", "") % "40 degC", "", 5, 11, "'at_most' is missing"),
        (SOAK % "60 degC", ", temperature: [5 degC, 60 degC]", 5, 25, "outside the safety limits"),
        (REST, ", temperature: [60 degC, 5 degC]", 2, 72, "not above the lower"),
        (REST, ", temperature: 60 degC", 2, 62, "wants a list"),
        (REST.replace("1 h", "1 h, temperature: 40 degC"), "", 5, 44, "from either side"),
        (REST.replace("1 h", "1 h, temperature: {above: 4}"), "", 5, 52, "no unit"),
        (
            REST.replace("1 h", "1 h, temperature: {above: 90 degC}"),
            ", temperature: [5 degC, 60 degC]",
            5,
            52,
            "outside the safety limits",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(
    tmp_path: Path, steps: str, limits: str, line: int, column: int, reason: str
) -> None:
    with pytest.raises(ProtocolError, match=reason) as refused:
        load(protocol(tmp_path, steps, limits))
    assert (refused.value.line, refused.value.column) == (line, column)
