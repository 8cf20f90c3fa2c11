"""The Zahner driver against a transcript, and against the twin when things go wrong."""

import struct
from collections.abc import Callable

import pytest

from labctl.clock import VirtualClock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LabctlError,
    LinkError,
    LinkLost,
    LinkNonsense,
    Superseded,
    WrongInstrument,
)
from labctl.instrument.channel import Sample
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers.zahner_pp2x2 import DRIVER, STATUS_SAMPLES_MISSED, ZahnerPP2x2
from labctl_drivers.zahner_pp2x2_data import Packets, Reading, State, packet_size
from labctl_drivers.zahner_pp2x2_models import MODELS
from labctl_drivers.zahner_pp2x2_step import Keeping, check_step, primitive_for
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.zahner_pp2x2 import ZahnerPP2x2 as Twin
from tests.drivers.played import Played

SAFETY = SafetyLimits(-1.0, 1.0, 5e-3)
TEN_SECONDS = Cutoff(Quantity.TIME, Side.ABOVE, 10.0)
IDENTITY = b"ZAHNER-ELEKTRIK,PP212,33000,1.1.0"
PARAMETERS = """\
:SESO:COUP gal
:SESO:SFRQ 1
:SESO:VRNG 1
:SESO:CRNG:AUTO 0
:SESO:CRNG 0.001
:SESO:UILT 0
:SESO:ULIM:MIN -1
:SESO:ULIM:MAX 1
:SESO:ULIM:STAT ON
:SESO:ILIM:MIN -0.005
:SESO:ILIM:MAX 0.005
:SESO:ILIM:STAT ON
:PARA:UILT 0
:PARA:ULIM:MIN -0.5
:PARA:ULIM:MAX 1000000
:PARA:ULIM:STAT ON
:PARA:ILIM:MIN -1000000
:PARA:ILIM:MAX 1000000
:PARA:ILIM:STAT ON
:PARA:CHAR:MIN -1000000
:PARA:CHAR:MAX 1000000
:PARA:CHAR:STAT 1
:PARA:TOL:STAT 0
:PARA:TMIN 0
:PARA:TMAX 3
:PARA:UREL 0
:PARA:IVAL -0.001""".splitlines()


def step(control: Control, value: float, *cutoffs: Cutoff, every_s: float = 1.0) -> Step:
    return Step(control, value, cutoffs, SAFETY, Sampling(every_s))


async def take(channel: ZahnerPP2x2, what: Step) -> list[Sample]:
    return [sample async for sample in channel.run(what)]


# --- a transcript -----------------------------------------------------------------------------------------------


def header(state: int) -> bytes:
    return struct.pack("<QQQQ", 0xB007F00D11111111, 18, 21, state) + b"\0\0"


def live(*values: float) -> bytes:
    return struct.pack("<QQ", 0xFEEDDA7A22222222, 24) + struct.pack("<ddd", *values)


def tracks(*kinds: int) -> bytes:
    body = struct.pack("<Q", len(kinds)) + b"".join(struct.pack("<Q", kind) + b"a\0b\0\0" for kind in kinds)
    return struct.pack("<QQ", 0xADDDF00D11111111, len(body)) + body


BEGIN = header(1) + tracks(13, 11, 12) + header(2)
END = header(3) + header(4)
READINGS = live(1.0, 0.2, -1e-3) + live(2.0, 0.1, -1e-3) + live(3.0, 0.0, -1e-3)


class Potentiostat(Played):
    """The data come with the answer to a primitive, on the other line."""

    def __init__(self, exchanges: list[tuple[bytes, bytes]], data: bytes, identity: bytes) -> None:
        super().__init__(
            (question + b"\n", answer + b"\n" if answer else b"") for question, answer in exchanges
        )
        self.data = _Line(lambda sent: identity if sent == b"*IDN?\n" else b"")
        self._told = data

    def receive(self, data: bytes, now_s: float) -> bytes:
        if data.startswith(b":MEAS:POGA"):
            self.data.waiting = self._told
        return super().receive(data, now_s)

    def beside(self) -> "_Line":
        return self.data


class _Line:
    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.waiting = b""
        self._answer = answer

    def receive(self, data: bytes, now_s: float) -> bytes:
        return self._answer(data)

    def next_wake(self) -> float | None:
        return 0.0 if self.waiting else None

    def wake(self, now_s: float) -> bytes:
        told, self.waiting = self.waiting, b""
        return told

    def close(self, now_s: float) -> None:
        pass


def played(
    answer: bytes = b"ok", data: bytes = BEGIN + READINGS + END, identity: bytes = IDENTITY + b" binary\n"
) -> tuple[ZahnerPP2x2, Played]:
    exchanges = [
        *((b"*IDN?", IDENTITY), (b":MEAS:CURR?", b"1.2e-07")),
        *((b"*CLS", b"ok"), (b":SESO:STAT OFF", b"ok")),
        *((line.encode(), b"ok") for line in PARAMETERS),
        (b":MEAS:POGA?", answer),
    ]
    fake, clock = Potentiostat(exchanges, data, identity), VirtualClock()
    return ZahnerPP2x2(Link(MemoryPort(lambda: fake, clock), clock), clock), fake


DISCHARGE = step(
    Control.CURRENT,
    -1e-3,
    Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.5),
    Cutoff(Quantity.TIME, Side.ABOVE, 3.0),
    every_s=10.0,
)


async def test_a_step_as_the_client_of_the_maker_would_have_it() -> None:
    channel, fake = played()
    assert str(await channel.connect()) == "Zahner PP212, serial 33000"
    assert await channel.found_closed() is None
    samples = await take(channel, DISCHARGE)
    assert [(s.time_s - channel.step_began_s, s.voltage_V, s.current_A) for s in samples] == [
        (1.0, 0.2, -1e-3),
        (3.0, 0.0, -1e-3),
    ]
    assert [s.cutoff for s in samples] == [None, DISCHARGE.cutoffs[1]]
    assert fake.left == []


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (BEGIN + live(1.0, float("nan"), 0.0) + END, InvalidReading),
        (BEGIN + live(1.0, 0.1, 99.0) + END, InvalidReading),
        (BEGIN + END, InvalidReading),
        (BEGIN + live(1.0, 0.1, -1e-3) + END, InstrumentError),
        (BEGIN + b"garbage that is no packet", LinkNonsense),
        (header(1) + tracks(13, 11, 99) + END, LinkNonsense),
        (header(1) + live(1.0, 0.1, -1e-3), LinkNonsense),
        (header(2), LinkNonsense),
        (BEGIN + READINGS + header(9), LinkNonsense),
        (BEGIN + READINGS, LinkError),
        (b"", InstrumentRefused),
    ],
    ids=[
        *(
            "not a number",
            "beyond the range",
            "no reading",
            "none of the cut-offs",
            "no packet",
            "other tracks",
        ),
        *("no tracks", "no beginning", "no such state", "no end", "nothing"),
    ],
)
async def test_data_that_cannot_be_right_end_the_step(data: bytes, error: type[Exception]) -> None:
    channel, _ = played(data=data)
    await channel.connect()
    with pytest.raises(error):
        await take(channel, DISCHARGE)


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (b"error 1003", InstrumentRefused, "a global limit was reached"),
        (b"error 1005", InstrumentRefused, "aborted"),
        (b"error 7", InstrumentRefused, "unknown error"),
        (b"fine", InstrumentRefused, "no answer to it"),
    ],
)
async def test_an_end_that_is_no_success_is_told(answer: bytes, error: type[Exception], said: str) -> None:
    channel, _ = played(answer)
    await channel.connect()
    with pytest.raises(error, match=said):
        await take(channel, DISCHARGE)


@pytest.mark.parametrize(
    ("command", "data", "said"),
    [
        (b"KEITHLEY,2450,1,1", b"", "no Zahner"),
        (IDENTITY + b" binary", b"", "this is its data port"),
        (IDENTITY.replace(b"1.1.0", b"1.0.9"), b"", "too old"),
        (IDENTITY.replace(b"PP212", b"EL1002"), b"", "electronic load"),
        (IDENTITY.replace(b"PP212", b"PP999"), b"", "unknown model"),
        (IDENTITY, IDENTITY, "this is its command port"),
        (IDENTITY, IDENTITY.replace(b"33000", b"35000") + b" binary", "belongs to serial 35000"),
    ],
)
async def test_who_answers_wrongly_is_told(command: bytes, data: bytes, said: str) -> None:
    fake, clock = Potentiostat([(b"*IDN?", command)], b"", data + b"\n"), VirtualClock()
    with pytest.raises(WrongInstrument, match=said):
        await ZahnerPP2x2(Link(MemoryPort(lambda: fake, clock), clock), clock).connect()


async def test_a_reading_that_is_missing_is_flagged_and_what_came_late_is_taken() -> None:
    bulk = (
        struct.pack("<QQQ", 0xFEEDDA7A44444444, 8 + 72, 0) + READINGS[16:40] + READINGS[56:80] + READINGS[96:]
    )
    channel, _ = played(data=BEGIN + READINGS[:40] + header(3) + bulk + header(4))
    await channel.connect()
    samples = await take(channel, DISCHARGE)
    assert [round(s.time_s - channel.step_began_s, 3) for s in samples] == [1.0, 3.0]
    channel, _ = played(data=BEGIN + READINGS[:40] + READINGS[80:] + END)
    await channel.connect()
    assert [s.status for s in await take(channel, DISCHARGE)] == [0, STATUS_SAMPLES_MISSED]


# --- against the twin -------------------------------------------------------------------------------------------


class Bench:
    """Driver and twin in virtual time."""

    def __init__(self, cell: object = None) -> None:
        self.clock = VirtualClock()
        self.twin = Twin(cell or Resistor(100.0), 1)  # type: ignore[arg-type]
        self.link = Link(MemoryPort(self.twin.port, self.clock), self.clock, DRIVER.terminator)
        self.channel = ZahnerPP2x2(self.link, self.clock)


async def test_what_is_armed_already_is_not_sent_again() -> None:
    bench = Bench()
    await bench.channel.connect()
    await take(bench.channel, step(Control.CURRENT, 1e-3, TEN_SECONDS))
    sent: list[bytes] = []
    write = bench.link.port.write

    async def listen(data: bytes) -> None:
        sent.append(data)
        await write(data)

    bench.link.port.write = listen  # type: ignore[method-assign]
    await take(bench.channel, step(Control.CURRENT, -1e-3, TEN_SECONDS))
    assert sent == [b"*CLS\n", b":SESO:STAT OFF\n", b":PARA:IVAL -0.001\n", b":MEAS:POGA?\n"]


async def test_beyond_the_safety_window_the_instrument_switches_off() -> None:
    bench = Bench(RcCell(90.0, 10.0, 1e-3, 0.1))
    await bench.channel.connect()
    with pytest.raises(InstrumentRefused, match="a global limit was reached"):
        await take(bench.channel, step(Control.CURRENT, 1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 1e4)))
    assert not bench.twin.circuit_closed
    await bench.channel.make_safe()
    assert (await take(bench.channel, step(Control.REST, 0.0, TEN_SECONDS)))[-1].cutoff is TEN_SECONDS


@pytest.mark.parametrize(("value", "before_A"), [(0.3, 1e-3), (-0.2, -1e-3)])
async def test_a_falling_current_ends_a_hold_in_both_directions(value: float, before_A: float) -> None:
    bench = Bench(RcCell(90.0, 10.0, 1e-3, 1.0))
    await bench.channel.connect()
    fallen = Cutoff(Quantity.CURRENT, Side.BELOW, 1e-4)
    samples = await take(
        bench.channel, step(Control.VOLTAGE, value, fallen, Cutoff(Quantity.TIME, Side.ABOVE, 1e4))
    )
    assert samples[-1].cutoff is fallen
    assert samples[0].current_A * before_A > 0.0
    assert abs(samples[-1].current_A) == pytest.approx(1e-4, rel=1e-2)


async def test_a_rest_ends_at_a_voltage() -> None:
    bench = Bench(RcCell(90.0, 1000.0, 1e-2, 1.0))
    await bench.channel.connect()
    await take(bench.channel, step(Control.CURRENT, 1e-4, Cutoff(Quantity.TIME, Side.ABOVE, 100.0)))
    relaxed = Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.03)
    minute = Cutoff(Quantity.TIME, Side.ABOVE, 60.0)
    samples = await take(bench.channel, step(Control.REST, 0.0, relaxed, minute, every_s=0.1))
    assert samples[-1].cutoff is relaxed
    assert all(sample.current_A == 0.0 for sample in samples)


async def test_a_run_that_was_left_is_found_and_aborted() -> None:
    bench = Bench()
    await bench.channel.connect()
    samples = bench.channel.run(step(Control.CURRENT, 1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 1e4)))
    await anext(samples)
    again = ZahnerPP2x2(Link(MemoryPort(bench.twin.port, bench.clock), bench.clock), bench.clock)
    assert bench.twin.circuit_closed
    assert (await again.connect()).serial == "33000"
    assert await again.found_closed()
    assert not bench.twin.circuit_closed


async def test_making_safe_in_a_step_ends_it() -> None:
    bench = Bench()
    await bench.channel.connect()
    samples = bench.channel.run(step(Control.CURRENT, 1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 1e4)))
    await anext(samples)
    await bench.channel.make_safe()
    assert not bench.twin.circuit_closed
    with pytest.raises(Superseded):
        await anext(samples)


async def test_lost_ports_end_the_step_and_making_safe_finds_them_again() -> None:
    bench = Bench()
    await bench.channel.connect()
    samples = bench.channel.run(step(Control.CURRENT, 1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 1e4)))
    await anext(samples)
    await bench.channel.close()
    with pytest.raises(LabctlError):
        await anext(samples)
    assert bench.twin.circuit_closed, "it goes on"
    await bench.channel.make_safe()
    assert not bench.twin.circuit_closed


async def test_a_current_that_flows_on_is_told() -> None:
    bench = Bench()
    await bench.channel.connect()
    bench.twin._question = lambda header: {"*IDN": IDENTITY.decode()}.get(header, "0.5")  # type: ignore[method-assign]
    with pytest.raises(CellStateUnknown, match="a current is read"):
        await bench.channel.make_safe()


async def test_an_instrument_that_has_gone_is_told() -> None:
    clock = VirtualClock()

    def gone() -> object:
        raise ConnectionRefusedError("nobody there")

    channel = ZahnerPP2x2(Link(MemoryPort(gone, clock), clock), clock)  # type: ignore[arg-type]
    with pytest.raises(LinkLost):
        await channel.connect()
    with pytest.raises(CellStateUnknown):
        await channel.make_safe()


# --- what a primitive can say -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refused",
    [
        step(Control.POWER, 1e-3, TEN_SECONDS),
        step(Control.REST, 0.0, Cutoff(Quantity.VOLTAGE_RATE, Side.BELOW, 1e-6)),
        step(Control.REST, 0.0, Cutoff(Quantity.CHARGE, Side.ABOVE, 1.0)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.1)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.1, hold_s=3.0)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 13.0)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.ENERGY, Side.ABOVE, 1.0)),
        step(Control.VOLTAGE, 0.1, Cutoff(Quantity.CURRENT, Side.ABOVE, 1e-3)),
        step(Control.CURRENT, 1e-3, TEN_SECONDS, Cutoff(Quantity.TIME, Side.ABOVE, 5.0)),
        step(Control.CURRENT, 5e-3, TEN_SECONDS),
        step(Control.CURRENT, 1e-3, TEN_SECONDS, every_s=0.005),
        step(Control.VOLTAGE, 1.0, TEN_SECONDS),
    ],
    ids=lambda step: step.in_words(),
)
def test_what_a_primitive_cannot_say_is_refused(refused: Step) -> None:
    with pytest.raises(CannotHold):
        check_step(refused, MODELS["PP212"])


@pytest.mark.parametrize(("every_s", "period_s"), [(0.01, 0.01), (1.0, 0.1), (10.0, 1.0), (300.0, 1.0)])
def test_limits_are_looked_at_more_often_than_samples_are_kept(every_s: float, period_s: float) -> None:
    primitive = primitive_for(step(Control.REST, 0.0, TEN_SECONDS, every_s=every_s), MODELS["PP212"], 0.0)
    assert primitive.period_s == pytest.approx(period_s)
    assert float(primitive.parameters[":SESO:SFRQ"]) == pytest.approx(1.0 / period_s)


def test_samples_are_kept_on_the_grid_and_when_something_changes() -> None:
    keeping = Keeping(Sampling(10.0, voltage_change_V=0.1), 1.0)
    volts = {4.0: 0.5, 15.0: 0.0}
    kept, present = [], 0.0
    for time_s in map(float, range(1, 31)):
        present = volts.get(time_s, present)
        if keeping.keeps(Reading(time_s, present, 1e-3)):
            kept.append(time_s)
    assert kept == [1.0, 4.0, 10.0, 15.0, 20.0, 30.0]


def test_a_packet_is_recognised_by_its_head() -> None:
    packet = live(1.0, 2.0, 3.0)
    assert [packet_size(packet[:size]) for size in (0, 15, 16, 40)] == [0, 0, 40, 40]
    with pytest.raises(ValueError, match="no packet"):
        packet_size(struct.pack("<QQ", 0xFEEDDA7A22222222, 1 << 40))
    packets = Packets()
    assert packets.read(tracks(12, 13, 11)) == []
    assert packets.read(live(1.0, 2.0, 3.0)) == [Reading(2.0, 3.0, 1.0)]
    assert packets.read(header(5)) is State.ABORTED
