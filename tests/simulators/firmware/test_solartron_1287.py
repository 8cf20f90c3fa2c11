"""The simulated 1287: results in the manual's form, signs, standby, ranges, sweeps, and whatever else arrives."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.solartron_1287 import Solartron1287

SETUP = "CE;BY1;PX3;PY5;GP1;DG2;TR0;OL1"


class Bench:
    def __init__(self, cell: object = None, **options: str) -> None:
        self.device = Solartron1287(cell or Resistor(1000.0), **options)  # type: ignore[arg-type]
        self.port = self.device.port()
        self.now_s = 0.0
        self.say(SETUP)

    def say(self, line: str) -> str:
        return self.port.receive(line.encode() + b"\n", self.now_s).decode()

    def wait(self, duration_s: float) -> str:
        out, end_s = b"", self.now_s + duration_s
        while (due_s := self.port.next_wake()) is not None and due_s <= end_s:
            self.now_s = max(self.now_s, due_s)
            out += self.port.wake(self.now_s)
        self.now_s = end_s
        return (out + self.port.wake(end_s)).decode()

    def read(self) -> tuple[float, float]:
        self.say("RU1")
        voltage, current, *_ = self.wait(0.1).split(",")
        return float(voltage), float(current)


def test_a_long_result_has_parameters_errors_and_the_time_of_day() -> None:
    bench = Bench()
    bench.say("TM13,37;PO1;ON0;RR4;PC+1.0E-3;PW1;RU1")
    fields = bench.wait(0.1).strip().split(",")
    assert len(fields) == 8
    assert all(len(field) == 12 for field in fields[:2]), "+p.pppppE+pp"
    assert fields[2:6] == ["00", "00", "13", "37"]
    bench.say("GP2;RU1")
    assert len(bench.wait(0.1).strip().split(",")) == 4
    bench.say("GP0;RU1")
    assert bench.wait(0.1) == ""


@pytest.mark.parametrize("working_at", ["WE", "CE"])
def test_a_resistor_shows_voltage_and_current_of_one_sign(working_at: str) -> None:
    bench = Bench(working_at=working_at)
    bench.say("PO1;RR4;PC1E-3;PW1")
    assert bench.read() == pytest.approx((1.0, 1e-3), rel=1e-2)
    bench.say("PW0;PO0;PV-0.5;PW1")
    assert bench.read() == pytest.approx((-0.5, -5e-4), rel=1e-2)


@pytest.mark.parametrize(("working_at", "sign"), [("WE", -1.0), ("CE", 1.0)])
def test_a_positive_current_charges_from_ce(working_at: str, sign: float) -> None:
    """It leaves CE: into the working electrode only if that is at CE."""
    cell = RcCell(100.0, 100.0, 1e-3, 0.05)
    bench = Bench(cell, working_at=working_at)
    bench.say("PO1;RR5;PC1E-4;PW1")
    bench.wait(50.0)
    assert cell.voltage_V(0.0) == pytest.approx(sign * 0.11, abs=0.01)


def test_half_standby_measures_an_open_cell_and_full_standby_does_not() -> None:
    cell = RcCell(100.0, 100.0, 1e-3, 0.05)
    cell.advance_current(100.0, 1e-4)
    bench = Bench(cell, working_at="CE")
    assert bench.read()[0] == pytest.approx(0.21, abs=0.01)
    bench.say("BY0")
    assert bench.read()[0] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(("off_limit", "current_A"), [(0, 0.0), (1, 2e-4), (2, 1e-3)])
def test_a_current_beyond_the_range_is_cut_out_limited_or_let_through(
    off_limit: int, current_A: float
) -> None:
    bench = Bench()
    bench.say(f"OL{off_limit};PO0;RR5;PV1;PW1")
    assert abs(bench.device.circuit.current_A) == pytest.approx(current_A)
    if off_limit == 2:
        bench.say("RU1")
        assert bench.wait(0.1).split(",")[3] == "01"


def test_rest_mode_holds_the_cell_without_current() -> None:
    bench = Bench(RcCell(100.0, 100.0, 1e-3, 0.05))
    bench.say("ON1;PO0;PV1;PW1")
    assert bench.device.circuit_closed
    assert bench.read()[1] == pytest.approx(0.0, abs=1e-5)


def test_a_sweep_goes_through_its_levels_and_measurements_end_with_it() -> None:
    bench = Bench(working_at="CE")
    bench.say("PO0;RR4;PV0;PW1;VA0;VB1;VC-1;VD0;TA1;TB2;TC1;TD0.001;SM3;TR3;RU1;SW1")
    rows = [line.split(",") for line in bench.wait(10.0).splitlines()]
    volts = [float(row[0]) for row in rows]
    assert max(volts) == pytest.approx(1.0, abs=0.05)
    assert min(volts) == pytest.approx(-1.0, abs=0.05)
    assert len(volts) == pytest.approx(4.0 * 30.0, abs=3)


def test_wrong_commands_are_told_by_the_last_error_and_change_nothing() -> None:
    bench = Bench()
    for wrong in ("ZZ1", "PV15", "PC-2.1", "RR9", "PO", "POx", "PW0.5", "TM25,0"):
        bench.say(f"CE;{wrong}")
        assert bench.say("?ER") != "00\r\n", wrong
    bench.say("CE")
    assert bench.say("?ER") == "00\r\n"
    assert not bench.device.circuit_closed


@given(st.lists(st.integers(1, 9), max_size=30))
def test_any_split_of_the_input_gives_the_same_output(cuts: list[int]) -> None:
    text = b"BY1;gp1\nPO 1;RR5;PC+1.0E-4\r\nPW1;RU1\n?ER\nnonsense\n?ER\nTR1;RU1\n"

    def both(pieces: list[bytes]) -> bytes:
        port = Solartron1287(Resistor(100.0)).port()
        out = b"".join(port.receive(piece, 1.0) for piece in pieces)
        return out + port.wake(5.0)

    parts, rest = [], text
    for cut in cuts:
        parts.append(rest[:cut])
        rest = rest[cut:]
    assert both([*parts, rest]) == both([text])


def test_whatever_arrives_it_answers_afterwards() -> None:
    chance = random.Random(1)
    bench = Bench()
    names = [*bench.device.settings, "TM", "CE", "?ER", "??", "A", "*IDN?"]
    for _ in range(3000):
        arguments = ",".join(
            chance.choice(["0", "1", "3", "-1", "3.5", "1E9", "x", "9e99", "0.001"])
            for _ in range(chance.randrange(3))
        )
        bench.say(f"{chance.choice(names)}{arguments}")
        bench.now_s += chance.choice([0.0, 1e-3, 1.0, 1e5])
        bench.port.wake(bench.now_s)
    bench.port.receive(bytes(range(256)) * 300 + b"\n", bench.now_s)
    bench.say("BK3")
    assert bench.say("?ER").endswith("\r\n")
