"""The reader of any Modbus logger: what a station file may say, which bytes follow, and what is no temperature."""

import math
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.clock import VirtualClock
from labctl.errors import InvalidReading, LinkError, LinkNonsense, LinkTimeout, WrongInstrument
from labctl.instrument.auxiliary import Chamber
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers.modbus_frames import Refused, Request, Rtu, Tcp, checksum, float_of, words_of
from labctl_drivers.modbus_sensors import sensors_of
from labctl_drivers.modbus_temperature import DRIVER
from labctl_simulators.firmware.modbus_temperature import ModbusTemperature

ZERO_C = 273.15
EVERY_KIND = """
    int   input   0    int16   * 0.1   degC broken 32767
    exact holding 18   float32         degC
    low   input   0x24 float32 low-first degC
    fine  holding 48   int32 * 1e-3    degC
    warm  input   65   uint16 * 0.1 K broken 65535
"""
CHANNEL = {"int": 0, "exact": 1, "low": 2, "fine": 0, "warm": 1}


class Bench:
    def __init__(self, registers: str, **settings: str) -> None:
        self.clock = VirtualClock()
        self.device = ModbusTemperature(None, 1)
        self.port = MemoryPort(self.device.port, self.clock)
        self.logger = DRIVER.open(
            Link(self.port, self.clock, DRIVER.terminator), self.clock, registers=registers, **settings
        )


@pytest.mark.parametrize("framing", ["tcp", "rtu"])
async def test_every_kind_of_number_is_read_by_its_name(framing: str) -> None:
    bench = Bench(EVERY_KIND, framing=framing)
    assert not isinstance(bench.logger, Chamber)
    identity = await bench.logger.connect()
    assert identity.model == "unit with 5 sensors"
    await bench.clock.sleep_until(500.0)
    read = await bench.logger.read()
    assert list(read.sensors_K) == list(CHANNEL) == list(DRIVER.sensors({"registers": EVERY_KIND}))
    for name, channel in CHANNEL.items():
        truth_C = bench.device.temperature_C(channel)
        assert truth_C is not None
        assert read.sensors_K[name] == pytest.approx(truth_C + ZERO_C, abs=0.15), name


async def test_what_is_not_connected_is_left_out_and_nothing_at_all_is_an_error() -> None:
    lines = (
        *("a input 0 int16 * 0.1 degC broken 32767", "b input 3 int16 * 0.1 degC broken 32767"),
        *("c input 22 float32 degC", "d input 54 int32 * 1e-3 degC", "e input 67 uint16 * 0.1 K"),
    )
    bench = Bench("; ".join(lines))
    await bench.logger.connect()
    assert list((await bench.logger.read()).sensors_K) == ["a"]
    bench.device.means_C[0] = None
    with pytest.raises(InvalidReading, match="no sensor shows a temperature"):
        await bench.logger.read()
    bench.device.means_C[0] = 30.0
    assert list((await bench.logger.read()).sensors_K) == ["a"]


async def test_a_register_that_is_not_there_is_told_with_its_sensor() -> None:
    with pytest.raises(WrongInstrument, match=r"sensor b cannot be read: exception 2 at register 0x00C8"):
        await Bench("a input 0 int16 * 0.1 degC; b holding 200 int16 degC").logger.connect()
    with pytest.raises(WrongInstrument, match="it does not answer the gateway"):
        await Bench("a input 0 int16 * 0.1 degC unit 9").logger.connect()
    with pytest.raises(LinkTimeout):
        await Bench("a input 0 int16 * 0.1 degC unit 9", framing="rtu").logger.connect()


@pytest.mark.parametrize(
    ("registers", "problem"),
    [
        ("", "which hold temperatures"),
        ("a coil 0 int16 degC", "not understood"),
        ("a input 0 int16", "not understood"),
        ("a input -1 int16 degC", "not understood"),
        ("a input 0 int16 degC colour red", "not understood"),
        ("a input 70000 int16 degC", "no such register"),
        ("a input 0xFFFF float32 degC", "no such register"),
        ("a input 0 int16 degC unit 256", "no such register or unit"),
        ("a input 0 int16 low-first degC", "for numbers of two registers"),
        ("a input 0 int16 degC; a input 1 int16 degC", "the same name"),
    ],
)
def test_a_station_file_that_makes_no_sense_is_refused_with_what_would_be_right(
    registers: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        DRIVER.sensors({"registers": registers})


def test_other_settings_are_checked_as_well() -> None:
    with pytest.raises(ValueError, match="neither tcp nor rtu"):
        DRIVER.sensors({"registers": "a input 0 int16 degC", "framing": "ascii"})
    with pytest.raises(ValueError, match="no number from 0 to 255"):
        DRIVER.sensors({"registers": "a input 0 int16 degC", "unit": "x"})


def test_fahrenheit_and_what_no_temperature_can_be() -> None:
    (sensor,) = sensors_of({"registers": "a input 0 float32 degF"})
    assert sensor.temperature_K(words_of(212.0, low_first=False)) == pytest.approx(373.15, abs=1e-3)
    for number in (math.nan, math.inf, -500.0, 1e30):
        assert sensor.temperature_K(words_of(number, low_first=False)) is None


def test_the_published_frames() -> None:
    assert Rtu().wrap(1, Request(3, 1, 1)) == bytes.fromhex("01 03 00 01 00 01 D5 CA")
    assert Rtu().wrap(1, Request(6, 2, 1, (250,))) == bytes.fromhex("01 06 00 02 00 FA A8 49")
    # MODBUS Application Protocol Specification V1.1b3, examples of functions 4 and 16
    assert Request(4, 8, 1).encode() == bytes.fromhex("04 00 08 00 01")
    assert Request(4, 8, 1).decode(bytes.fromhex("04 02 00 0A")) == (10,)
    assert Request(16, 1, 2, (0x000A, 0x0102)).encode() == bytes.fromhex("10 00 01 00 02 04 00 0A 01 02")
    assert Request(16, 1, 2, (0x000A, 0x0102)).decode(bytes.fromhex("10 00 01 00 02")) == (0x000A, 0x0102)
    assert float_of((0x0000, 0x41C8), low_first=True) == 25.0
    assert words_of(25.0, low_first=False) == (0x41C8, 0x0000)


async def test_an_answer_to_an_older_request_is_noticed_by_its_number() -> None:
    bench = Bench("a input 0 int16 * 0.1 degC")
    await bench.logger.connect()
    stale = struct.pack(">HHHBBBH", 1, 0, 5, 1, 4, 2, 999)
    device = bench.port._device
    assert device is not None
    device.receive = lambda data, now_s: stale  # type: ignore[method-assign]
    with pytest.raises(LinkNonsense, match="another request is answered"):
        await bench.logger.read()
    await bench.logger.connect()
    assert (await bench.logger.read()).sensors_K["a"] < 30.0 + ZERO_C


@given(answer=st.binary(max_size=40))
def test_any_bytes_are_an_answer_that_is_right_or_an_error(answer: bytes) -> None:
    framing, request = Rtu(), Request(3, 0, 1)
    framing.wrap(1, request)
    with suppress(ValueError, Refused):
        size = framing.size(answer) if answer else 0
        if 0 < size <= len(answer):
            words = request.decode(framing.unwrap(answer[:size]))
            assert answer[:3] + struct.pack(">H", *words) + checksum(answer[:5]) == answer[:7]
    tcp = Tcp()
    tcp.wrap(1, request)
    with suppress(ValueError):
        assert 0 <= tcp.size(answer) <= 260


@given(data=st.binary(min_size=1, max_size=60), flipped=st.integers(0, 400))
def test_a_flipped_bit_never_passes_the_checksum(data: bytes, flipped: int) -> None:
    frame = bytearray(data + checksum(data))
    frame[flipped // 8 % len(frame)] ^= 1 << flipped % 8
    with pytest.raises(ValueError, match="checksum"):
        Rtu().unwrap(bytes(frame))


async def test_a_lost_connection_is_an_error_and_connecting_again_helps() -> None:
    bench = Bench("a input 0 int16 * 0.1 degC")
    await bench.logger.connect()
    await bench.port.close()
    with pytest.raises(LinkError):
        await bench.logger.read()
    await bench.logger.connect()
    assert "a" in (await bench.logger.read()).sensors_K
