"""Compiles any step to a MethodSCRIPT, once it has been held against what the instrument can do."""

from labctl.instrument.channel import Traits
from labctl.instrument.step import Step
from labctl_drivers.methodscript_profile import compile_profile
from labctl_drivers.methodscript_scan import compile_scan
from labctl_drivers.methodscript_step import StepScript, compile_held
from labctl_drivers.methodscript_track import compile_tracking
from labctl_drivers.palmsens_limits import check_step


def compile_step(step: Step, traits: Traits, *, measured_current: bool = True) -> StepScript:
    """Write the script of a step.

    Args:
        step: what to do.
        traits: what the instrument can hold.
        measured_current: measure the current beside the voltage in a galvanostatic step; otherwise the set one is
            sent.

    Raises:
        CannotHold: out of the instrument's ranges, out of the step's own safety window, or a kind of cut-off
            that has no meaning for this control.
    """
    check_step(step, traits)
    if step.scan is not None:
        return compile_scan(step, step.scan, traits)
    if step.profile is not None:
        return compile_profile(step, step.profile, traits, measured_current=measured_current)
    if step.tracks:
        return compile_tracking(step, traits, measured_current=measured_current)
    return compile_held(step, traits, measured_current=measured_current)
