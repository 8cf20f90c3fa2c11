"""The Rodeostat driver against a transcript, and against the twin when things go wrong."""

import json
from typing import Any

import pytest

from labctl.clock import VirtualClock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    LinkNonsense,
    WrongInstrument,
)
from labctl.instrument.channel import Sample
from labctl.instrument.course import Scan
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers.iorodeo_rodeostat import DRIVER
from labctl_drivers.iorodeo_rodeostat_models import MODELS, check_step
from labctl_drivers.iorodeo_rodeostat_talk import Talk, as_line
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.iorodeo_rodeostat import Rodeostat
from tests.drivers.played import Played
from tests.drivers.rodeostat_transcript import DOCUMENTED, IDENTIFY
from tests.drivers.smu_bench import SmuBench

SAFETY = SafetyLimits(-1.0, 1.0, 5e-4)
RUN = b'{"command":"runTest","test":"constant"}'
GET_CURRENT = b'{"command":"getCurr"}'
GET_VOLTAGE = b'{"command":"getRefVolt"}'


def lasting(duration_s: float) -> Cutoff:
    return Cutoff(Quantity.TIME, Side.ABOVE, duration_s)


def held(voltage_V: float = 0.1, duration_s: float = 5.0, **others: Any) -> Step:
    parts = {"safety": SAFETY, "sampling": Sampling(1.0), **others}
    return Step(Control.VOLTAGE, voltage_V, (lasting(duration_s),), **parts)


REST = Step(Control.REST, 0.0, (lasting(5.0),), SAFETY, Sampling(1.0))


class Bench(SmuBench):
    """With a cable that is pulled at the next readings of the current."""

    def _tamper(self, line: bytes) -> bytes | None:
        if self.lost and line in (GET_CURRENT, GET_VOLTAGE):
            self.lost -= 1
            raise ConnectionResetError("the cable was pulled")
        return self.tamper.get(line)


@pytest.fixture
def bench() -> Bench:
    return Bench(DRIVER, Rodeostat(Resistor(1000.0), 1))


def answered(**response: Any) -> bytes:
    return json.dumps({"success": True, "response": response}).encode() + b"\r\n"


async def talking(*exchanges: tuple[bytes, bytes]) -> Talk:
    clock, played = VirtualClock(), Played(exchanges)
    link = Link(MemoryPort(lambda: played, clock), clock)
    await link.open()
    return Talk(link)


async def test_it_identifies_as_in_the_transcript() -> None:
    talk = await talking(*IDENTIFY)
    identity = await talk.identify()
    assert (identity.model, identity.serial, identity.firmware) == ("10V_microAmpV0.2", "1", "FW0.1.0")


async def test_samples_among_the_answers_are_passed_over_and_an_end_is_noticed() -> None:
    _, answer = DOCUMENTED[1]
    talk = await talking((b'{"command":"getVolt"}\n', b'{"t":10,"v":-0.499,"i":-0.52}\r\n{}\r\n' + answer))
    assert await talk.ask("getVolt", "v", float) == 0.499878
    assert talk.ended


@pytest.mark.parametrize(
    "answer",
    [
        b'{"success":true,"response":{"command":"getVolt","v":0.1}}\r\n',
        b'{"success":true,"response":{"command":"getCurr","i":NaN}}\r\n',
        b'{"success":true,"response":{"command":"getCurr","i":"0.1"}}\r\n',
        b'{"success":true,"response":{"command":"getCurr","i":true}}\r\n',
        b'{"success":true,"response":{"command":"getCurr"}}\r\n',
        b'{"success":true,"response":{"command":"getCurr","i":-0.09\r\n',
        b'{"success":1,"response":{"command":"getCurr","i":0.1}}\r\n',
        b"0.1\r\n",
        b'{"x":1}\r\n',
    ],
)
async def test_an_answer_that_is_none_never_becomes_a_value(answer: bytes) -> None:
    talk = await talking((GET_CURRENT + b"\n", answer))
    with pytest.raises(LinkNonsense):
        await talk.ask("getCurr", "i", float)
    assert talk._link.poisoned


async def test_a_refusal_is_told_in_the_instruments_words() -> None:
    question, answer = DOCUMENTED[5]
    talk = await talking((question, answer))
    with pytest.raises(InstrumentRefused, match="currRange, 1kA, not found"):
        await talk.tell("setCurrRange", currRange="1kA")


def test_no_message_fills_a_usb_packet() -> None:
    lines = [as_line("setVolt", v="x" * count) for count in range(130)]
    assert all((len(line) + 1) % 64 for line in lines)


async def test_everything_is_armed_and_read_back_before_it_runs(bench: Bench) -> None:
    await bench.take(held())
    before = bench.heard[: bench.heard.index(RUN)]
    for question in (
        b'{"command":"getCtrElectConnected"}',
        b'{"command":"getElectAutoConnect"}',
        b'{"command":"getCurrRange"}',
        b'{"command":"getMuxEnabled"}',
        b'{"command":"getTestDoneTime","test":"constant"}',
    ):
        assert question in before
    assert b'"duration":10000' in b"".join(before), "the step and five seconds"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b'{"command":"getCurrRange"}', answered(command="getCurrRange", currRange="10uA")),
        (b'{"command":"getElectAutoConnect"}', answered(command="getElectAutoConnect", autoConnect=False)),
        (b'{"command":"getMuxEnabled"}', answered(command="getMuxEnabled", muxEnabled=True)),
        (
            b'{"command":"getTestDoneTime","test":"constant"}',
            answered(command="getTestDoneTime", test="constant", testDoneTime=99),
        ),
        (
            b'{"command":"getParam","test":"constant"}',
            answered(command="getParam", test="constant", param={"value": 0.9, "duration": 10000}),
        ),
        (b'{"command":"getCtrElectConnected"}', answered(command="getCtrElectConnected", connected=True)),
    ],
)
async def test_what_does_not_read_back_never_energises(bench: Bench, question: bytes, answer: bytes) -> None:
    await bench.channel.connect()
    bench.tamper[question] = answer
    bench.tamper[b'{"command":"getWrkElectConnected"}'] = answered(
        command="getWrkElectConnected", connected=True
    )
    with pytest.raises(InstrumentError):
        await bench.take(held())
    assert RUN not in bench.heard
    assert not bench.device.circuit_closed


async def test_the_instrument_opens_the_circuit_if_nobody_ends_the_step(bench: Bench) -> None:
    await bench.channel.connect()
    samples = bench.channel.run(held(duration_s=100.0))
    await anext(samples)
    await samples.aclose()
    assert bench.device.circuit_closed
    bench.device.live_until(bench.clock.now() + 106.0)
    assert not bench.device.circuit_closed


async def test_a_pulled_cable_is_survived_by_a_voltage_and_by_a_rest(bench: Bench) -> None:
    def pull(sample: Sample) -> None:
        bench.lost = 1

    for step in (held(), REST):
        samples = await bench.take(step, pull)
        assert samples[-1].cutoff is not None
        assert bench.heard.count(IDENTIFY[0][0].strip()) > 1, "it proved that it is the same"


async def test_a_test_that_was_stopped_is_told(bench: Bench) -> None:
    def stop(sample: Sample) -> None:
        bench.device._stop()

    with pytest.raises(InstrumentError):
        await bench.take(held(0.3), stop)


async def test_a_test_that_ended_while_the_cable_was_pulled_is_told(bench: Bench) -> None:
    def pull_and_stop(sample: Sample) -> None:
        bench.lost = 1
        bench.device._stop()

    with pytest.raises(InstrumentError, match="not connected"):
        await bench.take(held(), pull_and_stop)


async def test_another_instrument_after_the_cable_was_pulled_is_told(bench: Bench) -> None:
    def pull_and_change(sample: Sample) -> None:
        bench.lost = 1
        bench.device.device_id = 8

    with pytest.raises(WrongInstrument, match="serial 8"):
        await bench.take(held(), pull_and_change)


async def test_more_current_than_is_read_ends_the_step() -> None:
    bench = Bench(DRIVER, Rodeostat(Resistor(50.0), 1))
    with pytest.raises(InstrumentError, match="more current than its range 1000uA reads"):
        await bench.take(held())
    await bench.channel.make_safe()
    assert not bench.device.circuit_closed


async def test_an_open_lead_is_told(bench: Bench) -> None:
    def pull_a_lead(sample: Sample) -> None:
        bench.tamper[GET_VOLTAGE] = answered(command="getRefVolt", r=0.0004)

    with pytest.raises(InstrumentError, match="a lead is open"):
        await bench.take(held(), pull_a_lead)


async def test_a_rest_never_connects_the_counter_electrode() -> None:
    bench = Bench(DRIVER, Rodeostat(RcCell(900.0, 100.0, 1e-3, 0.05), 1))
    await bench.take(held(0.2, 200.0))
    before = len(bench.heard)
    samples = await bench.take(REST)
    assert samples[-1].voltage_V == pytest.approx(0.2, abs=0.02)
    assert not any(b'CtrElectConnected","connected":true' in line for line in bench.heard[before:])
    assert RUN not in bench.heard[before:]


async def test_electrodes_that_do_not_disconnect_are_told(bench: Bench) -> None:
    await bench.take(held())
    for lead in ("Ctr", "Wrk"):
        question = as_line(f"get{lead}ElectConnected")
        bench.tamper[question] = answered(command=f"get{lead}ElectConnected", connected=True)
    with pytest.raises(CellStateUnknown, match="does not read back as off"):
        await bench.channel.make_safe()


async def test_hardware_without_switches_is_refused() -> None:
    bench = Bench(DRIVER, Rodeostat(Resistor(1000.0), 1, model="AD8250_microAmpV0.1"))
    with pytest.raises(WrongInstrument, match="cannot open its circuit"):
        await bench.channel.connect()
    assert bench.heard == [question.strip() for question, _ in IDENTIFY]


async def test_doctor_reads_back_without_changing_anything(bench: Bench) -> None:
    assert DRIVER.read_back is not None
    link = Link(MemoryPort(bench.device.port, bench.clock), bench.clock)
    await link.open()
    identity, electrodes = await DRIVER.read_back(link)
    assert "10V_microAmpV0.2" in identity.found
    assert not electrodes.harmful
    bench.device._switch_all(True)
    _, electrodes = await DRIVER.read_back(link)
    assert electrodes.harmful


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step(Control.CURRENT, 1e-4, (lasting(5.0),), SAFETY, Sampling(1.0)), "without a galvanostat"),
        (Step(Control.POWER, 1e-4, (lasting(5.0),), SAFETY, Sampling(1.0)), "a power it cannot"),
        (held(1.5), "safety window"),
        (held(11.0, safety=SafetyLimits(-20.0, 20.0, 5e-4)), "which goes to 10 V"),
        (held(0.1, safety=SafetyLimits(-1.0, 1.0, 2e-3)), "reads up to 0.001 A"),
        (held(0.1, 5e6), "at most 44 days"),
        (
            Step(Control.VOLTAGE, 0.1, (Cutoff(Quantity.CURRENT, Side.BELOW, 1e-6),), SAFETY, Sampling(1.0)),
            "add `time`",
        ),
        (
            Step(
                Control.SCAN, 0.0, (lasting(9.0),), SAFETY, Sampling(1.0), Scan(0.0, (1.2, -0.3), 1, 0.1, 0.1)
            ),
            "safety window",
        ),
    ],
)
def test_what_it_cannot_hold_is_refused_with_the_reason(step: Step, reason: str) -> None:
    with pytest.raises(CannotHold, match=reason):
        check_step(step, MODELS["10V_microAmpV0.2"])
