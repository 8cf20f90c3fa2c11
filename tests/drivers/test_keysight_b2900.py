"""The Keysight B2900's driver line by line: what it says, in which order, and what it makes of other answers."""

import pytest

from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    LinkError,
    WrongInstrument,
)
from labctl.instrument.step import Control, SafetyLimits, Sampling, Step
from labctl_drivers.keysight_b2900 import DRIVER
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keysight_b2900 import KeysightB2900
from tests.drivers.smu_bench import SAFETY, SmuBench, current_step

ARMING = """\
:ABOR
:OUTP:OFF:MODE HIZ
:OUTP OFF
*CLS
:SENS:FUNC "VOLT","CURR"
:SOUR:FUNC:MODE CURR
:SOUR:CURR 0
:OUTP:OFF:MODE HIZ
:OUTP:ON:AUTO OFF
:OUTP:OFF:AUTO OFF
:OUTP:PROT ON
:SENS:REM ON
:FORM ASC
:FORM:ELEM:SENS VOLT,CURR,TIME,STAT
:SENS:VOLT:NPLC 1
:SENS:CURR:NPLC 1
:SOUR:CURR:MODE FIX
:SOUR:CURR:RANG 0.0001
:SENS:VOLT:RANG 2
:SENS:VOLT:PROT 1.05
:SOUR:CURR 0.0001
:OUTP ON"""
READING = b":MEAS? (@1)"


@pytest.fixture
def bench() -> SmuBench:
    return SmuBench(DRIVER, KeysightB2900(Resistor(1000.0)))


async def test_everything_is_armed_and_read_back_before_the_output_is_on(bench: SmuBench) -> None:
    await bench.take(current_step())
    said = [line.decode() for line in bench.heard[1 : bench.heard.index(READING)]]
    assert "\n".join(line for line in said if not line.endswith("?")) == ARMING
    on = said.index(":OUTP ON")
    for line in ARMING.splitlines()[5:-1]:
        header = line.split()[0]
        assert said.index(f"{header}?", said.index(line)) < on, f"{line} is not read back"
    assert said.index(":SYST:ERR?") < on


@pytest.mark.parametrize(
    "name", ["OUTP:OFF:MODE", "SENS:VOLT:PROT", "SOUR:CURR:RANG", "OUTP:ON:AUTO", "OUTP:PROT"]
)
async def test_a_setting_that_reads_back_otherwise_never_energises(bench: SmuBench, name: str) -> None:
    bench.tamper[f":{name}?".encode()] = b"7\n"
    with pytest.raises(InstrumentRefused, match="not taken"):
        await bench.take(current_step())
    assert b":OUTP ON" not in bench.heard


async def test_an_error_in_the_queue_never_energises(bench: SmuBench) -> None:
    bench.tamper[b":SYST:ERR?"] = b'-222,"Parameter data out of range"\n'
    with pytest.raises(InstrumentRefused, match="-222, Parameter data"):
        await bench.take(current_step())
    assert b":OUTP ON" not in bench.heard


async def test_the_limit_at_constant_voltage_is_inside_the_safety_limit(bench: SmuBench) -> None:
    await bench.take(Step(Control.VOLTAGE, 0.2, current_step().cutoffs, SAFETY, Sampling(1.0)))
    assert b":SENS:CURR:PROT 0.000495" in bench.heard
    assert b":SOUR:VOLT 0.2" in bench.heard
    assert b":OUTP:PROT OFF" in bench.heard, "it begins in its limit"


async def test_what_is_beyond_its_ranges_is_refused_without_a_byte(bench: SmuBench) -> None:
    await bench.channel.connect()
    before = len(bench.heard)
    wide = SafetyLimits(-1e3, 1e3, 10.0)
    for control, value in (
        (Control.CURRENT, 3.04),
        (Control.VOLTAGE, 203.0),
        (Control.CURRENT, float("nan")),
    ):
        with pytest.raises(CannotHold):
            bench.channel.run(Step(control, value, current_step().cutoffs, wide, Sampling(1.0)))
    assert len(bench.heard) == before


async def test_another_instrument_is_refused(bench: SmuBench) -> None:
    bench.tamper[b"*IDN?"] = b"Keysight Technologies,B2985A,1,1\n"
    with pytest.raises(WrongInstrument, match="B2901A"):
        await bench.channel.connect()
    assert bench.heard == [b"*IDN?"]


async def test_an_answer_that_is_no_reading_ends_the_step(bench: SmuBench) -> None:
    await bench.channel.connect()
    bench.tamper[READING] = b"nil,1.0e+00,2.0e+00,1\n"
    with pytest.raises(LinkError, match="does not fit"):
        await bench.take(current_step())


async def test_a_pulled_cable_is_survived(bench: SmuBench) -> None:
    def pull(sample: object) -> None:
        bench.lost = 1 if bench.clock.now() < 3.0 else 0

    samples = await bench.take(current_step(), pull)
    assert bench.heard.count(b"*IDN?") > 1, "it proved that it is the same"
    assert samples[-1].cutoff is not None


async def test_its_own_protection_is_told_from_somebody_else(bench: SmuBench) -> None:
    def lead_comes_off(sample: object) -> None:
        bench.device.circuit.cell.resistance_ohm = 1e5  # 10 V would be needed
        bench.device.source.set_level("CURR", 1.0001e-4)  # so that the output stage looks again
        bench.device.apply()

    with pytest.raises(InstrumentError, match="switched off, by its protection"):
        await bench.take(current_step(), lead_comes_off)
    assert not bench.device.circuit_closed


async def test_an_output_that_does_not_open_is_told(bench: SmuBench) -> None:
    await bench.take(current_step())
    bench.tamper[b":OUTP:OFF:MODE?"] = b"NORM\n"
    with pytest.raises(CellStateUnknown, match="does not read back as off"):
        await bench.channel.make_safe()
    bench.tamper = {}
    await bench.channel.make_safe()
    assert not bench.device.circuit_closed
