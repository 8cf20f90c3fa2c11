"""The simulated Rodeostat: its transcript, its tests on simple cells, its quirks, and what strangers may send."""

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.iorodeo_rodeostat import Rodeostat
from tests.drivers.rodeostat_transcript import DOCUMENTED, IDENTIFY, OPEN

RESISTOR_ohm = 1000.0


class Line:
    """A connection whose clock the test moves."""

    def __init__(self, device: Rodeostat) -> None:
        self.device = device
        self.port = device.port()
        self.now_s = 0.0

    def tell(self, command: str, **arguments: Any) -> dict[str, Any]:
        line = json.dumps({"command": command, **arguments}).encode() + b"\n"
        answer: dict[str, Any] = json.loads(self.port.receive(line, self.now_s).splitlines()[0])
        return answer

    def run(self, test: str, **parameters: Any) -> list[dict[str, Any]]:
        """All samples of a test, until its end."""
        assert self.tell("setParam", test=test, param=parameters)["success"]
        assert self.tell("runTest", test=test)["success"]
        return self.samples()

    def samples(self) -> list[dict[str, Any]]:
        said = b""
        while not said.endswith(b"{}\r\n"):
            due_s = self.port.next_wake()
            assert due_s is not None
            self.now_s = due_s
            said += self.port.wake(due_s)
        return [json.loads(line) for line in said.splitlines()[:-1]]


@pytest.fixture
def line() -> Line:
    return Line(Rodeostat(Resistor(RESISTOR_ohm)))


def test_it_answers_as_documented() -> None:
    port = Rodeostat(Resistor(RESISTOR_ohm)).port()
    for question, answer in (*IDENTIFY, *OPEN, *DOCUMENTED):
        assert port.receive(question, 0.0) == answer


def test_a_cyclic_test_is_a_triangle_from_its_lowest(line: Line) -> None:
    assert line.tell("setCurrRange", currRange="1000uA")["success"]
    samples = line.run("cyclic", amplitude=0.4, offset=0.1, period=1000, numCycles=2, quietTime=100)
    assert [sample["t"] for sample in samples] == list(range(10, 2101, 10))
    voltages = {sample["t"]: sample["v"] for sample in samples}
    assert voltages[50] == 0.0
    assert voltages[100] == pytest.approx(-0.3)
    assert voltages[600] == pytest.approx(0.5)
    assert voltages[1600] == pytest.approx(0.5)
    assert not line.device.circuit_closed
    rising = [sample for sample in samples if 200 < sample["t"] < 550]
    # the low passes lag by a millisecond or two, the voltage is moved every 5 ms: 16 uA at 1.6 V/s
    assert all(sample["i"] == pytest.approx(1e6 * sample["v"] / RESISTOR_ohm, abs=20.0) for sample in rising)


def test_a_constant_test_charges_a_capacitor() -> None:
    line = Line(Rodeostat(RcCell(1000.0, 1.0, 1e-9, 1e-3)))
    line.tell("setCurrRange", currRange="1000uA")
    samples = line.run("constant", value=0.5, duration=3000)
    for sample in samples[1:]:
        expected_uA = 500.0 * math.exp(-sample["t"] * 1e-3 / 1.001)
        assert sample["i"] == pytest.approx(expected_uA, rel=0.01, abs=0.5)
    assert line.tell("getCurr")["response"]["i"] == pytest.approx(0.0, abs=0.1), "it has disconnected itself"


@pytest.mark.parametrize(
    ("test", "parameters", "count", "current_uA"),
    [
        ("sinusoid", {"amplitude": 0.3, "period": 1000, "numCycles": 1, "shift": 0.25}, 100, 300.0),
        ("linearSweep", {"startValue": -0.2, "finalValue": 0.4, "duration": 500}, 50, 400.0),
        ("chronoamp", {"step": [[200, 0.1], [300, 0.3]]}, 50, 300.0),
        ("multiStep", {"step": [[100, 0.1], [100, -0.2], [100, 0.3]]}, 30, 300.0),
        (
            "squareWave",
            {"startValue": -0.1, "finalValue": 0.1, "stepValue": 0.02, "amplitude": 0.05},
            11,
            100.0,
        ),
        (
            "differentialPulse",
            {"startValue": 0.1, "finalValue": -0.1, "stepValue": 0.02, "pulseValue": 0.05},
            11,
            30.0,
        ),
    ],
)
def test_every_other_test_runs_on_a_resistor(
    line: Line, test: str, parameters: dict[str, Any], count: int, current_uA: float
) -> None:
    line.tell("setCurrRange", currRange="1000uA")
    samples = line.run(test, **parameters)
    assert len(samples) == count
    largest = max(sample["i"] for sample in samples[1:])
    assert largest == pytest.approx(current_uA, rel=0.04)
    assert line.tell("getTestDoneTime", test=test)["response"]["testDoneTime"] == 10 * count


def test_stopping_is_answered_and_followed_by_an_end_also_when_idle(line: Line) -> None:
    stop = b'{"command":"stopTest"}\n'
    answer = b'{"success":true,"response":{"command":"stopTest"}}\r\n{}\r\n'
    assert line.port.receive(stop, 0.0) == answer
    line.tell("runTest", test="cyclic")
    assert line.device.circuit_closed
    assert line.port.receive(stop, 0.001) == answer
    assert not line.device.circuit_closed
    assert line.port.next_wake() is None


def test_a_change_of_the_range_makes_the_voltage_jump_and_beyond_it_is_cut_off(line: Line) -> None:
    line.tell("setAllElectConnected", connected=True)
    line.tell("setRefElectVoltRange", voltRange="10V")
    assert line.tell("setVolt", v=7.0)["response"]["v"] == pytest.approx(1.0)
    line.tell("setVoltRange", voltRange="5V")
    assert line.tell("getRefVolt")["response"]["r"] == pytest.approx(5.0, abs=2e-3)


def test_too_much_current_is_marked_and_cut_off(line: Line) -> None:
    samples = line.run("constant", value=0.5, duration=100)
    assert all(sample["le"] is True for sample in samples)
    assert samples[-1]["i"] == pytest.approx(10.0)


def test_open_circuit_is_read_without_the_counter_electrode() -> None:
    line = Line(Rodeostat(RcCell(1000.0, 1.0, 1e-9, 1e-3)))
    line.run("constant", value=0.4, duration=20_000)
    assert line.tell("getRefVolt")["response"]["r"] == pytest.approx(0.0, abs=1e-3), "REF is open"
    line.tell("setWrkElectConnected", connected=True)
    line.tell("setRefElectConnected", connected=True)
    assert line.tell("getRefVolt")["response"]["r"] == pytest.approx(0.4, abs=2e-3)
    assert not line.device.circuit_closed


def test_without_a_reference_it_goes_to_its_end(line: Line) -> None:
    for lead in ("Ctr", "Wrk"):
        line.tell(f"set{lead}ElectConnected", connected=True)
    line.tell("setCurrRange", currRange="1000uA")
    line.tell("setVolt", v=0.1)
    assert line.tell("getCurr")["response"]["i"] == pytest.approx(1000.0), "12 mA, cut off"


def test_the_multiplexer_reads_its_channels_in_turn(line: Line) -> None:
    assert line.tell("setMuxEnabled", muxEnabled=True)["response"]["muxEnabled"]
    assert line.tell("setEnabledMuxChannels", muxChannel=[1, 4])["success"]
    line.tell("setCurrRange", currRange="1000uA")
    samples = line.run("constant", value=0.5, duration=200)
    assert [sample["n"] for sample in samples] == [1, 4] * 10
    assert samples[-2]["i"] == pytest.approx(500.0, rel=0.01)
    assert samples[-1]["i"] == pytest.approx(0.0, abs=0.1)
    assert not line.tell("runTest", test="squareWave")["success"]


def test_hardware_of_the_first_version_has_no_switches() -> None:
    line = Line(Rodeostat(Resistor(RESISTOR_ohm), model="AD8251_microAmpV0.1"))
    assert line.tell("getHardwareVersion")["message"] == "command, getHardwareVersion, not found"
    assert line.device.circuit_closed
    assert line.tell("setVoltRange", voltRange="8V")["success"]
    assert not line.tell("setVoltRange", voltRange="5V")["success"]


def test_parameters_that_are_wrong_are_refused_one_by_one(line: Line) -> None:
    told = line.tell("setParam", test="cyclic", param={"amplitude": "x", "period": 1.5, "offset": 0.25})
    assert told["message"] == "amplitude not a float, period not uint32"
    assert told["response"]["param"] == {"offset": 0.25}
    assert line.tell("setParam", test="cyclic")["message"] == "key param missing, key param missing"
    assert (
        line.tell("setParam", test="chronoamp", param={"step": [[1, 0.1]] * 3})["message"]
        == "step array too large"
    )
    assert line.tell("setParam", test="multiStep", param={"step": [[1]]})["message"] == "step item size!=2"


CONVERSATION = b"".join(question for question, _ in (*IDENTIFY, *DOCUMENTED)) + (
    b'{"command":"setElectAutoConnect","autoConnect":false}\n{"command":"runTest","test":"constant"}\n'
    b'{"command":"getRefVolt"}\n{"command":"stopTest"}\n{"command":"getAllElectConnected"}'
)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, len(CONVERSATION)), max_size=12))
def test_any_split_of_the_input_gives_the_same_answers(cuts: list[int]) -> None:
    whole = Rodeostat(Resistor(RESISTOR_ohm)).port().receive(CONVERSATION, 1.0)
    port = Rodeostat(Resistor(RESISTOR_ohm)).port()
    places = [0, *sorted(cuts), len(CONVERSATION)]
    parts = [port.receive(CONVERSATION[a:b], 1.0) for a, b in pairwise(places)]
    assert b"".join(parts) == whole


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "command",
        "test",
        "param",
        "v",
        "voltRange",
        "currRange",
        "samplePeriod",
        "deviceId",
        "connected",
        "muxEnabled",
        "muxChannel",
        "autoConnect",
        "step",
        "value",
        "duration",
        "period",
        "numCycles",
        "shift",
        "stepValue",
        "window",
        "quietTime",
        "startValue",
    ]
)
COMMANDS = st.sampled_from(sorted(Rodeostat(Resistor(1.0))._commands))
TESTS = st.sampled_from(sorted(Rodeostat(Resistor(1.0)).tests))


@settings(max_examples=150, deadline=None)
@given(
    lines=st.lists(
        st.binary(max_size=60)
        | st.builds(
            lambda command, test, rest, param: json.dumps(
                {"test": test, **rest, "param": param, "command": command}
            ).encode(),
            COMMANDS,
            TESTS,
            st.dictionaries(KEYS, ANYTHING, max_size=3),
            st.dictionaries(KEYS, ANYTHING, max_size=4) | ANYTHING,
        ),
        max_size=8,
    )
)
def test_whatever_is_sent_each_line_is_answered(lines: list[bytes]) -> None:
    port, now_s = Rodeostat(Resistor(RESISTOR_ohm)).port(), 0.0
    for each in lines:
        now_s += 0.013
        said = port.receive(each.replace(b"\n", b"") + b"\n", now_s)
        assert sum(b'{"success":' in answer for answer in said.splitlines()) == 1
    assert b"FW0.1.0" in port.receive(b'{"command":"getVersion"}\n', now_s + 0.02)


def test_a_line_without_end_is_refused_once_it_ends(line: Line) -> None:
    assert line.port.receive(b"x" * 100_000, 0.0) == b""
    assert b"unable to parse json" in line.port.receive(b"\n", 0.0)
    assert b"unable to parse json" in line.port.receive(b"[" * 1900 + b"\n", 0.0)
    assert line.tell("getVersion")["success"]
