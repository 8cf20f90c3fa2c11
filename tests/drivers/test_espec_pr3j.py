"""The ESPEC driver: what leaves it, letter by letter; what it refuses; and answers that cannot be right."""

from collections.abc import Callable

import pytest

from labctl.clock import VirtualClock
from labctl.errors import InstrumentRefused, LinkNonsense, WrongInstrument
from labctl.instrument.auxiliary import Chamber
from labctl.link import Link
from labctl_drivers.espec_pr3j import DRIVER
from labctl_simulators.firmware.espec_pr3j import RUN, EspecPort, EspecPr3j
from tests.conformance.listening_port import ListeningPort

ZERO_C = 273.15


class TamperedPort(EspecPort):
    """Answers pass through a person's hands."""

    def __init__(self, chamber: EspecPr3j, tamper: Callable[[bytes, bytes], bytes]) -> None:
        super().__init__(chamber)
        self._tamper = tamper

    def receive(self, data: bytes, now_s: float) -> bytes:
        return self._tamper(data.strip(), super().receive(data, now_s))


class Bench:
    def __init__(
        self, tamper: Callable[[bytes, bytes], bytes] = lambda asked, said: said, **settings: str
    ) -> None:
        self.clock = VirtualClock()
        self.device = EspecPr3j(None, 1)
        self.port = ListeningPort(lambda: TamperedPort(self.device, tamper), self.clock)
        chamber = DRIVER.open(Link(self.port, self.clock, DRIVER.terminator), self.clock, **settings)
        assert isinstance(chamber, Chamber)
        self.chamber = chamber


def answering(question: bytes, reply: bytes) -> Bench:
    return Bench(lambda asked, said: reply + b"\r\n" if asked == question else said)


async def test_what_leaves_it_is_what_the_published_client_sends() -> None:
    bench = Bench()
    await bench.chamber.connect()
    await bench.chamber.set_temperature_K(25.0 + ZERO_C)
    assert bench.port.sent == [
        *(b"MON?", b"TYPE?", b"ROM?"),
        *(b"MON?", b"TEMP?", b"TEMP, S25.0", b"TEMP?", b"MODE, CONSTANT", b"MODE?"),
    ]
    assert bench.clock.now() == pytest.approx(3 * 0.2 + 0.2 + 0.2 + 0.5 + 0.2 + 0.5, abs=0.01), (
        "its pauses are kept"
    )
    assert bench.device.air.goal_C == 25.0


async def test_an_address_on_a_shared_line_stands_before_each_command() -> None:
    bench = Bench(address="3")
    await bench.chamber.connect()
    await bench.chamber.set_temperature_K(30.0 + ZERO_C)
    assert all(line.startswith(b"3,") for line in bench.port.sent)
    assert bench.device.air.goal_C == 30.0


async def test_below_zero_within_the_limits_that_somebody_has_set() -> None:
    bench = Bench()
    await bench.chamber.connect()
    with pytest.raises(InstrumentRefused, match="its own limits are 0 and 100 degC"):
        await bench.chamber.set_temperature_K(-10.0 + ZERO_C)
    assert bench.device.set_C == 25.0
    bench.device.lower_C = -20.0
    await bench.chamber.set_temperature_K(-10.0 + ZERO_C)
    await bench.clock.sleep_until(2.0 * 3600.0)
    assert (await bench.chamber.read()).sensors_K["temperature"] == pytest.approx(-10.0 + ZERO_C, abs=0.3)
    assert await bench.chamber.set_point_K() == pytest.approx(-10.0 + ZERO_C)


async def test_an_alarm_a_program_or_a_locked_panel_is_told_and_left_alone() -> None:
    bench = Bench()
    await bench.chamber.connect()
    bench.device.fail(1)
    with pytest.raises(InstrumentRefused, match="clear it at the panel"):
        await bench.chamber.set_temperature_K(30.0 + ZERO_C)
    assert await bench.chamber.set_point_K() is None
    bench.device.clear_alarms()
    bench.device.mode = RUN
    with pytest.raises(InstrumentRefused, match="a program runs"):
        await bench.chamber.set_temperature_K(30.0 + ZERO_C)
    assert await bench.chamber.set_point_K() is None
    bench.device.mode, bench.device.protected = "STANDBY", True
    with pytest.raises(InstrumentRefused, match="forbidden at its panel"):
        await bench.chamber.set_temperature_K(30.0 + ZERO_C)
    assert bench.device.set_C == 25.0


@pytest.mark.parametrize(
    "reply", [b"25.0,50,CONSTANT", b"nan,50,STANDBY,0", b"25.0,50,BUSY,0", b"OK", b"25,5,0"]
)
async def test_what_is_no_answer_is_no_temperature(reply: bytes) -> None:
    bench = Bench()
    await bench.chamber.connect()
    bench = answering(b"MON?", reply)
    with pytest.raises(WrongInstrument):
        await bench.chamber.connect()
    told = {"on": False}
    bench = Bench(lambda asked, said: reply + b"\r\n" if told["on"] and asked == b"MON?" else said)
    await bench.chamber.connect()
    told["on"] = True
    with pytest.raises(LinkNonsense):
        await bench.chamber.read()
    told["on"] = False
    await bench.chamber.connect()
    assert (await bench.chamber.read()).sensors_K["temperature"] == pytest.approx(23.0 + ZERO_C, abs=0.3)


@pytest.mark.parametrize(
    ("question", "reply", "error"),
    [
        (b"TEMP, S30.0", b"OK:TEMP, S80.0", LinkNonsense),
        (b"TEMP, S30.0", b"NA:DATA OUT OF RANGE", InstrumentRefused),
        (b"MODE, CONSTANT", b"NA:CHB NOT READY", InstrumentRefused),
        (b"MODE?", b"STANDBY", InstrumentRefused),
    ],
)
async def test_a_setting_that_is_not_confirmed_is_an_error(
    question: bytes, reply: bytes, error: type[Exception]
) -> None:
    bench = answering(question, reply)
    await bench.chamber.connect()
    with pytest.raises(error):
        await bench.chamber.set_temperature_K(30.0 + ZERO_C)


async def test_another_set_point_than_asked_for_is_noticed() -> None:
    bench = answering(b"TEMP?", b"23.0,25.0,100.0,0.0")
    await bench.chamber.connect()
    with pytest.raises(InstrumentRefused, match="another set point"):
        await bench.chamber.set_temperature_K(30.0 + ZERO_C)
