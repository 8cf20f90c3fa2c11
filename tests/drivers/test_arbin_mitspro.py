"""The Arbin driver against frames of a real MITS Pro, and against the twin when things go wrong.

The captures are those that pycti-arbin 0.0.13 keeps in its tests; long runs of zeros are counted here, not written.
"""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.clock import VirtualClock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    LinkLost,
    LinkNonsense,
    LinkTimeout,
    WrongInstrument,
)
from labctl.instrument.channel import Sample
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers import arbin_mitspro_cti as cti
from labctl_drivers.arbin_mitspro import DRIVER, ArbinMitsPro
from labctl_drivers.arbin_mitspro_models import MODELS
from labctl_drivers.arbin_mitspro_step import check_step, mark, variables_of, why_ended
from labctl_drivers.programmed_step import End
from labctl_simulators.cells import Cell
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.arbin_channel import IDLE, PAUSED, ArbinChannel
from labctl_simulators.firmware.arbin_mitspro import ArbinMitsPro as Twin
from labctl_simulators.firmware.arbin_mitspro import CtiConnection
from tests.drivers.played import Played

SAFETY = SafetyLimits(-1.0, 1.0, 5e-3)
TEN_SECONDS = Cutoff(Quantity.TIME, Side.ABOVE, 10.0)
HEAD = bytes.fromhex("dddddddddddddd11")


def utf16(text: str, size: int) -> bytes:
    return text.encode("utf-16-le").ljust(size, b"\0")


def checked(data: bytes) -> bytes:
    return data + (sum(data) & 0xFFFF).to_bytes(2, "little")


def step(control: Control, value: float, *cutoffs: Cutoff, every_s: float = 1.0) -> Step:
    return Step(control, value, cutoffs, SAFETY, Sampling(every_s))


# --- captures ---------------------------------------------------------------------------------------------------

LOGIN = (
    HEAD
    + bytes.fromhex("4a000000 0100abee 00000000")
    + b"admin".ljust(32, b"\0")
    + b"000000".ljust(32, b"\0")
)
INFO_13 = HEAD + bytes.fromhex("32000000 0300abee 00000000 0d000100 00000000") + bytes(32) + b"\xf8\x07"
STOP_13 = HEAD + bytes.fromhex("74000000 010031bb 00000000 0d000000 00") + bytes(101) + b"\x8a\x07"
START_13 = (
    HEAD
    + bytes.fromhex("a0000000 040032bb 00000000")
    + utf16("sample_test_name", 144)
    + bytes.fromhex("01000000 0d00 5c0e")
)
STOPPED_13 = HEAD + bytes.fromhex("80000000 010013bb 00000000 0d000000 00") + bytes(101) + b"\x78\x07"
NOTE = (
    b"LBT21084  16 Channels\r\n\r\nCurrent: 60A,5A,500mA,20mA\r\nVolrage: 0V to 5V \r\n\r\n16 Ch Aux T-Couple Type T"
    b"\r\n\r\n16 Ch Aux Voltage -5V to 5V\r\n\r\nTCP/IP\r\n\r\nUpgrade to MITS8"
)
LOGGED_IN = (
    HEAD
    + bytes.fromhex("e6210000 0100baee 00000000 01000000 03031f51")
    + b"207855".ljust(16, b"\0")
    + NOTE.ljust(256, b"\0")
    + bytes(4 * 2048 + 128 + 32)
    + bytes.fromhex("f0d27800 01000000 01000000 10000000 00000000 00000000 1037")
)
RESTING_13 = (
    HEAD
    + bytes.fromhex("f3060000 0300baee 00000000 01000000 0d000000 0400 00")
    + utf16("Rest+207855.sdx", 400)
    + utf16("0", 144)
    + b"N/A".ljust(100, b"\0")
    + b"[1] 1: Step_A, Rest".ljust(64, b"\0")
    + bytes(144 + 400 + 400)
    + bytes.fromhex("0d00 637fd93d79580440 637fd93d79580440 b8365d40")
    + bytes(11 * 4 + 28)
    + b"\xad\x1b"
)


def test_requests_are_what_the_manual_and_another_client_send() -> None:
    assert cti.login("admin", "000000") == LOGIN + b"\x29\x0b"
    assert cti.info(13) == INFO_13
    assert cti.stop(13) == STOP_13
    assert cti.start(13, "sample_test_name") == START_13
    assigned = cti.assign(13, "Rest+207855.sdx", "")
    assert assigned[:25] == HEAD + bytes.fromhex("93020000 010021bb 00000000 0d000000 00")
    assert (len(assigned), assigned[25:425]) == (671, utf16("Rest+207855.sdx", 400))
    assert cti.jump(13, 4)[12:28] == bytes.fromhex("050032bb 00000000 04000000 0d000000")
    assert (
        cti.update(13, (0.2,))[12:]
        == bytes.fromhex("020015bb 00000000 0d000000")
        + bytes(18)
        + bytes.fromhex("0d00 3400 cdcc4c3e")
        + cti.update(13, (0.2,))[-2:]
    )


def test_feedback_of_a_real_cycler_is_read() -> None:
    assert (len(LOGGED_IN), cti.frame_size(LOGGED_IN[:40])) == (8678, 8678)
    assert cti.read_login(cti.arguments_of(LOGGED_IN, cti.LOGIN_FEEDBACK)) == cti.Login(1, "207855", 1, 16)
    assert cti.read_result(cti.arguments_of(STOPPED_13, cti.STOP_FEEDBACK), 13) == 0
    info = cti.read_info(cti.arguments_of(RESTING_13, cti.INFO_FEEDBACK), 13)
    assert (info.status, info.lost, info.schedule, info.test) == ("Rest", False, "Rest+207855.sdx", "0")
    assert (info.step, info.label, info.exit) == (1, "Step_A", "N/A")
    assert (info.test_s, info.step_s) == (pytest.approx(2.5432, abs=1e-4),) * 2
    assert (info.voltage_V, info.current_A) == (3.4564647674560547, 0.0)


@pytest.mark.parametrize("at", [14, 30, 600, 1690, 1702, 1778])
def test_a_damaged_frame_is_none(at: int) -> None:
    damaged = bytearray(RESTING_13)
    damaged[at] ^= 1
    with pytest.raises(ValueError, match=r"the checksum|in place of"):
        cti.arguments_of(bytes(damaged), cti.INFO_FEEDBACK)


@given(st.integers(0, len(RESTING_13)))
def test_the_size_of_a_frame_does_not_depend_on_how_much_has_come(cut: int) -> None:
    assert cti.frame_size(RESTING_13[:cut]) in ((0,) if cut < 12 else (1779,))
    spoofed = checked(RESTING_13[:-2] + bytes(2))  # as ArbinSpoofer counts
    assert cti.frame_size(spoofed) == len(spoofed)
    assert cti.read_info(cti.arguments_of(spoofed, cti.INFO_FEEDBACK), 13).label == "Step_A"


class Captured(Played):
    """Plays frames, whatever is asked."""

    def receive(self, data: bytes, now_s: float) -> bytes:
        return self.left.pop(0)[1] if self.left else b""


def played(*answers: bytes, address: str = "14") -> ArbinMitsPro:
    clock, fake = VirtualClock(), Captured((b"", answer) for answer in answers)
    return ArbinMitsPro(
        Link(MemoryPort(lambda: fake, clock), clock, DRIVER.terminator), clock, address=address
    )


async def test_it_connects_to_a_cycler_that_answers_like_a_real_one() -> None:
    channel = played(LOGGED_IN, RESTING_13)
    assert str(await channel.connect()) == "Arbin MSTAT-10V1A, serial 207855 channel 14"
    assert not await channel.found_closed()


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ([STOPPED_13], LinkNonsense, "BB130001 in place of EEBA0001"),
        ([LOGGED_IN, RESTING_13 + b"\x00"], LinkNonsense, "more than one frame"),
        ([LOGGED_IN[:-1] + b"\x38"], LinkTimeout, "feedback of MITS Pro"),
        ([LOGGED_IN, b"HTTP/1.1 400"], LinkNonsense, "no frame of CTI begins so"),
        ([LOGGED_IN, HEAD + b"\xff\xff\xff\x7f" + bytes(20)], LinkNonsense, "a frame of 2147483647 bytes"),
        (
            [LOGGED_IN, checked(HEAD + bytes.fromhex("1a0000000300baee0000000000000000"))],
            LinkNonsense,
            "no such channel",
        ),
    ],
    ids=["of a stop", "too much", "damaged", "another server", "endless", "no channel"],
)
async def test_what_is_no_right_feedback_is_refused(
    answers: list[bytes], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await played(*answers).connect()


async def test_a_channel_that_is_not_there_and_a_user_that_is_not_known_are_refused() -> None:
    for address in ("17", "0", "x"):
        with pytest.raises(WrongInstrument, match="the cycler has channels 1 to 16"):
            await played(LOGGED_IN, address=address).connect()
    clock = VirtualClock()
    link = Link(MemoryPort(Twin(Resistor(100.0)).port, clock), clock, DRIVER.terminator)
    with pytest.raises(InstrumentRefused, match="does not accept the user nobody"):
        await ArbinMitsPro(link, clock, user="nobody").connect()


# --- against the twin -------------------------------------------------------------------------------------------


class Flaky(CtiConnection):
    """A connection that is lost with every ``nth`` request, and on which feedback may be changed."""

    asked = 0
    nth = 0
    change: Callable[[bytes], bytes] = staticmethod(lambda feedback: feedback)

    def receive(self, data: bytes, now_s: float) -> bytes:
        Flaky.asked += 1
        if Flaky.nth and Flaky.asked % Flaky.nth == 0:
            raise ConnectionResetError("lost on purpose")
        return Flaky.change(super().receive(data, now_s))


def on_twin(cell: Cell, **options: str) -> tuple[ArbinMitsPro, Twin, VirtualClock]:
    Flaky.asked, Flaky.nth, Flaky.change = 0, 0, staticmethod(lambda feedback: feedback)
    twin, clock = Twin(cell, 1), VirtualClock()
    link = Link(MemoryPort(lambda: Flaky(twin), clock), clock, DRIVER.terminator)
    return ArbinMitsPro(link, clock, **options), twin, clock


async def take(channel: ArbinMitsPro, what: Step) -> list[Sample]:
    return [sample async for sample in channel.run(what)]


def charging() -> RcCell:
    """0.1 V at once and 1 mV/s from then on at 1 mA."""
    return RcCell(90.0, 10.0, 1e-3, 1.0)


async def test_a_run_is_one_test_whose_steps_end_at_their_cut_offs() -> None:
    channel, twin, _ = on_twin(charging())
    await channel.connect()
    high, low = Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.2), Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.2)
    up = await take(channel, step(Control.CURRENT, 1e-3, high, low))
    hold = await take(channel, step(Control.VOLTAGE, 0.2, Cutoff(Quantity.CURRENT, Side.BELOW, 1e-4)))
    rest = await take(channel, step(Control.REST, 0.0, TEN_SECONDS))
    charge = Cutoff(Quantity.CHARGE, Side.ABOVE, 0.036)
    down = await take(channel, step(Control.CURRENT, -1e-3, low, charge))
    assert (up[-1].cutoff, up[-1].current_A) == (high, pytest.approx(1e-3, rel=1e-4))
    assert 0.2 <= up[-1].voltage_V < 0.2005
    assert hold[-1].current_A == pytest.approx(1e-4, rel=1e-2)
    assert rest[-1].time_s - rest[0].time_s == pytest.approx(10.0, abs=1e-2)
    assert down[-1].cutoff is charge
    assert down[-1].time_s - down[0].time_s == pytest.approx(36.0, abs=2e-2)
    times = [sample.time_s for sample in (*up, *hold, *rest, *down)]
    assert times == sorted(set(times))
    assert len(twin.channels[0].test_names) == 1
    await channel.make_safe()
    assert twin.channels[0].status == IDLE


async def test_a_lost_connection_costs_samples_but_not_the_end_of_a_step() -> None:
    channel, _, _ = on_twin(charging())
    await channel.connect()
    samples = []
    async for sample in channel.run(step(Control.CURRENT, 1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 60.0))):
        samples.append(sample)
        Flaky.nth = 5
    assert Flaky.asked > 100
    assert samples[-1].time_s - channel.step_began_s == pytest.approx(60.0, abs=1e-3)
    assert samples[-1].voltage_V == pytest.approx(0.16, abs=1e-3)
    Flaky.nth = 0
    other = step(Control.CURRENT, -1e-3, TEN_SECONDS)
    running = channel.run(other)
    await anext(running)
    Flaky.nth = 1
    with pytest.raises(LinkLost):
        [sample async for sample in running]
    Flaky.nth = 0
    await channel.make_safe()


async def test_what_the_cycler_does_not_show_begins_nothing_unless_that_is_accepted() -> None:
    def forgets(feedback: bytes) -> bytes:
        if feedback[12:16] != bytes.fromhex("030031cd"):
            return feedback
        return checked(feedback[:1144] + bytes(64) + feedback[1208:-2])

    charge = step(Control.CURRENT, 1e-3, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.15), TEN_SECONDS)
    channel, twin, _ = on_twin(charging())
    await channel.connect()
    Flaky.change = staticmethod(forgets)
    with pytest.raises(InstrumentRefused, match="`read_back: no` believes"):
        await take(channel, charge)
    assert not twin.circuit_closed
    channel, twin, _ = on_twin(charging(), read_back="no")
    await channel.connect()
    Flaky.change = staticmethod(forgets)
    samples = await take(channel, charge)
    assert samples[-1].cutoff is TEN_SECONDS
    assert (samples[-2].voltage_V, samples[-2].current_A) == pytest.approx((0.11, 1e-3), abs=2e-3)
    assert samples[-1].current_A == 0.0  # read afterwards
    long = step(Control.CURRENT, 1e-3, charge.cutoffs[0])
    assert (await take(channel, long))[-1].cutoff is charge.cutoffs[0]


ENDLESS = step(Control.CURRENT, 1e-3, Cutoff(Quantity.TIME, Side.ABOVE, 1e5))


async def test_a_limit_of_the_safety_window_ends_the_step_with_an_error() -> None:
    channel, twin, _ = on_twin(charging())
    await channel.connect()
    with pytest.raises(InstrumentError, match="protected the cell"):
        await take(channel, ENDLESS)
    assert not twin.circuit_closed
    assert twin.channels[0].shown.voltage_V < 1.0


@pytest.mark.parametrize(
    ("meddle", "said"),
    [
        (ArbinChannel.stop, "was stopped"),
        (lambda channel: setattr(channel, "test_name", "mine"), "somebody else uses it"),
        (lambda channel: setattr(channel, "status", PAUSED), "was stopped"),
        (lambda channel: channel.jump(0), "has not kept the end of the step"),
    ],
    ids=["stop", "another test", "pause", "jump"],
)
async def test_what_somebody_else_does_ends_the_step_with_an_error(
    meddle: Callable[[ArbinChannel], None], said: str
) -> None:
    channel, twin, clock = on_twin(charging())
    await channel.connect()
    running = channel.run(ENDLESS)
    await anext(running)
    await clock.sleep_until(clock.now() + 5.0)
    twin.channels[0].live_until(clock.now())
    meddle(twin.channels[0])
    with pytest.raises(InstrumentError, match=said):
        [sample async for sample in running]


async def test_a_cycler_that_cannot_be_reached_is_neither_read_nor_safe() -> None:
    channel, twin, _ = on_twin(charging())
    await channel.connect()
    running = channel.run(step(Control.CURRENT, 1e-3, TEN_SECONDS))
    await anext(running)
    twin.channels[0].comm_failure = True
    with pytest.raises(InvalidReading, match="cannot reach its cycler"):
        await anext(running)
    with pytest.raises(CellStateUnknown, match="cannot reach its cycler"):
        await channel.make_safe()
    twin.channels[0].comm_failure = False
    await channel.make_safe()


async def test_a_schedule_that_is_another_or_is_missing_is_refused_without_a_current() -> None:
    for name, read_back, said in (
        ("Rest.sdx", "yes", "has other steps"),
        ("Rest.sdx", "no", "does not wait in its step Wait"),
        ("None.sdx", "yes", "there is no schedule of that name"),
    ):
        channel, twin, _ = on_twin(charging(), schedule=name, read_back=read_back)
        await channel.connect()
        with pytest.raises(InstrumentRefused, match=said):
            await take(channel, step(Control.CURRENT, 1e-3, TEN_SECONDS))
        assert twin.channels[0].status == IDLE
        assert bool(twin.channels[0].test_names) == (read_back == "no")
    channel, _, _ = on_twin(charging(), user="viewer")
    await channel.connect()
    with pytest.raises(InstrumentRefused, match="this user may not control"):
        await take(channel, step(Control.CURRENT, 1e-3, TEN_SECONDS))


async def test_another_cycler_at_the_same_address_is_not_taken_for_the_first() -> None:
    channel, _, _ = on_twin(charging())
    await channel.connect()
    running = channel.run(step(Control.CURRENT, 1e-3, TEN_SECONDS))
    await anext(running)

    def another(feedback: bytes) -> bytes:
        if feedback[12:16] != bytes.fromhex("0100baee"):
            return feedback
        return checked(feedback[:28] + b"999".ljust(16, b"\0") + feedback[44:-2])

    Flaky.change, Flaky.nth = staticmethod(another), 3
    with pytest.raises(LinkError):
        [sample async for sample in running]


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
def test_the_labels_of_a_schedule_are_found_in_order(encoding: str) -> None:
    labels = ("Wait", "Rest", "Hold")
    strings = [struct.pack("<I", len(text)) + text.encode(encoding) for text in ("Rest 5", *labels)]
    body = struct.pack("<IIIII", 1, 13, 35, 1, 3) + bytes(464) + b"".join(strings)
    assert cti.read_plan(body, 13, labels)
    assert not cti.read_plan(body, 13, ("Wait", "Hold", "Rest"))
    assert not cti.read_plan(body, 13, ("Wait", "Rest"))
    with pytest.raises(ValueError, match="in place of 12"):
        cti.read_plan(body, 12, labels)


# --- what the variables say ---------------------------------------------------------------------------------------


def test_the_variables_of_a_step() -> None:
    cutoffs = (
        Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.9),
        Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.9),
        Cutoff(Quantity.CHARGE, Side.ABOVE, 3.6),
    )
    said = variables_of(Step(Control.CURRENT, -1.131e-4, cutoffs, SAFETY, Sampling(10.0)), 0.0, 7)
    assert said[0] == pytest.approx(-1.131e-4)
    assert said[2:6] == pytest.approx((1e9, 0.9, -0.9, 1e-3))
    assert said[3] >= 0.9
    assert said[4] <= -0.9
    assert said[6:8] == (-1.0, 1.0)
    assert said[8:13] == pytest.approx((1.0, -1.0, 5e-3, -5e-3, 10.0))
    assert said[13:] == (mark(7),) * 3 == (-1007.0,) * 3
    assert all(struct.unpack("<f", struct.pack("<f", value)) == (value,) for value in said)


def test_a_voltage_is_approached_charging_or_discharging_with_less_than_the_safety_current() -> None:
    what = step(Control.VOLTAGE, 0.2, Cutoff(Quantity.CURRENT, Side.BELOW, 1e-5))
    for before_V, sign in ((0.1, 1.0), (0.3, -1.0)):
        said = variables_of(what, before_V, 1)
        assert (said[0], said[1]) == pytest.approx((0.2, sign * 4.95e-3))
        assert said[6:8] == pytest.approx((1e-5, -1e-5))


def test_an_end_that_was_not_seen_is_believed_only_where_it_can_be_no_other() -> None:
    high, low = Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.2), Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.2)
    unseen = End(5.0, 0.1, 0.0, 1e-3)
    assert why_ended(step(Control.CURRENT, 1e-3, high, TEN_SECONDS), unseen, kept=False) is high
    assert why_ended(step(Control.CURRENT, 1e-3, high, low), unseen, kept=False) is None
    assert why_ended(step(Control.CURRENT, 1e-3, high), End(5.0, 0.1, 1e-3, 1e-3), kept=True) is None


@pytest.mark.parametrize(
    "refused",
    [
        step(Control.POWER, 1e-3, TEN_SECONDS),
        step(Control.RESISTANCE, 100.0, TEN_SECONDS),
        step(Control.REST, 0.0, Cutoff(Quantity.VOLTAGE_RATE, Side.BELOW, 1e-6)),
        step(Control.REST, 0.0, Cutoff(Quantity.CHARGE, Side.ABOVE, 1.0)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.1, hold_s=3.0)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 11.0)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.ENERGY, Side.ABOVE, 1.0)),
        step(Control.CURRENT, 1e-3, Cutoff(Quantity.CURRENT, Side.BELOW, 1e-4)),
        step(Control.VOLTAGE, 0.1, Cutoff(Quantity.CURRENT, Side.ABOVE, 1e-3)),
        step(Control.VOLTAGE, 0.1, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.2)),
        step(Control.CURRENT, 1e-3, TEN_SECONDS, Cutoff(Quantity.TIME, Side.ABOVE, 5.0)),
        step(Control.CURRENT, 6e-3, TEN_SECONDS),
        step(Control.CURRENT, 1e-3, TEN_SECONDS, every_s=0.1),
        step(Control.VOLTAGE, 1.5, TEN_SECONDS),
    ],
    ids=lambda step: step.in_words(),
)
def test_what_the_variables_cannot_say_is_refused(refused: Step) -> None:
    with pytest.raises(CannotHold):
        check_step(refused, MODELS["MSTAT-10V1A"])


def test_a_channel_that_begins_at_0_v_refuses_what_is_below() -> None:
    below = step(Control.CURRENT, -1e-3, Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.1))
    check_step(below, MODELS["MSTAT-10V1A"])
    with pytest.raises(CannotHold, match="goes from 0 V to 5 V"):
        check_step(below, MODELS["LBT-5V5A"])
