"""Which port reaches which resource."""

import pytest

from labctl.clock import ThreadClock
from labctl.instrument.channel import Driver
from labctl.link.open import open_port
from labctl.link.serial import SerialPort
from labctl.link.visa import VisaPort


@pytest.mark.parametrize(
    ("resource", "kind", "name"),
    [
        ("serial:///dev/ttyACM0", SerialPort, "/dev/ttyACM0"),
        ("serial://COM3", SerialPort, "COM3"),
        ("/dev/serial/by-id/usb-PalmSens", SerialPort, "/dev/serial/by-id/usb-PalmSens"),
        ("COM12", SerialPort, "COM12"),
        ("ASRL/dev/pts/3::INSTR", VisaPort, "ASRL/dev/pts/3::INSTR"),
        ("TCPIP::127.0.0.1::5025::SOCKET", VisaPort, "TCPIP::127.0.0.1::5025::SOCKET"),
        ("GPIB0::18::INSTR", VisaPort, "GPIB0::18::INSTR"),
    ],
)
def test_a_resource_string_chooses_its_port(resource: str, kind: type, name: str) -> None:
    driver = Driver("x", "", {}, b"\n", open=lambda link, clock: None)  # type: ignore[arg-type,return-value]
    port = open_port(resource, ThreadClock(1.0, 0.0), driver)
    assert isinstance(port, kind)
    assert port.name == name
