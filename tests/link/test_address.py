"""One name for each port."""

import os
from pathlib import Path

import pytest

from labctl.link.address import port_name

SAME = [
    (
        "TCPIP::192.0.2.7::5025::SOCKET",
        "tcpip0::192.0.2.7::05025::socket",
        "TCPIP::192.0.2.7::inst0::INSTR",
        "TCPIP0::192.0.2.7",
    ),
    ("TCPIP::Bench.local::4001::SOCKET", "TCPIP0::bench.LOCAL::4001::SOCKET"),
    ("TCPIP::localhost::5026::SOCKET", "TCPIP::127.0.0.1::5026::SOCKET"),
    ("GPIB::12", "GPIB0::12::INSTR", "gpib0::012"),
    ("USB::0x05E6::0x2450::044::INSTR", "USB0::1510::9296::044::0::INSTR"),
    ("/dev/ttyS0", "serial:///dev/ttyS0", "ASRL/dev/ttyS0::INSTR"),
    ("COM3", "com3"),
    ("ASRL1", "ASRL1::INSTR"),
    (
        "GPIB0::6::INSTR via PRLGX-TCPIP0::192.168.0.8::1234::INTFC",
        "GPIB::6 via prlgx-tcpip::192.168.0.8::1234::intfc",
    ),
]
OTHERS = [names[0] for names in SAME] + [
    "TCPIP::192.0.2.7::4001::SOCKET",
    "TCPIP::192.0.2.8::5025::SOCKET",
    "TCPIP::192.0.2.7::inst1::INSTR",
    "GPIB1::12::INSTR",
    "GPIB::12::1::INSTR",
    "USB::0x05E6::0x2450::045::INSTR",
    "/dev/ttyS1",
    "GPIB0::7::INSTR via PRLGX-TCPIP0::192.168.0.8::1234::INTFC",
    "GPIB0::6::INSTR via PRLGX-TCPIP0::192.168.0.9::1234::INTFC",
    "something else",
]


@pytest.mark.parametrize("names", SAME)
def test_ways_to_write_one_port(names: tuple[str, ...]) -> None:
    assert len({port_name(name) for name in names}) == 1


def test_different_ports_stay_different() -> None:
    assert len({port_name(name) for name in OTHERS}) == len(OTHERS)


def test_a_link_below_dev_is_followed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os.path, "realpath", {"/dev/serial/by-id/usb-palmsens": "/dev/ttyACM7"}.__getitem__)
    assert port_name("/dev/serial/by-id/usb-palmsens") == "/dev/ttyACM7"
