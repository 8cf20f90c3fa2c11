"""The simulated E4980A alone: its language, triggers, lists, levels, bias, and any split of its input."""

import cmath
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.cells.shared import shared
from labctl_simulators.firmware.keysight_e4980a import KeysightE4980A


class Talk:
    """A conversation that waits as long as answers take."""

    def __init__(self, device: KeysightE4980A) -> None:
        self.device = device
        self.now_s = 0.0
        self._port = device.port()

    def say(self, *lines: str) -> str:
        said = b""
        for line in lines:
            said += self._port.receive(line.encode() + b"\n", self.now_s)
            while (due_s := self._port.next_wake()) is not None:
                self.now_s = max(self.now_s, due_s)
                said += self._port.wake(self.now_s)
        return said.decode().strip()

    def values(self, *lines: str) -> list[float]:
        return [float(word) for word in self.say(*lines).split(",")]


def talk(cell: Any = None, **options: Any) -> Talk:
    return Talk(KeysightE4980A(cell or Resistor(100.0), 1, **options))


def test_numbers_are_written_as_in_the_manual() -> None:
    it = talk()
    assert it.say(":FREQ 12346;:FREQ?") == "+1.23500E+04"  # four digits: steps of 10 Hz here
    assert it.say(":FORM:ASC:LONG ON;:FREQ?") == "+1.23500E+04"
    assert it.say(":FUNC:IMP RX", ":FETC?").split(",")[2] == "+0"
    assert len(it.say(":FETC?").split(",")[0]) == len("+1.000000000E+02")


def test_there_is_no_data_before_the_first_trigger_and_a_trigger_takes_its_time() -> None:
    it = talk()
    it.say(":TRIG:SOUR BUS", ":FUNC:IMP RX", ":FREQ 20", ":APER LONG,2")
    assert it.say(":FETC?") == "+9.90000E+37,+9.90000E+37,-1"
    before_s = it.now_s
    first, second, status = it.values(":TRIG:IMM", ":FETC?")
    assert it.now_s - before_s == pytest.approx(0.96)
    assert (first, status) == (pytest.approx(100.0, rel=5e-3), 0.0)
    assert abs(second) < 0.5


def test_every_function_says_the_same_impedance() -> None:
    cell = RcCell(10.0, 100.0, 1e-6)
    it = talk(cell, blocking_F=1e-3)
    it.say(":TRIG:SOUR BUS", ":VOLT 1", ":FREQ 1000")
    w, z = 2.0 * math.pi * 1000.0, cell.impedance_ohm(1000.0)
    y = 1.0 / z
    for function, expected in {
        "RX": (z.real, z.imag),
        "ZTD": (abs(z), math.degrees(cmath.phase(z))),
        "ZTR": (abs(z), cmath.phase(z)),
        "CPD": (y.imag / w, -z.real / z.imag),
        "CSRS": (-1.0 / (w * z.imag), z.real),
        "LPQ": (-1.0 / (w * y.imag), -z.imag / z.real),
        "LSRS": (z.imag / w, z.real),
        "GB": (y.real, y.imag),
        "CPRP": (y.imag / w, 1.0 / y.real),
    }.items():
        found = it.values(f":FUNC:IMP {function}", "*TRG")[:2]
        assert found == [pytest.approx(value, rel=5e-3) for value in expected], function
    assert it.values(":FETC:IMP:CORR?") == [pytest.approx(z.real, rel=5e-3), pytest.approx(z.imag, rel=5e-3)]


def test_a_list_is_measured_whole_or_step_by_step() -> None:
    it = talk()
    it.say(":TRIG:SOUR BUS", ":FUNC:IMP RX", ":DISP:PAGE LIST", ":LIST:FREQ 1e3,1e4,1e5")
    assert len(it.values(":TRIG:IMM", ":FETC?")) == 12
    it.say(":LIST:MODE STEP")
    assert len(it.values(":TRIG:IMM", ":FETC?")) == 4
    assert it.say(":SYST:ERR?") == '0,"No error"'


def test_without_continuous_initiation_a_trigger_is_ignored() -> None:
    it = talk()
    it.say(":TRIG:SOUR BUS", ":INIT:CONT OFF", ":TRIG:IMM")
    assert it.say(":SYST:ERR?").startswith("-211")
    assert it.say(":INIT", ":TRIG:IMM", ":FETC?").endswith("+0")


def test_a_value_out_of_range_becomes_the_nearest() -> None:
    it = talk(options="")
    assert it.values(":FREQ 1;:FREQ?")[0] == 20.0
    assert it.values(":VOLT 50;:VOLT?")[0] == 2.0
    assert it.values(":FREQ? MAX")[0] == 2e6


def test_voltage_and_current_level_exclude_each_other() -> None:
    it = talk()
    it.say(":CURR 1e-3")
    assert it.values(":CURR?")[0] == 1e-3
    assert it.say(":VOLT?", ":SYST:ERR?").startswith("-221")


@pytest.mark.parametrize(("alc", "expected_A"), [("0", 1e-3 * 100.0 / 400.0), ("1", 1e-3)])
def test_the_source_resistance_takes_its_share_unless_the_level_is_controlled(
    alc: str, expected_A: float
) -> None:
    it = talk(Resistor(300.0))
    it.say(":CURR 1e-3", f":AMPL:ALC {alc}", ":FUNC:SMON:IAC ON")
    assert it.values(":FETC:SMON:IAC?")[0] == pytest.approx(expected_A, rel=1e-6)


def test_a_level_that_cannot_be_controlled_shows_in_the_status() -> None:
    it = talk()
    it.say(":TRIG:SOUR BUS", ":CURR 1e-5", ":AMPL:ALC ON")
    assert it.values("*TRG")[2] == 4.0


def test_a_small_signal_is_noisy() -> None:
    it = talk()
    it.say(":TRIG:SOUR BUS", ":FUNC:IMP RX")
    errors = {}
    for level_V in (0.001, 1.0):
        it.say(f":VOLT {level_V}")
        errors[level_V] = sum(abs(it.values("*TRG")[0] - 100.0) for _ in range(20))
    assert errors[0.001] > 20.0 * errors[1.0]


def test_a_cell_without_a_capacitor_is_discharged_through_the_source() -> None:
    cell = RcCell(11.0, 1e-6, 1e-6, storage_F=1.0)
    cell.advance_current(1.0, 1.0)  # 1 V
    it = talk(cell)
    assert it.device.circuit_closed
    it.now_s = 55.5
    it.say(":TRIG:SOUR BUS", "*TRG")
    assert cell.voltage_V(0.0) == pytest.approx(math.exp(-0.5), rel=0.05)  # 111 ohm and 1 F
    assert it.device.direct_current_A() == pytest.approx(-math.exp(-0.5) / 111.0, rel=0.12)


def test_behind_the_capacitor_it_is_not() -> None:
    cell = RcCell(11.0, 1e-6, 1e-6, storage_F=1.0)
    cell.advance_current(1.0, 1.0)
    before_V = cell.voltage_V(0.0)
    it = talk(cell, blocking_F=1e-4)
    it.now_s = 3600.0
    it.say(":TRIG:SOUR BUS", "*TRG")
    assert cell.voltage_V(0.0) == pytest.approx(before_V, abs=1e-5)
    assert not it.device.circuit_closed
    it.say(":FUNC:IMP RX", ":FREQ 20", ":CORR:SHOR:STAT OFF")
    assert it.values("*TRG")[1] == pytest.approx(-1.0 / (2.0 * math.pi * 20.0 * 1e-4), rel=1e-2)


def test_a_bias_charges_the_cell_and_needs_the_option() -> None:
    cell = RcCell(11.0, 1e-6, 1e-6, storage_F=1.0)
    it = talk(cell)
    it.say(":BIAS:VOLT 1;:BIAS:STAT ON")
    it.now_s = 55.5
    it.say("*OPT?")
    it.say(":TRIG:SOUR BUS", "*TRG")
    assert cell.voltage_V(0.0) == pytest.approx(1.0 - math.exp(-0.5), rel=0.1)
    plain = talk(options="")
    plain.say(":BIAS:VOLT 1")
    assert plain.say(":SYST:ERR?").startswith("-241")
    assert plain.values(":BIAS:VOLT 1.5;:BIAS:VOLT?")[0] == 1.5


def test_two_instruments_see_one_cell() -> None:
    cell = RcCell(11.0, 1e-6, 1e-6, storage_F=1.0)
    cycler, analyser = shared(cell)
    cycler.advance_current(10.0, 1e-3)
    analyser.advance_current(8.0, 0.0)  # that has passed already
    assert analyser.voltage_V(0.0) == pytest.approx(cycler.voltage_V(0.0))
    assert cell.voltage_V(0.0) == pytest.approx(0.01, rel=1e-3)
    analyser.advance_current(7.0, 0.0)
    cycler.advance_current(10.0, 1e-3)  # half of it has passed at open circuit
    assert cell.voltage_V(0.0) == pytest.approx(0.015, rel=1e-3)


SCRIPT = b":TRIG:SOUR BUS;:FUNC:IMP RX\n:FREQ 1e4;:FREQ?\n*TRG\n:NO:SUCH\n:SYST:ERR?\n"


@given(st.lists(st.integers(0, len(SCRIPT)), max_size=8))
def test_any_split_of_the_input_gives_the_same_output(cuts: list[int]) -> None:
    def answer(pieces: list[bytes]) -> bytes:
        port, now_s, said = KeysightE4980A(Resistor(100.0), 1).port(), 0.0, b""
        for piece in pieces:
            said += port.receive(piece, now_s)
        while (due_s := port.next_wake()) is not None:
            now_s = max(now_s, due_s)
            said += port.wake(now_s)
        return said

    edges = [0, *sorted(cuts), len(SCRIPT)]
    assert answer([SCRIPT[a:b] for a, b in pairwise(edges)]) == answer([SCRIPT])
