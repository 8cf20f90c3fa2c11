"""The simulated Zahner potentiostats: what both lines say, byte by byte; what primitives do; what is refused."""

import random
import struct

import pytest

from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.zahner_pp2x2 import ZahnerPP2x2
from labctl_simulators.firmware.zahner_pp2x2_lines import CommandPort, DataPort
from tests.simulators.firmware.keithley_bench import Battery

HOUR_S = 3600.0
POLARISE = ":SESO:COUP gal;:PARA:IVAL 1;:PARA:TMAX 10;:SESO:SFRQ 1"


class Bench:
    """One instrument with both lines open."""

    def __init__(self, cell: object = None, **how: str) -> None:
        self.device = ZahnerPP2x2(cell or Battery(3.0, 100.0, 0.1), 1, **how)  # type: ignore[arg-type]
        self.command: CommandPort = self.device.port()
        self.data: DataPort = self.command.beside()
        self.now_s = 0.0

    def say(self, *lines: str) -> str:
        return self.command.receive("".join(f"{line}\n" for line in lines).encode(), self.now_s).decode()

    def set(self, lines: str) -> None:
        for line in lines.split(";"):
            assert self.say(line) == "ok\n", line

    def later(self, passes_s: float) -> str:
        self.now_s += passes_s
        return self.command.wake(self.now_s).decode()

    def told(self) -> list[tuple[str, object]]:
        """The packets of the data line, by their names."""
        data, packets = self.data.wake(self.now_s), []
        while data:
            kind, length = struct.unpack_from("<QQ", data)
            body, data = data[16 : 16 + length], data[16 + length :]
            packets.append(_read(kind, body))
        return packets

    def points(self) -> list[tuple[float, float, float]]:
        return [value for name, value in self.told() if name == "live"]  # type: ignore[misc]


def _read(kind: int, body: bytes) -> tuple[str, object]:
    if kind == 0xFEEDDA7A22222222:
        return "live", tuple(round(value, 3) for value in struct.unpack("<ddd", body))
    if kind == 0xFEEDDA7A44444444:
        return "bulk", len(body[8:]) // 24
    if kind == 0xB007F00D11111111:
        measured, state = struct.unpack_from("<QQ", body)
        assert body[16:].count(b"\0") == 2
        return f"type {measured}", state
    assert kind == 0xADDDF00D11111111
    return "tracks", struct.unpack_from("<Q", body)[0]


def test_a_live_packet_is_as_a_real_one_is() -> None:
    bench = Bench(Battery(3.7, 1e9, 0.001))
    bench.set(POLARISE + ";:PARA:IVAL 0.005;:PARA:TMAX 1")
    bench.say(":MEAS:POGA?")
    bench.now_s = 1.0
    data = bench.data.wake(1.0)
    at = data.index(bytes.fromhex("222222227adaedfe"))
    assert data[at + 8 : at + 16] == bytes.fromhex("1800000000000000")
    values = struct.unpack("<ddd", data[at + 16 : at + 40])
    assert values == (1.0, pytest.approx(3.7, abs=1e-4), pytest.approx(0.005, abs=1e-6))


@pytest.mark.parametrize("model", ["PP212", "PP222", "PP242", "XPOT2"])
def test_both_lines_say_who_they_are(model: str) -> None:
    bench = Bench(model=model)
    assert bench.say("*IDN?") == f"ZAHNER-ELEKTRIK,{model},33000,1.1.0\n"
    assert bench.data.receive(b"*IDN?\n", 0.0) == f"ZAHNER-ELEKTRIK,{model},33000,1.1.0 binary\n".encode()
    assert bench.data.receive(b":MEAS:VOLT?\n", 0.0) == b""


def test_a_primitive_is_answered_when_it_ends_and_told_meanwhile() -> None:
    bench = Bench()
    bench.set(POLARISE)
    assert bench.say(":MEAS:POGA?") == ""
    assert bench.told() == [("type 21", 1), ("tracks", 3), ("type 21", 2)]
    assert bench.device.circuit_closed
    assert bench.later(2.5) == ""
    assert bench.points() == [(1.0, 3.11, 1.0), (2.0, 3.12, 1.0)]
    assert bench.say("*IDN?") == "", "it waits"
    assert bench.later(7.5) == "ok\nZAHNER-ELEKTRIK,PP212,33000,1.1.0\n"
    *points, done, finishing = bench.told()
    assert (len(points), done, finishing) == (8, ("type 21", 3), ("type 21", 4))
    assert not bench.device.circuit_closed


@pytest.mark.parametrize(
    ("limit", "ends_s"),
    [
        (":PARA:ULIM:MAX 3.145;:PARA:ULIM:STAT ON", 5.0),
        (":PARA:ULIM:MAX 3.145;:PARA:ULIM:STAT ON;:PARA:UILT 2", 7.0),
        (":PARA:ULIM:MIN 3.125;:PARA:ULIM:MAX 1000;:PARA:ULIM:STAT ON", 1.0),
        (":PARA:CHAR:MAX 3;:PARA:CHAR:MIN -1;:PARA:CHAR:STAT 1", 3.0),
        (":PARA:TOL:ABS 0.02;:PARA:TMIN 4;:PARA:TOL:STAT 1", 4.0),
        (":PARA:ILIM:MAX 0.5;:PARA:ILIM:STAT ON", 10.0),
    ],
    ids=["voltage", "voltage, tolerated", "other side", "charge", "tolerance", "a current that is held"],
)
def test_what_ends_a_polarisation(limit: str, ends_s: float) -> None:
    bench = Bench()
    bench.set(POLARISE)
    bench.set(limit)
    bench.say(":MEAS:POGA?")
    assert bench.later(20.0) == "ok\n"
    assert bench.points()[-1][0] == ends_s


def test_a_global_limit_switches_off_until_it_is_cleared() -> None:
    bench = Bench()
    bench.set(POLARISE + ";:SESO:ULIM:MAX 3.125;:SESO:ULIM:STAT ON;:SESO:STAT ON")
    bench.say(":MEAS:POGA?")
    assert bench.later(20.0) == "error 1003\n"
    assert not bench.device.circuit_closed, "although it was on before"
    assert (
        bench.say("*CLS?", ":MEAS:POGA?", ":SESO:STAT ON", ":PARA:IVAL 2")
        == "1003\nerror 1006\nerror 1006\nok\n"
    )
    assert bench.say("*CLS", "*CLS?", ":MEAS:POGA?") == "ok\n0\n"
    assert bench.device.circuit_closed


def test_an_abort_acts_at_once() -> None:
    bench = Bench()
    bench.set(POLARISE)
    bench.say(":MEAS:POGA?")
    bench.later(2.5)
    assert sorted(bench.say("ABOR").split("\n")) == ["", "error 1005", "ok"]
    assert not bench.device.circuit_closed
    assert [value for name, value in bench.told() if name == "type 21"] == [1, 2, 5, 3, 4]
    assert bench.say("ABOR", "*CLS?") == "ok\n1005\n"
    assert bench.say(":MEAS:OCVS?") == "error 1006\n"


def test_the_potentiostat_is_left_as_it_was_before() -> None:
    bench = Bench()
    bench.set(POLARISE + ";:SESO:IVAL 0.5;:SESO:STAT ON")
    assert bench.device.circuit_closed
    bench.say(":MEAS:POGA?")
    assert bench.later(10.0) == "ok\n"
    assert bench.device.circuit_closed
    assert float(bench.say(":MEAS:CURR?")) == pytest.approx(1.0, rel=1e-4), "the value of the last primitive"
    bench.set(":SESO:COUP pot")
    assert not bench.device.circuit_closed, "another coupling switches off"
    assert bench.say(":MEAS:CURR?") == "+0.000000000e+00\n"


def test_voltages_relative_to_the_open_circuit() -> None:
    bench = Bench(Battery(3.0, 1e9, 0.1))
    assert float(bench.say(":MEAS:OCV?")) == pytest.approx(3.0, abs=1e-4)
    bench.set(":SESO:COUP pot;:PARA:UREL OCV;:PARA:UVAL 0.1;:PARA:TMAX 1;:SESO:SFRQ 1")
    bench.say(":MEAS:POGA?")
    bench.later(1.0)
    assert bench.points() == [(1.0, 3.1, 1.0)]


def test_a_fixed_shunt_carries_no_more_than_its_range() -> None:
    bench = Bench(Resistor(0.1))
    bench.set(":SESO:CRNG:AUTO 0;:SESO:CRNG:IDX 2;:PARA:UVAL 1;:PARA:TMAX 1;:SESO:SFRQ 1")
    bench.say(":MEAS:POGA?")
    bench.later(1.0)
    assert bench.points() == [(1.0, 0.2, 2.0)]
    bench.set(":SESO:CRNG:AUTO 1")
    bench.say(":MEAS:POGA?")
    bench.later(1.0)
    assert bench.points() == [(1.0, 1.0, 10.0)]


def test_a_current_goes_as_far_as_the_voltage_does() -> None:
    bench = Bench(Resistor(100.0))
    bench.set(POLARISE + ";:PARA:TMAX 1")
    bench.say(":MEAS:POGA?")
    bench.later(1.0)
    assert bench.points() == [(1.0, 12.0, 0.12)]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (":MEAS:EIS?", "error 27"),
        ("hello", "error 27"),
        (":SESO:SFRQ", "error 27"),
        (":SESO:SFRQ 101", "error 100"),
        (":SESO:SFRQ 0", "error 100"),
        (":PARA:IVAL 20.1", "error 100"),
        (":PARA:IVAL nan", "error 100"),
        (":PARA:UVAL twelve", "error 100"),
        (":SESO:COUP both", "error 100"),
        (":SESO:CRNG:IDX 4", "error 100"),
        (":SESO:CRNG:IDX 1.5", "error 100"),
        (":SYST:TIME yesterday", "error 100"),
        (":MEAS:RMPS?", "error 100"),
        (":MEAS:IESC?", "error 100"),
        (":MEAS:TEMP?", "no temperature sensor connected"),
        ("seso:coup GAL", "ok"),
        ("*idn?", "ZAHNER-ELEKTRIK,PP212,33000,1.1.0"),
    ],
)
def test_what_is_refused_is_told_by_its_number(line: str, answer: str) -> None:
    bench = Bench()
    assert bench.say(line) == f"{answer}\n"
    assert not bench.device.circuit_closed


def test_shunt_limits_that_cross_are_refused() -> None:
    assert Bench().say(":SESO:CRNG:AUTO:ULIM 1", ":SESO:CRNG:AUTO:LLIM 2") == "ok\nerror 1004\n"


def test_points_that_nobody_took_come_once_more_at_the_end() -> None:
    bench = Bench()
    bench.set(POLARISE)
    bench.say(":MEAS:POGA?")
    bench.later(2.0)
    bench.data.close(bench.now_s)
    bench.later(3.0)
    bench.data = bench.command.beside()
    bench.later(5.0)
    told = bench.told()
    assert [name for name, _ in told] == ["live"] * 5 + ["type 21", "bulk", "type 21"]
    assert told[-2] == ("bulk", 10)


def test_it_goes_on_when_the_command_line_is_lost() -> None:
    bench = Bench()
    bench.set(POLARISE)
    bench.say(":MEAS:POGA?", "*IDN?")
    bench.command.close(2.0)
    assert bench.device.circuit_closed
    bench.command, bench.now_s = bench.device.port(), 4.0
    assert bench.say("*IDN?") == "", "a primitive runs"
    assert bench.later(6.0) == "ZAHNER-ELEKTRIK,PP212,33000,1.1.0\n", "answers to others are not given"


def test_a_restart_loses_both_lines() -> None:
    bench = Bench()
    bench.set(POLARISE + ";:SESO:STAT ON")
    assert bench.say("*RST") == "ok\n"
    assert not bench.device.circuit_closed
    with pytest.raises(ConnectionResetError):
        bench.later(10.0)
    with pytest.raises(ConnectionResetError):
        bench.data.wake(bench.now_s)


def test_calibrating_takes_a_while_and_opens_the_circuit() -> None:
    bench = Bench()
    bench.set(":SESO:STAT ON")
    assert bench.say(":SESO:CALO") == ""
    assert not bench.device.circuit_closed
    assert bench.later(3.0) == "ok\n"


def _spoken(split: random.Random | None) -> tuple[bytes, bytes]:
    bench = Bench()
    text = POLARISE.replace(";", "\n") + "\n:MEAS:POGA?\n*IDN?\r\n:MEAS:VOLT?\n:NONSENSE\n*CLS?\n"
    data, said = text.encode(), b""
    while data:
        size = split.randint(1, 9) if split else len(data)
        said += bench.command.receive(data[:size], 0.0)
        data = data[size:]
    return said + bench.command.wake(HOUR_S), bench.data.wake(HOUR_S)


def test_any_split_of_the_input_gives_the_same_output() -> None:
    whole = _spoken(None)
    assert all(_spoken(random.Random(seed)) == whole for seed in range(20))
    assert whole[0].count(b"\n") == 9


def test_garbage_does_no_harm() -> None:
    noise = random.Random(1)
    bench = Bench()
    words = [
        b":SESO:",
        b"STAT ON",
        b"MEAS:",
        b"POGA?",
        b"\n",
        b"\x00\xff",
        b"PARA:TMAX 1e9",
        b" ",
        b"ABOR\n",
        b"*CLS\n",
        b"?",
    ]
    for _ in range(2000):
        bench.now_s += noise.random()
        bench.command.receive(b"".join(noise.choices(words, k=4)), bench.now_s)
        bench.data.receive(bytes(noise.choices(range(256), k=9)), bench.now_s)
    bench.say("", "ABOR", "*CLS")
    assert bench.say("*IDN?").endswith("ZAHNER-ELEKTRIK,PP212,33000,1.1.0\n")
