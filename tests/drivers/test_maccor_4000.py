"""The Maccor driver against exchanges as the help has them, and against the twin when things go wrong."""

import math
import struct
from collections.abc import Callable
from typing import Any

import pytest

from labctl.clock import VirtualClock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LabctlError,
    LinkLost,
    LinkNonsense,
    WrongInstrument,
)
from labctl.instrument.channel import Sample
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers.maccor_4000 import DRIVER, Maccor4000
from labctl_drivers.maccor_4000_models import MODELS
from labctl_drivers.maccor_4000_setup import check_step, setup_for
from labctl_drivers.maccor_4000_step import LIMITED
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.maccor_4000 import Maccor4000 as Twin
from labctl_simulators.firmware.maccor_4000 import MacNetConnection
from tests.drivers.played import Played

SAFETY = SafetyLimits(-1.0, 1.0, 5e-3)
OTHER_SAFETY = SafetyLimits(-0.5, 0.9, 4e-3)
SUSPEND, RESET, OUTPUT = (6, 3), (6, 5), (6, 8)


def lasting(duration_s: float) -> Cutoff:
    return Cutoff(Quantity.TIME, Side.ABOVE, duration_s)


def step(
    control: Control, value: float, *cutoffs: Cutoff, every_s: float = 1.0, safety: SafetyLimits = SAFETY
) -> Step:
    return Step(control, value, cutoffs, safety, Sampling(every_s))


CHARGE = step(Control.CURRENT, 1e-3, lasting(60.0))


async def take(channel: Maccor4000, what: Step) -> list[Sample]:
    return [sample async for sample in channel.run(what)]


# --- as the help has it -----------------------------------------------------------------------------------------------


def frame(*function: int, channel: int = 2, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<HHHH", *function, channel, len(data) if length is None else length) + data


def status(rf1: int, state: int, test_s: float, current_A: float, voltage_V: float) -> bytes:
    numbers = struct.pack(
        "<BBHIIHffffffQ", rf1, 192, state, 7, 0, 1, test_s, test_s, 0.0, 0.0, current_A, voltage_V, 0
    )
    return frame(4, 7, data=numbers)


def specification(*safety: float) -> bytes:
    ranges = (5.0, 0.15, 0.005, 0.00015)
    return frame(
        3,
        1,
        data=struct.pack("<21f", 0.005, 10.0, 0.0, *safety[:2], *ranges, *ranges, *safety[2:], 0, 0, 0, 0),
    )


ASK_STATUS, ASK_SPECIFICATION = frame(4, 7), frame(3, 1, length=1)
LIMITS = (4.22, 2.98, 1.02e-3, 1.02e-3, 1.02e-3 * 4.22, 1.02e-3 * 4.22)
STEP = step(Control.CURRENT, -5e-4, lasting(0.3), safety=SafetyLimits(3.0, 4.2, 1e-3))
VERSION = struct.pack("<HHBBHBBQQ", 1, 18, 2, 3, 18, 2, 3, 0, 0)
SYSTEM = struct.pack("<50sBHHHHHHI", b"Win10".ljust(50), 0, 3, 12, 1, 128, 0, 12, 0)
CONNECT = [
    (frame(0, 0, channel=37), frame(0, 0, channel=37)),
    (frame(1, 1, channel=0), frame(1, 1, channel=0, data=VERSION)),
    (frame(1, 2, channel=0), frame(1, 2, channel=0, data=SYSTEM)),
    (ASK_SPECIFICATION, specification(10.0, 0.0, 5.0, 5.0, 50.0, 50.0)),
    (ASK_STATUS, status(31, 4, 15.0, 0.0, 3.5)),
]
ARM = [
    (ASK_STATUS, status(31, 4, 15.0, 0.0, 3.5)),
    (ASK_STATUS, status(31, 4, 15.0, 0.0, 3.5)),
    (frame(6, 3), frame(6, 3)),
    (ASK_STATUS, status(31, 4, 15.0, 0.0, 3.5)),
    (frame(6, 5), frame(6, 5)),
    (ASK_STATUS, status(0, 0, 15.0, 0.0, 3.5)),
    (frame(6, 10, data=struct.pack("<6f", *LIMITS)), frame(6, 10, data=struct.pack("<6f", *LIMITS))),
    (ASK_SPECIFICATION, specification(*LIMITS)),
]
BEGIN = [
    (
        frame(
            6,
            7,
            data=b"labctl-1".ljust(25) + struct.pack("<ffffBBfff", 0.0, 0.0, -1.0, 0.0, 4, 82, 1.0, 0.0, 0.0),
        ),
        frame(6, 7, data=b"\0\0"),
    ),
    (ASK_STATUS, status(4, 12, 0.0, 0.0, 3.5)),
    (ASK_STATUS, status(4, 2, 0.1, 0.0, 3.5)),
    (ASK_STATUS, status(4, 2, 0.1, 0.0, 3.5)),
    (
        frame(6, 8, data=struct.pack("<ffffBB", 5e-4, 2.99, -1.0, 0.0, 2, 68)),
        frame(6, 8, data=b"\0\0"),
    ),
]


def played(*exchanges: tuple[bytes, bytes]) -> tuple[Maccor4000, Played]:
    fake, clock = Played([*CONNECT, *exchanges]), VirtualClock()
    link = Link(MemoryPort(lambda: fake, clock), clock, DRIVER.terminator)
    channel = Maccor4000(link, clock, address="3")
    channel.new_test = lambda: "labctl-1"  # type: ignore[method-assign]
    return channel, fake


async def test_a_step_as_the_help_has_it() -> None:
    not_yet = (ASK_STATUS, status(4, 2, 0.15, 0.0, 3.5))
    reading = (ASK_STATUS, status(2, 2, 0.2, 5e-4, 3.4))
    last = (ASK_STATUS, status(2, 2, 0.3, 5e-4, 3.3))
    channel, fake = played(*ARM, *BEGIN, not_yet, reading, last)
    identity = await channel.connect()
    assert str(identity) == "Maccor Series 4000, serial Win10, channel 3"
    assert (identity.firmware, channel.traits.model) == ("MacTest32 3.2.18", "10V")
    assert not await channel.found_closed()
    samples = await take(channel, STEP)
    assert [(s.voltage_V, s.current_A) for s in samples] == [
        (pytest.approx(3.4), pytest.approx(-5e-4)),
        (pytest.approx(3.3), pytest.approx(-5e-4)),
    ]
    assert fake.left == []


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (frame(6, 10, data=struct.pack("<6f", *LIMITS[:5], 50.0)), InstrumentRefused),
        (frame(6, 10, data=struct.pack("<6f", *LIMITS[:5], math.nan)), InvalidReading),
        (frame(6, 10, data=b"\0\0"), LinkNonsense),
        (frame(6, 10, channel=3, data=struct.pack("<6f", *LIMITS)), LinkNonsense),
        (frame(6, 9, data=struct.pack("<6f", *LIMITS)), LinkNonsense),
    ],
    ids=["another limit", "no number", "too short", "another channel", "another function"],
)
async def test_limits_that_are_not_confirmed_energise_nothing(told: bytes, error: type[LabctlError]) -> None:
    asked, _ = ARM[-2]
    channel, fake = played(*ARM[:-2], (asked, told), *[(b"never", b"")] * 9)
    await channel.connect()
    execution = channel.execution(STEP, channel.setup_for(STEP), channel.link.fence.epoch, -5e-4)
    with pytest.raises(error):
        await execution.begin(STEP)
    assert len(fake.left) == 9


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (status(30, 3, 0.2, 0.0, 3.4), "suspended"),
        (status(1, 2, 0.2, 5e-4, 3.4), "does something else"),
        (status(2, 2, 0.2, 1e-3, 3.4), "does not hold"),
    ],
    ids=["suspended", "charges", "another current"],
)
async def test_a_reading_that_does_not_fit_ends_the_step(told: bytes, said: str) -> None:
    channel, _ = played(*ARM, *BEGIN, *[(ASK_STATUS, told)] * 30)
    await channel.connect()
    with pytest.raises(InstrumentError, match=said):
        await take(channel, step(Control.CURRENT, -5e-4, lasting(20.0), safety=STEP.safety))


# --- against the twin -------------------------------------------------------------------------------------------------


class Tampered(MacNetConnection):
    """A connection on which single messages are swallowed, answered otherwise, or end it."""

    def __init__(self, twin: Twin, tamper: Callable[[bytes], bytes | None]) -> None:
        super().__init__(twin)
        self._tamper = tamper

    def receive(self, data: bytes, now_s: float) -> bytes:
        told = self._tamper(data)
        return super().receive(data, now_s) if told is None else told


class Line:
    """A driver on a twin, and what passes between them.

    Attributes:
        heard: every message.
        lost_at: numbers of the messages with which the connection is lost.
        ignored: functions that are answered with "done", and not carried out.
    """

    def __init__(self, cell: object, *, twin_watchdog_s: float = 0.0, **options: Any) -> None:
        self.heard: list[bytes] = []
        self.lost_at: set[int] = set()
        self.ignored: set[tuple[int, int]] = set()
        self.gone = False
        self.clock = VirtualClock()
        self.twin = Twin(cell, 1, watchdog_s=twin_watchdog_s)  # type: ignore[arg-type]
        port = MemoryPort(lambda: Tampered(self.twin, self._tamper), self.clock)
        self.channel = Maccor4000(Link(port, self.clock, DRIVER.terminator), self.clock, **options)

    def _tamper(self, data: bytes) -> bytes | None:
        self.heard.append(data)
        if self.gone or len(self.heard) in self.lost_at:
            raise ConnectionResetError("lost on purpose")
        function = struct.unpack("<HH", data[:4])
        return struct.pack("<HHHHH", *function, 0, 2, 0) if function in self.ignored else None

    def is_closed(self) -> bool:
        """The truth, now."""
        self.twin.live_until(self.clock.now())
        return self.twin.circuit_closed

    def outputs(self) -> int:
        """How many outputs that let a current flow have left."""
        return sum(data[:4] == struct.pack("<HH", *OUTPUT) and data[-1:] != b"R" for data in self.heard)


async def test_a_lost_connection_costs_readings_and_not_the_step() -> None:
    line = Line(RcCell(90.0, 10.0, 1e-3, 1.0))
    await line.channel.connect()
    samples = []
    async for sample in line.channel.run(CHARGE):
        if len(samples) % 7 == 3:
            line.lost_at = {len(line.heard) + 1}
        samples.append(sample)
    assert samples[-1].cutoff is CHARGE.cutoffs[0]
    assert len(samples) >= 45
    assert line.outputs() == 1
    await line.channel.make_safe()
    assert line.twin.channels[0].capacity_C == pytest.approx(0.06, rel=2e-3)
    assert not line.is_closed()


@pytest.mark.parametrize("number", range(1, 34))
async def test_wherever_a_connection_is_lost_the_circuit_can_be_opened(number: int) -> None:
    line = Line(Resistor(100.0))
    line.lost_at = {number + 6}
    await line.channel.connect()
    samples = await take(line.channel, step(Control.CURRENT, 1e-3, lasting(3.0)))
    assert samples[-1].cutoff is not None
    assert all(sample.current_A == pytest.approx(1e-3, rel=1e-2) for sample in samples)
    line.lost_at = {len(line.heard) + number % 7}
    await line.channel.make_safe()
    assert not line.is_closed()


async def test_a_tester_that_stays_away_ends_the_step_and_leaves_the_cell_unknown() -> None:
    line = Line(Resistor(100.0))
    await line.channel.connect()
    samples = line.channel.run(CHARGE)
    await anext(samples)
    line.gone = True
    with pytest.raises(LinkLost):
        [sample async for sample in samples]
    with pytest.raises(CellStateUnknown):
        await line.channel.make_safe()
    assert line.is_closed()
    line.gone = False
    await line.channel.make_safe()
    assert not line.is_closed()


async def test_a_channel_that_does_not_suspend_is_told_and_can_be_tripped() -> None:
    line = Line(Resistor(100.0))
    await line.channel.connect()
    samples = line.channel.run(CHARGE)
    await anext(samples)
    line.ignored = {SUSPEND}
    with pytest.raises(CellStateUnknown):
        await line.channel.make_safe()
    assert line.is_closed()
    await line.channel.trip()
    assert not line.is_closed()
    await samples.aclose()


async def test_a_channel_that_goes_on_whatever_it_is_told_is_told() -> None:
    line = Line(Resistor(100.0))
    await line.channel.connect()
    samples = line.channel.run(CHARGE)
    await anext(samples)
    line.ignored = {SUSPEND, RESET, OUTPUT}
    with pytest.raises(CellStateUnknown, match="goes on"):
        await line.channel.trip()
    await samples.aclose()


async def test_what_somebody_else_does_to_the_channel_ends_the_step() -> None:
    line = Line(Resistor(100.0))
    await line.channel.connect()
    samples = line.channel.run(CHARGE)
    await anext(samples)
    line.twin.channels[0].suspend()
    with pytest.raises(InstrumentError, match="suspended by an operator") as caught:
        [sample async for sample in samples]
    assert caught.value.cell == "open"
    samples = line.channel.run(CHARGE)  # what was suspended is reset first
    await anext(samples)
    line.twin.channels[0].test_name = "theirs"
    line.lost_at = {len(line.heard) + 1}
    with pytest.raises(InstrumentError, match="somebody else"):
        [sample async for sample in samples]
    await line.channel.make_safe()


async def test_the_channel_holds_the_voltage_ahead_and_trips_by_itself() -> None:
    line = Line(RcCell(90.0, 10.0, 1e-3, 0.1))
    await line.channel.connect()
    limits = line.twin.channels[0].safety
    long = step(Control.CURRENT, 1e-3, lasting(120.0), safety=SafetyLimits(-0.2, 0.3, 2e-3))
    samples = await take(line.channel, long)
    assert max(sample.voltage_V for sample in samples) < 0.312
    assert samples[-1].status == LIMITED
    assert abs(samples[-1].current_A) < 1e-4
    assert (limits.high_V, limits.low_V, limits.charge_A) == pytest.approx((0.32, -0.22, 2.04e-3))
    limits.high_V = 0.25
    with pytest.raises(InstrumentError, match="voltage safety"):
        await take(line.channel, long)
    assert not line.is_closed()


async def test_other_limits_are_armed_anew_with_the_circuit_open() -> None:
    line = Line(Resistor(100.0))
    await line.channel.connect()
    await take(line.channel, step(Control.CURRENT, 1e-3, lasting(1.0)))
    tests = len(line.twin.used_names)
    await take(line.channel, step(Control.CURRENT, -1e-3, lasting(1.0)))
    assert len(line.twin.used_names) == tests
    await take(line.channel, step(Control.CURRENT, 1e-3, lasting(1.0), safety=OTHER_SAFETY))
    assert len(line.twin.used_names) == tests + 1
    assert line.twin.channels[0].safety.high_V == pytest.approx(0.92)
    await line.channel.make_safe()


async def test_a_voltage_goes_on_as_the_current_before_it_went() -> None:
    line = Line(RcCell(90.0, 10.0, 1e-3, 0.1))
    await line.channel.connect()
    for sign in (1.0, -1.0):
        side = Side.ABOVE if sign > 0.0 else Side.BELOW
        await take(
            line.channel, step(Control.CURRENT, sign * 1e-3, Cutoff(Quantity.VOLTAGE, side, sign * 0.3))
        )
        hold = step(Control.VOLTAGE, sign * 0.3, Cutoff(Quantity.CURRENT, Side.BELOW, 2e-4), lasting(600.0))
        samples = await take(line.channel, hold)
        assert samples[-1].cutoff is hold.cutoffs[0]
        assert sign * samples[0].current_A > 5e-4
    await line.channel.make_safe()


async def test_inspecting_tells_what_limits_it() -> None:
    line = Line(Resistor(100.0))
    await line.channel.connect()
    state, limits, test = await line.channel.inspect()
    assert "available" in state
    assert "-5 V to 5 V, 5 A charging" in limits
    assert test == "its latest test is none"


# --- the watchdog -----------------------------------------------------------------------------------------------------


async def test_a_watchdog_that_the_tester_does_not_have_is_refused_before_a_current_flows() -> None:
    line = Line(Resistor(100.0), watchdog_s=10.0)
    await line.channel.connect()
    with pytest.raises(InstrumentError, match="MacNetDirectModeWD=10"):
        await take(line.channel, CHARGE)
    assert line.outputs() == 0
    await line.channel.make_safe()


async def test_with_a_watchdog_a_silent_computer_opens_the_circuit() -> None:
    line = Line(Resistor(100.0), twin_watchdog_s=10.0, watchdog_s=10.0)
    await line.channel.connect()
    assert line.channel.traits.host_silence is not None
    samples = line.channel.run(step(Control.CURRENT, 1e-3, lasting(3600.0)))
    for _ in range(100):
        await anext(samples)
    assert line.is_closed()
    await line.clock.sleep_until(line.clock.now() + 9.0)
    assert line.is_closed()
    await line.clock.sleep_until(line.clock.now() + 2.0)
    assert not line.is_closed()
    with pytest.raises(InstrumentError, match="watchdog"):
        [sample async for sample in samples]


async def test_only_completed_ticks_feed_the_watchdog() -> None:
    line = Line(Resistor(100.0), twin_watchdog_s=10.0, watchdog_s=10.0)
    await line.channel.connect()
    line.channel.feed()
    with pytest.raises(InstrumentError, match="watchdog"):
        await take(line.channel, CHARGE)
    assert not line.is_closed()


async def test_samples_too_rare_for_the_watchdog_are_refused() -> None:
    line = Line(Resistor(100.0), watchdog_s=10.0)
    with pytest.raises(CannotHold, match="at least every"):
        line.channel.run(step(Control.CURRENT, 1e-3, lasting(60.0), every_s=5.0))
    with pytest.raises(CannotHold, match="3600"):
        Line(Resistor(100.0), watchdog_s=1.0)


# --- what is refused --------------------------------------------------------------------------------------------------


async def test_a_channel_that_is_not_there_or_another_model_is_refused_with_what_there_is() -> None:
    clock = VirtualClock()
    for options, count, said in (
        ({"address": "3"}, 2, "the tester has 1 to 2"),
        ({"address": "1a"}, 1, "no channel 1a"),
        ({}, 2, "2 channels, write an `address`"),
        ({"model": "10V"}, 1, "write `model: bipolar-5V`"),
    ):
        twin = Twin(Resistor(100.0), channels=count)
        link = Link(MemoryPort(twin.port, clock), clock, DRIVER.terminator)
        with pytest.raises(WrongInstrument, match=said):
            await Maccor4000(link, clock, **options).connect()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "refused",
    [
        step(Control.CURRENT, 6e-3, lasting(1.0)),
        step(Control.CURRENT, math.nan, lasting(1.0)),
        step(Control.CURRENT, 0.0, lasting(1.0)),
        step(Control.VOLTAGE, 1.1, lasting(1.0)),
        step(Control.VOLTAGE, -0.1, lasting(1.0)),
        step(Control.CURRENT, -1e-3, Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.1)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 5.0)),
        step(Control.SCAN, 0.0, lasting(1.0)),
    ],
    ids=lambda what: f"{what.control} {what.value:g}",
)
def test_what_a_unipolar_channel_cannot_hold_is_refused(refused: Step) -> None:
    with pytest.raises(CannotHold):
        check_step(refused, DRIVER.traits["5V"])


def test_the_limits_stay_within_the_channel_and_beyond_the_cut_offs() -> None:
    above = Cutoff(Quantity.VOLTAGE, Side.ABOVE, 4.1)
    setup = setup_for(
        step(Control.CURRENT, 2e-3, above, safety=SafetyLimits(-1.0, 9.0, 3.0)), MODELS["5V"], ""
    )
    assert (setup.limits.high_V, setup.limits.low_V) == (5.0, 0.0)
    assert (setup.highest_V, setup.lowest_V) == (pytest.approx(4.11), 0.0)
    output = setup.output(2e-3)
    assert (output.mode, output.range_number) == ("C", 2)
    assert setup.output(-0.1).range_number == 3
    assert setup.output(0.0).mode == "R"
