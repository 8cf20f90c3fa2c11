"""What every channel promises, as functions that take a bench: a channel, its clock, and the truth about its cell.

Apply them by parametrizing a test over ``EVERY_CHANNEL``: each check, and the simulated cell that it needs.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from labctl.clock import Clock
from labctl.errors import CannotHold, LabctlError, Superseded
from labctl.instrument.channel import Channel, Sample
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step

SAFETY = SafetyLimits(-1.0, 1.0, 5e-4)
CURRENT_A = 1e-4
RESISTOR = "resistor:1000"
CAPACITOR = "rc:R0=900,R1=100,C1=1e-3,C=0.05"  # at 0.1 mA: 0.1 V at once, 2 mV/s from then on


class CountingCell:
    """A simulated cell that adds up the charge it receives.

    Attributes:
        charge_C: net charge since it was made.
        passed_C: magnitudes added up.
    """

    def __init__(self, cell: Any) -> None:
        self._cell = cell
        self.charge_C = 0.0
        self.passed_C = 0.0

    def voltage_V(self, current_A: float) -> float:
        return self._cell.voltage_V(current_A)  # type: ignore[no-any-return]

    def current_A(self, voltage_V: float) -> float:
        return self._cell.current_A(voltage_V)  # type: ignore[no-any-return]

    def advance_current(self, duration_s: float, current_A: float) -> None:
        self._cell.advance_current(duration_s, current_A)
        self._add(current_A * duration_s)

    def advance_voltage(self, duration_s: float, voltage_V: float) -> float:
        charge_C: float = self._cell.advance_voltage(duration_s, voltage_V)
        self._add(charge_C)
        return charge_C

    def impedance_ohm(self, frequency_Hz: float, bias_current_A: float = 0.0) -> complex:
        return self._cell.impedance_ohm(frequency_Hz, bias_current_A)  # type: ignore[no-any-return]

    def _add(self, charge_C: float) -> None:
        self.charge_C += charge_C
        self.passed_C += abs(charge_C)


@dataclass
class Bench:
    """A channel that has not been connected, and what a test may know about it.

    Attributes:
        channel: what is tested.
        clock: the time it lives in.
        circuit_closed: the truth, from the simulated instrument.
        cell: the truth, from the simulated cell.
        sent: every line that has left, in order.
        late_s: by how much an end may be late, and a gap longer than asked.
        accuracy: part of a set point by which the instrument may be off.
    """

    channel: Channel
    clock: Clock
    circuit_closed: Callable[[], bool]
    cell: CountingCell
    sent: list[bytes] = field(default_factory=list)
    late_s: float = 0.0
    accuracy: float = 1e-3


Check = Callable[[Bench], Coroutine[Any, Any, None]]


def _step(control: Control, value: float, *cutoffs: Cutoff, every_s: float = 1.0) -> Step:
    return Step(control, value, cutoffs, SAFETY, Sampling(every_s))


def _for(duration_s: float) -> Cutoff:
    return Cutoff(Quantity.TIME, Side.ABOVE, duration_s)


async def _take(bench: Bench, step: Step) -> list[Sample]:
    return [sample async for sample in bench.channel.run(step)]


async def connecting_changes_nothing(bench: Bench) -> None:
    before = bench.circuit_closed()
    identity = await bench.channel.connect()
    assert identity.serial
    assert bench.channel.traits.model
    assert bench.circuit_closed() == before
    assert bench.cell.passed_C == 0.0


async def a_constant_current_passes_the_planned_charge(bench: Bench) -> None:
    await bench.channel.connect()
    for sign in (1.0, -1.0):
        before_C = bench.cell.charge_C
        planned = _step(
            Control.CURRENT, sign * CURRENT_A, Cutoff(Quantity.CHARGE, Side.ABOVE, 100.0 * CURRENT_A)
        )
        samples = await _take(bench, planned)
        began_s = bench.channel.step_began_s
        assert samples[-1].cutoff is planned.cutoffs[0]
        assert 100.0 - bench.late_s <= samples[-1].time_s - began_s <= 100.0 + bench.late_s + 1e-6
        assert all(abs(s.current_A - planned.value) < bench.accuracy * CURRENT_A + 1e-9 for s in samples), (
            "the sign and size of the current"
        )
        assert all(abs(s.voltage_V - 1000.0 * s.current_A) < 2e-3 for s in samples)
        await bench.channel.make_safe()
        passed_C = bench.cell.charge_C - before_C
        most_C = CURRENT_A * (bench.late_s + 1e-2)
        assert abs(passed_C - 100.0 * planned.value) < bench.accuracy * 100.0 * CURRENT_A + most_C


async def samples_come_as_often_as_asked(bench: Bench) -> None:
    await bench.channel.connect()
    samples = await _take(bench, _step(Control.CURRENT, CURRENT_A, _for(60.0), every_s=5.0))
    times = [sample.time_s for sample in samples]
    assert times[0] - bench.channel.step_began_s <= 5.0 + bench.late_s
    assert all(0.0 < b - a <= 5.0 + bench.late_s + 0.1 for a, b in pairwise(times))
    assert len(samples) <= 16
    assert [sample.cutoff for sample in samples[:-1]] == [None] * (len(samples) - 1)


async def a_voltage_cutoff_ends_the_step_at_its_voltage(bench: Bench) -> None:
    await bench.channel.connect()
    for value, cutoff in (
        (CURRENT_A, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.3)),
        (-CURRENT_A, Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.0)),
        (-CURRENT_A, Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.2)),
    ):
        samples = await _take(bench, _step(Control.CURRENT, value, cutoff, _for(1000.0)))
        assert samples[-1].cutoff is cutoff
        assert cutoff.reached_by(samples[-1].voltage_V)
        assert abs(samples[-1].voltage_V - cutoff.threshold) < 2e-3 * (1.0 + bench.late_s) + 1e-3
    await bench.channel.make_safe()


async def a_constant_voltage_is_held_until_the_current_has_fallen(bench: Bench) -> None:
    await bench.channel.connect()
    cutoff = Cutoff(Quantity.CURRENT, Side.BELOW, 2e-5)
    samples = await _take(bench, _step(Control.VOLTAGE, 0.2, cutoff, _for(5000.0)))
    assert samples[-1].cutoff is cutoff
    assert all(abs(s.current_A) <= SAFETY.current_max_A for s in samples), (
        "held inside the limit from the start"
    )
    settled = [s for s in samples if s.time_s - samples[0].time_s > 2.0 + bench.late_s]
    assert all(abs(s.voltage_V - 0.2) < 2e-3 for s in settled)
    assert settled[0].current_A > settled[-1].current_A > 0.0
    await bench.channel.make_safe()


async def a_rest_passes_no_current(bench: Bench) -> None:
    await bench.channel.connect()
    await _take(bench, _step(Control.CURRENT, CURRENT_A, _for(10.0)))
    samples = await _take(bench, _step(Control.REST, 0.0, _for(20.0)))
    before_C = bench.cell.passed_C
    samples += await _take(bench, _step(Control.REST, 0.0, _for(100.0)))
    assert bench.cell.passed_C - before_C < 1e-9 * 130.0
    assert all(abs(sample.current_A) < 1e-7 for sample in samples)
    await bench.channel.make_safe()


async def steps_follow_each_other_without_opening_in_between(bench: Bench) -> None:
    await bench.channel.connect()
    await _take(bench, _step(Control.CURRENT, CURRENT_A, _for(10.0)))
    ended_s = bench.clock.now()
    await _take(bench, _step(Control.CURRENT, -CURRENT_A, _for(10.0)))
    assert bench.channel.step_began_s - ended_s <= 0.5 + bench.late_s
    await bench.channel.make_safe()
    assert abs(bench.cell.charge_C) < 10.0 * CURRENT_A * (0.05 + bench.late_s / 5.0)


async def what_it_cannot_hold_is_refused_before_a_byte_leaves(bench: Bench) -> None:
    await bench.channel.connect()
    before, closed = len(bench.sent), bench.circuit_closed()
    wide = SafetyLimits(-1e6, 1e6, 1e6)
    too_much_A = 10.0 * bench.channel.traits.current_max_A
    for current_A in (too_much_A, -too_much_A, float("nan"), float("inf")):
        with pytest.raises(CannotHold):
            await _take(bench, Step(Control.CURRENT, current_A, (_for(1.0),), wide, Sampling(1.0)))
    too_much_V = 10.0 * bench.channel.traits.voltage_max_V
    with pytest.raises(CannotHold):
        await _take(bench, Step(Control.VOLTAGE, too_much_V, (_for(1.0),), wide, Sampling(1.0)))
    assert len(bench.sent) == before
    assert bench.circuit_closed() == closed


async def a_sweep_it_cannot_make_is_refused(bench: Bench) -> None:
    await bench.channel.connect()
    closed = bench.circuit_closed()
    impedance = bench.channel.traits.impedance
    high_Hz = 1e5 if impedance is None else 100.0 * impedance.high_Hz
    spec = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, 0.0, high_Hz, 1.0, 5, SAFETY)
    with pytest.raises(CannotHold):
        async for _ in bench.channel.sweep(spec):
            pass
    assert bench.circuit_closed() == closed


async def making_safe_opens_the_circuit_from_every_state(bench: Bench) -> None:
    await bench.channel.connect()
    await bench.channel.make_safe()  # nothing has been done yet
    assert not bench.circuit_closed()
    await _take(bench, _step(Control.CURRENT, CURRENT_A, _for(5.0)))  # after a step
    await bench.channel.make_safe()
    assert not bench.circuit_closed()
    samples = bench.channel.run(_step(Control.CURRENT, CURRENT_A, _for(1000.0)))  # in a step
    await anext(samples)
    assert bench.circuit_closed()
    await bench.channel.make_safe()
    assert not bench.circuit_closed()
    with pytest.raises(LabctlError):
        [sample async for sample in samples]
    assert not bench.circuit_closed()
    await bench.channel.make_safe()  # twice
    assert not bench.circuit_closed()
    samples = bench.channel.run(_step(Control.VOLTAGE, 0.05, _for(1000.0)))  # in a step that was left
    await anext(samples)
    await samples.aclose()
    await bench.channel.make_safe()
    assert not bench.circuit_closed()


async def after_making_safe_a_step_can_begin_again(bench: Bench) -> None:
    await bench.channel.connect()
    for _ in range(3):
        samples = await _take(bench, _step(Control.CURRENT, CURRENT_A, _for(5.0)))
        assert abs(samples[-1].current_A - CURRENT_A) < 1e-2 * CURRENT_A
        await bench.channel.make_safe()
    assert not bench.circuit_closed()


async def what_was_decided_before_making_safe_does_not_energise_after_it(bench: Bench) -> None:
    await bench.channel.connect()
    decided = bench.channel.run(_step(Control.CURRENT, CURRENT_A, _for(5.0)))
    await bench.channel.make_safe()
    with pytest.raises(Superseded):
        await anext(decided)
    assert not bench.circuit_closed()
    assert bench.cell.passed_C == 0.0


async def connecting_again_adopts_what_it_finds(bench: Bench) -> None:
    await bench.channel.connect()
    samples = bench.channel.run(_step(Control.CURRENT, CURRENT_A, _for(1000.0)))
    await anext(samples)
    await samples.aclose()
    await bench.channel.connect()
    await bench.channel.make_safe()
    assert not bench.circuit_closed()


EVERY_CHANNEL: tuple[tuple[Check, str], ...] = (
    (connecting_changes_nothing, RESISTOR),
    (a_constant_current_passes_the_planned_charge, RESISTOR),
    (samples_come_as_often_as_asked, RESISTOR),
    (a_voltage_cutoff_ends_the_step_at_its_voltage, CAPACITOR),
    (a_constant_voltage_is_held_until_the_current_has_fallen, CAPACITOR),
    (a_rest_passes_no_current, RESISTOR),
    (steps_follow_each_other_without_opening_in_between, RESISTOR),
    (what_it_cannot_hold_is_refused_before_a_byte_leaves, RESISTOR),
    (a_sweep_it_cannot_make_is_refused, RESISTOR),
    (making_safe_opens_the_circuit_from_every_state, RESISTOR),
    (after_making_safe_a_step_can_begin_again, RESISTOR),
    (what_was_decided_before_making_safe_does_not_energise_after_it, RESISTOR),
    (connecting_again_adopts_what_it_finds, RESISTOR),
)
