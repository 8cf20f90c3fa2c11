"""The simulated 1260: results as the manual forms them, ratios of what the 1287 shows it, and whatever else arrives."""

import cmath
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.cells import Cell
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.solartron_1260 import SolartronPair


class Bench:
    """A pair, and a connection to each of the two."""

    def __init__(self, cell: Cell) -> None:
        self.pair = SolartronPair(cell)
        self.interface, self.analyser = self.pair.port(), self.pair.second_port()
        self.now_s = 0.0

    def say(self, line: str) -> str:
        return self.analyser.receive(line.encode() + b"\n", self.now_s).decode("latin-1")

    def set_up(self, line: str) -> None:
        self.interface.receive(line.encode() + b"\n", self.now_s)

    def measure(self, line: str = "SI") -> list[float]:
        self.say(line)
        due_s = self.analyser.next_wake()
        assert due_s is not None
        self.now_s = due_s
        return [float(part) for part in self.analyser.wake(due_s).decode().split(",")]


@pytest.fixture
def bench() -> Bench:
    made = Bench(RcCell(10.0, 100.0, 1e-3, 0.5))
    made.say("OS0;OT0;OP2,1;SO1,2;CV0;VA0.5;IS0.5;FR10")
    made.set_up("BY1;OL1;PO0;PV0;RR3;PI1;PW1")
    return made


def test_it_says_who_it_is(bench: Bench) -> None:
    assert bench.say("*IDN?").startswith("1260 ")
    assert bench.say("?ER") == "00\r\n"


def test_a_result_is_a_field_of_fourteen_and_fields_of_eleven_characters(bench: Bench) -> None:
    bench.say("SI")
    bench.now_s = 10.0
    fields = bench.analyser.wake(10.0).decode().strip().split(",")
    assert [len(field) for field in fields] == [14, 11, 11, 1, 1]
    assert bench.say("DO").strip().split(",") == fields


@pytest.mark.parametrize(
    ("outputs", "gain"), [("VX0;IX0", 1.0), ("VX1;IX0", 10.0), ("VX0;IX1", 0.1), ("VX1;IX1", 1.0)]
)
@pytest.mark.parametrize("input_gain", ["PI0", "PI1"])
def test_the_ratio_is_impedance_over_resistor_times_gains(
    bench: Bench, outputs: str, gain: float, input_gain: str
) -> None:
    bench.say("VA0.005" if input_gain == "PI0" else "VA0.5")
    bench.set_up(f"{outputs};{input_gain}")
    frequency_Hz, real, imaginary, error, _ = bench.measure()
    assert (frequency_Hz, error) == (10.0, 0.0)
    true = RcCell(10.0, 100.0, 1e-3, 0.5).impedance_ohm(10.0) / 10.0 * gain
    assert abs(complex(real, imaginary) - true) < 2e-3 * abs(true)


def test_polar_results_are_of_degrees(bench: Bench) -> None:
    bench.say("CV1")
    _, size, angle, _, _ = bench.measure()
    true = RcCell(10.0, 100.0, 1e-3, 0.5).impedance_ohm(10.0)
    assert size == pytest.approx(abs(true) / 10.0, rel=2e-3)
    assert angle == pytest.approx(math.degrees(cmath.phase(true)), abs=0.1)


def test_nothing_reaches_a_cell_in_standby_or_without_a_signal(bench: Bench) -> None:
    bench.set_up("PW0")
    assert bench.measure()[3] != 0.0
    bench.set_up("PW1")
    bench.say("VA0")
    assert bench.measure()[3] != 0.0


def test_a_current_beyond_the_range_is_an_error_of_the_result(bench: Bench) -> None:
    bench.set_up("RR8")
    assert bench.measure()[3] != 0.0


def test_it_measures_again_and_again_until_it_is_halted(bench: Bench) -> None:
    bench.say("RE")
    out = b""
    for _ in range(5):
        bench.now_s += bench.pair.analyser.measure_s
        out += bench.analyser.wake(bench.now_s)
    assert out.count(b"\r\n") == 5
    bench.say("HA")
    assert bench.analyser.wake(bench.now_s + 100.0) == b""


def test_a_low_frequency_takes_its_period(bench: Bench) -> None:
    bench.say("FR0.1;MS2;SI")
    assert bench.analyser.wake(bench.now_s + 11.9) == b""
    assert bench.analyser.wake(bench.now_s + 12.1)


@given(st.lists(st.integers(1, 9), max_size=30))
def test_any_split_of_the_input_gives_the_same_output(cuts: list[int]) -> None:
    text = b"*IDN?\nOP2,1;FR 1E3\nva+1.0E-1\r\nSI\nnonsense\n?ER\nSO1\n?ER\n"

    def answered(pieces: list[bytes]) -> bytes:
        port = SolartronPair(Resistor(100.0)).second_port()
        out = b"".join(port.receive(piece, 1.0) for piece in pieces)
        return out + port.wake(5.0)

    parts, rest = [], text
    for cut in cuts:
        parts.append(rest[:cut])
        rest = rest[cut:]
    assert answered([*parts, rest]) == answered([text])


def test_whatever_arrives_it_answers_its_name_afterwards(bench: Bench) -> None:
    chance = random.Random(1)
    names = [*bench.pair.analyser.settings, "RA", "SO", "OP", "IP", "SI", "RE", "DO", "HA", "CE", "??"]
    for _ in range(3000):
        arguments = ",".join(
            chance.choice(["0", "1", "2", "3", "-1", "3.5", "1E9", "x", "9e99", "0.001"])
            for _ in range(chance.randrange(3))
        )
        bench.say(f"{chance.choice(names)}{arguments}")
        bench.now_s += chance.choice([0.0, 1e-3, 1.0, 1e5])
        bench.analyser.wake(bench.now_s)
    bench.analyser.receive(bytes(range(256)) * 300 + b"\n", bench.now_s)
    bench.say("TT2")
    assert "SOLARTRON" in bench.say("*IDN?")
