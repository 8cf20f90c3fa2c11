"""Analysers in station files: shared by simulated channels, one channel's where they are real, refused by line."""

from pathlib import Path

import pytest

from labctl.errors import ProtocolError
from labctl.station.file import Station, load_station

SMU = "{{driver: keithley-2450, {place}, analyser: {analyser}}}"
REAL, OTHER = 'resource: "TCPIP::192.0.2.7::5025::SOCKET"', 'resource: "TCPIP::192.0.2.8::5025::SOCKET"'
LCR = 'resource: "TCPIP::192.0.2.9::5025::SOCKET"'


def read(folder: Path, analysers: dict[str, str], channels: dict[str, str]) -> Station:
    lines = ["station: bench", "analysers:", *(f"  {name}: {text}" for name, text in analysers.items())]
    lines += ["channels:", *(f"  {name}: {text}" for name, text in channels.items())]
    path = folder / "bench.yaml"
    path.write_text("\n".join(lines) + "\n")
    return load_station(str(path))


def smu(place: str, analyser: str = "lcr") -> str:
    return SMU.format(place=place, analyser=analyser)


def test_simulated_channels_share_one_queue(tmp_path: Path) -> None:
    station = read(
        tmp_path,
        {"lcr": "{driver: keysight-e4980a, deadline: 10 min}"},
        {"a": smu("cell: na50k50"), "b": smu("cell: na"), "c": "{driver: palmsens-emstat4, cell: na}"},
    )
    first, second = station.channels["a"].analyser, station.channels["b"].analyser
    assert first is not None
    assert second is not None
    assert first.queue is second.queue
    assert first.queue.name == "lcr"
    assert station.channels["c"].analyser is None
    able = station.channels["a"].traits().impedance
    assert able is not None
    assert able.low_Hz == 20.0


def test_a_real_analyser_is_one_channels(tmp_path: Path) -> None:
    station = read(tmp_path, {"lcr": f"{{driver: keysight-e4980a, {LCR}}}"}, {"a": smu(REAL)})
    assert station.channels["a"].instruments() == [
        ("keithley-2450", "TCPIP::192.0.2.7::5025::SOCKET"),
        ("keysight-e4980a", "TCPIP::192.0.2.9::5025::SOCKET"),
    ]


@pytest.mark.parametrize(
    ("analyser", "channels", "line", "reason"),
    [
        (
            f"{{driver: keysight-e4980a, {LCR}}}",
            {"a": smu(REAL), "b": smu(OTHER)},
            6,
            "no driver that switches",
        ),
        (f"{{driver: keysight-e4980a, {REAL}}}", {"a": smu(REAL)}, 5, "at the resource of channel a"),
        ("{driver: keysight-e4980a}", {"a": smu(REAL)}, 5, "one is simulated"),
        ("{driver: keysight-e4980a}", {"a": smu("cell: na", "lrc")}, 5, "no analyser is called 'lrc'"),
        ("{driver: keithley-2450}", {"a": smu("cell: na")}, 3, "measures no impedance"),
        ("{driver: keysight-e4980a, model: X}", {"a": smu("cell: na")}, 3, "knows no model"),
        ("{driver: keysight-e4980a, deadline: 3}", {"a": smu("cell: na")}, 3, "unit"),
        ("{driver: keysight-e4980a, color: red}", {"a": smu("cell: na")}, 3, "unknown key"),
    ],
)
def test_what_cannot_be_is_refused_by_line(
    tmp_path: Path, analyser: str, channels: dict[str, str], line: int, reason: str
) -> None:
    with pytest.raises(ProtocolError, match=reason) as refused:
        read(tmp_path, {"lcr": analyser}, channels)
    assert refused.value.line == line
