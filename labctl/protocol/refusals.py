"""What of a plan a chosen instrument cannot hold, said before anything is connected."""

from collections.abc import Callable, Iterator

from labctl.errors import CannotHold
from labctl.instrument.channel import ImpedanceTraits, Traits
from labctl.instrument.course import Profile
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Quantity, Step
from labctl.protocol.plan import ImpedanceNode, Plan, StepNode
from labctl.units import show


def refusals(
    plan: Plan, traits: Traits, check_step: Callable[[Step, Traits], None] | None = None
) -> list[str]:
    """One sentence for each thing the instrument cannot do, with the step's line; empty: it holds the whole plan.

    Args:
        plan: what is to be done.
        traits: of the instrument.
        check_step: the driver's own look at a step that the traits allow; raises CannotHold.
    """
    sentences = [f"safety: {reason}" for reason in _safety_reasons(plan, traits)]
    for node in plan.flat():
        reasons: Iterator[str] = iter(())
        if isinstance(node, StepNode):
            reasons = iter(
                [*_step_reasons(node.step, traits)] or _drivers_reasons(node.step, traits, check_step)
            )
        elif isinstance(node, ImpedanceNode):
            reasons = _sweep_reasons(node.spec, traits)
        name = node.path.rpartition(".")[2]
        sentences += [f"line {node.line}, {name}: {reason}" for reason in reasons]
    return sentences


def _safety_reasons(plan: Plan, traits: Traits) -> Iterator[str]:
    """The window has to lie within what the instrument measures, or its crossing would go unseen."""
    widest_V = max(abs(plan.safety.voltage_min_V), abs(plan.safety.voltage_max_V))
    if widest_V > traits.voltage_max_V:
        yield f"{show(widest_V, 'V')} is beyond {traits.model}, which goes to {show(traits.voltage_max_V, 'V')}"
    if plan.safety.current_max_A > traits.current_max_A:
        yield (
            f"{show(plan.safety.current_max_A, 'A')} is beyond {traits.model}, "
            f"which goes to {show(traits.current_max_A, 'A')}"
        )


def _step_reasons(step: Step, traits: Traits) -> Iterator[str]:
    if step.control is Control.CURRENT and abs(step.value) > traits.current_max_A:
        yield f"{show(step.value, 'A')} is beyond {traits.model}, which goes to {show(traits.current_max_A, 'A')}"
    if step.profile is not None:
        yield from _profile_reasons(step.profile, traits)
    voltages_V = [cutoff.threshold for cutoff in step.cutoffs if cutoff.quantity is Quantity.VOLTAGE]
    if step.control is Control.VOLTAGE:
        voltages_V.append(step.value)
    if step.scan is not None:
        voltages_V += step.scan.extremes_V
    for voltage_V in voltages_V:
        if abs(voltage_V) > traits.voltage_max_V:
            yield f"{show(voltage_V, 'V')} is beyond {traits.model}, which goes to {show(traits.voltage_max_V, 'V')}"
    if step.scan is not None and step.scan.interval_s < traits.shortest_interval_s:
        fitting_V = step.scan.rate_V_per_s * traits.shortest_interval_s
        yield (
            f"a step of {show(step.scan.stair_V, 'V')} every {show(step.scan.interval_s, 's')} is too fast for "
            f"{traits.model}, which needs {show(traits.shortest_interval_s, 's')}: write `step: {show(fitting_V, 'V')}`"
            " or more, or scan slower"
        )
    elif step.sampling.every_s < traits.shortest_interval_s:
        yield (
            f"a sample every {show(step.sampling.every_s, 's')} is too fast for {traits.model}, "
            f"which needs {show(traits.shortest_interval_s, 's')}"
        )


def _drivers_reasons(
    step: Step, traits: Traits, check_step: Callable[[Step, Traits], None] | None
) -> list[str]:
    try:
        if check_step is not None:
            check_step(step, traits)
    except CannotHold as error:
        return [error.problem]
    return []


def _profile_reasons(profile: Profile, traits: Traits) -> Iterator[str]:
    if not profile.powers and profile.largest > traits.current_max_A:
        yield (
            f"{show(profile.largest, 'A')} in {profile.file} is beyond {traits.model}, "
            f"which goes to {show(traits.current_max_A, 'A')}"
        )
    if profile.shortest_s < 2.0 * traits.shortest_interval_s:
        yield (
            f"{profile.file} has a set point of {show(profile.shortest_s, 's')}; {traits.model} needs "
            f"{show(2.0 * traits.shortest_interval_s, 's')}: a reading after it begins and one at its end"
        )
    if traits.most_set_points is not None and len(profile.values) > traits.most_set_points:
        yield (
            f"{profile.file} has {len(profile.values)} set points, and {traits.model} has room for "
            f"{traits.most_set_points}: split it, or join equal ones"
        )


def _sweep_reasons(spec: ImpedanceSpec, traits: Traits) -> Iterator[str]:
    able = traits.impedance
    if able is None:
        yield f"{traits.model} cannot measure impedance (leave it out with --without impedance)"
        return
    if spec.mode not in able.modes:
        yield f"{traits.model} has no {spec.mode} impedance, only {', '.join(sorted(able.modes))}"
    if spec.high_Hz > able.high_Hz:
        yield f"{show(spec.high_Hz, 'Hz')} is above {traits.model}, which starts at {show(able.high_Hz, 'Hz')}"
    if spec.low_Hz < able.low_Hz:
        yield f"{show(spec.low_Hz, 'Hz')} is below {traits.model}, which ends at {show(able.low_Hz, 'Hz')}"
    if able.only_at_open_circuit and spec.bias:
        unit = "V" if spec.mode is ImpedanceMode.POTENTIOSTATIC else "A"
        yield f"a bias of {show(spec.bias, unit)}: {traits.model} measures about open circuit only, leave it out"
    yield from _excursion_reasons(spec, able, traits)


def _excursion_reasons(spec: ImpedanceSpec, able: ImpedanceTraits, traits: Traits) -> Iterator[str]:
    if spec.mode is ImpedanceMode.POTENTIOSTATIC:
        unit, largest, range_end = "V", able.amplitude_max_V, traits.voltage_max_V
    else:
        unit, largest, range_end = "A", able.amplitude_max_A, traits.current_max_A
    if spec.amplitude > largest:
        yield (
            f"an amplitude of {show(spec.amplitude, unit)} is too large for {traits.model}, "
            f"which modulates up to {show(largest, unit)}"
        )
    if abs(spec.bias or 0.0) + spec.amplitude > range_end:
        yield f"bias and amplitude reach beyond {traits.model}, which goes to {show(range_end, unit)}"
