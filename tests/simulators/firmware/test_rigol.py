"""Simulated DP832 and DL3021: exchanges of the programming guides, protections, and one cell between the two."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.in_turn import TurnPort
from labctl_simulators.firmware.rigol_circuit import Circuit
from labctl_simulators.firmware.rigol_dl3021 import RigolDl3021, rigol_dl3021
from labctl_simulators.firmware.rigol_dp832 import RigolDp832, rigol_dp832
from labctl_simulators.firmware.rigol_pair import RigolPair
from tests.simulators.firmware.keithley_bench import Battery

# Question and answer, or a command alone. DP800 Programming Guide: :APPLy p. 2-8, :OUTPut pp. 2-53 to 2-63.
SUPPLY = """\
*IDN? -> RIGOL TECHNOLOGIES,DP832A,DP8C162850391,00.01.14
:APPL CH1,5,1
:APPL? CH1 -> CH1:30V/3A,5.000,1.000
:APPL? CH1,CURR -> 1.000
:APPL CH3,4
:INST? -> CH3:5V/3A
:INST:NSEL? -> 3
:VOLT? -> 4.000
:SOUR1:VOLT? -> 5.000
:SOURce2:CURRent:LEVel:IMMediate:AMPLitude 0.5
:SOUR2:CURR? -> 0.500
:SOUR2:CURR? MAX -> 3.200
:SOUR1:VOLT:STEP 0.2
:SOUR1:VOLT UP
:SOUR1:VOLT? -> 5.200
:OUTP:OVP:VAL CH1,8.8
:OUTP:OVP:VAL? CH1 -> 8.800
:OUTP:OVP:VAL? CH1,MAX -> 33.000
:SOUR1:VOLT:PROT? -> 8.800
:OUTP:OCP:VAL CH1,2
:OUTP:OCP:VAL? CH1 -> 2.0000
:OUTP:OCP? CH1 -> OFF
:OUTP:OCP CH1,ON
:OUTP:OCP? CH1 -> ON
:OUTP:OCP:QUES? CH1 -> NO
:OUTP? CH1 -> OFF
:OUTP CH1,ON
:OUTP? CH1 -> ON
:OUTP:CVCC? CH1 -> CV
:OUTP? -> OFF
:OUTP:SENS? CH1 -> NONE
:SYST:ERR? -> 0,"No error"
:SOUR1:VOLT 33
:SYST:ERR? -> -222,"Parameter data out of range"
:OUTP CH4,ON
:SYST:ERR? -> -222,"Parameter data out of range"
:OUTP CH1,MAYBE
:SYST:ERR? -> -104,"Data type error"
:OUTP CH1
:SYST:ERR? -> -109,"Missing parameter"
:APPL? CH1,OHMS
:SYST:ERR? -> -104,"Data type error"
:NONSENSE
:SYST:ERR? -> -113,"Undefined header"
"""

# DL3000 Programming Guide pp. 2-24, 2-37 to 2-40; the guide writes BATTary.
LOAD = """\
*IDN? -> RIGOL TECHNOLOGIES,DL3021,DL3A204700321,00.01.05.00.01
:SOUR:FUNC? -> CC
:SOUR:FUNC RES
:SOUR:FUNC? -> CR
:SOUR:FUNC CURR
:SOUR:FUNC:MODE? -> FIX
:SOUR:CURR:RANG? -> 40.000000
:SOUR:CURR:RANG MIN
:SOUR:CURR:RANG? -> 4.000000
:SOUR:CURR:LEV:IMM 1.5
:CURR? -> 1.500000
:SOUR:CURR:LEV:IMM 5
:SYST:ERR? -> -222,"Parameter data out of range"
:SOUR:CURR:VON 5
:SOUR:CURR:VON? -> 5.000000
:SOUR:CURR:VLIM? MAX -> 150.000000
:SOUR:BATT:RANG 4
:SOUR:BATT:LEV:IMM 3
:SOUR:BATT:LEV:IMM? -> 3.000000
:SOUR:BATT:VST 5
:SOUR:BATTary:VSTop? -> 5.000000
:SOUR:BATT:CST 1
:SOUR:BATT:CST? -> 1.000000
:SOUR:BATT:TEN 1
:SOUR:BATT:TEN? -> 1
:SOUR:LIST:LEV 1,0.5
:SOUR:LIST:LEV? 1 -> 0.500000
:SOUR:SENS ON
:SOUR:SENS? -> 1
:INP ON
:SOUR:INP:STAT? -> 1
:SOUR:CURR:RANG 40
:SYST:ERR? -> -221,"Settings conflict"
:INP OFF
:INP? -> 0
:TRIG:SOUR BUS
:TRIG:SOUR? -> BUS
"""


class Line:
    """One connection; time passes while an answer is waited for, or on ``wait``."""

    def __init__(self, port: TurnPort, now_s: float = 0.0) -> None:
        self.port = port
        self.now_s = now_s

    def tell(self, *messages: str) -> None:
        for message in messages:
            assert self.port.receive(message.encode() + b"\n", self.now_s) == b"", message

    def ask(self, message: str) -> str:
        reply = self.port.receive(message.encode() + b"\n", self.now_s)
        while not reply:
            due_s = self.port.next_wake()
            assert due_s is not None, f"no reply to {message!r}"
            self.now_s = max(self.now_s, due_s)
            reply = self.port.wake(self.now_s)
        return reply.decode().removesuffix("\n")

    def wait(self, duration_s: float) -> None:
        self.now_s += duration_s
        self.port.wake(self.now_s)


def replay(transcript: str, line: Line) -> None:
    for exchange in transcript.splitlines():
        said, _, answer = exchange.partition(" -> ")
        if answer:
            assert line.ask(said) == answer, said
        else:
            line.tell(said)


def test_exchanges_with_the_supply() -> None:
    replay(SUPPLY, Line(RigolDp832(Circuit(Resistor(10.0)), model="DP832A").port()))


def test_exchanges_with_the_load() -> None:
    replay(LOAD, Line(rigol_dl3021(Battery(3.0)).port()))


@pytest.fixture
def battery() -> Battery:
    return Battery(3.0, capacitance_F=1000.0, resistance_ohm=0.1)


@pytest.fixture
def pair(battery: Battery) -> tuple[Line, Line]:
    device = RigolPair(battery)
    return Line(device.port()), Line(device.second_port())


def test_the_supply_holds_its_current_then_its_voltage(battery: Battery, pair: tuple[Line, Line]) -> None:
    supply, _ = pair
    supply.tell(":APPL CH1,3.5,1", ":OUTP CH1,ON")
    assert supply.ask(":MEAS:ALL? CH1").split(",")[1] == "1.000"
    assert supply.ask(":OUTP:CVCC? CH1") == "CC"
    supply.wait(300.0)
    assert battery.charge_C == pytest.approx(300.0, rel=1e-3)
    supply.wait(700.0)
    assert supply.ask(":OUTP:CVCC? CH1") == "CV"
    voltage_V, current_A, _ = map(float, supply.ask(":MEAS:ALL? CH1").split(","))
    assert voltage_V == pytest.approx(3.5, abs=0.011)
    assert 0.0 <= current_A < 0.2
    supply.wait(5000.0)
    assert battery.open_circuit_V == pytest.approx(3.5, abs=1e-3)


def test_nothing_flows_back_through_the_diode(battery: Battery, pair: tuple[Line, Line]) -> None:
    supply, _ = pair
    supply.tell(":APPL CH1,1,3", ":OUTP CH1,ON")
    supply.wait(1000.0)
    assert supply.ask(":MEAS:CURR? CH1") == "0.000"
    assert battery.charge_C == 0.0


@pytest.mark.parametrize(
    ("arming", "trips", "kind"),
    [
        (":OUTP:OVP:VAL CH1,3.2;:OUTP:OVP CH1,ON", 180.0, "OVP"),
        (":OUTP:OCP:VAL CH1,0.9;:OUTP:OCP CH1,ON", 0.0, "OCP"),
    ],
)
def test_a_protection_switches_off_and_says_so_until_it_is_cleared(
    battery: Battery, pair: tuple[Line, Line], arming: str, trips: float, kind: str
) -> None:
    supply, _ = pair
    supply.tell(":APPL CH1,4,1", *arming.split(";"), ":OUTP CH1,ON")
    supply.wait(trips - 85.0 if trips else 0.0)
    assert supply.ask(":OUTP? CH1") == ("ON" if trips else "OFF")
    supply.wait(100.0)
    assert supply.ask(":OUTP? CH1") == "OFF"
    assert supply.ask(f":OUTP:{kind}:QUES? CH1") == "YES"
    assert battery.charge_C == pytest.approx(100.0 if trips else 0.0, rel=0.05)
    supply.tell(f":OUTP:{kind}:CLEAR CH1")
    assert supply.ask(f":OUTP:{kind}:ALAR? CH1") == "NO"
    assert supply.ask(":OUTP? CH1") == "OFF"


def test_clearing_by_the_source_switches_the_output_on_again(pair: tuple[Line, Line]) -> None:
    supply, _ = pair
    supply.tell(":APPL CH1,4,1", ":OUTP:OVP:VAL CH1,3", ":OUTP:OVP CH1,ON", ":OUTP CH1,ON")
    assert supply.ask(":OUTP? CH1") == "OFF"
    supply.tell(":OUTP:OVP:VAL CH1,5", ":SOUR1:VOLT:PROT:CLE")
    assert supply.ask(":OUTP? CH1") == "ON"


def test_the_load_takes_its_current_when_it_has_settled(battery: Battery, pair: tuple[Line, Line]) -> None:
    _, load = pair
    load.tell(":CURR:RANG 4", ":CURR 2", ":INP ON")
    assert load.ask(":FETC:CURR?") == "0.000000"
    load.wait(0.7)
    assert float(load.ask(":MEAS:CURR?")) == pytest.approx(2.0, abs=2e-3)
    assert float(load.ask(":MEAS:VOLT?")) == pytest.approx(2.8, abs=3e-3)
    load.wait(100.0)
    assert -battery.charge_C == pytest.approx(2.0 * (load.now_s - 0.7), rel=1e-3)
    load.tell(":INP OFF")
    assert float(load.ask(":MEAS:VOLT?")) == pytest.approx(battery.open_circuit_V, abs=2e-3)


@pytest.mark.parametrize(
    ("mode", "level", "current_A"),
    [("VOLT", 2.8, 2.0), ("RES", 1.4, 2.0), ("POW", 5.6, 2.0), ("CURR", 2.0, 2.0)],
)
def test_each_function_takes_what_it_says(
    pair: tuple[Line, Line], mode: str, level: float, current_A: float
) -> None:
    _, load = pair
    load.tell(f":FUNC {mode}", f":{mode} {level}", ":INP ON")
    load.wait(1.0)
    assert float(load.ask(":MEAS:CURR?")) == pytest.approx(current_A, abs=0.02)


def test_below_its_starting_voltage_the_load_takes_nothing(battery: Battery, pair: tuple[Line, Line]) -> None:
    _, load = pair
    load.tell(":CURR:RANG 4", ":CURR:VON 2.5", ":CURR 2", ":INP ON")
    load.wait(1000.0)
    assert load.ask(":INP?") == "1"
    assert load.ask(":MEAS:CURR?") == "0.000000"
    assert battery.open_circuit_V == pytest.approx(2.7, abs=5e-3)


def test_a_voltage_above_its_limit_switches_the_load_off(pair: tuple[Line, Line]) -> None:
    _, load = pair
    load.tell(":CURR:VLIM 2.5", ":CURR 1", ":INP ON")
    assert load.ask(":INP?") == "0"


@pytest.mark.parametrize(
    ("setting", "taken_mAh"), [("CST 20;CEN 1", 20.0), ("VST 2.5;VEN 1", 83.33), ("TIM 60;TEN 1", 32.94)]
)
def test_the_battery_test_ends_by_itself(
    battery: Battery, pair: tuple[Line, Line], setting: str, taken_mAh: float
) -> None:
    _, load = pair
    load.tell(":FUNC:MODE BATT", ":BATT:RANG 4", ":BATT 2", *(f":BATT:{part}" for part in setting.split(";")))
    load.tell(":INP ON")
    load.wait(3600.0)
    assert load.ask(":INP?") == "0"
    assert float(load.ask(":FETC:CAP?")) == pytest.approx(taken_mAh, rel=0.02)
    assert -battery.charge_C / 3.6 == pytest.approx(float(load.ask(":FETC:CAP?")), rel=1e-6)


def test_with_both_on_the_cell_gets_the_difference(battery: Battery, pair: tuple[Line, Line]) -> None:
    supply, load = pair
    supply.tell(":APPL CH1,4,1", ":OUTP CH1,ON")
    load.tell(":CURR:RANG 4", ":CURR 3", ":INP ON")
    load.wait(0.7)
    before_C = battery.charge_C
    load.wait(100.0)
    assert battery.charge_C - before_C == pytest.approx(-200.0, rel=1e-3)
    load.tell(":CURR 0.4")
    before_C = battery.charge_C
    load.wait(100.0)
    assert battery.charge_C - before_C == pytest.approx(60.0, rel=1e-3)


def test_channels_without_a_cell_show_their_voltage_and_no_current() -> None:
    line = Line(rigol_dp832(Battery(3.0)).port())
    line.tell(":APPL CH2,12,1", ":OUTP CH2,ON")
    assert line.ask(":MEAS:VOLT? CH2").startswith(("11.9", "12.0"))
    assert line.ask(":MEAS:CURR? CH2") == "0.000"
    line.tell(":OUTP:OVP:VAL CH2,10", ":OUTP:OVP CH2,ON")
    assert line.ask(":OUTP? CH2") == "OFF"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_any_split_of_the_input_gives_the_same_output(sizes: list[int]) -> None:
    text = b":APPL CH1,4,1\n:OUTP CH1,ON\n:MEAS:ALL? CH1\n:APPL?\n:FOO\n:SYST:ERR?\n*IDN?\n"
    whole, parts = rigol_dp832(Battery(3.0), 3).port(), rigol_dp832(Battery(3.0), 3).port()
    expected = whole.receive(text, 0.0) + whole.wake(10.0)
    found, at = b"", 0
    for size in sizes:
        found += parts.receive(text[at : at + size], 0.0)
        at += size
    assert found + parts.receive(text[at:], 0.0) + parts.wake(10.0) == expected


@pytest.mark.parametrize("device", [rigol_dp832, rigol_dl3021])
def test_hostile_input_does_no_harm(device: object) -> None:
    make = device
    assert callable(make)
    line = Line(make(Battery(3.0)).port())
    generator = random.Random(5)
    words = [
        b":OUTP",
        b":SOUR1:VOLT",
        b"CH1",
        b",",
        b" ",
        b"?",
        b"1e999",
        b"nan",
        b"-1",
        b"\xff\x00",
        b":",
        b";",
    ]
    words += [b":CURR", b":INP ON", b":BATT:CST", b"MAX", b'"', b":MEAS:ALL?", b":LIST:LEV", b":APPL", b"\n"]
    for _ in range(3000):
        line.port.receive(b"".join(generator.choices(words, k=6)) + b"\n", line.now_s)
        line.wait(0.01)
    line.wait(10.0)
    line.port.receive(b":OUTP CH" + b"9" * 5000 + b",ON\n:INST:NSEL " + b"9" * 5000 + b"\n", line.now_s)
    line.port.receive(b"x" * 100_000 + b"\n*CLS\n", line.now_s)
    line.wait(10.0)
    assert line.ask("*IDN?").startswith("RIGOL TECHNOLOGIES,D")
    assert all(math.isfinite(float(value)) for value in line.ask(":MEAS:CURR?").split(","))


def test_what_is_taken_is_what_the_cell_gives(battery: Battery) -> None:
    circuit = Circuit(battery)
    load = RigolDl3021(circuit)
    line = Line(load.port())
    line.tell(":FUNC POW", ":POW 5", ":INP ON")
    line.wait(200.0)
    assert -battery.charge_C == pytest.approx(circuit.taken_C, rel=1e-9)
    assert circuit.taken_J == pytest.approx(5.0 * 199.3, rel=5e-3)
