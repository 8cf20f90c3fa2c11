"""The EC301's driver line by line: what it says, in which order, and what it makes of silence and of other answers."""

import pytest

from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    WrongInstrument,
)
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl_drivers.srs_ec301 import DRIVER
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.srs_ec301 import SrsEc301
from tests.drivers.smu_bench import SAFETY, SmuBench, current_step

ARMING = """\
rampen
plstop
ceenab 0
cellon?
*CLS
avgexp 8
verbmd 0
irnaut 0
brenab 0
dcntrl 0
ecmode 1
setcur 0.000000
avgexp 8
verbmd 0
bstren 0
addscn 0
dcntrl 0
irenab 0
brenab 0
irnaut 0
trgarm 0
irange 5
eadcrg 0
eadcfl 1
iadcfl 0
clbwth 3
celimt 1
celimv 1300
setcur -1.000000
errlst?
ceenab 1
cellon?
vlevel?"""


@pytest.fixture
def bench() -> SmuBench:
    return SmuBench(DRIVER, SrsEc301(Resistor(1000.0)))


def voltage_step(voltage_V: float) -> Step:
    return Step(Control.VOLTAGE, voltage_V, current_step().cutoffs, SAFETY, Sampling(1.0))


async def test_everything_is_armed_and_read_back_before_the_cell_is_connected(bench: SmuBench) -> None:
    await bench.take(current_step())
    said = [line.decode() for line in bench.heard[1 : bench.heard.index(b"vlevel?") + 1]]
    settings = [line for line in said if not line.endswith("?") or line in ARMING.splitlines()]
    assert "\n".join(settings) == ARMING
    on = said.index("ceenab 1")
    for line in settings[10 : settings.index("ceenab 1") - 1]:
        assert said.index(f"{line.split()[0]}?", said.index(line)) < on, f"{line} is not read back"


async def test_a_current_that_charges_is_negative_on_the_wire_and_raises_the_voltage(bench: SmuBench) -> None:
    samples = await bench.take(current_step(1e-4))
    assert b"setcur -1.000000" in bench.heard
    assert bench.device.measure_A() == pytest.approx(-1e-4, rel=1e-3)
    assert all(sample.current_A == pytest.approx(1e-4, rel=1e-2) for sample in samples)
    assert all(sample.voltage_V == pytest.approx(0.1, rel=1e-2) for sample in samples)


async def test_a_rest_is_at_open_circuit_and_measures_the_cell() -> None:
    cell = RcCell(100.0, 100.0, 1e-3, 0.05)
    cell.advance_current(100.0, 1e-4)
    bench = SmuBench(DRIVER, SrsEc301(cell))
    end = Cutoff(Quantity.TIME, Side.ABOVE, 5.0)
    samples = await bench.take(Step(Control.REST, 0.0, (end,), SAFETY, Sampling(1.0)))
    assert b"ceenab 1" not in bench.heard
    assert samples[-1].voltage_V == pytest.approx(0.2, abs=0.01)
    assert all(abs(sample.current_A) < 1e-8 for sample in samples)
    await bench.take(current_step())
    assert bench.device.circuit_closed
    await bench.take(Step(Control.REST, 0.0, (end,), SAFETY, Sampling(1.0)))
    assert not bench.device.circuit_closed


@pytest.mark.parametrize(
    "setting", [b"ecmode?", b"irange?", b"setcur?", b"celimv?", b"celimt?", b"addscn?", b"verbmd?"]
)
async def test_a_setting_that_reads_back_otherwise_never_energises(bench: SmuBench, setting: bytes) -> None:
    bench.tamper[setting] = b"7\r\n"
    with pytest.raises(InstrumentRefused, match="not taken"):
        await bench.take(current_step())
    assert b"ceenab 1" not in bench.heard


async def test_a_command_that_was_refused_is_told_in_the_instruments_words(bench: SmuBench) -> None:
    bench.tamper |= {b"irange?": b"1\r\n", b"errlst?": b"114\r\n"}
    with pytest.raises(InstrumentRefused, match="error 114, Bad remote command"):
        await bench.take(current_step())


async def test_silence_is_no_answer_and_the_next_answer_is_not_taken_for_it(bench: SmuBench) -> None:
    bench.tamper[b"celimv?"] = b""
    with pytest.raises(LinkError):
        await bench.take(current_step())
    assert b"ceenab 1" not in bench.heard


async def test_an_overload_is_no_reading(bench: SmuBench) -> None:
    bench.tamper[b"mesr?"] = b"4\r\n"
    with pytest.raises(InvalidReading, match="overload"):
        await bench.take(current_step())


async def test_readings_outside_the_safety_window_end_a_step_that_nobody_else_ends(bench: SmuBench) -> None:
    narrow = SafetyLimits(-0.05, 0.05, 5e-4)
    step = Step(Control.CURRENT, 1e-4, current_step().cutoffs, narrow, Sampling(1.0))
    seen: list[object] = []
    with pytest.raises(InstrumentError, match=r"outside the safety window -0\.05 V \.\. 0\.05 V"):
        await bench.take(step, seen.append)
    assert len(seen) == 1


async def test_what_is_beyond_its_ranges_is_refused_without_a_byte(bench: SmuBench) -> None:
    await bench.channel.connect()
    before = len(bench.heard)
    wide = SafetyLimits(-1e3, 1e3, 10.0)
    for control, value in (
        (Control.CURRENT, 1.01),
        (Control.VOLTAGE, 15.1),
        (Control.VOLTAGE, 0.4236),
        (Control.CURRENT, float("nan")),
    ):
        with pytest.raises(CannotHold):
            bench.channel.run(Step(control, value, current_step().cutoffs, wide, Sampling(1.0)))
    assert len(bench.heard) == before


async def test_a_voltage_is_held_in_millivolts(bench: SmuBench) -> None:
    samples = await bench.take(voltage_step(-0.2))
    assert b"setvol -200" in bench.heard
    assert b"celimv 2250" in bench.heard
    assert samples[-1].current_A == pytest.approx(-2e-4, rel=1e-2)


async def test_another_instrument_is_refused(bench: SmuBench) -> None:
    bench.tamper[b"*IDN?"] = b"Stanford_Research_Systems,SR830,s/n00111,ver1.000\n"
    with pytest.raises(WrongInstrument, match="EC301"):
        await bench.channel.connect()
    assert bench.heard == [b"*IDN?"]


async def test_the_red_switch_is_told(bench: SmuBench) -> None:
    def pull(sample: object) -> None:
        bench.device.switch_in = False
        bench.device.apply()

    with pytest.raises(InstrumentError, match="red switch"):
        await bench.take(current_step(), pull)


async def test_a_cell_that_does_not_open_is_told(bench: SmuBench) -> None:
    await bench.take(current_step())
    bench.tamper[b"cellon?"] = b"1\r\n"
    with pytest.raises(CellStateUnknown):
        await bench.channel.make_safe()
    bench.tamper = {}
    await bench.channel.make_safe()
    assert not bench.device.circuit_closed


async def test_after_a_lost_answer_everything_armed_is_compared(bench: SmuBench) -> None:
    lost = iter([True])

    def lose(line: bytes) -> bytes | None:
        if line == b"ilevel?" and bench.clock.now() > 2.0 and next(lost, False):
            raise ConnectionResetError("the cable was pulled")
        return bench.tamper.get(line)

    bench._tamper = lose  # type: ignore[method-assign]
    samples = await bench.take(current_step())
    assert bench.heard.count(b"*IDN?") > 1
    assert samples[-1].cutoff is not None
