"""Further promises that are checked with a resistor at the terminals, on an instrument that cannot be looked into.

Resistors of any size: currents and voltages follow from the bench's. ``ON_A_BENCH`` is what a person applies to an
instrument; the last of them asks the person to pull the cable.
"""

from asyncio import CancelledError, TaskGroup
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

from labctl.errors import InstrumentError, LabctlError, LinkError
from labctl.instrument.channel import Inspects, Sample, TellsWhatItFound
from labctl.instrument.conformance import Bench, Check, expect, lasting
from labctl.instrument.conformance_checks import WITH_A_RESISTOR
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step

_PULLED_WITHIN_S = 60.0
_SILENT_S = 3.0
_LIMIT_MARGIN, _LEAST_MARGIN_V = 0.1, 0.025
"""By how much what an instrument holds by itself may lie beyond the safety window: drivers arm 5 %, at least 20 mV."""


async def a_voltage_cutoff_ends_a_step_that_begins_beyond_it(bench: Bench) -> None:
    """At a resistor the voltage is there at once: the step ends with its first reading, for both signs."""
    await bench.channel.connect()
    half_V = 0.5 * bench.load_ohm * bench.current_A
    for sign, side in ((1.0, Side.ABOVE), (-1.0, Side.BELOW)):
        cutoff = Cutoff(Quantity.VOLTAGE, side, sign * half_V)
        step = bench.step(Control.CURRENT, sign * bench.current_A, cutoff, lasting(bench.span_s))
        end = (await bench.take(step))[-1]
        lasted_s = end.time_s - bench.channel.step_began_s
        expect(end.cutoff is cutoff, f"it ended by {end.cutoff}, not by {cutoff}")
        expect(lasted_s <= 1.0 + bench.late_s, f"{cutoff} ended the step after {lasted_s:.3f} s")
        bench.measured.append(f"{cutoff} ended the step after {lasted_s:.3f} s")
    await bench.channel.make_safe()


async def a_constant_voltage_drives_what_the_load_lets_through(bench: Bench) -> None:
    """Voltage over current is the load, for both signs."""
    await bench.channel.connect()
    for sign in (1.0, -1.0):
        wanted_V = sign * 0.5 * bench.load_ohm * bench.current_A
        samples = await bench.take(bench.step(Control.VOLTAGE, wanted_V, lasting(0.2 * bench.span_s)))
        end = samples[-1]
        expect(abs(end.voltage_V - wanted_V) < 2e-3 + bench.accuracy * abs(wanted_V), f"{end.voltage_V:g} V")
        off_A = abs(end.current_A - wanted_V / bench.load_ohm)
        most_A = 2.0 * bench.accuracy * bench.current_A + 2e-3 / bench.load_ohm
        expect(off_A < most_A, f"at {wanted_V:g} V flow {end.current_A:g} A, off by {off_A:g} A")
        bench.measured.append(f"{wanted_V:+g} V: load {end.voltage_V / end.current_A:.6g} ohm")
    await bench.channel.make_safe()


async def the_limits_are_armed_and_hold(bench: Bench) -> None:
    """A current that would drive the load out of the safety window is limited, or ends, within a second."""
    await bench.channel.connect()
    half_V = 0.5 * bench.load_ohm * bench.current_A
    window = SafetyLimits(-half_V, half_V, bench.safety.current_max_A)
    step = Step(Control.CURRENT, bench.current_A, (lasting(0.5 * bench.span_s),), window, Sampling(0.5))
    samples: list[Sample] = []
    ended_by = "it ran to its end, held"
    try:
        async with aclosing(bench.channel.run(step)) as running:
            async for sample in running:
                samples.append(sample)  # noqa: PERF401  what came before an error counts
    except (InstrumentError, LinkError) as error:
        ended_by = str(error)
    if isinstance(bench.channel, Inspects):
        bench.measured += await bench.channel.inspect()
    await bench.channel.make_safe()
    bench.expect_open()
    within_s, most_V = 1.0 + bench.late_s, half_V * (1.0 + _LIMIT_MARGIN) + _LEAST_MARGIN_V
    late = [sample for sample in samples if sample.time_s - bench.channel.step_began_s > within_s]
    beyond = [sample for sample in late if abs(sample.voltage_V) > most_V]
    expect(not beyond, f"{len(beyond)} samples are beyond {half_V:g} V, up to {_most_V(beyond):g} V")
    bench.measured.append(f"window of {half_V:g} V, {_most_V(samples):.4g} V seen: {ended_by}")


async def off_means_off(bench: Bench) -> None:
    """Whoever connects after the circuit was opened finds it open."""
    await bench.channel.connect()
    await bench.take(bench.step(Control.CURRENT, bench.current_A, lasting(0.1 * bench.span_s)))
    await bench.channel.make_safe()
    bench.expect_open()
    await bench.channel.connect()
    found = None
    if isinstance(bench.channel, TellsWhatItFound):
        found = await bench.channel.found_closed()
    expect(not found, "the next connection finds the circuit closed")
    if isinstance(bench.channel, Inspects):
        bench.measured += await bench.channel.inspect()
    told = "the instrument does not tell" if found is None else "open"
    bench.measured.append(f"off is: {bench.channel.traits.off_mode}; found by the next connection: {told}")
    await bench.channel.make_safe()


async def a_pulled_cable_is_noticed_and_the_circuit_opened_once_it_is_back(bench: Bench) -> None:
    """A person pulls the cable in a step. The silence is noticed, and ``make_safe`` confirms open afterwards."""
    assert bench.attendant is not None
    await bench.channel.connect()
    step = bench.step(Control.CURRENT, bench.current_A, lasting(100.0 * _PULLED_WITHIN_S))
    heard = _Heard(bench.clock.now())
    async with TaskGroup() as group:
        listening = group.create_task(_listen(bench, bench.channel.run(step), heard))
        bench.attendant.say(f"pull the cable of the instrument within {_PULLED_WITHIN_S:g} s")
        silent_s = await _silence(bench, heard)
        if silent_s is not None:
            await bench.attendant.done("put the cable back")
        listening.cancel()
    expect(silent_s is not None, f"nothing fell silent within {_PULLED_WITHIN_S:g} s")
    await _open_again(bench)
    bench.expect_open()
    bench.measured.append(
        f"silent for {silent_s:.1f} s; {heard.ended_by or 'the step waited for the cable'}; then opened"
    )


class _Heard:
    """What a step has told so far."""

    def __init__(self, now_s: float) -> None:
        self.last_s = now_s
        self.ended_by = ""


async def _listen(bench: Bench, samples: AsyncIterator[Sample], heard: _Heard) -> None:
    with suppress(CancelledError):
        try:
            async for _ in samples:
                heard.last_s = bench.clock.now()
        except LabctlError as error:
            heard.ended_by = str(error)


async def _silence(bench: Bench, heard: _Heard) -> float | None:
    """How long it has been silent, once it is; None: it was not in time."""
    began_s = bench.clock.now()
    while bench.clock.now() - began_s < _PULLED_WITHIN_S:
        await bench.clock.sleep_until(bench.clock.now() + 0.2)
        silent_s = bench.clock.now() - heard.last_s
        if heard.ended_by or silent_s > _SILENT_S + bench.late_s:
            return silent_s
    return None


async def _open_again(bench: Bench) -> None:
    """A port needs a moment to come back: a few attempts, the last one counts."""
    for _ in range(5):
        try:
            await bench.channel.make_safe()
        except LabctlError:
            await bench.clock.sleep_until(bench.clock.now() + 2.0)
        else:
            return
    await bench.channel.make_safe()


def _most_V(samples: list[Sample]) -> float:
    return max((abs(sample.voltage_V) for sample in samples), default=0.0)


OF_A_RESISTOR: tuple[Check, ...] = (
    a_voltage_cutoff_ends_a_step_that_begins_beyond_it,
    a_constant_voltage_drives_what_the_load_lets_through,
    the_limits_are_armed_and_hold,
    off_means_off,
)
ON_A_BENCH: tuple[Check, ...] = (*WITH_A_RESISTOR, *OF_A_RESISTOR)
WITH_A_PERSON: tuple[Check, ...] = (a_pulled_cable_is_noticed_and_the_circuit_opened_once_it_is_back,)
