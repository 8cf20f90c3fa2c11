"""Ports that are missing, forbidden, named by a number that may change, or put to sleep by Linux."""

from labctl.doctor.line import Verdict
from labctl.doctor.ports import check_port
from tests.doctor.conftest import Planted

OK, LOOK, WRONG = Verdict.OK, Verdict.LOOK, Verdict.WRONG
BY_ID = "dev/serial/by-id/usb-PalmSens_EmStat4_E4S123-if00"


def serial_device(planted: Planted, control: str = "on") -> None:
    """A potentiostat at a USB port, as Linux shows it."""
    device = "sys/devices/pci0/usb1/1-2"
    for name, text in (
        ("idVendor", "0416"),
        ("idProduct", "5011"),
        ("serial", "E4S123"),
        ("power/control", control),
    ):
        planted.file(f"{device}/{name}", text)
    planted.file(f"{device}/1-2:1.0/bInterfaceClass", "02")
    planted.link("sys/class/tty/ttyACM0/device", planted.root / device / "1-2:1.0")
    planted.link("sys/bus/usb/devices/1-2", planted.root / device)
    planted.file("dev/ttyACM0")
    planted.link(BY_ID, "../../ttyACM0")


def verdicts(planted: Planted, resource: str) -> list[Verdict]:
    lines = list(check_port(planted.computer, "stat", resource))
    assert all(bool(line.remedy) is (line.verdict is not OK) for line in lines)
    return [line.verdict for line in lines]


def test_all_is_well(planted: Planted) -> None:
    serial_device(planted)
    assert verdicts(planted, f"/{BY_ID}") == [OK, OK]
    assert verdicts(planted, f"serial:///{BY_ID}") == [OK, OK]
    assert verdicts(planted, f"ASRL/{BY_ID}::INSTR") == [OK, OK]


def test_a_port_that_is_not_there(planted: Planted) -> None:
    assert verdicts(planted, "/dev/ttyACM7") == [WRONG]
    assert verdicts(planted, "USB0::0x05E6::0x2450::04412345::INSTR") == [WRONG]


def test_a_port_that_may_not_be_opened(planted: Planted) -> None:
    serial_device(planted)
    planted.forbidden = {"ttyACM0", BY_ID.rpartition("/")[2]}
    assert verdicts(planted, f"/{BY_ID}") == [WRONG, OK]


def test_a_number_that_may_change_is_given_its_lasting_name(planted: Planted) -> None:
    serial_device(planted)
    lines = list(check_port(planted.computer, "stat", "/dev/ttyACM0"))
    assert [line.verdict for line in lines] == [OK, LOOK, OK]
    assert lines[1].remedy == f"name it /{BY_ID}"


def test_a_device_that_linux_puts_to_sleep(planted: Planted) -> None:
    serial_device(planted, control="auto")
    lines = list(check_port(planted.computer, "stat", f"/{BY_ID}"))
    assert [line.verdict for line in lines] == [OK, LOOK]
    assert 'ATTR{idVendor}=="0416", ATTR{idProduct}=="5011", ATTR{power/control}="on"' in lines[1].remedy


def test_an_instrument_at_usb_is_found_by_its_serial_number(planted: Planted) -> None:
    serial_device(planted, control="auto")
    planted.file("sys/devices/pci0/usb1/1-2/busnum", "1")
    planted.file("sys/devices/pci0/usb1/1-2/devnum", "4")
    planted.file("dev/bus/usb/001/004")
    assert verdicts(planted, "USB::0x0416::0x5011::E4S123::INSTR") == [OK, LOOK]
    planted.forbidden = {"004"}
    assert verdicts(planted, "USB::0x0416::0x5011::E4S123::INSTR") == [WRONG, LOOK]


def test_nothing_to_say_of_a_network(planted: Planted) -> None:
    assert verdicts(planted, "TCPIP::192.0.2.7::5025::SOCKET") == []
    assert verdicts(planted, "") == []
