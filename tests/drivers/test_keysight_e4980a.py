"""The E4980A's driver against its simulated twin, in virtual time: spectra, refusals, safety, and planted faults."""

import math
from collections.abc import Callable

import pytest

from labctl.clock import VirtualClock
from labctl.errors import (
    CannotHold,
    CellStateUnknown,
    InstrumentRefused,
    InvalidReading,
    LinkTimeout,
    WrongInstrument,
)
from labctl.instrument.channel import Channel
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.plugins import cell as make_cell
from labctl_drivers.keysight_e4980a import DRIVER
from labctl_simulators.firmware.keysight_e4980a import KeysightE4980A
from tests.conformance.listening_port import ListeningPort

WINDOW = SafetyLimits(-1.0, 1.0, 1e-3)
RC = "rc:R0=10,R1=100,C1=1e-5"


class Bench:
    """A driver, its twin behind a capacitor, and what has been sent."""

    def __init__(
        self,
        cell: str = RC,
        *,
        blocking_F: float | None = 1e-3,
        largest_Hz: float = 2e6,
        tamper: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.cell = make_cell(cell, 1)
        self.device = KeysightE4980A(self.cell, 1, blocking_F=blocking_F, largest_Hz=largest_Hz)
        self.port = ListeningPort(self.device.port, self.clock)
        if tamper is not None:
            self._tamper(tamper)
        self.analyser: Channel = DRIVER.open(Link(self.port, self.clock), self.clock)

    def _tamper(self, tamper: Callable[[bytes], bytes]) -> None:
        execute = self.device.execute
        self.device.execute = lambda line: execute(tamper(line))  # type: ignore[method-assign]


def spec(
    mode: ImpedanceMode = ImpedanceMode.POTENTIOSTATIC,
    amplitude: float = 0.2,
    bias: float | None = None,
    high_Hz: float = 1e5,
    low_Hz: float = 20.0,
) -> ImpedanceSpec:
    return ImpedanceSpec(mode, amplitude, bias, high_Hz, low_Hz, 5, WINDOW)


async def measured(bench: Bench, asked: ImpedanceSpec) -> list[ImpedancePoint]:
    return [point async for point in bench.analyser.sweep(asked)]


async def test_who_it_is_and_how_high_it_goes() -> None:
    bench = Bench(largest_Hz=3e5)
    identity = await bench.analyser.connect()
    assert str(identity) == "Keysight Technologies E4980A, serial MY46100001"
    assert bench.analyser.traits.impedance is not None
    assert bench.analyser.traits.impedance.high_Hz == 3e5
    with pytest.raises(CannotHold, match="300 kHz"):
        bench.analyser.sweep(spec(high_Hz=5e5))


@pytest.mark.parametrize(
    ("mode", "amplitude", "bias"),
    [(ImpedanceMode.POTENTIOSTATIC, 0.2, None), (ImpedanceMode.GALVANOSTATIC, 2e-3, 0.0)],
)
async def test_a_spectrum_is_that_of_the_cell(
    mode: ImpedanceMode, amplitude: float, bias: float | None
) -> None:
    bench = Bench()
    await bench.analyser.connect()
    points = await measured(bench, spec(mode, amplitude, bias))
    assert len(points) == spec().point_count()
    assert [p.frequency_Hz for p in points] == sorted((p.frequency_Hz for p in points), reverse=True)
    for point in points:
        true = bench.cell.impedance_ohm(point.frequency_Hz)
        assert abs(complex(point.real_ohm, point.imaginary_ohm) - true) < 5e-3 * abs(true)
        assert point.imaginary_ohm < 0.01
        assert point.status == 0
    assert bench.device.level == 0.0
    assert not bench.device.bias_on


async def test_everything_is_armed_and_read_back_before_the_level_and_the_first_trigger() -> None:
    bench = Bench()
    await bench.analyser.connect()
    await measured(bench, spec())
    sent = bench.port.sent
    level = next(k for k, line in enumerate(sent) if line.startswith(b":VOLT 0.1"))
    assert sent[level + 1] == b":VOLT?"
    assert level < sent.index(b":TRIG:IMM")
    for header in (b":BIAS:STAT", b":FUNC:IMP", b":AMPL:ALC", b":TRIG:SOUR", b":INIT:CONT", b":FREQ"):
        armed = next(k for k, line in enumerate(sent) if line.startswith(header + b" "))
        assert sent[armed + 1] == header + b"?"
        assert armed < level
    assert sent.index(b":CORR:SHOR:STAT?") < armed


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (spec(low_Hz=0.1), "from 2 MHz to 20 Hz"),
        (spec(high_Hz=3e6), "from 2 MHz"),
        (spec(bias=0.5), "open circuit only"),
        (spec(ImpedanceMode.GALVANOSTATIC, 1e-3, 1e-3), "open circuit only"),
        (spec(amplitude=3.0), "modulates up to"),
        (spec(amplitude=1e-4), "finer than it can set"),
        (spec(ImpedanceMode.GALVANOSTATIC, 0.1, 0.0), "modulates up to"),
    ],
)
async def test_what_it_cannot_hold_is_refused_before_a_byte_leaves(asked: ImpedanceSpec, reason: str) -> None:
    bench = Bench()
    await bench.analyser.connect()
    before = len(bench.port.sent)
    with pytest.raises(CannotHold, match=reason):
        bench.analyser.sweep(asked)
    assert len(bench.port.sent) == before


async def test_it_cannot_cycle() -> None:
    bench = Bench()
    end = Cutoff(Quantity.TIME, Side.ABOVE, 1.0)
    with pytest.raises(CannotHold, match="cannot cycle"):
        bench.analyser.run(Step(Control.REST, 0.0, (end,), WINDOW, Sampling(1.0)))


async def test_without_the_short_correction_no_sweep() -> None:
    bench = Bench()
    bench.device.short_correction = False
    await bench.analyser.connect()
    with pytest.raises(InstrumentRefused, match="short correction is off"):
        await measured(bench, spec())
    assert b":TRIG:IMM" not in bench.port.sent


async def test_a_level_that_was_clipped_is_seen() -> None:
    bench = Bench(tamper=lambda line: line.replace(b":VOLT 0.141", b":VOLT 30"))
    await bench.analyser.connect()
    with pytest.raises(InstrumentRefused, match="not taken"):
        await measured(bench, spec())


async def test_an_overload_is_no_reading() -> None:
    bench = Bench(tamper=lambda line: line.replace(b":TRIG:IMM", b":VOLT 0;:TRIG:IMM"))
    await bench.analyser.connect()
    with pytest.raises(InvalidReading, match="overload at 100000 Hz"):
        await measured(bench, spec())


async def test_one_that_hangs_is_given_up_and_made_safe_when_it_answers_again() -> None:
    hangs = True
    bench = Bench(tamper=lambda line: b"\n" if hangs and b"FETC" in line else line)
    await bench.analyser.connect()
    with pytest.raises(LinkTimeout):
        await measured(bench, spec())
    hangs = False
    await bench.analyser.make_safe()
    assert bench.device.level == 0.0


async def test_make_safe_switches_off_what_another_program_left_on() -> None:
    bench = Bench()
    bench.device.bias_on = True
    await bench.analyser.connect()
    assert bench.device.bias_on  # adopted as it is
    await bench.analyser.make_safe()
    assert not bench.device.bias_on
    assert bench.device.trigger_source == "HOLD"


async def test_a_bias_that_stays_on_is_told() -> None:
    bench = Bench(tamper=lambda line: line.replace(b":BIAS:STAT OFF", b"*CLS"))
    bench.device.bias_on = True
    await bench.analyser.connect()
    with pytest.raises(CellStateUnknown, match="do not read back as off"):
        await bench.analyser.make_safe()


async def test_another_instrument_is_refused() -> None:
    bench = Bench()
    bench.device.identity = "Keysight Technologies,E4990A,MY1,A.01"
    with pytest.raises(WrongInstrument, match="E4980A"):
        await bench.analyser.connect()


async def test_an_amplitude_is_rounded_down_to_what_can_be_set() -> None:
    bench = Bench()
    await bench.analyser.connect()
    sweep = bench.analyser.sweep(spec(ImpedanceMode.GALVANOSTATIC, 10e-6, 0.0))
    await anext(sweep)
    assert bench.device.level == pytest.approx(7e-6)
    assert bench.device.level <= 10e-6 / math.sqrt(2.0)
    assert not bench.device.alc
    await sweep.aclose()  # type: ignore[attr-defined]
