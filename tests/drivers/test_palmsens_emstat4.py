"""The driver against transcripts: what it sends, what it makes of the answers, and what it does when they fail."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from labctl.clock import VirtualClock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    LinkNonsense,
    LinkTimeout,
    Superseded,
    WrongInstrument,
)
from labctl.instrument.channel import Channel, Sample
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers.palmsens_emstat4 import (
    DRIVER,
    STATUS_CLOCKS_DISAGREE,
    STATUS_SAMPLES_MISSED,
    PalmSensEmStat4,
)
from tests.drivers.palmsens_transcript import (
    ABORT_IDLE,
    IDENTIFY,
    LOST,
    MAKE_SAFE,
    OFF,
    PROOF,
    SCRIPT,
    Transcript,
    pack,
    package,
)

SAFETY = SafetyLimits(-1.0, 1.0, 1e-3)
CHARGE = Cutoff(Quantity.CHARGE, Side.ABOVE, 3e-3)
STEP = Step(
    Control.CURRENT, 100e-6, (CHARGE, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.9)), SAFETY, Sampling(10.0)
)
GEIS = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 10e-6, 0.0, 100.0, 1.0, 1, SAFETY)

STARTED = b"e\nL\nM000A\n"
# A charge of 3 mC at 100 uA: readings at 10 s and 20 s, the last at 30 s; condition 3 is the known end.
FIRST = (10.0, package(10.0, 0.1, 1e-4))
SECOND = (20.0, package(20.0, 0.2, 1e-4))
LAST = (30.0, b"*\n" + package(30.0, 0.3, 1e-4, mark=3) + b"+\n\n")
PROVE_IDENTITY = (b"i\n", b"iES4HR0042\n")
WHOLE_STEP = (SCRIPT, STARTED, (FIRST, SECOND, LAST))


def channel(transcript: Transcript) -> PalmSensEmStat4:
    clock = VirtualClock()
    return PalmSensEmStat4(Link(MemoryPort(lambda: transcript, clock), clock), clock)


async def connected(*exchanges: tuple[object, ...], chunk: int = 0) -> tuple[PalmSensEmStat4, Transcript]:
    transcript = Transcript(*IDENTIFY, *exchanges, chunk=chunk)
    driver = channel(transcript)
    await driver.connect()
    return driver, transcript


async def everything(items: AsyncIterator[Sample]) -> list[Sample]:
    return [item async for item in items]


def test_it_is_found_as_a_driver() -> None:
    made: Channel = DRIVER.open(Link(MemoryPort(Transcript, VirtualClock()), VirtualClock()), VirtualClock())
    assert made.traits is next(iter(DRIVER.traits.values()))
    assert all(traits.impedance is not None and traits.autonomous for traits in DRIVER.traits.values())


@pytest.mark.parametrize("chunk", [0, 1, 3])
async def test_connecting_asks_who_it_is_and_energises_nothing(chunk: int) -> None:
    transcript = Transcript(*IDENTIFY, chunk=chunk)
    driver = channel(transcript)
    identity = await driver.connect()
    assert (identity.model, identity.serial) == ("EmStat4 HR", "ES4HR0042")
    assert identity.firmware == "1.4.00 R (Oct  1 2026 12:00:00), MethodSCRIPT 1.8"
    assert transcript.sent == [b"\n", b"Z\n", b"t\n", b"CM\n", b"i\n", b"v\n"]


async def test_a_script_that_was_left_running_is_aborted_at_connection() -> None:
    running = [(b"\n", b""), (b"Z\n", package(5.0, 0.1, 1e-4) + b"Z\n*\n+\n\n")]
    transcript = Transcript(*running, *IDENTIFY[2:])
    await channel(transcript).connect()
    assert transcript.done()


async def test_firmware_that_does_not_tell_its_capabilities_is_accepted() -> None:
    exchanges = [(sent, b"CM!0003\n" if sent == b"CM\n" else answer) for sent, answer in IDENTIFY]
    await channel(Transcript(*exchanges)).connect()


async def test_the_model_that_answers_decides_what_can_be_held() -> None:
    exchanges = [(sent, answer.replace(b"es4_hr", b"nexus1")) for sent, answer in IDENTIFY]
    driver = channel(Transcript(*exchanges))
    await driver.connect()
    assert driver.traits is DRIVER.traits["nexus1"]


@pytest.mark.parametrize(
    ("sent", "answer", "error", "words"),
    [
        (b"t\n", b"tespico1600#Jan  1 2026 12:00:00\nR*\n", WrongInstrument, "no galvanostat"),
        (b"t\n", b"tespbl1600#Jan  1 2026 12:00:00\nR*\n", WrongInstrument, "unknown model"),
        (b"t\n", b"tes9_xx1600#Jan  1 2026 12:00:00\nR*\n", WrongInstrument, "unknown model"),
        (b"t\n", b"tKEITHLEY INSTRUMENTS\nMODEL 2450\n", WrongInstrument, "not how a PalmSens"),
        (b"t\n", b"KEITHLEY\n", LinkNonsense, "not an answer"),
        (b"t\n", b"t!0003\n", InstrumentRefused, "not known"),
        (b"t\n", b"", LinkTimeout, "no answer in time"),
        (b"Z\n", b"", LinkTimeout, "no answer in time"),
        (b"CM\n", b"CM1\n", WrongInstrument, "meas_loop_geis"),
        (b"CM\n", b"CMxyz\n", LinkNonsense, "not a number"),
    ],
)
async def test_another_instrument_is_refused(
    sent: bytes, answer: bytes, error: type[Exception], words: str
) -> None:
    exchanges = [(s, answer if s == sent else a) for s, a in IDENTIFY]
    with pytest.raises(error, match=words):
        await channel(Transcript(*exchanges)).connect()


@pytest.mark.parametrize("chunk", [0, 1, 7])
async def test_a_step_yields_its_readings_and_says_what_ended_it(chunk: int) -> None:
    driver, transcript = await connected(WHOLE_STEP, chunk=chunk)
    samples = await everything(driver.run(STEP))
    began_s = driver.step_began_s
    assert [(s.time_s - began_s, s.voltage_V, s.current_A) for s in samples] == [
        pytest.approx((10.0, 0.1, 1e-4)),
        pytest.approx((20.0, 0.2, 1e-4)),
        pytest.approx((30.0, 0.3, 1e-4)),
    ]
    assert [s.cutoff for s in samples] == [None, None, CHARGE]
    assert {s.status for s in samples} == {0}
    assert transcript.done()


async def test_merged_lines_and_a_line_sent_twice_make_no_difference() -> None:
    merged = (12.0, FIRST[1] + FIRST[1] + SECOND[1] + LAST[1])
    driver, _ = await connected((SCRIPT, STARTED, (merged,)))
    samples = await everything(driver.run(STEP))
    assert [s.voltage_V for s in samples] == [0.1, 0.2, 0.3]


async def test_the_instruments_status_is_passed_on() -> None:
    overload = (20.0, SECOND[1].replace(b",10,218", b",12,218"))
    driver, _ = await connected((SCRIPT, STARTED, (FIRST, overload, LAST)))
    assert [s.status for s in await everything(driver.run(STEP))] == [0, 2, 0]


async def test_a_missing_reading_is_told_in_the_next() -> None:
    driver, _ = await connected((SCRIPT, STARTED, (FIRST, LAST)), PROVE_IDENTITY)
    assert [s.status for s in await everything(driver.run(STEP))] == [0, STATUS_SAMPLES_MISSED]


async def test_clocks_that_disagree_are_told() -> None:
    late = (16.5, package(20.0, 0.2, 1e-4))
    driver, _ = await connected((SCRIPT, STARTED, (FIRST, late, LAST)))
    assert [s.status for s in await everything(driver.run(STEP))] == [0, STATUS_CLOCKS_DISAGREE, 0]


@pytest.mark.parametrize(
    ("reading", "error"),
    [
        (b"PebA625A00u;ab     nan,10,206;ba84C4B40n,10,218\n", InvalidReading),
        (package(20.0, 9.9, 1e-4), InvalidReading),
        (package(20.0, 0.1, 0.9), InvalidReading),
        (package(5.0, 0.1, 1e-4), InvalidReading),
        (b"Pda83\n", LinkNonsense),
        (b"garbage\n", LinkNonsense),
        (b"\n", InstrumentError),
    ],
)
async def test_what_is_no_reading_ends_the_step_with_an_error(reading: bytes, error: type[Exception]) -> None:
    driver, _ = await connected((SCRIPT, STARTED, (FIRST, (20.0, reading))))
    with pytest.raises(error):
        await everything(driver.run(STEP))


async def test_a_safety_limit_in_the_script_is_a_fault_not_a_cutoff() -> None:
    driver, transcript = await connected(
        (SCRIPT, STARTED, ((3.0, package(3.0, 1.01, 1e-4, mark=2) + b"+\n\n"),))
    )
    step = driver.run(STEP)
    last = await anext(step)
    assert (last.voltage_V, last.cutoff) == (1.01, None)
    with pytest.raises(InstrumentError, match="safety limit"):
        await anext(step)
    assert transcript.done()


@pytest.mark.parametrize("blank", [b"", b"\n"])
async def test_after_a_run_time_error_a_script_of_its_own_opens_the_circuit(blank: bytes) -> None:
    error = (12.0, b"!0032: Line 30\n" + blank)
    driver, transcript = await connected((SCRIPT, STARTED, (FIRST, error)), (OFF, b"e\n\n"))
    with pytest.raises(InstrumentRefused, match=r"0032: critical overload .*\(Line 30\).* the cell: open"):
        await everything(driver.run(STEP))
    assert transcript.done()


async def test_if_that_fails_too_nobody_knows_the_state_of_the_circuit() -> None:
    driver, _ = await connected(
        (SCRIPT, STARTED, ((12.0, b"!0032: Line 30\n"),)), (OFF, b"e\n!0001: Line 2\n")
    )
    with pytest.raises(CellStateUnknown):
        await everything(driver.run(STEP))


async def test_a_script_that_is_refused_when_loaded_is_told_with_the_place() -> None:
    driver, transcript = await connected((SCRIPT, b"e!4005: Line 9, Col 1\n"))
    with pytest.raises(InstrumentRefused, match=r"4005: the script is too large.*Line 9, Col 1"):
        await everything(driver.run(STEP))
    assert transcript.done()


async def test_firmware_that_cannot_measure_the_current_beside_the_voltage_sends_the_set_one() -> None:
    set_current = tuple((delay_s, line.replace(b"ba", b"db")) for delay_s, line in (FIRST, SECOND, LAST))
    driver, transcript = await connected(
        (SCRIPT, b"e!4008: Line 40, Col 30\n"), (SCRIPT, STARTED, set_current), (SCRIPT, STARTED, set_current)
    )
    for _ in range(2):
        assert [s.current_A for s in await everything(driver.run(STEP))] == [1e-4] * 3
    scripts = [sent for sent in transcript.sent if sent.startswith(b"e\n")]
    assert [b"add_meas" in script for script in scripts] == [True, False, False]


async def test_what_cannot_be_held_is_refused_before_a_byte_leaves() -> None:
    driver, transcript = await connected()
    sent = len(transcript.sent)
    with pytest.raises(CannotHold):
        await everything(driver.run(replace(STEP, value=0.5)))
    assert len(transcript.sent) == sent


async def test_a_step_decided_before_the_circuit_was_opened_is_not_sent_after_it() -> None:
    driver, transcript = await connected(*MAKE_SAFE)
    step = driver.run(STEP)
    await driver.make_safe()
    with pytest.raises(Superseded):
        await everything(step)
    assert transcript.sent.count(transcript.sent[-1]) == 1
    assert b"cell_on" not in b"".join(transcript.sent)


async def test_the_next_step_aborts_one_that_was_given_up() -> None:
    driver, transcript = await connected(
        (SCRIPT, STARTED, (FIRST,)),
        (b"\n", b""),
        (b"Z\n", b"Z\n*\n+\n\n"),
        WHOLE_STEP,
    )
    given_up = driver.run(STEP)
    await anext(given_up)
    await given_up.aclose()
    assert len(await everything(driver.run(STEP))) == 3
    assert transcript.done()


async def test_a_script_that_goes_on_after_a_lost_connection_is_picked_up() -> None:
    lost = (15.0, LOST)
    driver, transcript = await connected((SCRIPT, STARTED, (FIRST, lost, SECOND, LAST)), PROVE_IDENTITY)
    samples = await everything(driver.run(STEP))
    assert [s.voltage_V for s in samples] == [0.1, 0.2, 0.3]
    assert samples[-1].cutoff == CHARGE
    assert transcript.done()


async def test_another_instrument_that_was_plugged_in_instead_is_noticed() -> None:
    driver, _ = await connected(
        (SCRIPT, STARTED, (FIRST, (15.0, LOST), SECOND, LAST)), (b"i\n", b"iES4HR9999\n")
    )
    with pytest.raises(WrongInstrument, match="ES4HR9999"):
        await everything(driver.run(STEP))


async def test_a_script_started_at_another_time_is_not_taken_for_ours() -> None:
    other = (20.0, package(500.0, 0.2, 1e-4))
    driver, _ = await connected((SCRIPT, STARTED, (FIRST, (15.0, LOST), other)))
    with pytest.raises(LinkError):
        await everything(driver.run(STEP))


async def test_silence_ends_the_step_with_the_reason() -> None:
    driver, _ = await connected((SCRIPT, STARTED, (FIRST,)))
    with pytest.raises(LinkTimeout, match="the next reading of a step"):
        await everything(driver.run(STEP))


def point(frequency_Hz: float, real_ohm: float, imaginary_ohm: float, time_s: float) -> bytes:
    fields = [pack(x) for x in (frequency_Hz, real_ohm, imaginary_ohm, time_s)]
    return b"Pdc%b;cc%b,10,287;cd%b,10,287;eb%b\n" % tuple(fields)


POINTS = tuple(
    (t, point(f, 10.0, x, t)) for t, f, x in ((1.0, 100.0, -0.1), (2.0, 10.0, -1.0), (9.0, 1.0, -2.0))
)


async def test_a_sweep_yields_its_points_from_high_to_low_frequency() -> None:
    driver, transcript = await connected((SCRIPT, b"e\nM000E\n", (*POINTS, (9.0, b"*\n\n"))))
    began_s = driver._clock.now()
    points = [p async for p in driver.sweep(GEIS)]
    assert [(p.frequency_Hz, p.real_ohm, p.imaginary_ohm) for p in points] == [
        (100.0, 10.0, -0.1),
        (10.0, 10.0, -1.0),
        (1.0, 10.0, -2.0),
    ]
    assert points[-1].time_s == pytest.approx(began_s + 9.0)
    assert transcript.done()


@pytest.mark.parametrize(
    ("later", "error"),
    [
        ((POINTS[0], (3.0, b"*\n\n")), InvalidReading),
        ((POINTS[0], (3.0, b"Pdc     nan;cc80F4240m;cd80F4240m;eb80F4240m\n")), InvalidReading),
        ((POINTS[0], (3.0, b"Pdc80F4240m;cc80F4240m\n")), LinkNonsense),
        ((POINTS[0],), LinkTimeout),
    ],
)
async def test_a_sweep_that_is_not_whole_is_an_error(
    later: tuple[object, ...], error: type[Exception]
) -> None:
    driver, _ = await connected((SCRIPT, b"e\nM000E\n", later))
    with pytest.raises(error):
        [p async for p in driver.sweep(GEIS)]


async def test_a_sweep_about_an_open_circuit_outside_the_window_does_not_close_it() -> None:
    spec = replace(GEIS, mode=ImpedanceMode.POTENTIOSTATIC, amplitude=0.01, bias=None)
    driver, _ = await connected((SCRIPT, b"e\nM000B\n", ((0.5, b"*\nPab%b,10,206\n\n" % pack(1.2)),)))
    with pytest.raises(InvalidReading, match=r"open circuit at 1\.2 V"):
        [p async for p in driver.sweep(spec)]


async def test_opening_the_circuit_is_confirmed_and_may_be_repeated() -> None:
    driver, transcript = await connected(*MAKE_SAFE, *MAKE_SAFE)
    await driver.make_safe()
    await driver.make_safe()
    assert transcript.done()


async def test_opening_the_circuit_aborts_a_running_step() -> None:
    driver, transcript = await connected(
        (SCRIPT, STARTED, (FIRST,)), (b"\n", b""), (b"Z\n", b"Z\n*\n+\n\n"), (OFF, b"e\n\n"), PROOF
    )
    async for _ in driver.run(STEP):
        break
    await driver.make_safe()
    assert transcript.done()


async def test_opening_the_circuit_works_on_a_link_that_was_left_early() -> None:
    again = [(b"Z\n", b"Z!0006\n"), *MAKE_SAFE, PROVE_IDENTITY]
    driver, transcript = await connected((SCRIPT, STARTED, (FIRST,)), *again)
    with pytest.raises(LinkTimeout):
        await everything(driver.run(STEP))
    await driver.make_safe()
    assert transcript.done()


async def test_opening_the_circuit_is_tried_again_when_the_cell_is_still_on() -> None:
    still_on = (SCRIPT, b"e\n!0014: Line 3\n")
    again = [(b"Z\n", b"Z!0006\n"), *MAKE_SAFE, PROVE_IDENTITY]
    driver, transcript = await connected(*MAKE_SAFE[:3], still_on, *again)
    await driver.make_safe()
    assert transcript.done()


async def test_a_circuit_that_cannot_be_confirmed_open_is_said_to_be_unknown() -> None:
    still_on = (SCRIPT, b"e\n!0014: Line 3\n")
    attempt = [*MAKE_SAFE[:3], still_on]
    driver, transcript = await connected(*attempt, *([(b"Z\n", b"Z!0006\n"), *attempt] * 2))
    with pytest.raises(
        CellStateUnknown, match="0014: open-circuit potential cannot be measured while the cell is on"
    ):
        await driver.make_safe()
    assert transcript.done()


async def test_the_circuit_of_another_instrument_is_not_ours() -> None:
    other = [(b"Z\n", b"Z!0006\n"), *MAKE_SAFE, (b"i\n", b"iES4HR9999\n")]
    driver, transcript = await connected((SCRIPT, STARTED, (FIRST,)), *other * 3)
    with pytest.raises(LinkTimeout):
        await everything(driver.run(STEP))
    with pytest.raises(CellStateUnknown, match="ES4HR9999"):
        await driver.make_safe()
    assert transcript.done()


async def test_a_dead_line_leaves_the_state_unknown() -> None:
    attempt = [(b"\n", b""), (b"Z\n", b"")]
    driver, _ = await connected(*attempt, *[(b"Z\n", b""), *attempt] * 2)
    with pytest.raises(CellStateUnknown):
        await driver.make_safe()


async def test_closing_gives_the_port_back() -> None:
    driver, transcript = await connected()
    sent = len(transcript.sent)
    await driver.close()
    with pytest.raises(LinkError):
        await everything(driver.run(STEP))
    assert len(transcript.sent) == sent


def test_idle_answers_are_part_of_every_opening() -> None:
    assert MAKE_SAFE[:2] == ABORT_IDLE
