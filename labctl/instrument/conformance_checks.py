"""What every channel promises, as functions that take a bench; each says in its name what it checks.

Those in ``WITH_A_RESISTOR`` need a resistor, those in ``WITH_A_CAPACITOR`` one with a capacitor behind it: 0.1 V at
once, 2 mV/s from then on, at the bench's current.
"""

from itertools import pairwise

from labctl.errors import CannotHold, LabctlError, Superseded
from labctl.instrument.conformance import Bench, Check, expect, lasting, refused
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step


async def connecting_changes_nothing(bench: Bench) -> None:
    """The instrument says who it is; its circuit stays as it is found."""
    before = bench.circuit_closed and bench.circuit_closed()
    identity = await bench.channel.connect()
    expect(bool(identity.serial), "it tells no serial number")
    expect(bool(bench.channel.traits.model), "it tells no model")
    expect((bench.circuit_closed and bench.circuit_closed()) == before, "connecting switched the circuit")
    expect(bench.passed_C() == 0.0, "connecting passed a current")
    bench.measured.append(f"{identity}, firmware {identity.firmware}")


async def a_constant_current_passes_the_planned_charge(bench: Bench) -> None:
    """Both signs: the sign and size of the current and of the voltage, and the moment of the charge's cut-off."""
    await bench.channel.connect()
    for sign in (1.0, -1.0):
        before_C = 0.0 if bench.cell is None else bench.cell.charge_C
        wanted_A = sign * bench.current_A
        charge = Cutoff(Quantity.CHARGE, Side.ABOVE, bench.span_s * bench.current_A)
        samples = await bench.take(bench.step(Control.CURRENT, wanted_A, charge))
        expect(samples[-1].cutoff is charge, f"it ended by {samples[-1].cutoff}, not by its charge")
        lasted_s = samples[-1].time_s - bench.channel.step_began_s
        expect(
            abs(lasted_s - bench.span_s) <= bench.late_s + 1e-6,
            f"the charge took {lasted_s:.3f} s in place of {bench.span_s:g} s",
        )
        off_A = max(abs(sample.current_A - wanted_A) for sample in samples)
        expect(
            off_A < bench.accuracy * bench.current_A + 1e-9,
            f"at {wanted_A:g} A the current is off by {off_A:g} A",
        )
        off_V = max(abs(sample.voltage_V - bench.load_ohm * sample.current_A) for sample in samples)
        allowed_V = 2e-3 + (0.0 if bench.cell else bench.accuracy * bench.load_ohm * bench.current_A)
        expect(off_V < allowed_V, f"at {wanted_A:g} A the voltage is off by {off_V:g} V")
        await bench.channel.make_safe()
        if bench.cell is not None:
            passed_C = bench.cell.charge_C - before_C
            most_C = bench.current_A * (bench.late_s + 1e-2)
            expect(
                abs(passed_C - bench.span_s * wanted_A)
                < bench.accuracy * bench.span_s * bench.current_A + most_C,
                f"{passed_C:g} C have passed in place of {bench.span_s * wanted_A:g} C",
            )
        mean_ohm = sum(sample.voltage_V / sample.current_A for sample in samples) / len(samples)
        bench.measured.append(
            f"{wanted_A:+g} A: off by {off_A:.2g} A at most, load {mean_ohm:.6g} ohm, {lasted_s - bench.span_s:+.3f} s"
        )


async def samples_come_as_often_as_asked(bench: Bench) -> None:
    """No gap is longer than the interval asked for, and there are not many more samples than asked."""
    await bench.channel.connect()
    every_s = bench.span_s / 20.0
    samples = await bench.take(
        bench.step(Control.CURRENT, bench.current_A, lasting(12.0 * every_s), every_s=every_s)
    )
    times = [sample.time_s for sample in samples]
    expect(times[0] - bench.channel.step_began_s <= every_s + bench.late_s, "the first sample is late")
    gaps = [b - a for a, b in pairwise(times)]
    expect(min(gaps) > 0.0, "time stands still or runs back")
    expect(max(gaps) <= every_s + bench.late_s + 0.1, f"a gap of {max(gaps):.3f} s, asked was {every_s:g} s")
    expect(len(samples) <= 16, f"{len(samples)} samples in place of 12")
    expect(not any(sample.cutoff for sample in samples[:-1]), "a sample before the last tells a cut-off")
    bench.measured.append(f"longest gap {max(gaps):.3f} s of {every_s:g} s")


async def a_voltage_cutoff_ends_the_step_at_its_voltage(bench: Bench) -> None:
    """Above and below, also at 0 V and at negative voltages."""
    await bench.channel.connect()
    for value, cutoff in (
        (bench.current_A, Cutoff(Quantity.VOLTAGE, Side.ABOVE, 0.3)),
        (-bench.current_A, Cutoff(Quantity.VOLTAGE, Side.BELOW, 0.0)),
        (-bench.current_A, Cutoff(Quantity.VOLTAGE, Side.BELOW, -0.2)),
    ):
        samples = await bench.take(bench.step(Control.CURRENT, value, cutoff, lasting(10.0 * bench.span_s)))
        end = samples[-1]
        expect(end.cutoff is cutoff, f"it ended by {end.cutoff}, not by {cutoff}")
        expect(cutoff.reached_by(end.voltage_V), f"it ended at {end.voltage_V:g} V, before {cutoff}")
        beyond_V = abs(end.voltage_V - cutoff.threshold)
        expect(beyond_V < 2e-3 * (1.0 + bench.late_s) + 1e-3, f"it ended {beyond_V:g} V beyond {cutoff}")
    await bench.channel.make_safe()


async def a_constant_voltage_is_held_until_the_current_has_fallen(bench: Bench) -> None:
    """Inside the current limit from the start, then at its voltage, until the current's cut-off."""
    await bench.channel.connect()
    cutoff = Cutoff(Quantity.CURRENT, Side.BELOW, 2e-5)
    samples = await bench.take(bench.step(Control.VOLTAGE, 0.2, cutoff, lasting(50.0 * bench.span_s)))
    expect(samples[-1].cutoff is cutoff, f"it ended by {samples[-1].cutoff}, not by {cutoff}")
    largest_A = max(abs(sample.current_A) for sample in samples)
    expect(largest_A <= bench.safety.current_max_A, f"{largest_A:g} A, more than the limit")
    settled = [s for s in samples if s.time_s - samples[0].time_s > 2.0 + bench.late_s]
    expect(all(abs(s.voltage_V - 0.2) < 2e-3 for s in settled), "0.2 V are not held")
    expect(settled[0].current_A > settled[-1].current_A > 0.0, "the current does not fall")
    await bench.channel.make_safe()


async def a_rest_passes_no_current(bench: Bench) -> None:
    """After a current, over a short and a long rest."""
    await bench.channel.connect()
    await bench.take(bench.step(Control.CURRENT, bench.current_A, lasting(0.1 * bench.span_s)))
    samples = await bench.take(bench.step(Control.REST, 0.0, lasting(0.2 * bench.span_s)))
    before_C = bench.passed_C()
    samples += await bench.take(bench.step(Control.REST, 0.0, lasting(bench.span_s)))
    leaked_C = bench.passed_C() - before_C
    expect(leaked_C < 1e-9 * 1.3 * bench.span_s, f"{leaked_C:g} C have passed at rest")
    most_A = max(abs(sample.current_A) for sample in samples)
    expect(most_A < bench.quiet_A, f"{most_A:g} A are read at rest")
    bench.measured.append(f"at rest {most_A:.2g} A at most")
    await bench.channel.make_safe()


async def steps_follow_each_other_without_opening_in_between(bench: Bench) -> None:
    """The current turns about within half a second."""
    await bench.channel.connect()
    tenth = lasting(0.1 * bench.span_s)
    await bench.take(bench.step(Control.CURRENT, bench.current_A, tenth))
    ended_s = bench.clock.now()
    await bench.take(bench.step(Control.CURRENT, -bench.current_A, tenth))
    gap_s = bench.channel.step_began_s - ended_s
    expect(gap_s <= 0.5 + bench.late_s, f"{gap_s:.3f} s lie between two steps")
    await bench.channel.make_safe()
    if bench.cell is not None:
        most_C = 0.1 * bench.span_s * bench.current_A * (0.05 + bench.late_s / 5.0)
        expect(abs(bench.cell.charge_C) < most_C, f"{bench.cell.charge_C:g} C are left")
    bench.measured.append(f"{gap_s:.3f} s between two steps")


async def what_it_cannot_hold_is_refused_before_a_byte_leaves(bench: Bench) -> None:
    """Ten times its current, ten times its voltage, and what is no number."""
    await bench.channel.connect()
    before, closed = len(bench.sent), bench.circuit_closed and bench.circuit_closed()
    wide, traits = SafetyLimits(-1e6, 1e6, 1e6), bench.channel.traits
    too_much_A, too_much_V = 10.0 * traits.current_max_A, 10.0 * traits.voltage_max_V
    asked = [(Control.CURRENT, value) for value in (too_much_A, -too_much_A, float("nan"), float("inf"))]
    for control, value in [*asked, (Control.VOLTAGE, too_much_V)]:
        with refused(CannotHold, f"a {control} of {value:g}"):
            await bench.take(Step(control, value, (lasting(1.0),), wide, Sampling(1.0)))
    expect(
        len(bench.sent) == before,
        f"{len(bench.sent) - before} lines left, the first {bench.sent[before:][:1]}",
    )
    expect((bench.circuit_closed and bench.circuit_closed()) == closed, "the circuit was switched")


async def a_sweep_it_cannot_make_is_refused(bench: Bench) -> None:
    """Above its highest frequency, or at all."""
    await bench.channel.connect()
    closed = bench.circuit_closed and bench.circuit_closed()
    impedance = bench.channel.traits.impedance
    high_Hz = 1e5 if impedance is None else 100.0 * impedance.high_Hz
    spec = ImpedanceSpec(ImpedanceMode.GALVANOSTATIC, 1e-5, 0.0, high_Hz, 1.0, 5, bench.safety)
    with refused(CannotHold, f"a sweep from {high_Hz:g} Hz"):
        async for _ in bench.channel.sweep(spec):
            pass
    expect((bench.circuit_closed and bench.circuit_closed()) == closed, "the circuit was switched")


async def making_safe_opens_the_circuit_from_every_state(bench: Bench) -> None:
    """At first, after a step, in a step, twice, and in a step that was left."""
    await bench.channel.connect()
    await bench.channel.make_safe()  # nothing has been done yet
    bench.expect_open()
    await bench.take(
        bench.step(Control.CURRENT, bench.current_A, lasting(0.05 * bench.span_s))
    )  # after a step
    await bench.channel.make_safe()
    bench.expect_open()
    endless = lasting(10.0 * bench.span_s)
    samples = bench.channel.run(bench.step(Control.CURRENT, bench.current_A, endless))  # in a step
    await anext(samples)
    bench.expect_closed()
    await bench.channel.make_safe()
    bench.expect_open()
    with refused(LabctlError, "the rest of a step whose circuit was opened"):
        [sample async for sample in samples]
    bench.expect_open()
    await bench.channel.make_safe()  # twice
    bench.expect_open()
    half_V = 0.5 * bench.load_ohm * bench.current_A
    samples = bench.channel.run(bench.step(Control.VOLTAGE, half_V, endless))  # in a step that was left
    await anext(samples)
    await samples.aclose()
    await bench.channel.make_safe()
    bench.expect_open()


async def after_making_safe_a_step_can_begin_again(bench: Bench) -> None:
    """Three times in a row."""
    await bench.channel.connect()
    for _ in range(3):
        samples = await bench.take(bench.step(Control.CURRENT, bench.current_A, lasting(0.05 * bench.span_s)))
        last_A = samples[-1].current_A
        expect(abs(last_A - bench.current_A) < 1e-2 * bench.current_A, f"{last_A:g} A after being made safe")
        await bench.channel.make_safe()
    bench.expect_open()


async def what_was_decided_before_making_safe_does_not_energise_after_it(bench: Bench) -> None:
    """A step that was asked for before is refused."""
    await bench.channel.connect()
    decided = bench.channel.run(bench.step(Control.CURRENT, bench.current_A, lasting(5.0)))
    await bench.channel.make_safe()
    with refused(Superseded, "a step that was decided before the circuit was opened"):
        await anext(decided)
    bench.expect_open()
    expect(bench.passed_C() == 0.0, "a current has passed")


async def connecting_again_adopts_what_it_finds(bench: Bench) -> None:
    """A connection that ends in a step, then another that opens the circuit."""
    await bench.channel.connect()
    samples = bench.channel.run(bench.step(Control.CURRENT, bench.current_A, lasting(10.0 * bench.span_s)))
    await anext(samples)
    await samples.aclose()
    await bench.channel.connect()
    await bench.channel.make_safe()
    bench.expect_open()


WITH_A_RESISTOR: tuple[Check, ...] = (
    connecting_changes_nothing,
    a_constant_current_passes_the_planned_charge,
    samples_come_as_often_as_asked,
    a_rest_passes_no_current,
    steps_follow_each_other_without_opening_in_between,
    what_it_cannot_hold_is_refused_before_a_byte_leaves,
    a_sweep_it_cannot_make_is_refused,
    what_was_decided_before_making_safe_does_not_energise_after_it,
    making_safe_opens_the_circuit_from_every_state,
    after_making_safe_a_step_can_begin_again,
    connecting_again_adopts_what_it_finds,
)
WITH_A_CAPACITOR: tuple[Check, ...] = (
    a_voltage_cutoff_ends_the_step_at_its_voltage,
    a_constant_voltage_is_held_until_the_current_has_fallen,
)
