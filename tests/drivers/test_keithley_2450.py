"""Keithley 2450: what it arms and in which order, what it refuses, how it recovers, how it opens the circuit."""

import random
from dataclasses import dataclass, field

import pytest

from labctl.clock import VirtualClock
from labctl.errors import (
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    LinkLost,
    WrongInstrument,
)
from labctl.instrument.channel import Channel, Sample
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl.plugins import cell as make_cell
from labctl_drivers.keithley_2450 import DRIVER
from labctl_drivers.keithley_2450_step import LIMITED
from labctl_simulators.firmware.keithley_2450 import Keithley2450
from tests.conformance.channel_conformance import CountingCell
from tests.drivers.tampering import Tamper, Tampered
from tests.link.faulty import Fault, FaultyPort

CURRENT_A = 1e-4
READ = b':READ? "labctl",READ,SOUR,REL,UNIT'
RAMP = "rc:R0=999,R1=1,C1=1e-3,C=0.5"  # at 0.1 mA: 0.1 V at once, 0.2 mV/s from then on


def _pass(line: bytes) -> bytes | None:
    return None


@dataclass
class Rig:
    """A driver, a simulated instrument whose lines can be tampered with, and a port that can fail."""

    cell_name: str = "resistor:1000"
    tamper: Tamper = _pass
    faults: dict[int, Fault] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.cell = CountingCell(make_cell(self.cell_name, 1))
        self.device = Keithley2450(self.cell, 1)
        self.heard: list[bytes] = []
        self.port = FaultyPort(self._connect, self.clock, lambda number: self.faults.pop(number, None))
        self.channel: Channel = DRIVER.open(Link(self.port, self.clock), self.clock)

    def _connect(self) -> Tampered:
        return Tampered(self.device.port(), lambda line: self.tamper(line), self.heard)

    async def take(self, step: Step) -> list[Sample]:
        return [sample async for sample in self.channel.run(step)]

    def next_reading_suffers(self, fault: Fault) -> None:
        """The answer to the next question is hit."""
        self.faults[self.port.answers] = fault


def _step(
    duration_s: float = 100.0,
    value: float = CURRENT_A,
    *cutoffs: Cutoff,
    control: Control = Control.CURRENT,
    safety: SafetyLimits | None = None,
) -> Step:
    limit = Cutoff(Quantity.TIME, Side.ABOVE, duration_s)
    return Step(control, value, (*cutoffs, limit), safety or SafetyLimits(-1.0, 1.0, 5e-4), Sampling(10.0))


async def test_the_order_of_arming() -> None:
    rig = Rig()
    await rig.channel.connect()
    await rig.take(_step(10.0))
    lines = [line for line in rig.heard if not line.endswith(b"?")]
    assert lines == [
        b":ABOR",
        b":OUTP:SMOD HIMP",
        b":OUTP OFF",
        b':TRAC:DEL "labctl"',
        b":SYST:CLE",
        b':TRAC:MAKE "labctl",10000',
        b":FORM ASC",
        b":FORM:ASC:PREC 10",
        b":SOUR:FUNC CURR",
        b":SOUR:CURR 0",
        b":OUTP:CURR:SMOD HIMP",
        b":OUTP:VOLT:SMOD HIMP",
        b':SENS:FUNC "VOLT"',
        b":SENS:VOLT:RSEN ON",
        b":SENS:VOLT:NPLC 1",
        b":SOUR:CURR:RANG 0.0001",
        b":SENS:VOLT:RANG 2",
        b":SOUR:VOLT:PROT PROT2",
        b":SOUR:CURR:VLIM 1.05",
        b":SOUR:CURR:READ:BACK ON",
        b":SOUR:CURR 0.0001",
        b':TRAC:CLE "labctl"',
        b':TRAC:ACT? "labctl"',
        b":OUTP ON",
        *[READ] * (len(lines) - 24),
    ]
    for line in lines[6:21]:
        header = line.split(b" ")[0]
        assert rig.heard[rig.heard.index(line) + 1] == header + b"?", "each setting is read back at once"
    on = rig.heard.index(b":OUTP ON")
    assert rig.heard[on - 1 : on + 2] == [b":SYST:ERR?", b":OUTP ON", b":OUTP?"]


async def test_a_following_step_of_the_same_kind_only_moves_the_level_and_looks_at_the_rest() -> None:
    rig = Rig()
    await rig.channel.connect()
    await rig.take(_step(10.0))
    rig.heard.clear()
    await rig.take(_step(10.0, -CURRENT_A))
    settings = [line for line in rig.heard if b"READ?" not in line]
    changes = [b':TRAC:CLE "labctl"', b':TRAC:ACT? "labctl"', b":SOUR:CURR -0.0001", b":SOUR:CURR?"]
    assert settings[:5] == [b":OUTP?", *changes]
    assert b":SOUR:CURR:VLIM?" in settings[5:]
    assert all(line.endswith(b"?") for line in settings[5:])


async def test_a_buffer_that_is_not_emptied_ends_the_step_before_old_readings_come_again() -> None:
    rig = Rig()
    await rig.channel.connect()
    await rig.take(_step(10.0))
    rig.tamper = lambda line: b"" if line == b':TRAC:CLE "labctl"' else None
    with pytest.raises(InstrumentRefused, match="not emptied"):
        await rig.take(_step(10.0, -CURRENT_A))


@pytest.mark.parametrize(
    ("identity", "why"),
    [
        (b"KEITHLEY INSTRUMENTS,MODEL 2600,1,1\n", "knows Keithley 2450"),
        (b"KEITHLEY INSTRUMENTS INC.,MODEL 2400,1,C30\n", "knows Keithley 2450"),
        (b"3.7001\n", "knows Keithley 2450"),
    ],
)
async def test_an_unknown_instrument_is_refused(identity: bytes, why: str) -> None:
    rig = Rig(tamper=lambda line: identity if line == b"*IDN?" else None)
    with pytest.raises(WrongInstrument, match=why):
        await rig.channel.connect()
    assert rig.heard == [b"*IDN?"]


@pytest.mark.parametrize("language", [b"TSP\n", b"SCPI2400\n"])
async def test_another_language_is_refused(language: bytes) -> None:
    rig = Rig(tamper=lambda line: language if line == b"*LANG?" else None)
    with pytest.raises(WrongInstrument, match="not in SCPI mode"):
        await rig.channel.connect()
    assert rig.heard == [b"*IDN?", b"*LANG?"]


async def test_another_model_than_the_expected_is_refused() -> None:
    clock = VirtualClock()
    device = Keithley2450(CountingCell(make_cell("resistor:100", 1)), 1, model="2460")
    with pytest.raises(WrongInstrument, match="a 2450 was expected"):
        await DRIVER.open(Link(MemoryPort(device.port, clock), clock), clock, model="2450").connect()
    channel = DRIVER.open(Link(MemoryPort(device.port, clock), clock), clock)
    await channel.connect()
    assert channel.traits.current_max_A == pytest.approx(7.35)


_READ_BACK = [
    b":SOUR:FUNC?",
    b":OUTP:CURR:SMOD?",
    b":OUTP:VOLT:SMOD?",
    b":SENS:FUNC?",
    b":SENS:VOLT:RSEN?",
    b":SOUR:CURR:RANG?",
    b":SENS:VOLT:RANG?",
    b":SOUR:VOLT:PROT?",
    b":SOUR:CURR:VLIM?",
    b":SOUR:CURR:READ:BACK?",
    b":SOUR:CURR?",
]


@pytest.mark.parametrize("question", _READ_BACK)
async def test_what_does_not_read_back_keeps_the_output_off(question: bytes) -> None:
    rig = Rig(tamper=lambda line: b"NORM\n" if line == question else None)
    await rig.channel.connect()
    with pytest.raises(InstrumentRefused, match="not taken") as caught:
        await rig.take(_step())
    assert question.decode().rstrip("?") in str(caught.value)
    assert b":OUTP ON" not in rig.heard
    assert not rig.device.circuit_closed


async def test_an_error_while_arming_keeps_the_output_off() -> None:
    rig = Rig(tamper=lambda line: b'-222,"Out of range;1;0"\n' if line == b":SYST:ERR?" else None)
    await rig.channel.connect()
    with pytest.raises(InstrumentRefused, match="error -222, Out of range"):
        await rig.take(_step())
    assert b":OUTP ON" not in rig.heard


async def test_an_on_that_is_ignored_is_noticed() -> None:
    rig = Rig(tamper=lambda line: b"" if line == b":OUTP ON" else None)
    await rig.channel.connect()
    with pytest.raises(InstrumentError, match="did not switch on"):
        await rig.take(_step())


async def test_an_off_that_is_ignored_before_arming_is_noticed() -> None:
    rig = Rig()
    await rig.channel.connect()
    rig.device.port().receive(b":OUTP ON\n", 0.0)
    rig.tamper = lambda line: b"" if line == b":OUTP OFF" else None
    with pytest.raises(InstrumentError, match="did not switch off"):
        await rig.take(_step())
    assert b":OUTP ON" not in rig.heard


async def test_an_output_switched_off_by_somebody_else_is_noticed() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    rig.device.port().receive(b":OUTP OFF\n", rig.clock.now())
    with pytest.raises(InstrumentError, match="switched off, not by labctl"):
        [sample async for sample in samples]


async def test_a_current_that_is_not_the_set_one_is_noticed() -> None:
    rig = Rig(tamper=lambda line: None)
    await rig.channel.connect()
    count = 0

    def wrong_current(line: bytes) -> bytes | None:
        nonlocal count
        count += line == READ
        return b"0.05,5E-05,%d,Volt\n" % count if line == READ else None

    rig.tamper = wrong_current
    with pytest.raises(InstrumentError, match="does not hold"):
        await rig.take(_step())


async def test_a_dead_cell_runs_into_its_cutoff_and_not_into_an_error() -> None:
    rig = Rig("resistor:1e6")
    await rig.channel.connect()
    cutoff = Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.9)
    samples = await rig.take(_step(1000.0, CURRENT_A, cutoff))
    assert samples[-1].cutoff is cutoff
    assert samples[-1].voltage_V == pytest.approx(1.05, rel=1e-3)
    assert samples[-1].status == LIMITED
    assert samples[-1].current_A < 0.02 * CURRENT_A


async def test_at_constant_voltage_the_inrush_is_held_inside_the_safety_limit() -> None:
    rig = Rig("rc:R0=10,R1=90,C1=1e-3,C=0.05")
    await rig.channel.connect()
    samples = await rig.take(_step(60.0, 0.2, control=Control.VOLTAGE))
    assert samples[0].status == LIMITED
    assert samples[0].current_A == pytest.approx(0.99 * 5e-4, rel=1e-3)
    assert all(abs(sample.current_A) < 5e-4 for sample in samples)
    assert samples[-1].voltage_V == pytest.approx(0.2, abs=1e-3)


async def test_a_frozen_instrument_ends_the_step_within_three_readings() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    rig.tamper = lambda line: b"0.1,1E-04,0.0,Volt\n" if line == READ else None
    began_s = rig.clock.now()
    with pytest.raises(InvalidReading, match="given before"):
        [sample async for sample in samples]
    assert rig.heard[-3:] == [READ] * 3
    assert rig.clock.now() - began_s < 2.0


async def test_an_overflow_is_not_a_reading() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(50.0))
    await anext(samples)
    rig.faults.clear()
    overflows = iter([b"9.9E37,1E-04,0.05,Volt\n", b"9.91E37,1E-04,0.06,Volt\n"])
    rig.tamper = lambda line: next(overflows, None) if line == READ else None
    rest = [sample async for sample in samples]
    assert all(abs(sample.voltage_V - 0.1) < 1e-3 for sample in rest)
    assert rest[-1].cutoff is not None


@pytest.mark.parametrize("fault", [Fault.LATE, Fault.LOST, Fault.HUNG_UP, Fault.DUPLICATED, Fault.GARBLED])
async def test_a_lost_answer_is_fetched_by_its_index_and_the_step_goes_on(fault: Fault) -> None:
    rig = Rig(RAMP)
    await rig.channel.connect()
    step = _step(200.0)
    samples = rig.channel.run(step)
    taken = [await anext(samples) for _ in range(5)]
    rig.next_reading_suffers(fault)
    taken += [sample async for sample in samples]
    assert rig.port.faults == [fault]
    times = [sample.time_s - taken[0].time_s for sample in taken]
    assert times == pytest.approx([*range(0, 210, 10)], abs=0.1)
    for sample in taken:
        assert sample.voltage_V == pytest.approx(_ramp_V(sample.time_s - taken[0].time_s), abs=1e-3)
    assert rig.heard.count(b":OUTP ON") == 1
    await rig.channel.make_safe()
    assert rig.cell.charge_C == pytest.approx(200.0 * CURRENT_A, rel=2e-3)
    stored = [line for line in rig.heard if line.startswith(b":TRAC:DATA?")]
    assert len(stored) == 1


def _ramp_V(elapsed_s: float) -> float:
    return CURRENT_A * (1000.0 + elapsed_s / 0.5)


@pytest.mark.parametrize("seed", range(3))
async def test_no_reading_is_taken_for_another_with_one_answer_in_a_hundred_faulty(seed: int) -> None:
    """The answers of recovering itself are as faulty; what it cannot recover from it says."""
    rig = Rig(RAMP)
    rng = random.Random(seed)
    await rig.channel.connect()
    faults = list(Fault)
    rig.port._fault = lambda number: rng.choice(faults) if rng.random() < 0.01 else None
    right = failed = 0
    while right < 1_500:
        began_s = None
        rig.cell._cell = make_cell(RAMP, 1)
        try:
            async for sample in rig.channel.run(_step(3000.0)):
                began_s = rig.channel.step_began_s
                assert sample.voltage_V == pytest.approx(_ramp_V(sample.time_s - began_s), abs=8e-4)
                right += 1
        except (LinkError, InstrumentError):
            failed += 1
        await rig.channel.make_safe()
        assert not rig.device.circuit_closed
    assert len(rig.port.faults) >= 10
    assert failed < 10


async def test_after_a_lost_connection_an_output_that_went_off_ends_the_step() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    rig.next_reading_suffers(Fault.HUNG_UP)
    rig.device.port().receive(b":OUTP OFF\n", rig.clock.now())
    with pytest.raises(InstrumentError, match=":OUTP is no longer 1"):
        [sample async for sample in samples]
    assert rig.heard.count(b":OUTP ON") == 1


@pytest.mark.parametrize("question", [b":SOUR:CURR:VLIM?", b":SOUR:CURR?", b":SENS:VOLT:RSEN?"])
async def test_after_a_lost_connection_a_changed_setting_ends_the_step(question: bytes) -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    rig.next_reading_suffers(Fault.HUNG_UP)
    rig.tamper = lambda line: b"0.123\n" if line == question else None
    with pytest.raises(InstrumentError, match="is no longer"):
        [sample async for sample in samples]


async def test_after_a_lost_connection_another_instrument_ends_the_step() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    rig.next_reading_suffers(Fault.HUNG_UP)
    rig.device = Keithley2450(rig.cell, 1, serial="04499999")
    rig.heard.clear()
    with pytest.raises(WrongInstrument, match="serial 04499999"):
        [sample async for sample in samples]
    assert not any(line.startswith((b":SOUR", b":OUTP ON")) for line in rig.heard)


async def test_another_instruments_open_circuit_is_not_taken_for_ours_and_left_alone() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    ours = rig.device
    rig.next_reading_suffers(Fault.HUNG_UP)
    rig.device = Keithley2450(rig.cell, 1, serial="04499999")
    rig.device.port().receive(b":OUTP:SMOD HIMP\n", 0.0)  # off, its relay open
    rig.heard.clear()
    with pytest.raises(WrongInstrument):
        [sample async for sample in samples]
    with pytest.raises(CellStateUnknown, match="serial 04499999"):
        await rig.channel.make_safe()
    assert ours.circuit_closed
    assert not any(line.startswith(b":OUTP") for line in rig.heard)


async def test_a_measure_function_that_somebody_else_changed_ends_the_step() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    rig.device.port().receive(b':SENS:FUNC "CURR"\n', rig.clock.now())
    with pytest.raises(InstrumentError, match="it measures Ampere"):
        [sample async for sample in samples]


async def test_a_connection_that_stays_away_ends_the_step() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    rig.faults.update(dict.fromkeys(range(rig.port.answers, rig.port.answers + 100), Fault.HUNG_UP))
    began_s = rig.clock.now()
    with pytest.raises(LinkLost):
        [sample async for sample in samples]
    assert rig.clock.now() - began_s < 15.0


@pytest.mark.parametrize("ignored", [1, 2])
async def test_an_off_that_is_ignored_is_sent_again(ignored: int) -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    left = ignored

    def ignore(line: bytes) -> bytes | None:
        nonlocal left
        if line == b":OUTP OFF" and left:
            left -= 1
            return b""
        return None

    rig.tamper = ignore
    await rig.channel.make_safe()
    assert not rig.device.circuit_closed


async def test_an_off_that_is_always_ignored_is_confessed() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    rig.tamper = lambda line: b"" if line == b":OUTP OFF" else None
    with pytest.raises(CellStateUnknown, match="does not read back as off"):
        await rig.channel.make_safe()
    assert rig.device.circuit_closed


async def test_an_off_state_that_is_not_high_impedance_is_confessed() -> None:
    """Off as a source of 0 V discharges the cell."""
    rig = Rig()
    await rig.channel.connect()
    rig.tamper = lambda line: b"" if b"SMOD HIMP" in line else None
    with pytest.raises(CellStateUnknown):
        await rig.channel.make_safe()


@pytest.mark.parametrize("fault", [Fault.LATE, Fault.LOST, Fault.HUNG_UP, Fault.DUPLICATED, Fault.GARBLED])
@pytest.mark.parametrize("question", range(4))
async def test_opening_the_circuit_needs_no_healthy_link(fault: Fault, question: int) -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    rig.faults[rig.port.answers + question] = fault
    await rig.channel.make_safe()
    assert not rig.device.circuit_closed


async def test_opening_the_circuit_of_a_poisoned_link_sends_off_before_anything_else() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(1000.0))
    await anext(samples)
    rig.port._device = None  # the connection is gone, nobody has noticed yet
    rig.faults = {rig.port.answers: Fault.LOST}
    await rig.channel.make_safe()
    assert not rig.device.circuit_closed


async def test_wherever_arming_breaks_off_the_circuit_can_be_opened() -> None:
    """From every exchange of the first step on, no answer comes any more, until the circuit is to be opened."""
    for number in range(18):
        rig = Rig()
        await rig.channel.connect()
        first = rig.port.answers + number
        rig.faults.update(dict.fromkeys(range(first, first + 200), Fault.LOST))
        with pytest.raises(LinkError):
            await anext(rig.channel.run(_step(100.0)))
        rig.faults.clear()
        await rig.channel.make_safe()
        assert not rig.device.circuit_closed


@pytest.mark.parametrize("fault", [Fault.LATE, Fault.LOST, Fault.HUNG_UP, Fault.DUPLICATED, Fault.MERGED])
async def test_an_answer_that_is_lost_while_arming_begins_the_step_again(fault: Fault) -> None:
    """Every exchange from the first setting to the first reading is hit once; nothing is on before all is verified."""
    for number in range(20):
        rig = Rig()
        await rig.channel.connect()
        rig.faults[rig.port.answers + number] = fault
        samples = await rig.take(_step(20.0))
        assert samples[-1].cutoff is not None
        assert rig.cell.charge_C == pytest.approx(20.0 * CURRENT_A, abs=2.5 * CURRENT_A)


async def test_a_step_that_cannot_begin_switches_off_before_it_looks_for_the_instrument() -> None:
    """The step before has reached its cut-off: no more of its current than until the answer is missed."""
    rig = Rig()
    await rig.channel.connect()
    await rig.take(_step(10.0))
    rig.faults.update(dict.fromkeys(range(rig.port.answers, rig.port.answers + 200), Fault.LOST))
    began_s = rig.clock.now()
    with pytest.raises(LinkError):
        await anext(rig.channel.run(_step(10.0, -CURRENT_A)))
    assert rig.clock.now() - began_s > 10.0
    assert rig.cell.passed_C < 10.0 * CURRENT_A + 2.5 * CURRENT_A


async def test_after_an_outage_over_the_end_of_a_step_its_last_sample_is_a_fresh_reading() -> None:
    rig = Rig(RAMP)
    await rig.channel.connect()
    samples = rig.channel.run(_step(100.0))
    taken = []
    async for sample in samples:
        taken.append(sample)
        if len(taken) == 10:  # at 90 s: the next reading is the last
            rig.faults.update(dict.fromkeys(range(rig.port.answers, rig.port.answers + 3), Fault.LOST))
    began_s = rig.channel.step_began_s
    assert taken[-1].cutoff is not None
    assert taken[-1].time_s - began_s > 104.0
    for sample in taken[1:]:
        true_V = 0.1 + 2e-4 * (sample.time_s - began_s)
        assert sample.voltage_V == pytest.approx(true_V, abs=1e-4), "its voltage is that of its time"


async def test_a_port_that_is_away_for_some_seconds_costs_nothing() -> None:
    rig = Rig()
    await rig.channel.connect()
    samples = rig.channel.run(_step(100.0))
    taken = [await anext(samples)]
    rig.faults.update(dict.fromkeys(range(rig.port.answers, rig.port.answers + 10), Fault.HUNG_UP))
    taken += [sample async for sample in samples]
    assert taken[-1].cutoff is not None
    assert rig.cell.charge_C == pytest.approx(100.0 * CURRENT_A, rel=2e-3)


async def test_charge_is_met_to_a_ten_thousandth_over_many_half_cycles() -> None:
    rig = Rig("rc:R0=10,R1=100,C1=1e-2,C=50")
    await rig.channel.connect()
    charge = Cutoff(Quantity.CHARGE, Side.ABOVE, 9000.0 * 1e-4)
    for number in range(10):
        before_C = rig.cell.passed_C
        sign = 1.0 if number % 2 == 0 else -1.0
        samples = await rig.take(_step(1e6, sign * 1e-4, charge))
        assert samples[-1].cutoff is charge
        elapsed_s = samples[-1].time_s - rig.channel.step_began_s
        assert elapsed_s == pytest.approx(9000.0, rel=1e-4)
        rig.device.port().receive(b"*IDN?\n", rig.clock.now())  # lets the cell catch up with the clock
        passed_C = rig.cell.passed_C - before_C
        assert passed_C == pytest.approx(9000.0 * 1e-4, rel=1e-4 + 2e-4)  # and the source's own accuracy
