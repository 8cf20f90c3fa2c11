"""The 1287's driver line by line, and its signs in both ways to connect a cell."""

import pytest

from labctl.clock import VirtualClock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentError,
    InstrumentRefused,
    InvalidReading,
    LinkError,
    UserError,
    WrongInstrument,
)
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort
from labctl_drivers.solartron_1287 import DRIVER, Solartron1287, number
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.solartron_1287 import Solartron1287 as Twin
from tests.drivers.smu_bench import SAFETY, SmuBench, current_step

ARMING = [
    *("SW0", "RU0", "PW0", "CE", "PW0", "BY1", "PX3", "PY5", "GP1", "DG2", "RG0", "TR0", "RR5", "RU1", "CE"),
    *("PO1", "PC+0.0000E+0", "ON0", "BY1", "PX3", "PY5", "GP1", "DG2", "RG0", "TR0", "PI1", "VX0", "IX0"),
    *("CC0", "BR0", "FI0", "DC1", "AV0", "NU0", "OL1", "RR5", "PC-1.0000E-4", "PW1", "RU1"),
]


@pytest.fixture
def bench() -> SmuBench:
    return SmuBench(DRIVER, Twin(Resistor(1000.0)))


def said(bench: SmuBench) -> list[str]:
    return [line.decode() for line in bench.heard if line != b"?ER"]


async def test_everything_is_armed_and_asked_about_before_polarisation_is_on(bench: SmuBench) -> None:
    await bench.take(current_step())
    assert said(bench)[: len(ARMING)] == ARMING
    on = bench.heard.index(b"PW1")
    armed = bench.heard[bench.heard.index(b"PO1") : on]
    assert set(armed[1::2]) == {b"?ER"}
    assert bench.heard[on + 1] == b"?ER"


@pytest.mark.parametrize("working_at", ["WE", "CE"])
@pytest.mark.parametrize("current_A", [1e-4, -1e-4])
async def test_a_positive_current_charges_whichever_terminal_is_at_the_working_electrode(
    working_at: str, current_A: float
) -> None:
    cell = RcCell(100.0, 100.0, 1e-3, 0.05)
    device, clock = Twin(cell, working_at=working_at), VirtualClock()
    channel = Solartron1287(Link(MemoryPort(device.port, clock), clock), clock, working_at=working_at)
    await channel.connect()
    samples = [sample async for sample in channel.run(current_step(current_A, 20.0))]
    assert all(sample.current_A == pytest.approx(current_A, rel=1e-2) for sample in samples)
    charged_V = cell.voltage_V(0.0)
    assert charged_V * current_A > 0.0, "charged by a positive current, discharged by a negative one"
    assert samples[-1].voltage_V == pytest.approx(charged_V + 100.0 * current_A, abs=2e-3)


async def test_the_wrong_terminal_is_seen_by_nobody_but_the_cell() -> None:
    """Both signs turn with the wiring: only a person, or a charged cell, can tell; so it is a setting, not a guess."""
    cell = RcCell(100.0, 100.0, 1e-3, 0.05)
    device, clock = Twin(cell, working_at="CE"), VirtualClock()
    channel = Solartron1287(Link(MemoryPort(device.port, clock), clock), clock, working_at="WE")
    await channel.connect()
    assert [sample async for sample in channel.run(current_step(1e-4))]
    assert cell.voltage_V(0.0) < 0.0
    with pytest.raises(UserError, match="WE or CE"):
        Solartron1287(Link(MemoryPort(device.port, clock), clock), clock, working_at="RE")


async def test_a_rest_is_at_open_circuit_and_measures_the_cell() -> None:
    cell = RcCell(100.0, 100.0, 1e-3, 0.05)
    cell.advance_current(100.0, 1e-4)
    bench = SmuBench(DRIVER, Twin(cell))
    end = Cutoff(Quantity.TIME, Side.ABOVE, 5.0)
    samples = await bench.take(Step(Control.REST, 0.0, (end,), SAFETY, Sampling(1.0)))
    assert b"PW1" not in bench.heard
    assert samples[-1].voltage_V == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("at", [2, 9, 20, 30])
async def test_an_error_after_any_command_never_energises(bench: SmuBench, at: int) -> None:
    asked = iter(range(1000))
    bench._tamper = (  # type: ignore[method-assign]
        lambda line: b"03\r\n" if line == b"?ER" and next(asked) >= at else None
    )
    with pytest.raises(InstrumentError):
        await bench.take(current_step())
    assert b"PW1" not in bench.heard


async def test_a_current_that_is_not_zero_is_not_taken_for_open(bench: SmuBench) -> None:
    await bench.take(current_step())
    bench.tamper[b"RU1"] = b"-1.00000E-01,-1.00000E-04,00,00,00,37,00,50\r\n"
    with pytest.raises(CellStateUnknown):
        await bench.channel.make_safe()
    bench.tamper = {}
    await bench.channel.make_safe()
    assert not bench.device.circuit_closed


async def test_a_result_with_an_error_or_of_the_same_time_is_no_reading(bench: SmuBench) -> None:
    await bench.channel.connect()
    parse = bench.channel.parse_reading
    with pytest.raises(InvalidReading, match="errors 00, 01"):
        parse("+2.07035E-03,+1.51106E-08,00,01,13,37,05,20")
    first = parse("+2.07035E-03,+1.51106E-08,00,00,23,59,59,99").stamp
    assert parse("+2.07035E-03,+1.51106E-08,00,00,23,59,59,99").stamp == first
    assert parse("+2.07035E-03,+1.51106E-08,00,00,00,00,00,04").stamp == pytest.approx(first + 0.05)
    for reply in ("+2.07035E-03,+1.51106E-08,00,00", "+2.07035E-03,x,00,00,13,37,05,20", "00"):
        with pytest.raises(ValueError, match=r"long result|could not convert"):
            parse(reply)


async def test_silence_and_a_result_of_another_time_are_told(bench: SmuBench) -> None:
    await bench.channel.connect()
    bench.tamper[b"RU1"] = b"+0.00000E+00,+0.00000E+00,00,00,23,58,00,00\r\n"
    with pytest.raises(LinkError):
        await bench.channel.prove()
    await bench.channel.link.resynchronise()
    bench.tamper = {}
    await bench.channel.prove()
    bench.tamper[b"?ER"] = b""
    with pytest.raises(LinkError):
        await bench.take(current_step())
    assert b"PW1" not in bench.heard


async def test_a_pulled_cable_is_survived(bench: SmuBench) -> None:
    lost = iter([True])

    def lose(line: bytes) -> bytes | None:
        if line == b"RU1" and bench.clock.now() > 2.0 and next(lost, False):
            raise ConnectionResetError("the cable was pulled")
        return None

    bench._tamper = lose  # type: ignore[method-assign]
    samples = await bench.take(current_step())
    assert any(line.startswith(b"TM") for line in bench.heard), "it proved that it answers"
    assert samples[-1].cutoff is not None
    assert all(sample.current_A == pytest.approx(1e-4, rel=1e-2) for sample in samples)


async def test_readings_outside_the_safety_window_end_a_step_that_nobody_else_ends(bench: SmuBench) -> None:
    narrow = SafetyLimits(-0.05, 0.05, 5e-4)
    step = Step(Control.CURRENT, 1e-4, current_step().cutoffs, narrow, Sampling(1.0))
    seen: list[object] = []
    with pytest.raises(InstrumentError, match=r"outside the safety window -0\.05 V \.\. 0\.05 V"):
        await bench.take(step, seen.append)
    assert len(seen) == 1


async def test_what_is_beyond_its_ranges_is_refused_without_a_byte(bench: SmuBench) -> None:
    await bench.channel.connect()
    before = len(bench.heard)
    wide = SafetyLimits(-1e3, 1e3, 10.0)
    for control, value in ((Control.CURRENT, 2.01), (Control.VOLTAGE, 14.6)):
        with pytest.raises(CannotHold):
            bench.channel.run(Step(control, value, current_step().cutoffs, wide, Sampling(1.0)))
    assert len(bench.heard) == before


async def test_what_does_not_answer_with_two_digits_is_no_1287(bench: SmuBench) -> None:
    bench.tamper[b"?ER"] = b"KEITHLEY\r\n"
    with pytest.raises(WrongInstrument, match="two digits"):
        await bench.channel.connect()


def test_numbers_have_one_digit_in_the_exponent() -> None:
    assert [number(value) for value in (1.131e-4, -2.0, 0.0, -0.0)] == [
        "+1.1310E-4",
        "-2.0000E+0",
        "+0.0000E+0",
        "+0.0000E+0",
    ]


async def test_a_refusal_names_the_command(bench: SmuBench) -> None:
    await bench.channel.connect()
    bench.device._set = lambda *anything: bench.device.fail(7)  # type: ignore[method-assign]
    with pytest.raises((InstrumentRefused, InstrumentError)):
        await bench.take(current_step())
