"""The JULABO driver: what leaves it, refusals that come late, models that have less, answers that cannot be right."""

from collections.abc import Callable

import pytest

from labctl.clock import VirtualClock
from labctl.errors import InstrumentRefused, LinkNonsense, WrongInstrument
from labctl.instrument.auxiliary import Chamber
from labctl.link import Link
from labctl_drivers.julabo import DRIVER
from labctl_simulators.firmware.julabo import Julabo, JulaboPort
from tests.conformance.listening_port import ListeningPort

ZERO_C = 273.15


class TamperedPort(JulaboPort):
    """Answers pass through a person's hands."""

    def __init__(self, circulator: Julabo, tamper: Callable[[bytes, bytes], bytes]) -> None:
        super().__init__(circulator)
        self._tamper = tamper

    def receive(self, data: bytes, now_s: float) -> bytes:
        return self._tamper(data.strip(), super().receive(data, now_s))


class Bench:
    def __init__(self, device: Julabo | None = None, **settings: str) -> None:
        self.clock = VirtualClock()
        self.device = device or Julabo(None, 1)
        self.tamper: Callable[[bytes, bytes], bytes] = lambda asked, said: said
        make = lambda: TamperedPort(self.device, lambda asked, said: self.tamper(asked, said))  # noqa: E731
        self.port = ListeningPort(make, self.clock)
        bath = DRIVER.open(Link(self.port, self.clock, DRIVER.terminator), self.clock, **settings)
        assert isinstance(bath, Chamber)
        self.bath = bath

    def answer(self, question: bytes, reply: bytes) -> None:
        self.tamper = lambda asked, said: reply if asked == question else said


async def test_what_leaves_it_and_when() -> None:
    bench = Bench()
    identity = await bench.bath.connect()
    assert (identity.model, identity.firmware) == ("MAGIO MS-1000F", "2.2.1")
    bench.port.sent.clear()
    began_s = bench.clock.now()
    await bench.bath.set_temperature_K(25.25 + ZERO_C)
    assert bench.port.sent == [
        *(b"in_mode_01", b"status", b"out_sp_00 25.25", b"status", b"in_sp_00"),
        *(b"out_mode_05 1", b"status", b"in_mode_05"),
    ]
    assert bench.clock.now() - began_s > 0.5, "250 ms after each setting"
    assert bench.device.air.goal_C == 25.25


async def test_below_zero_and_an_external_sensor() -> None:
    bench = Bench(external="yes")
    await bench.bath.connect()
    assert DRIVER.sensors({"external": "yes"}) == ("bath", "external")
    await bench.bath.set_temperature_K(-20.0 + ZERO_C)
    await bench.clock.sleep_until(3.0 * 3600.0)
    read = await bench.bath.read()
    assert read.sensors_K == pytest.approx({"bath": -20.0 + ZERO_C, "external": -20.0 + ZERO_C}, abs=0.1)
    assert await bench.bath.set_point_K() == -20.0 + ZERO_C


@pytest.mark.parametrize(
    ("wanted_C", "words"),
    [(-60.0, "too small"), (220.0, "too large"), (160.0, "beyond its warning limits")],
)
async def test_a_refusal_that_comes_with_the_next_status_is_told(wanted_C: float, words: str) -> None:
    bench = Bench()
    await bench.bath.connect()
    with pytest.raises(InstrumentRefused, match=words):
        await bench.bath.set_temperature_K(wanted_C + ZERO_C)
    assert bench.device.air.goal_C is None


async def test_what_somebody_else_was_refused_is_not_taken_for_ours() -> None:
    bench = Bench()
    await bench.bath.connect()
    bench.device.answer("out_sp_00 999", 0.0)
    await bench.bath.set_temperature_K(30.0 + ZERO_C)
    assert bench.device.air.goal_C == 30.0


async def test_without_remote_control_in_an_alarm_or_with_another_set_point_it_says_what_to_do() -> None:
    bench = Bench()
    await bench.bath.connect()
    bench.device.remote = False
    with pytest.raises(InstrumentRefused, match="remote control is off"):
        await bench.bath.set_temperature_K(30.0 + ZERO_C)
    bench.device.remote = True
    bench.device.fail(-1)
    with pytest.raises(InstrumentRefused, match="alarm -1"):
        await bench.bath.set_temperature_K(30.0 + ZERO_C)
    bench.device.alarm = None
    bench.device.values |= {"mode_01": 2, "mode_05": 1}
    assert await bench.bath.set_point_K() is None
    with pytest.raises(InstrumentRefused, match="select the first at its panel"):
        await bench.bath.set_temperature_K(30.0 + ZERO_C)


async def test_a_model_with_few_commands_is_used_with_those() -> None:
    corio = Julabo(
        None,
        1,
        version="JULABO CORIO CD-200F VERSION 1.0",
        lacks=frozenset({"mode_01", "sp_03", "sp_04", "pv_02"}),
    )
    bench = Bench(corio)
    identity = await bench.bath.connect()
    assert identity.model == "CORIO CD-200F"
    await bench.bath.set_temperature_K(30.0 + ZERO_C)
    assert await bench.bath.set_point_K() == 30.0 + ZERO_C


async def test_xon_and_xoff_within_an_answer_are_passed_over() -> None:
    bench = Bench()
    await bench.bath.connect()
    bench.answer(b"in_pv_00", b"\x1123.45\x13\r\n")
    assert (await bench.bath.read()).sensors_K["bath"] == 23.45 + ZERO_C


@pytest.mark.parametrize(
    "reply", [b"2 3.45\r\n", b"\r\n", b"nan\r\n", b"03 REMOTE START\r\n", b"23.45\n23.46\n"]
)
async def test_what_is_no_number_is_no_temperature(reply: bytes) -> None:
    bench = Bench()
    await bench.bath.connect()
    bench.answer(b"in_pv_00", reply)
    with pytest.raises(LinkNonsense):
        await bench.bath.read()
    bench.tamper = lambda asked, said: said
    await bench.bath.connect()
    assert (await bench.bath.read()).sensors_K["bath"] == pytest.approx(23.0 + ZERO_C, abs=0.1)


async def test_something_else_than_a_julabo_is_noticed() -> None:
    bench = Bench()
    bench.answer(b"version", b"LAUDA ECO 1.0\r\n")
    with pytest.raises(WrongInstrument, match="no JULABO"):
        await bench.bath.connect()


@pytest.mark.parametrize(
    ("question", "reply", "words"),
    [(b"in_sp_00", b"35.00\r\n", "35 degC are read back"), (b"in_mode_05", b"0\r\n", "it does not start")],
)
async def test_a_setting_that_does_not_read_back_is_an_error(
    question: bytes, reply: bytes, words: str
) -> None:
    bench = Bench()
    await bench.bath.connect()
    bench.answer(question, reply)
    with pytest.raises(InstrumentRefused, match=words):
        await bench.bath.set_temperature_K(30.0 + ZERO_C)


def test_a_setting_that_makes_no_sense_is_refused_when_the_station_file_is_read() -> None:
    with pytest.raises(ValueError, match="neither yes nor no"):
        DRIVER.sensors({"external": "perhaps"})
