"""The Keithley 2400's driver line by line: what it says, in which order, and what it makes of other answers."""

import pytest

from labctl.errors import CannotHold, CellStateUnknown, InstrumentError, InstrumentRefused, WrongInstrument
from labctl.instrument.step import Control, SafetyLimits, Sampling, Step
from labctl_drivers.keithley_2400 import DRIVER
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.keithley_2400 import Keithley2400
from tests.drivers.smu_bench import SAFETY, SmuBench, current_step

ARMING = """\
:ABOR
:OUTP:SMOD HIMP
:OUTP OFF
:OUTP?
*CLS
:SENS:FUNC:OFF "RES"
:SOUR:FUNC CURR
:SOUR:CURR 0
:OUTP:SMOD HIMP
:SOUR:CLE:AUTO OFF
:SYST:RSEN ON
:FORM ASC
:FORM:ELEM VOLT,CURR,TIME,STAT
:SENS:FUNC:CONC ON
:SENS:FUNC "VOLT","CURR"
:SENS:VOLT:NPLC 1
:ARM:COUN 1
:TRIG:COUN 1
:SOUR:CURR:MODE FIX
:SOUR:CURR:RANG 0.0001
:SENS:VOLT:RANG 2
:SOUR:VOLT:PROT 20
:SENS:VOLT:PROT 1.05
:SOUR:CURR 0.0001
:SYST:ERR?
:OUTP ON
:OUTP?
:READ?"""


@pytest.fixture
def bench() -> SmuBench:
    return SmuBench(DRIVER, Keithley2400(Resistor(1000.0)))


async def test_everything_is_armed_and_read_back_before_the_output_is_on(bench: SmuBench) -> None:
    await bench.take(current_step())
    said = [line.decode() for line in bench.heard[1 : bench.heard.index(b":READ?") + 1]]
    settings = [line for line in said if not line.endswith("?") or line in ARMING.splitlines()]
    assert "\n".join(settings) == ARMING
    on = said.index(":OUTP ON")
    for line in settings[5 : settings.index(":OUTP ON") - 1]:
        header = line.split()[0]
        if not header.endswith((":OFF", "ERR?")):
            assert said.index(f"{header}?", said.index(line)) < on, f"{line} is not read back"


@pytest.mark.parametrize(
    "setting",
    [
        b":OUTP:SMOD?",
        b":SENS:VOLT:PROT?",
        b":SOUR:CURR:RANG?",
        b":SYST:RSEN?",
        b":SOUR:CURR?",
        b":SOUR:CLE:AUTO?",
    ],
)
async def test_a_setting_that_reads_back_otherwise_never_energises(bench: SmuBench, setting: bytes) -> None:
    bench.tamper[setting] = b"7\n"
    with pytest.raises(InstrumentRefused, match="not taken"):
        await bench.take(current_step())
    assert b":OUTP ON" not in bench.heard


async def test_an_output_that_answers_neither_on_nor_off_is_not_taken_for_off(bench: SmuBench) -> None:
    await bench.channel.connect()
    bench.tamper[b":OUTP?"] = b"\n"
    with pytest.raises(InstrumentError, match="did not switch off"):
        await bench.take(current_step())
    assert b":OUTP ON" not in bench.heard
    assert await bench.channel.found_closed()


async def test_an_error_in_the_queue_never_energises(bench: SmuBench) -> None:
    bench.tamper[b":SYST:ERR?"] = b'-222,"Parameter data out of range"\n'
    with pytest.raises(InstrumentRefused, match="-222"):
        await bench.take(current_step())
    assert b":OUTP ON" not in bench.heard


async def test_the_limit_at_constant_voltage_is_inside_the_safety_limit(bench: SmuBench) -> None:
    cutoffs = current_step().cutoffs
    await bench.take(Step(Control.VOLTAGE, 0.2, cutoffs, SAFETY, Sampling(1.0)))
    assert b":SENS:CURR:PROT 0.000495" in bench.heard
    assert b":SOUR:VOLT 0.2" in bench.heard


async def test_what_is_beyond_its_ranges_is_refused_without_a_byte(bench: SmuBench) -> None:
    await bench.channel.connect()
    before = len(bench.heard)
    wide = SafetyLimits(-1e3, 1e3, 10.0)
    for control, value in (
        (Control.CURRENT, 1.06),
        (Control.VOLTAGE, 211.0),
        (Control.CURRENT, float("nan")),
    ):
        with pytest.raises(CannotHold):
            bench.channel.run(Step(control, value, current_step().cutoffs, wide, Sampling(1.0)))
    assert len(bench.heard) == before


async def test_another_instrument_is_refused(bench: SmuBench) -> None:
    bench.tamper[b"*IDN?"] = b"KEITHLEY INSTRUMENTS,MODEL 2450,1,1\n"
    with pytest.raises(WrongInstrument, match="2400, 2401"):
        await bench.channel.connect()
    assert bench.heard == [b"*IDN?"]


async def test_a_pulled_cable_is_survived(bench: SmuBench) -> None:
    def pull(sample: object) -> None:
        bench.lost = 1 if bench.clock.now() < 3.0 else 0

    samples = await bench.take(current_step(), pull)
    assert bench.heard.count(b"*IDN?") > 1, "it proved that it is the same"
    assert samples[-1].cutoff is not None
    assert all(abs(sample.current_A - 1e-4) < 1e-7 for sample in samples)


async def test_a_limit_that_changed_while_the_cable_was_pulled_is_told(bench: SmuBench) -> None:
    def pull_and_change(sample: object) -> None:
        bench.lost = 1
        bench.tamper[b":SENS:VOLT:PROT?"] = b"+2.100000E+01\n"

    with pytest.raises(InstrumentError, match="no longer"):
        await bench.take(current_step(), pull_and_change)


async def test_switched_off_by_somebody_else_is_told(bench: SmuBench) -> None:
    def switch_off(sample: object) -> None:
        bench.device.set_output(False)
        bench.tamper[b":READ?"] = b"+0.0E+00,+0.0E+00,+9.0E+09,+0.0E+00\n"

    with pytest.raises(InstrumentError, match="switched off, not by labctl"):
        await bench.take(current_step(), switch_off)


async def test_an_output_that_does_not_open_is_told(bench: SmuBench) -> None:
    await bench.take(current_step())
    bench.tamper[b":OUTP?"] = b"1\n"
    with pytest.raises(CellStateUnknown, match="does not read back as off"):
        await bench.channel.make_safe()
    bench.tamper = {b":OUTP:SMOD?": b"NORM\n"}
    with pytest.raises(CellStateUnknown):
        await bench.channel.make_safe()
    bench.tamper = {}
    await bench.channel.make_safe()
    assert not bench.device.circuit_closed
