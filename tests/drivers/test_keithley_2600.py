"""The Keithley 2600B's driver line by line: what it says, in which order, and what it makes of other answers."""

import pytest

from labctl.errors import CannotHold, CellStateUnknown, InstrumentRefused, LinkError, WrongInstrument
from labctl.instrument.step import Control, SafetyLimits, Sampling, Step
from labctl_drivers.keithley_2600 import DRIVER
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keithley_2600 import Keithley2600
from tests.drivers.smu_bench import SAFETY, SmuBench, current_step

ARMING = """\
abort
smua.source.offmode = 2
smua.source.output = 0
errorqueue.clear()
smua.source.func = 0
smua.source.leveli = 0
smua.source.offmode = 2
smua.sense = 1
format.data = 1
format.asciiprecision = 10
smua.measure.nplc = 1
smua.measure.count = 1
smua.source.rangei = 0.0001
smua.measure.rangev = 6
smua.source.limitv = 1.05
smua.source.leveli = 0.0001
print(string.format('%d,%s', errorqueue.next()))
smua.source.output = 1"""
READING = b"print(string.format('%s,%.9e,%.9e', tostring(smua.source.compliance), smua.measure.iv()))"


@pytest.fixture
def bench() -> SmuBench:
    return SmuBench(DRIVER, Keithley2600(Resistor(1000.0)))


async def test_everything_is_armed_and_read_back_before_the_output_is_on(bench: SmuBench) -> None:
    await bench.take(current_step())
    said = [line.decode() for line in bench.heard[1 : bench.heard.index(READING)]]
    assert (
        "\n".join(line for line in said if not line.startswith("print(smua") and "(format" not in line)
        == ARMING
    )
    on = said.index("smua.source.output = 1")
    for line in ARMING.splitlines()[4:-2]:
        name = line.partition(" = ")[0]
        assert said.index(f"print({name})", said.index(line)) < on, f"{line} is not read back"


@pytest.mark.parametrize(
    "name", ["source.offmode", "source.limitv", "source.rangei", "sense", "source.leveli"]
)
async def test_a_setting_that_reads_back_otherwise_never_energises(bench: SmuBench, name: str) -> None:
    bench.tamper[f"print(smua.{name})".encode()] = b"7.00000e+00\n"
    with pytest.raises(InstrumentRefused, match="not taken"):
        await bench.take(current_step())
    assert b"smua.source.output = 1" not in bench.heard


async def test_an_error_in_the_queue_never_energises(bench: SmuBench) -> None:
    bench.tamper[b"print(string.format('%d,%s', errorqueue.next()))"] = b"1101,Parameter too big\n"
    with pytest.raises(InstrumentRefused, match="1101, Parameter too big"):
        await bench.take(current_step())
    assert b"smua.source.output = 1" not in bench.heard


async def test_the_limit_at_constant_voltage_is_inside_the_safety_limit(bench: SmuBench) -> None:
    await bench.take(Step(Control.VOLTAGE, 0.2, current_step().cutoffs, SAFETY, Sampling(1.0)))
    assert b"smua.source.limiti = 0.000495" in bench.heard
    assert b"smua.source.levelv = 0.2" in bench.heard


async def test_what_is_beyond_its_ranges_is_refused_without_a_byte(bench: SmuBench) -> None:
    await bench.channel.connect()
    before = len(bench.heard)
    wide = SafetyLimits(-1e3, 1e3, 10.0)
    for control, value in ((Control.CURRENT, 3.04), (Control.VOLTAGE, 41.0), (Control.CURRENT, float("nan"))):
        with pytest.raises(CannotHold):
            bench.channel.run(Step(control, value, current_step().cutoffs, wide, Sampling(1.0)))
    assert len(bench.heard) == before


async def test_another_instrument_is_refused(bench: SmuBench) -> None:
    bench.tamper[b"*IDN?"] = b"Keithley Instruments Inc., Model 2657A, 1, 1\n"
    with pytest.raises(WrongInstrument, match="2601B"):
        await bench.channel.connect()
    assert bench.heard == [b"*IDN?"]


async def test_an_answer_that_is_no_reading_ends_the_step(bench: SmuBench) -> None:
    await bench.channel.connect()
    bench.tamper[READING] = b"nil,1.0e+00,2.0e+00\n"
    with pytest.raises(LinkError, match="does not fit"):
        await bench.take(current_step())


async def test_a_pulled_cable_is_survived(bench: SmuBench) -> None:
    def pull(sample: object) -> None:
        bench.lost = 1 if bench.clock.now() < 3.0 else 0

    samples = await bench.take(current_step(), pull)
    assert bench.heard.count(b"*IDN?") > 1, "it proved that it is the same"
    assert samples[-1].cutoff is not None


async def test_an_output_that_does_not_open_is_told(bench: SmuBench) -> None:
    await bench.take(current_step())
    bench.tamper[b"print(smua.source.offmode)"] = b"0.00000e+00\n"
    with pytest.raises(CellStateUnknown, match="does not read back as off"):
        await bench.channel.make_safe()
    bench.tamper = {}
    await bench.channel.make_safe()
    assert not bench.device.circuit_closed
