"""The BINDER driver: its bytes, what it refuses, and answers that cannot be right."""

from collections.abc import Callable

import pytest

from labctl.clock import VirtualClock
from labctl.errors import InstrumentRefused, InvalidReading, LinkNonsense, LinkTimeout, WrongInstrument
from labctl.instrument.auxiliary import Chamber
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers.binder_mk53 import DRIVER
from labctl_simulators.firmware.binder_mk53 import AUTOMATIC, BASIC, BinderMk53

ZERO_C = 273.15
READ_AIR = bytes.fromhex("01 03 11 A9 00 02 11 17")
AIR_IS_25_C = bytes.fromhex("01 03 04 00 00 41 C8 CB F5")


class TamperedPort(MemoryPort):
    """Remembers requests; answers may be replaced."""

    tamper: Callable[[bytes, bytes], bytes] | None = None

    def __init__(self, device: BinderMk53, clock: VirtualClock) -> None:
        super().__init__(device.port, clock)
        self.sent: list[bytes] = []

    async def write(self, data: bytes) -> None:
        self.sent.append(data)
        await super().write(data)
        if self.tamper is not None:
            self._arrived = self.tamper(data, self._arrived)


class Bench:
    def __init__(self, **settings: str) -> None:
        self.clock = VirtualClock()
        self.device = BinderMk53(None, 1)
        self.port = TamperedPort(self.device, self.clock)
        chamber = DRIVER.open(Link(self.port, self.clock, DRIVER.terminator), self.clock, **settings)
        assert isinstance(chamber, Chamber)
        self.chamber = chamber

    def answer(self, request: bytes, reply: bytes) -> None:
        self.port.tamper = lambda asked, said: reply if asked == request else said


async def test_the_published_frame_is_read_as_25_degrees() -> None:
    bench = Bench()
    await bench.chamber.connect()
    bench.answer(READ_AIR, AIR_IS_25_C)
    assert (await bench.chamber.read()).sensors_K == {"temperature": 25.0 + ZERO_C}
    assert bench.port.sent[-1] == READ_AIR


async def test_both_set_points_are_written_and_read_back_before_the_mode() -> None:
    bench = Bench()
    await bench.chamber.connect()
    bench.port.sent.clear()
    await bench.chamber.set_temperature_K(40.0 + ZERO_C)
    written = [(frame[1], frame[2:4].hex()) for frame in bench.port.sent if frame[1] in (6, 16)]
    assert written == [(16, "1581"), (16, "156f"), (6, "1a22")]
    order = [frame[2:4].hex() for frame in bench.port.sent]
    assert order == ["1a22", "123d", "1581", "1581", "156f", "156f", "1a22", "1a22", "1a22", "1077"]
    assert bench.device.air.goal_C == 40.0


async def test_basic_mode_becomes_manual_mode_and_a_program_is_left_alone() -> None:
    bench = Bench()
    await bench.chamber.connect()
    bench.device.mode = BASIC
    assert await bench.chamber.set_point_K() == 25.0 + ZERO_C
    await bench.chamber.set_temperature_K(-30.0 + ZERO_C)
    assert await bench.chamber.set_point_K() == pytest.approx(-30.0 + ZERO_C)
    bench.device.mode = AUTOMATIC
    assert await bench.chamber.set_point_K() is None
    with pytest.raises(InstrumentRefused, match="a program runs"):
        await bench.chamber.set_temperature_K(40.0 + ZERO_C)


async def test_an_alarm_is_told_and_a_broken_sensor_is_no_temperature() -> None:
    bench = Bench()
    await bench.chamber.connect()
    await bench.chamber.set_temperature_K(40.0 + ZERO_C)
    bench.device.fail("OVERHEAT")
    assert await bench.chamber.set_point_K() is None
    with pytest.raises(InstrumentRefused, match="an alarm occurs"):
        await bench.chamber.set_temperature_K(30.0 + ZERO_C)
    bench.device.broken = True
    with pytest.raises(InvalidReading, match="shows no temperature: 200001"):
        await bench.chamber.read()


async def test_a_chamber_that_tells_no_alarm_is_taken_as_it_is() -> None:
    bench = Bench()
    await bench.chamber.connect()
    bench.port.tamper = lambda asked, said: (
        bytes.fromhex("01 83 02 c0 f1") if asked[2:4] == b"\x12\x3d" else said
    )
    await bench.chamber.set_temperature_K(40.0 + ZERO_C)
    assert await bench.chamber.set_point_K() == 40.0 + ZERO_C


@pytest.mark.parametrize(
    "reply",
    [
        "01 03 04 00 00 41 C8 CB F4",  # checksum
        "02 03 04 00 00 41 C8 F8 F5",  # another unit
        "01 04 04 00 00 41 C8 CA 42",  # another function
        "01 03 02 41 C8 88 42",  # one register for two
        "01 03 04 00 00 41 C8 CB F5 00",  # something behind it
    ],
)
async def test_what_is_no_answer_poisons_the_line_until_it_is_connected_again(reply: str) -> None:
    bench = Bench()
    await bench.chamber.connect()
    bench.answer(READ_AIR, bytes.fromhex(reply))
    with pytest.raises((LinkNonsense, LinkTimeout)):
        await bench.chamber.read()
    bench.port.tamper = None
    await bench.chamber.connect()
    assert (await bench.chamber.read()).sensors_K["temperature"] == pytest.approx(23.0 + ZERO_C, abs=0.2)


async def test_another_unit_does_not_answer_and_another_instrument_is_noticed() -> None:
    with pytest.raises(LinkTimeout):
        await Bench(unit="3").chamber.connect()
    bench = Bench()
    bench.answer(READ_AIR, bytes.fromhex("01 83 02 c0 f1"))
    with pytest.raises(WrongInstrument, match="no BINDER chamber"):
        await bench.chamber.connect()


async def test_a_set_point_that_is_not_taken_is_an_error() -> None:
    bench = Bench()
    await bench.chamber.connect()
    bench.port.tamper = lambda asked, said: AIR_IS_25_C if asked[1:4] == b"\x03\x15\x6f" else said
    with pytest.raises(InstrumentRefused, match="40 degC were set, register 0x156F reads back 25 degC"):
        await bench.chamber.set_temperature_K(40.0 + ZERO_C)
    assert bench.device.air.goal_C is None


@pytest.mark.parametrize("unit", ["", "one", "256", "-1"])
def test_a_unit_that_cannot_be_is_refused_when_the_station_file_is_read(unit: str) -> None:
    with pytest.raises(ValueError, match="no number from 0 to 255"):
        DRIVER.sensors({"unit": unit})
