"""Station files: what is understood, and what is refused by line (reliability: bad mappings)."""

import re
from pathlib import Path

import pytest

from labctl.errors import ProtocolError, StationError
from labctl.instrument.step import SafetyLimits
from labctl.station.bundled import bundled_stations
from labctl.station.file import Station, load_station

GOOD = """\
station: bench-1
limits: {voltage: [-5 V, 5 V], current: 2 mA}
channels:
  smu: {driver: keithley-2450, resource: "TCPIP::192.0.2.7::5025::SOCKET", serial: "04412345"}
  stat: {driver: palmsens-emstat4, cell: na, limits: {voltage: [-1 V, 1 V], current: 1 mA}}
"""


def read(folder: Path, text: str) -> Station:
    path = folder / "bench.yaml"
    path.write_text(text)
    return load_station(str(path))


def with_channels(*lines: str) -> str:
    return "station: bench\nchannels:\n" + "".join(f"  {line}\n" for line in lines)


def smu(name: str, resource: str, more: str = "") -> str:
    return f'{name}: {{driver: keithley-2450, resource: "{resource}"{more}}}'


def test_limits_of_the_station_hold_where_a_channel_has_none(tmp_path: Path) -> None:
    station = read(tmp_path, GOOD)
    assert station.name == "bench-1"
    assert station.channels["smu"].serial == "04412345"
    assert station.channels["smu"].limits == SafetyLimits(-5.0, 5.0, 0.002)
    assert station.channels["stat"].limits == SafetyLimits(-1.0, 1.0, 0.001)


def test_the_example_of_the_documentation_is_understood(tmp_path: Path) -> None:
    text = Path(__file__).parents[2].joinpath("docs", "station.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    station = read(tmp_path, example)
    assert list(station.channels) == ["smu", "stat", "rehearsal"]
    assert station.channels["stat"].limits == SafetyLimits(-5.0, 5.0, 0.1)


def test_a_station_without_a_name_is_called_as_its_file(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.replace("station: bench-1\n", "")).name == "bench"


def test_the_bundled_stations_can_be_read() -> None:
    assert "simulated-8" in bundled_stations()
    station = load_station("simulated-8")
    assert len(station.channels) == 8
    assert len({spec.driver for spec in station.channels.values()}) == 2
    assert not any(spec.resource for spec in station.channels.values())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StationError, match="did you mean the bundled simulated-8"):
        load_station("simulated8")


@pytest.mark.parametrize(
    "name", ["0", "-1", '"1"', "true", "no", "null", "last", "q7", "a b", "a/b", "a#", "..", "é", "a" * 33]
)
def test_strange_names_of_channels(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProtocolError, match="no name for a channel") as refused:
        read(
            tmp_path,
            with_channels(
                "ok: {driver: keithley-2450, cell: na}", f"{name}: {{driver: keithley-2450, cell: na}}"
            ),
        )
    assert (refused.value.line, refused.value.column) == (4, 3)


@pytest.mark.parametrize("name", ["../x", "a b", "x" * 65, '"#"'])
def test_strange_names_of_stations(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProtocolError, match="no name for a station") as refused:
        read(tmp_path, f"station: {name}\nchannels: {{a: {{driver: keithley-2450, cell: na}}}}\n")
    assert refused.value.line == 1


@pytest.mark.parametrize(
    "alias",
    [
        "tcpip0::192.0.2.7::05025::socket",
        "TCPIP0::192.0.2.7::inst0::INSTR",
        "TCPIP::192.0.2.7::hislip0::INSTR",
    ],
)
def test_one_instrument_under_two_names(tmp_path: Path, alias: str) -> None:
    with pytest.raises(ProtocolError, match="is the resource of channel a already") as refused:
        read(tmp_path, with_channels(smu("a", "TCPIP::192.0.2.7::5025::SOCKET"), smu("b", alias)))
    assert refused.value.line == 4


def test_one_serial_line_under_two_names(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="already"):
        read(tmp_path, with_channels(smu("a", "/dev/ttyACM7"), smu("b", "ASRL/dev/ttyACM7::INSTR")))


PAIR = "  {}: {{driver: rigol-pair, resource: TCPIP::{}::5555::SOCKET, load: TCPIP::{}::5555::SOCKET}}\n"


def test_a_second_port_belongs_to_one_channel(tmp_path: Path) -> None:
    station = read(tmp_path, "channels:\n" + PAIR.format("a", "h1", "h2") + PAIR.format("b", "h3", "h4"))
    assert station.channels["a"].further_ports() == {"load": "TCPIP::h2::5555::SOCKET"}
    assert station.channels["a"].options() == {"load": "TCPIP::h2::5555::SOCKET"}
    for first, second in (
        (("h1", "h2"), ("h3", "h2")),
        (("h1", "h2"), ("h2", "h3")),
        (("h1", "h1"), ("h3", "h4")),
    ):
        with pytest.raises(ProtocolError, match="is the resource of channel a already"):
            read(tmp_path, "channels:\n" + PAIR.format("a", *first) + PAIR.format("b", *second))


def test_one_serial_number_on_two_channels(tmp_path: Path) -> None:
    channels = [smu("a", "TCPIP::h1::INSTR", ', serial: "1"'), smu("b", "TCPIP::h2::INSTR", ', serial: "1"')]
    with pytest.raises(ProtocolError, match="serial number 1 is that of channel a") as refused:
        read(tmp_path, with_channels(*channels))
    assert refused.value.line == 4


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ("{voltage: [1 V, -1 V], current: 1 mA}", "not above the lower"),
        ("{voltage: [-1 V, 1 V], current: 0 mA}", "not above zero"),
        ("{voltage: [-1 V, 1 V]}", "a window and a current"),
        ("{voltage: 1 V, current: 1 mA}", "a window and a current"),
        ("{voltage: [-1 V, .nan], current: 1 mA}", "nan"),
        ("{voltage: [-1 V, 1 V], current: 1}", "unit"),
        ("{voltage: [-1 V, 1 V], curent: 1 mA}", "did you mean 'current'"),
        ("{voltage: [-300 V, 300 V], current: 1 mA}", "is beyond 2450"),
        ("{voltage: [-1 V, 1 V], current: 2 A}", "is beyond 2450"),
    ],
)
def test_limits_that_limit_nothing(tmp_path: Path, limits: str, problem: str) -> None:
    with pytest.raises(ProtocolError, match=problem) as refused:
        read(tmp_path, with_channels(f"a: {{driver: keithley-2450, cell: na, limits: {limits}}}"))
    assert refused.value.line == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (with_channels("a: {driver: keithley-2450, cell: na, model: 2451}"), "knows no model"),
        (with_channels("a: {driver: keithley-2450, cell: natrium}"), "no cell is called 'natrium'"),
        (
            with_channels("a: {driver: keithley-2450, cell: na}", "a: {driver: keithley-2450, cell: na}"),
            "given twice",
        ),
        ("station: bench\nchannels: {}\n", "no channel is named"),
    ],
)
def test_what_else_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ProtocolError, match=problem):
        read(tmp_path, text)


def cycler(name: str, more: str) -> str:
    return f'{name}: {{driver: neware-bts8, resource: "TCPIP::192.0.2.20::502::SOCKET"{more}}}'


def test_many_channels_of_a_cycler_share_its_resource(tmp_path: Path) -> None:
    station = read(
        tmp_path,
        with_channels(cycler("a", ", address: 21-1-1, folder: /mnt/bts"), cycler("b", ", address: 21-1-2")),
    )
    assert station.channels["a"].options() == {"address": "21-1-1", "folder": "/mnt/bts"}
    assert station.channels["a"].place() != station.channels["b"].place()
    with pytest.raises(ProtocolError, match="the resource of channel a already"):
        read(tmp_path, with_channels(cycler("a", ", address: 21-1-1"), cycler("b", ", address: 21-1-1")))


def test_an_address_is_for_those_who_have_several_channels(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="unknown key 'address'"):
        read(tmp_path, with_channels(smu("a", "TCPIP::192.0.2.7::5025::SOCKET", ", address: 21-1-1")))
