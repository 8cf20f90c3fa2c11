"""The driver of supply and load line by line: what each is told, in which order, and what is made of other answers."""

from collections.abc import Callable

import pytest

from labctl.clock import VirtualClock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    LinkLost,
    Superseded,
    WrongInstrument,
)
from labctl.instrument.channel import Sample
from labctl.instrument.course import Profile, Scan
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers.rigol_pair import DRIVER, RigolPair
from labctl_simulators.firmware.rigol_pair import RigolPair as Simulated
from tests.drivers.tampering import Tampered
from tests.simulators.firmware.keithley_bench import Battery

SAFETY = SafetyLimits(2.0, 4.2, 1.5)
FOR_10_S = (Cutoff(Quantity.TIME, Side.ABOVE, 10.0),)

CHARGING = """\
load :SOUR:INP:STAT OFF
supply :OUTP CH1,OFF
load :SOUR:INP:STAT?
supply :OUTP? CH1
load *CLS
load :SOUR:SENS ON
load :SOUR:SENS?
load :SYST:ERR?
supply :OUTP:OVP:CLEAR CH1
supply :OUTP:OCP:CLEAR CH1
supply *CLS
supply :INST:NSEL 1
supply :INST:NSEL?
supply :TIME:STAT OFF
supply :TIME:STAT?
supply :DELAY:STAT OFF
supply :DELAY:STAT?
supply :SOUR1:VOLT 4.41
supply :SOUR1:VOLT?
supply :OUTP:OVP:VAL CH1,4.592
supply :OUTP:OVP:VAL? CH1
supply :OUTP:OVP CH1,ON
supply :OUTP:OVP? CH1
supply :OUTP:OCP:VAL CH1,1.500
supply :OUTP:OCP:VAL? CH1
supply :OUTP:OCP CH1,ON
supply :OUTP:OCP? CH1
supply :SOUR1:CURR 1
supply :SOUR1:CURR?
supply :SYST:ERR?
load :SOUR:INP:STAT?
supply :OUTP CH1,ON
supply :OUTP? CH1
load :MEAS:VOLT?
supply :MEAS:ALL? CH1"""

DISCHARGING = """\
load :SOUR:FUNC:MODE FIX
load :SOUR:FUNC:MODE?
load :SOUR:FUNC CURR
load :SOUR:FUNC?
load :SOUR:TRAN OFF
load :SOUR:TRAN?
load :SOUR:CURR:RANG 4
load :SOUR:CURR:RANG?
load :SOUR:CURR:VON 1.96
load :SOUR:CURR:VON?
load :SOUR:CURR:VLIM 4.592
load :SOUR:CURR:VLIM?
load :SOUR:CURR:ILIM 1.5
load :SOUR:CURR:ILIM?
load :SOUR:CURR:LEV:IMM 1
load :SOUR:CURR:LEV:IMM?
load :SYST:ERR?
supply :OUTP? CH1
load :SOUR:INP:STAT ON
load :SOUR:INP:STAT?
load :MEAS:VOLT?
load :MEAS:CURR?"""


class _SupplyLine(Tampered):
    """The supply's line, from which the load's is found."""

    def __init__(self, bench: "PairBench") -> None:
        super().__init__(
            bench.device.port(), lambda line: bench.tampered("supply", line), bench.lines["supply"]
        )
        self._bench = bench

    def beside(self) -> Tampered:
        bench = self._bench
        return Tampered(
            bench.device.second_port(), lambda line: bench.tampered("load", line), bench.lines["load"]
        )


class PairBench:
    """A driver, its simulated pair with a battery, and what was said.

    Attributes:
        tamper: by instrument and line: an answer in its place; ``b""``: it never hears of it. May be changed.
        said: every line with its instrument, in order.
    """

    def __init__(self, volts: float = 3.0) -> None:
        self.cell = Battery(volts, capacitance_F=2000.0, resistance_ohm=0.05)
        self.device = Simulated(self.cell)
        self.clock = VirtualClock()
        self.tamper: dict[str, bytes] = {}
        self.lost: set[str] = set()
        self.said: list[str] = []
        self.lines: dict[str, list[bytes]] = {"supply": [], "load": []}
        port = MemoryPort(lambda: _SupplyLine(self), self.clock)
        self.channel = RigolPair(Link(port, self.clock), self.clock)

    def tampered(self, who: str, line: bytes) -> bytes | None:
        said = f"{who} {line.decode()}"
        self.said.append(said)
        if said in self.lost:
            self.lost.discard(said)
            raise ConnectionResetError("the cable was pulled")
        return self.tamper.get(said)

    async def take(self, step: Step, each: Callable[[Sample], object] = bool) -> list[Sample]:
        if self.channel.supply.identity is None:
            await self.channel.connect()
        samples = []
        async for sample in self.channel.run(step):
            samples.append(sample)
            each(sample)
        return samples


def current(value_A: float, *, safety: SafetyLimits = SAFETY) -> Step:
    return Step(Control.CURRENT, value_A, FOR_10_S, safety, Sampling(2.0))


def voltage(value_V: float, *cutoffs: Cutoff) -> Step:
    return Step(Control.VOLTAGE, value_V, (*cutoffs, *FOR_10_S), SAFETY, Sampling(2.0))


@pytest.fixture
def bench() -> PairBench:
    return PairBench()


async def test_charging_is_armed_and_read_back_on_both_before_the_supply_is_on(bench: PairBench) -> None:
    await bench.take(current(1.0))
    assert "\n".join(bench.said[2 : bench.said.index("supply :MEAS:ALL? CH1") + 1]) == CHARGING


async def test_discharging_is_armed_and_read_back_on_both_before_the_load_is_on(bench: PairBench) -> None:
    await bench.take(current(-1.0))
    first = bench.said.index("load :SOUR:FUNC:MODE FIX")
    last = bench.said.index("load :MEAS:CURR?")
    assert bench.said[first - 1] == "load *CLS"
    assert "\n".join(bench.said[first : last + 1]) == DISCHARGING
    assert "supply :OUTP CH1,ON" not in bench.said


@pytest.mark.parametrize(
    ("value_A", "answer", "switched"),
    [
        (-1.0, "supply :OUTP? CH1", "load :SOUR:INP:STAT ON"),
        (1.0, "load :SOUR:INP:STAT?", "supply :OUTP CH1,ON"),
    ],
)
@pytest.mark.parametrize("words", [b"ON\n", b"1\n", b"\n"])
async def test_neither_is_switched_on_unless_the_other_one_reads_back_as_off(
    bench: PairBench, value_A: float, answer: str, switched: str, words: bytes
) -> None:
    await bench.channel.connect()
    bench.tamper[answer] = words
    with pytest.raises(InstrumentError, match="did not switch off"):
        await bench.take(current(value_A))
    assert switched not in bench.said
    assert not bench.device.circuit_closed


@pytest.mark.parametrize(
    ("value_A", "question"),
    [
        (1.0, "supply :SOUR1:VOLT?"),
        (1.0, "supply :OUTP:OVP:VAL? CH1"),
        (1.0, "supply :OUTP:OVP? CH1"),
        (1.0, "supply :OUTP:OCP:VAL? CH1"),
        (1.0, "supply :OUTP:OCP? CH1"),
        (1.0, "supply :SOUR1:CURR?"),
        (1.0, "load :SOUR:SENS?"),
        (-1.0, "load :SOUR:FUNC:MODE?"),
        (-1.0, "load :SOUR:CURR:VON?"),
        (-1.0, "load :SOUR:CURR:ILIM?"),
        (-1.0, "load :SOUR:CURR:LEV:IMM?"),
    ],
)
async def test_a_setting_that_reads_back_otherwise_never_energises(
    bench: PairBench, value_A: float, question: str
) -> None:
    bench.tamper[question] = b"7\n"
    with pytest.raises(InstrumentRefused, match="not taken"):
        await bench.take(current(value_A))
    assert not {"supply :OUTP CH1,ON", "load :SOUR:INP:STAT ON"} & set(bench.said)


async def test_an_error_in_a_queue_never_energises(bench: PairBench) -> None:
    bench.tamper["supply :SYST:ERR?"] = b'-222,"Data out of range"\n'
    with pytest.raises(InstrumentRefused, match="-222"):
        await bench.take(current(1.0))
    assert "supply :OUTP CH1,ON" not in bench.said


WIDE = SafetyLimits(2.0, 4.2, 50.0)
PROFILE = Profile((10.0, 20.0), (1.0, -1.0), False, "cycle.csv", "0" * 64)
REFUSED = {
    "one polarity": current(1.0, safety=SafetyLimits(-1.0, 1.0, 1.5)),
    "steps of 1 mA, which": current(0.049),
    "beyond the supply's 3.2 A": current(3.3, safety=WIDE),
    "down to 32.5 mV": current(-1.0, safety=SafetyLimits(0.0, 4.2, 1.5)),
    "steps of 10 mV": voltage(4.105),
    "safety window": voltage(4.3),
    "an end at less than 10 mA": voltage(4.1, Cutoff(Quantity.CURRENT, Side.BELOW, 5e-3)),
    "turns the current": Step(
        Control.PROFILE,
        0.0,
        (Cutoff(Quantity.TIME, Side.ABOVE, 20.0),),
        SAFETY,
        Sampling(2.0),
        profile=PROFILE,
    ),
    "a scan turns": Step(
        Control.SCAN,
        0.0,
        FOR_10_S,
        SAFETY,
        Sampling(10.0),
        scan=Scan(3.0, (3.2,), 1, 0.01, 1e-3),
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
async def test_what_the_pair_cannot_hold_is_refused_with_the_reason_and_without_a_byte(
    bench: PairBench, reason: str
) -> None:
    await bench.channel.connect()
    before = len(bench.said)
    with pytest.raises(CannotHold, match=reason):
        bench.channel.run(REFUSED[reason])
    assert len(bench.said) == before
    assert DRIVER.check_step is not None
    with pytest.raises(CannotHold, match=reason):
        DRIVER.check_step(REFUSED[reason], bench.channel.traits)


async def test_another_instrument_or_the_two_exchanged_are_refused(bench: PairBench) -> None:
    bench.tamper["supply *IDN?"] = b"RIGOL TECHNOLOGIES,DL3021,DL3A1,1\n"
    with pytest.raises(WrongInstrument, match="DP832, DP832A"):
        await bench.channel.connect()
    bench.tamper = {"load *IDN?": b"SIGLENT,SDL1020X,1,1\n"}
    with pytest.raises(WrongInstrument, match="DL3021, DL3021A"):
        await bench.channel.connect()
    assert set(bench.said) == {"supply *IDN?", "load *IDN?"}


async def test_a_load_that_is_not_named_and_not_found_is_asked_for(
    bench: PairBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(bench.device, "second_port", gone)
    with pytest.raises(LinkLost, match=r"nobody listens.*name it in the station file"):
        await bench.channel.connect()


@pytest.mark.parametrize("lost", ["supply :MEAS:ALL? CH1", "load :MEAS:VOLT?"])
async def test_a_pulled_cable_of_either_is_survived(bench: PairBench, lost: str) -> None:
    def pull(sample: Sample) -> None:
        if bench.clock.now() < 5.0:
            bench.lost.add(lost)

    samples = await bench.take(current(1.0), pull)
    assert bench.said.count("supply *IDN?") > 1
    assert bench.said.count("load *IDN?") > 1
    assert samples[-1].cutoff is not None
    assert all(abs(sample.current_A - 1.0) < 5e-3 for sample in samples)


async def test_a_limit_that_changed_while_the_cable_was_pulled_is_told(bench: PairBench) -> None:
    def pull_and_change(sample: Sample) -> None:
        bench.lost.add("supply :MEAS:ALL? CH1")
        bench.tamper["supply :OUTP:OVP? CH1"] = b"OFF\n"

    with pytest.raises(InstrumentError, match="no longer"):
        await bench.take(current(1.0), pull_and_change)


async def test_the_other_one_switched_on_meanwhile_is_told(bench: PairBench) -> None:
    def pull_and_load(sample: Sample) -> None:
        bench.lost.add("supply :MEAS:ALL? CH1")
        bench.device.load.set_input(True)

    with pytest.raises(InstrumentError, match="load did not switch off"):
        await bench.take(current(1.0), pull_and_load)


async def test_a_protection_that_trips_is_told(bench: PairBench) -> None:
    def trip(sample: Sample) -> None:
        bench.device.supply.outputs[0].protection["OVP"].level = 1.0

    with pytest.raises(InstrumentError, match="overvoltage protection has tripped"):
        await bench.take(current(1.0), trip)
    assert not bench.device.circuit_closed


@pytest.mark.parametrize(("value_A", "who"), [(1.0, "supply"), (-1.0, "load")])
async def test_switched_off_by_somebody_else_is_told(bench: PairBench, value_A: float, who: str) -> None:
    def switch_off(sample: Sample) -> None:
        if bench.clock.now() > 2.0:
            bench.device.supply.switch(bench.device.supply.outputs[0], False)
            bench.device.load.set_input(False)

    with pytest.raises(InstrumentError, match=f"the {who} was switched off: not by labctl"):
        await bench.take(current(value_A), switch_off)


async def test_a_sense_lead_that_is_off_is_seen_while_the_supply_charges(bench: PairBench) -> None:
    bench.tamper["load :MEAS:VOLT?"] = b"0.001000\n"
    with pytest.raises(InstrumentError, match="not at one cell"):
        await bench.take(current(1.0))


async def test_a_voltage_below_the_cells_own_cannot_be_held(bench: PairBench) -> None:
    with pytest.raises(InstrumentError, match="a supply cannot discharge it"):
        await bench.take(voltage(2.5))
    assert bench.cell.charge_C == 0.0


async def test_a_voltage_that_a_diode_takes_part_of_is_told(bench: PairBench) -> None:
    await bench.channel.connect()
    bench.tamper["load :MEAS:VOLT?"] = b"3.600000\n"
    bench.tamper["supply :MEAS:ALL? CH1"] = b"4.10,0.400,1.640\n"
    bench.tamper["supply :OUTP:CVCC? CH1"] = b"CV\n"
    with pytest.raises(InstrumentError, match="a diode or leads"):
        await bench.take(voltage(4.1))


async def test_a_number_that_is_none_is_no_reading(bench: PairBench) -> None:
    await bench.channel.connect()
    bench.tamper["supply :MEAS:ALL? CH1"] = b"3.05,1.000\n"
    with pytest.raises(Exception, match="does not fit the question"):
        await bench.take(current(1.0))


async def test_a_supply_that_does_not_answer_does_not_keep_the_load_on(bench: PairBench) -> None:
    await bench.take(current(-1.0))
    assert bench.device.load.circuit_closed
    bench.tamper["supply :OUTP? CH1"] = b""
    with pytest.raises(CellStateUnknown, match=r"^(?!.*load:).*supply: no answer in time"):
        await bench.channel.make_safe()
    assert not bench.device.circuit_closed


async def test_a_load_that_cannot_be_switched_off_is_told_with_the_supply_off(bench: PairBench) -> None:
    await bench.take(current(1.0))
    bench.tamper["load :SOUR:INP:STAT?"] = b"1\n"
    with pytest.raises(CellStateUnknown, match="load: the output does not read back as off"):
        await bench.channel.make_safe()
    assert not bench.device.supply.circuit_closed


@pytest.mark.parametrize("value_A", [1.0, -1.0])
async def test_what_was_decided_before_energises_neither(bench: PairBench, value_A: float) -> None:
    await bench.channel.connect()
    decided = bench.channel.run(current(value_A))
    bench.channel.link.fence.advance()
    assert bench.channel.load.link.fence is bench.channel.link.fence
    before = len(bench.said)
    with pytest.raises(Superseded):
        await anext(decided)
    assert len(bench.said) == before


async def test_a_power_follows_the_voltage(bench: PairBench) -> None:
    step = Step(Control.POWER, -3.0, FOR_10_S, SAFETY, Sampling(2.0))
    samples = await bench.take(step)
    assert samples[-1].voltage_V * samples[-1].current_A == pytest.approx(-3.0, rel=0.01)


async def test_the_supply_is_read_back_with_questions_alone(bench: PairBench) -> None:
    assert DRIVER.read_back is not None
    link = bench.channel.link
    await link.open()
    identity, supply, load = await DRIVER.read_back(link)
    assert "DP832" in identity.found
    assert (supply.found, supply.harmful) == ("off", False)
    assert load.remedy
    bench.tamper["supply :OUTP? CH1"] = b"ON\n"
    assert (await DRIVER.read_back(link))[1].harmful
    assert all(line.endswith("?") or "? " in line for line in bench.said)
