"""Refuses, before a byte leaves, the steps and sweeps that a PalmSens instrument cannot hold."""

import math

from labctl.errors import CannotHold
from labctl.instrument.channel import ImpedanceTraits, Traits
from labctl.instrument.course import Profile, Scan
from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Side, Step

SHORTEST_SEGMENTS = 2.0  # intervals between two readings: one after the move, one at the end
SMALLEST_STAIR_V = 1e-4  # Assumed: one step of the potential DAC


def check_step(step: Step, traits: Traits) -> None:
    """Hold a step against the instrument's ranges and its own safety window.

    Raises:
        CannotHold: it leaves them, or a cut-off has no meaning for its control.
    """
    safety, sampling = step.safety, step.sampling
    allowed_A = min(safety.current_max_A, traits.current_max_A)
    if step.control is Control.CURRENT and not 0.0 < abs(step.value) <= allowed_A:
        raise CannotHold(f"{step.value:g} A is not a current up to {allowed_A:g} A")
    if step.control is Control.VOLTAGE and not (
        safety.voltage_min_V <= step.value <= safety.voltage_max_V and abs(step.value) <= traits.voltage_max_V
    ):
        raise CannotHold(f"{step.value:g} V is outside the safety window or the range of {traits.model}")
    if step.control in (Control.POWER, Control.RESISTANCE) and not 0.0 < abs(step.value) < math.inf:
        raise CannotHold(f"{step.value:g} is not a {step.control}")
    if step.profile is not None:
        _check_profile(step.profile, allowed_A, traits)
    if step.scan is not None:
        _check_scan(step.scan, safety, traits)
    if not sampling.every_s >= traits.shortest_interval_s:
        raise CannotHold(
            f"a sample every {sampling.every_s:g} s; {traits.shortest_interval_s:g} s is shortest"
        )
    for cutoff in step.cutoffs:
        _check_cutoff(step.control, cutoff, traits)


def _check_profile(profile: Profile, allowed_A: float, traits: Traits) -> None:
    if not profile.powers and not profile.largest <= allowed_A:
        raise CannotHold(f"a profile up to {profile.largest:g} A; {allowed_A:g} A is the largest current")
    if len(profile.values) > (traits.most_set_points or math.inf):
        raise CannotHold(
            f"a profile of {len(profile.values)} set points; {traits.most_set_points} are the most"
        )
    if not profile.shortest_s >= SHORTEST_SEGMENTS * traits.shortest_interval_s:
        raise CannotHold(
            f"a set point of {profile.shortest_s:g} s; {traits.model} needs "
            f"{SHORTEST_SEGMENTS * traits.shortest_interval_s:g} s"
        )


def _check_scan(scan: Scan, safety: SafetyLimits, traits: Traits) -> None:
    low_V, high_V = scan.extremes_V
    if not (safety.voltage_min_V <= low_V and high_V <= safety.voltage_max_V):
        raise CannotHold(f"a scan from {low_V:g} V to {high_V:g} V leaves the safety window")
    if not max(abs(low_V), abs(high_V)) <= traits.voltage_max_V:
        raise CannotHold(f"a scan from {low_V:g} V to {high_V:g} V is beyond {traits.model}")
    if not scan.stair_V >= SMALLEST_STAIR_V:
        raise CannotHold(f"steps of {scan.stair_V:g} V; {SMALLEST_STAIR_V:g} V is the smallest")


def _check_cutoff(control: Control, cutoff: Cutoff, traits: Traits) -> None:
    quantity, below = cutoff.quantity, cutoff.side is Side.BELOW
    if quantity is Quantity.VOLTAGE and abs(cutoff.threshold) > traits.voltage_max_V:
        raise CannotHold(f"cut-off {cutoff}: {traits.model} measures up to {traits.voltage_max_V:g} V")
    meaningless = (
        (quantity in (Quantity.TIME, Quantity.CHARGE, Quantity.ENERGY) and (below or cutoff.threshold <= 0.0))
        or (control is Control.REST and quantity in (Quantity.CURRENT, Quantity.CHARGE, Quantity.ENERGY))
        or (control in (Control.VOLTAGE, Control.SCAN) and quantity is Quantity.VOLTAGE_RATE)
        or (control is Control.SCAN and quantity is Quantity.VOLTAGE)
    )
    if meaningless:
        raise CannotHold(f"cut-off {cutoff} has no meaning in a {control} step")


def check_sweep(spec: ImpedanceSpec, traits: Traits) -> None:
    """Hold a sweep against the instrument's ranges and its own safety window.

    Raises:
        CannotHold: frequency, amplitude or bias leave them.
    """
    able = traits.impedance
    if able is None or spec.mode not in able.modes:
        raise CannotHold(f"{traits.model} measures no {spec.mode} impedance")
    if not able.low_Hz <= spec.low_Hz <= spec.high_Hz <= able.high_Hz:
        raise CannotHold(
            f"{spec.high_Hz:g} Hz to {spec.low_Hz:g} Hz is not within {able.high_Hz:g} Hz to {able.low_Hz:g} Hz"
        )
    if spec.points_per_decade < 1:
        raise CannotHold("less than one point per decade")
    _check_amplitude(spec, traits, able)


def _check_amplitude(spec: ImpedanceSpec, traits: Traits, able: ImpedanceTraits) -> None:
    safety = spec.safety
    if spec.mode is ImpedanceMode.GALVANOSTATIC:
        peak_A = abs(spec.bias or 0.0) + spec.amplitude
        if not 0.0 < spec.amplitude <= able.amplitude_max_A:
            raise CannotHold(f"an amplitude of {spec.amplitude:g} A; at most {able.amplitude_max_A:g} A")
        if peak_A > min(safety.current_max_A, traits.current_max_A):
            raise CannotHold(
                f"bias and amplitude reach {peak_A:g} A, beyond the safety limit or {traits.model}"
            )
        return
    if not 0.0 < spec.amplitude <= able.amplitude_max_V:
        raise CannotHold(f"an amplitude of {spec.amplitude:g} V; at most {able.amplitude_max_V:g} V")
    if spec.bias is not None:
        low_V, high_V = spec.bias - spec.amplitude, spec.bias + spec.amplitude
        if low_V < safety.voltage_min_V or high_V > safety.voltage_max_V:
            raise CannotHold(f"{low_V:g} V to {high_V:g} V leaves the safety window")
        if max(abs(low_V), abs(high_V)) > traits.voltage_max_V:
            raise CannotHold(f"{low_V:g} V to {high_V:g} V is beyond {traits.model}")
