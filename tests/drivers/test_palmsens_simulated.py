"""The driver on the simulated instrument, in virtual time: what the scripts do when they run on a cell."""

import cmath
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from labctl.clock import VirtualClock
from labctl.errors import InstrumentError, InstrumentRefused, Superseded
from labctl.instrument.channel import Sample
from labctl.instrument.impedance import ImpedanceMode, ImpedancePoint, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.link import Link
from labctl.link.memory import MemoryPort, SimulatedPort
from labctl_drivers.palmsens_emstat4 import PalmSensEmStat4
from labctl_simulators.cells import Cell
from labctl_simulators.cells.rc import RcCell
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.firmware.palmsens_emstat4 import EmStat4

ABOVE, BELOW = Side.ABOVE, Side.BELOW
SAFETY = SafetyLimits(-1.0, 5.0, 5e-3)
CURRENT_A = 1e-3


def limit(quantity: Quantity, side: Side, threshold: float, hold_s: float = 0.0) -> Cutoff:
    return Cutoff(quantity, side, threshold, hold_s)


def charge_to(*cutoffs: Cutoff, every_s: float = 10.0, change_V: float | None = None) -> Step:
    return Step(Control.CURRENT, CURRENT_A, cutoffs, SAFETY, Sampling(every_s, change_V))


def rest_until(*cutoffs: Cutoff, every_s: float = 10.0) -> Step:
    return Step(Control.REST, 0.0, cutoffs, SAFETY, Sampling(every_s))


def hold_until(voltage_V: float, *cutoffs: Cutoff) -> Step:
    return Step(Control.VOLTAGE, voltage_V, cutoffs, SAFETY, Sampling(10.0))


class CountingPort:
    """Passes everything through, and counts how often the instrument had something to do: its readings, at most."""

    def __init__(self, port: SimulatedPort) -> None:
        self._port = port
        self.readings = 0

    def receive(self, data: bytes, now_s: float) -> bytes:
        return self._port.receive(data, now_s)

    def next_wake(self) -> float | None:
        return self._port.next_wake()

    def wake(self, now_s: float) -> bytes:
        self.readings += 1
        return self._port.wake(now_s)

    def close(self, now_s: float) -> None:
        self._port.close(now_s)


@dataclass
class Bench:
    """A driver, connected to a simulated instrument with a cell."""

    cell: Cell
    clock: VirtualClock = field(default_factory=VirtualClock)
    ports: list[CountingPort] = field(default_factory=list)

    def __post_init__(self) -> None:
        device = EmStat4(self.cell, 1)

        def connect() -> CountingPort:
            self.ports.append(CountingPort(device.port()))
            return self.ports[-1]

        self.link = Link(MemoryPort(connect, self.clock), self.clock)
        self.driver = PalmSensEmStat4(self.link, self.clock)

    async def run(self, *steps: Step) -> list[Sample]:
        """Connect if need be, run the steps, return the samples of the last, their time counted from its start."""
        if not self.ports:
            await self.driver.connect()
        samples: list[Sample] = []
        for step in steps:
            self.ports[-1].readings = 0
            samples = [sample async for sample in self.driver.run(step)]
        return [s._replace(time_s=s.time_s - self.driver.step_began_s) for s in samples]

    async def sweep(self, spec: ImpedanceSpec) -> list[ImpedancePoint]:
        await self.driver.connect()
        return [point async for point in self.driver.sweep(spec)]


def storage() -> RcCell:
    """1 mA through it raises the voltage by 1 mV/s."""
    return RcCell(10.0, 100.0, 1e-3, 1.0)


def slow_arc() -> RcCell:
    """An arc of 3 kohm and 900 s."""
    return RcCell(10.0, 3000.0, 0.3)


@pytest.mark.parametrize("charge_C", [5e-4, 0.013, 0.1, 3.33333, 9.0])
@pytest.mark.parametrize("change_V", [None, 5e-3])
async def test_a_charge_limit_is_met_to_a_hundredth_of_a_percent(
    charge_C: float, change_V: float | None
) -> None:
    step = charge_to(limit(Quantity.CHARGE, ABOVE, charge_C), every_s=30.0, change_V=change_V)
    samples = await Bench(Resistor(100.0)).run(step)
    assert samples[-1].time_s * CURRENT_A == pytest.approx(charge_C, rel=1e-4)
    assert samples[-1].cutoff == step.cutoffs[0]
    assert [s.cutoff for s in samples[:-1]] == [None] * (len(samples) - 1)


@pytest.mark.parametrize("every_s", [1.0, 10.0, 60.0])
@pytest.mark.parametrize("change_V", [None, 0.1])
@pytest.mark.parametrize("cell", [storage, slow_arc])
async def test_a_voltage_cutoff_overshoots_by_one_fine_readings_change_at_most(
    every_s: float, change_V: float | None, cell: Callable[[], RcCell]
) -> None:
    step = charge_to(limit(Quantity.VOLTAGE, ABOVE, 2.0), every_s=every_s, change_V=change_V)
    bench = Bench(cell())
    samples = await bench.run(step)
    fine_V = 1.1e-3 * max(every_s / 100, 0.02)  # at most 1.1 mV/s
    noise_V = 5e-4  # in the 1 V range
    assert 2.0 <= samples[-1].voltage_V <= 2.0 + fine_V + noise_V
    assert samples[-1].cutoff == step.cutoffs[0]
    # No fast grid: about one reading a sample, and a few more on the way in and out.
    assert bench.ports[-1].readings < 1.01 * len(samples) + 40


class Runaway:
    """A cell whose voltage under current grows by a factor of e every 50 s, from 1 mV."""

    def __init__(self) -> None:
        self._time_s = 0.0

    def voltage_V(self, current_A: float) -> float:
        return 1e-3 * math.exp(self._time_s / 50.0) if current_A else 0.0

    def current_A(self, voltage_V: float) -> float:
        return 0.0

    def advance_current(self, duration_s: float, current_A: float) -> None:
        self._time_s += duration_s if current_A else 0.0

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        return 0.0

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        return 1.0


@pytest.mark.parametrize("every_s", [10.0, 60.0])
async def test_a_cutoff_is_met_although_the_voltage_runs_away(every_s: float) -> None:
    samples = await Bench(Runaway()).run(charge_to(limit(Quantity.VOLTAGE, ABOVE, 2.0), every_s=every_s))
    fine_V = 2.0 / 50.0 * every_s / 100
    assert 2.0 <= samples[-1].voltage_V <= 2.0 + 1.1 * fine_V + 5e-4


async def test_a_jump_between_two_samples_is_caught_at_the_next_reading() -> None:
    cell = Resistor(100.0)
    bench = Bench(cell)
    await bench.driver.connect()
    times_s = []
    async for sample in bench.driver.run(charge_to(limit(Quantity.VOLTAGE, ABOVE, 2.0))):
        times_s.append(sample.time_s)
        if len(times_s) == 5:
            cell.resistance_ohm = 3000.0
    assert times_s[-1] - times_s[4] == pytest.approx(10.0, abs=0.2)


async def test_samples_come_when_they_are_due_and_when_the_voltage_moved() -> None:
    steady = await Bench(Resistor(100.0)).run(charge_to(limit(Quantity.TIME, ABOVE, 65.0)))
    assert [s.time_s for s in steady[1:]] == pytest.approx([10, 20, 30, 40, 50, 60, 65], abs=0.01)
    assert steady[0].time_s == pytest.approx(0.1, abs=0.01)
    bench = Bench(storage())
    moving = await bench.run(charge_to(limit(Quantity.TIME, ABOVE, 600.0), change_V=5e-3))
    changes_V = [b.voltage_V - a.voltage_V for a, b in pairwise(moving[5:-1])]
    assert min(changes_V) > 4.5e-3
    assert max(changes_V) < 6.5e-3


async def test_one_reading_a_sample_while_nothing_happens() -> None:
    bench = Bench(Resistor(100.0))
    samples = await bench.run(charge_to(limit(Quantity.TIME, ABOVE, 9000.0), change_V=5e-3))
    assert len(samples) == 901
    assert bench.ports[-1].readings <= 901 + 10


async def test_a_rest_ends_when_the_voltage_has_settled() -> None:
    settle = rest_until(limit(Quantity.VOLTAGE_RATE, BELOW, 1e-4, 60.0))
    samples = await Bench(slow_arc()).run(charge_to(limit(Quantity.TIME, ABOVE, 500.0)), settle)
    # After 500 s the arc holds 1.279 V; it falls by less than 0.1 mV/s after 900 s * ln(1.279 / 0.09) = 2389 s.
    assert samples[-1].time_s == pytest.approx(2389 + 60, rel=0.05)
    assert samples[-1].cutoff == settle.cutoffs[0]
    assert {s.current_A for s in samples} == {0.0}


@pytest.mark.parametrize("hold_s", [0.0, 100.0])
async def test_a_rest_ends_at_a_voltage_that_is_held(hold_s: float) -> None:
    below = rest_until(limit(Quantity.VOLTAGE, BELOW, 0.5, hold_s))
    samples = await Bench(slow_arc()).run(charge_to(limit(Quantity.TIME, ABOVE, 500.0)), below)
    start_V = 3.0 * (1 - math.exp(-500 / 900))
    assert samples[-1].time_s == pytest.approx(900 * math.log(start_V / 0.5) + hold_s, rel=2e-3)


async def test_a_constant_voltage_ends_at_a_current() -> None:
    cutoff = limit(Quantity.CURRENT, BELOW, 1e-4)
    samples = await Bench(RcCell(1000.0, 1.0, 1.0, 1.0)).run(hold_until(2.0, cutoff))
    assert samples[-1].current_A == pytest.approx(1e-4, rel=5e-3)
    assert samples[-1].time_s == pytest.approx(1000 * math.log(20), rel=5e-3)
    assert samples[-1].voltage_V == pytest.approx(2.0, abs=1e-3)
    assert samples[-1].cutoff == cutoff


@pytest.mark.parametrize("quantity", [Quantity.CHARGE, Quantity.ENERGY])
async def test_charge_and_energy_are_integrated_where_they_are_not_known_beforehand(
    quantity: Quantity,
) -> None:
    threshold = 0.5 if quantity is Quantity.CHARGE else 1.0  # at 2 V this is the same
    samples = await Bench(RcCell(1000.0, 1.0, 1.0, 1.0)).run(
        hold_until(2.0, limit(quantity, ABOVE, threshold))
    )
    # q = 2 C * (1 - exp(-t / 1000 s))
    assert samples[-1].time_s == pytest.approx(-1000 * math.log(0.75), rel=2e-3)


async def test_an_energy_limit_at_constant_current() -> None:
    samples = await Bench(Resistor(100.0)).run(charge_to(limit(Quantity.ENERGY, ABOVE, 0.01)))
    assert samples[-1].time_s == pytest.approx(100.0, rel=2e-3)


async def test_of_several_cutoffs_the_one_that_is_reached_is_named() -> None:
    voltage, time = limit(Quantity.VOLTAGE, ABOVE, 0.5), limit(Quantity.TIME, ABOVE, 100.0)
    charge = limit(Quantity.CHARGE, ABOVE, 0.05)
    assert (await Bench(Resistor(100.0)).run(charge_to(voltage, time, charge)))[-1].cutoff == charge
    assert (await Bench(Resistor(1000.0)).run(charge_to(time, voltage)))[-1].cutoff == voltage
    assert (await Bench(Resistor(100.0)).run(charge_to(voltage, time)))[-1].cutoff == time


async def test_the_script_itself_enforces_the_safety_window() -> None:
    step = replace(charge_to(limit(Quantity.TIME, ABOVE, 1000.0)), safety=SafetyLimits(-0.3, 0.3, 5e-3))
    bench = Bench(storage())
    await bench.driver.connect()
    run = bench.driver.run(step)
    with pytest.raises(InstrumentError, match="safety limit"):
        await drain(run)


async def drain(samples: AsyncIterator[Sample]) -> None:
    async for _ in samples:
        pass


async def test_a_current_that_cannot_be_driven_ends_the_step_with_an_open_circuit() -> None:
    bench = Bench(Resistor(1e7))  # 1 mA would need 10 kV
    await bench.driver.connect()
    with pytest.raises(InstrumentRefused, match="overload"):
        await drain(bench.driver.run(charge_to(limit(Quantity.TIME, ABOVE, 20.0))))
    assert len(await bench.run(rest_until(limit(Quantity.TIME, ABOVE, 20.0)))) == 3


async def test_making_safe_in_the_middle_of_a_step_opens_the_circuit_and_bars_what_was_decided_before() -> (
    None
):
    bench = Bench(slow_arc())
    await bench.run(charge_to(limit(Quantity.TIME, ABOVE, 100.0)))
    begun, decided = (
        bench.driver.run(charge_to(limit(Quantity.TIME, ABOVE, 1e4))),
        bench.driver.run(charge_to(limit(Quantity.TIME, ABOVE, 1e4))),
    )
    for _ in range(5):
        await anext(begun)
    before_s = bench.clock.now()
    await bench.driver.make_safe()
    assert bench.clock.now() - before_s < 0.3
    with pytest.raises(Superseded):
        await anext(decided)
    rested = await bench.run(rest_until(limit(Quantity.TIME, ABOVE, 5000.0)))
    assert abs(rested[-1].voltage_V) < 0.02  # the arc has relaxed: no current has flowed


def geis(high_Hz: float = 1e4, low_Hz: float = 0.1, bias_A: float = 0.0) -> ImpedanceSpec:
    return ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-4, bias_A, high_Hz, low_Hz, 5, SAFETY)


def peis(bias_V: float | None) -> ImpedanceSpec:
    return ImpedanceSpec(ImpedanceMode.POTENTIOSTATIC, 0.01, bias_V, 1e4, 0.1, 5, SAFETY)


@pytest.mark.parametrize("spec", [geis(), geis(bias_A=2e-4), peis(None), peis(0.02)])
@pytest.mark.parametrize("cell", [Resistor(100.0), RcCell(10.0, 100.0, 1e-3)])
async def test_a_sweep_measures_the_impedance_of_the_cell(spec: ImpedanceSpec, cell: Cell) -> None:
    points = await Bench(cell).sweep(spec)
    assert [p.frequency_Hz for p in points] == pytest.approx(spec.frequencies_Hz(), rel=1e-3)
    assert [p.time_s for p in points] == sorted(p.time_s for p in points)
    for point in points:
        measured = complex(point.real_ohm, point.imaginary_ohm)
        assert cmath.isclose(measured, cell.impedance_ohm(point.frequency_Hz), rel_tol=0.02)
    assert min(p.imaginary_ohm for p in points) < -30.0 or isinstance(cell, Resistor)


async def test_the_same_seed_gives_the_same_samples() -> None:
    runs = [await Bench(storage()).run(charge_to(limit(Quantity.VOLTAGE, ABOVE, 1.0))) for _ in range(2)]
    assert runs[0] == runs[1]
