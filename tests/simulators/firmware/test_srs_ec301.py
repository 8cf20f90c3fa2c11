"""The simulated EC301 says what its manual prints, refuses in silence, plays its waveforms and streams packets."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware import srs_ec301_commands as commands
from labctl_simulators.firmware.srs_ec301 import SrsEc301

TRANSCRIPT = """\
> ecmode 1
> ceenab 1
> irange 4
> setcur 0.543
> setcur?
< 5.43e-4
> badcmd
> errlst?
< 114
> errdcd? 114
< Bad remote command
> irange 5
> errlst?
< 0
> ECMODE   0
> setvol 123
> progrm?
< +0.123
> setvol 1000; setvol?
< 1000
> setvol 1e3
> errlst?
< 115
> setcur 0.1
> errlst?
< 117
> setvol 15001
> setvol?
< 1000
> brenab 0
> bireje 1000
> *ESR? 4
< 1
> nulcmd?
< 0
> getbdp?
< 2
> getaux? 4
< 0.000000, 0.000000, 0.000000
> *ESE 48
> *ESE? 5
< 1
> *ESE 5,0
> *ESE?
< 16
> celimv 499
> celimv?
< 30000
> arbrst; arbtyp 0; arbset? 0 100
< 0
> arbset? 1 20000
< 30
> arbget? 7
< 31
> ramppt 0 -500; ramppt? 0
< -500"""
"""The examples of chapter 8, and what it says is refused."""


class Bench:
    def __init__(self, cell: object = None) -> None:
        self.device = SrsEc301(cell or Resistor(1.0))  # type: ignore[arg-type]
        self.port = self.device.port()
        self.now_s = 0.0

    def say(self, line: str) -> str:
        return self.port.receive(line.encode() + b"\n", self.now_s).decode("latin-1")

    def number(self, line: str) -> float:
        return float(self.say(line))

    def wait(self, duration_s: float) -> bytes:
        out, end_s = b"", self.now_s + duration_s
        while (due_s := self.port.next_wake()) is not None and due_s <= end_s:
            self.now_s = max(self.now_s, due_s)
            out += self.port.wake(self.now_s)
        self.now_s = end_s
        return out + self.port.wake(end_s)


def frames(stream: bytes) -> list[tuple[int, float, float]]:
    """State, current and voltage of each frame; every packet is checked."""
    found = []
    while stream:
        assert stream[:2] == b"\x1f\x10"
        assert stream[14:16] == b"\r\n"
        (length,) = struct.unpack_from("<I", stream, 4)
        for state, _, ampere, volt in struct.iter_unpack("<Ifff", stream[16 : 16 + length]):
            found.append((state, ampere, volt))
        stream = stream[16 + length + 24 :]
    return found


def test_the_examples_of_the_manual() -> None:
    bench = Bench(Resistor(1e4))
    heard = ""
    for line in TRANSCRIPT.splitlines():
        if line.startswith(">"):
            assert not heard, f"{heard!r} before {line!r}"
            heard = bench.say(line[2:])
        else:
            assert heard == f"{line[2:]}\r\n"
            heard = ""


def test_one_volt_across_one_ohm_is_minus_one_ampere() -> None:
    """Figure 2 of the manual: the American convention."""
    bench = Bench(Resistor(1.0))
    bench.say("eadcrg 0;setvol 1000;ceenab 1")
    assert bench.number("vlevel?") == pytest.approx(1.0, abs=1e-3)
    assert bench.number("ilevel?") == pytest.approx(-1.0, abs=1e-3)
    bench.say("ceenab 0;ecmode 1;setcur 1;ceenab 1")
    assert bench.number("vlevel?") == pytest.approx(-1.0, abs=1e-3)
    assert bench.number("ilevel?") == pytest.approx(1.0, abs=1e-3)


def test_another_range_is_another_current_at_once() -> None:
    bench = Bench(Resistor(10.0))
    bench.say("ecmode 1;irange 4;setcur -0.5;ceenab 1")
    assert bench.number("ilevel?") == pytest.approx(-5e-4, rel=1e-2)
    bench.say("irange 3")
    assert bench.number("ilevel?") == pytest.approx(-5e-3, rel=1e-2)


def test_power_on_is_a_potentiostat_at_0_v_and_drains_a_cell_that_is_enabled() -> None:
    cell = RcCell(100.0, 100.0, 1e-3, 0.05)
    cell.advance_current(100.0, 1e-4)
    bench = Bench(cell)
    assert bench.number("vlevel?") > 0.1, "the electrometers stay at the cell"
    bench.say("ceenab 1")
    bench.wait(100.0)
    bench.say("ceenab 0")
    assert bench.number("vlevel?") == pytest.approx(0.0, abs=0.01)


def test_the_ce_limit_holds_and_is_latched() -> None:
    bench = Bench(Resistor(1e4))
    bench.say("celimt 1;celimv 600;ecmode 1;irange 4;setcur -0.5;*CLS;ceenab 1")
    assert bench.say("limitg?") == "1\r\n"
    assert bench.number("vlevel?") == pytest.approx(0.6, abs=1e-2)
    bench.wait(0.1)
    assert int(bench.say("mesr?")) & 1
    bench.say("setcur 0")
    bench.say("mesr?")
    assert not int(bench.say("mesr?")) & 1


def test_the_red_switch_disconnects_whatever_is_commanded() -> None:
    bench = Bench()
    bench.device.switch_in = False
    bench.say("ceenab 1")
    assert bench.say("ceenab?;cellon?") == "1\r\n0\r\n"
    assert not bench.device.circuit_closed


def test_an_overload_of_the_current_is_latched_and_the_reading_ends_with_the_range() -> None:
    bench = Bench(Resistor(100.0))
    bench.say("irange 5;setvol 1000;ceenab 1")
    assert bench.number("ilevel?") == pytest.approx(-2e-4, rel=1e-3)
    bench.wait(0.01)
    assert int(bench.say("mesr?")) & 4


def test_autoranging_is_for_the_potentiostat() -> None:
    bench = Bench(Resistor(1e4))
    bench.say("irnaut 1;setvol 1000;ceenab 1")
    bench.wait(0.01)
    assert bench.say("irange?") == "5\r\n"
    bench.say("irange 3")
    assert bench.say("errlst?") == "117\r\n"
    bench.say("irnaut 0;ceenab 0;ecmode 1;irnaut 1")
    assert bench.say("irnaut?") == "0\r\n"


def test_a_cyclic_voltammogram_is_streamed_as_it_is_programmed() -> None:
    bench = Bench(Resistor(1000.0))
    bench.say(
        "ramprs;scantp 1;scanem 0;ramppt 0 100;rampdt 0 1000;ramprt 0 2000;ramppt 1 500;rampdt 1 0;ramprt 1 2000"
    )
    assert bench.say("ramppg? 0") == "16\r\n", "E2 is missing"
    bench.say("ramppt 2 100")
    assert bench.say("ramppg? 0") == "0\r\n"
    bench.say("avgexp 8;eadcrg 0;irange 3;getbda 1;rampst 0")
    found = frames(bench.wait(5.0))
    playing = [volt for state, _, volt in found if state >> 11 & 1]
    assert len(playing) * 1.024e-3 == pytest.approx(4.1, abs=0.01)
    assert max(playing) == pytest.approx(0.5, abs=1e-3)
    assert found[-1][0] & 1, "open circuit at the end"
    assert not bench.device.circuit_closed
    assert bench.say("scntrg?") == "0\r\n"


def test_pulses_rise_on_a_baseline() -> None:
    """The example of section 8.4.1."""
    bench = Bench(Resistor(1000.0))
    bench.say("plinit;ppoint 2;psteps 200;plimit 4;pdatap 0 100;pholdt 0 500000;pdatap 1 400;pholdt 1 62500")
    assert bench.say("pprogm?") == "1\r\n"
    bench.say("pincrm 1 1 1;pdatap 2 100;pholdt 2 250000;pincrm 2 0 0;plendm 1")
    assert bench.say("pprogm?") == "0\r\n"
    bench.say("eadcrg 0;pstart")
    seen = []
    for at_s in (1.0, 2.1, 2.6, 3.3, 4.6, 5.8, 7.0):
        bench.wait(at_s - bench.now_s)
        seen.append(bench.number("vlevel?"))
    assert seen == pytest.approx([0.1, 0.4, 0.1, 0.6, 0.8, 1.0, 0.1], abs=5e-3)
    assert bench.say("scntrg?") == "0\r\n"
    assert bench.device.circuit_closed, "the loop stays closed"


def test_arbitrary_points_are_played_as_often_as_asked() -> None:
    """The example of section 8.4.4, with the waveform type that the manual's table gives for a potentiostat."""
    bench = Bench(Resistor(1000.0))
    bench.say("arbrst;arbtyp 0;arbdly 1;arbcyc 3;arbend 1;arbdiv 1000;eadcrg 0")
    for index, level_mV in enumerate((100, 200, 500, -100, -100)):
        assert bench.say(f"arbset? {index} {level_mV}") == "0\r\n"
    assert bench.say("arbpts?") == "5\r\n"
    bench.say("arbrun 1")
    seen = []
    for at_s in (0.5, 1.0015, 1.0025, 1.0035, 1.0075):
        bench.wait(at_s - bench.now_s)
        seen.append(bench.number("vlevel?"))
    assert seen == pytest.approx([0.1, 0.2, 0.5, -0.1, 0.5], abs=5e-3)
    bench.wait(1.0)
    assert not bench.device.circuit_closed


def test_a_polled_packet_is_one_packet() -> None:
    bench = Bench()
    packet = bench.port.receive(b"polbda?\n", 0.0)
    assert len(frames(packet)) == 64
    assert sum(packet[:13]) & 0xFF == packet[13]
    assert sum(packet[:-1]) & 0xFF == packet[-1]


def test_a_reader_that_is_late_gets_the_latest_packets_and_the_counter_tells() -> None:
    bench = Bench()
    bench.say("avgexp 0;getbda 1")
    out = bench.port.wake(100.0)
    assert len(frames(out)) <= 17 * 64
    (counter,) = struct.unpack_from("<H", out, 2)
    assert counter > 0


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(0, 99))
def test_any_split_of_the_input_gives_the_same_output(cuts: list[int], seed: int) -> None:
    text = b"*idn?\necmode 1;irange 4;setcur -0.1;ceenab 1\nvlevel?\nnonsense\nerrlst?;polbda?\nmesr? 0\r\n"
    whole = SrsEc301(Resistor(100.0), seed).port().receive(text, 1.0)
    port, parts = SrsEc301(Resistor(100.0), seed).port(), b""
    for cut in cuts:
        parts += port.receive(text[:cut], 1.0)
        text = text[cut:]
    assert parts + port.receive(text, 1.0) == whole


def test_whatever_arrives_it_answers_its_name_afterwards() -> None:
    chance = random.Random(1)
    names = [*commands._SETS, *(f"{name}?" for name in commands._ASKS)]
    bench = Bench()
    for _ in range(3000):
        arguments = " ".join(
            chance.choice(["0", "1", "2", "-1", "3.5", "1e3", "99999999999999", "x", "15000"])
            for _ in range(chance.randrange(4))
        )
        bench.say(f"{chance.choice(names)} {arguments}")
        bench.now_s += chance.choice([0.0, 1e-3, 1.0, 1e4])
        bench.port.wake(bench.now_s)
    bench.port.receive(bytes(range(256)) * 300, bench.now_s)
    bench.say("getbda 0")
    assert "EC301" in bench.say("*IDN?")
