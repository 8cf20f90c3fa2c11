"""Where the second port of an instrument is, from where the first is."""

from types import SimpleNamespace

import pytest
from serial.tools import list_ports

from labctl.clock import LoopClock, VirtualClock
from labctl.errors import LinkLost
from labctl.link.memory import MemoryPort
from labctl.link.second import second_of
from labctl.link.serial import SerialPort
from labctl.link.tapped import TappedPort
from labctl.link.tcp import TcpPort
from labctl.link.visa import VisaPort
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from labctl_simulators.firmware.zahner_pp2x2 import ZahnerPP2x2


def line(device: str, serial: str | None, vid: int | None = 0x0483) -> SimpleNamespace:
    return SimpleNamespace(device=device, vid=vid, pid=0xA3AD, serial_number=serial)


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    ports = [
        line("/dev/ttyACM0", "33000"),
        line("/dev/ttyACM1", "35000"),
        line("/dev/ttyACM2", "33000"),
        line("/dev/ttyS0", None, None),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    return ports


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize(
    ("first", "named", "second"),
    [
        ("TCPIP::127.0.0.1::5025::SOCKET", "", "TCPIP::127.0.0.1::5026::SOCKET"),
        ("/dev/ttyACM0", "", "/dev/ttyACM2"),
        ("serial:///dev/ttyACM2", "", "serial:///dev/ttyACM0"),
        ("ASRL/dev/ttyACM0::INSTR", "", "ASRL/dev/ttyACM2::INSTR"),
        ("ASRL/dev/ttyACM0::INSTR", "/dev/ttyACM7", "ASRL/dev/ttyACM7::INSTR"),
        ("COM3", "ASRLCOM4::INSTR", "COM4"),
        ("TCPIP::127.0.0.1::5025::SOCKET", "TCPIP::127.0.0.1::9::SOCKET", "TCPIP::127.0.0.1::9::SOCKET"),
    ],
)
def test_it_is_told_in_the_words_of_the_first(first: str, named: str, second: str) -> None:
    assert second_of(first, named) == second


@pytest.mark.parametrize("first", ["/dev/ttyACM1", "/dev/ttyS0", "/dev/pts/7", "GPIB0::18::INSTR"])
def test_what_cannot_be_found_has_to_be_named(first: str, plugged: list[SimpleNamespace]) -> None:
    with pytest.raises(LinkLost, match="has to name it"):
        second_of(first)


def test_two_like_it_are_no_answer(plugged: list[SimpleNamespace]) -> None:
    plugged.append(line("/dev/ttyACM3", "33000"))
    with pytest.raises(LinkLost, match="has to name it"):
        second_of("/dev/ttyACM0")


def test_every_kind_of_port_knows_its_neighbour() -> None:
    clock = LoopClock(1.0)
    inside = clock.in_thread()
    resource = "TCPIP::127.0.0.1::5025::SOCKET"
    looped = TcpPort(("127.0.0.1", 5025), resource, clock.in_turns())
    for port, named, name in (
        (looped, "", "TCPIP::127.0.0.1::5026::SOCKET"),
        (VisaPort(resource, inside, b"\n", {}), "", "TCPIP::127.0.0.1::5026::SOCKET"),
        (SerialPort("/dev/ttyACM0", inside, {}), "ASRL/dev/ttyACM1::INSTR", "/dev/ttyACM1"),
        (TappedPort(SerialPort("COM3", inside, {}), []), "COM4", "COM4"),
    ):
        assert port.beside(named).name == name
    with pytest.raises(LinkLost, match="no TCP socket"):
        looped.beside("/dev/ttyACM1")


async def test_in_memory_it_is_where_the_first_leads() -> None:
    clock = VirtualClock()
    first = MemoryPort(ZahnerPP2x2(Resistor(100.0)).port, clock)
    second = first.beside("")
    with pytest.raises(LinkLost):
        await second.open()
    await first.open()
    await second.open()
    await second.write(b"*IDN?\n")
    assert (await second.read(1.0)).endswith(b"binary\n")
    alone = MemoryPort(Keithley2450(Resistor(100.0)).port, clock)
    await alone.open()
    with pytest.raises(LinkLost, match="no second port"):
        await alone.beside("").open()
