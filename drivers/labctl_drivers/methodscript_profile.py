"""Compiles a profile to one MethodSCRIPT: its set points stand in two arrays, and a galvanostat goes through them.

Theory of operation. ``p`` holds when each set point ends, ``l`` what it is, ``j`` counts. One reading is taken at the
end of each set point, at its exact time, and one right after each move; both are sent, so that between two packages
the current is constant. In between the interval doubles up to that of the samples, or, for powers, to a second,
because their current follows the voltage: i = P / E.

The whole profile is in the instrument, which bounds its length; a longer one is refused.

Source: MethodSCRIPT manual v1.8, chapters 10 (arrays) and 14.
"""

from collections.abc import Iterator

from labctl.instrument.channel import Traits
from labctl.instrument.course import Profile
from labctl.instrument.step import Step
from labctl_drivers.methodscript import literal, whole
from labctl_drivers.methodscript_between import judging
from labctl_drivers.methodscript_plan import TRACKING_S, WINDOW, StepPlan, plan_step
from labctl_drivers.methodscript_step import StepScript, declaring
from labctl_drivers.methodscript_track import galvanostat, one_reading, telling_open_circuit


def compile_profile(step: Step, profile: Profile, traits: Traits, *, measured_current: bool) -> StepScript:
    """Write the script of a profile that has been checked."""
    plan = plan_step(step, traits)
    longest_s = min(plan.coarse_s, TRACKING_S) if profile.powers else plan.coarse_s
    lines = [
        "e",
        *declaring(plan),
        *_arrays(profile),
        *telling_open_circuit(plan),
        *_set_point(profile),
        *galvanostat(plan),
        f"store_var h {literal(_shortest_s(plan))} eb",
        "timer_start",
        "loop r == 0i",
        *one_reading(plan, measured_current=measured_current),
        *judging(plan),
        *_sending(plan),
        "if r == 0i",
        *_choosing_interval(plan, longest_s),
        *_set_point(profile),
        "endif",
        "endloop",
        "on_finished:",
        "cell_off",
        "",
    ]
    between_V = step.safety.voltage_min_V, step.safety.voltage_max_V
    interval_s = WINDOW * plan.coarse_s + longest_s
    return StepScript("\n".join(lines).encode("ascii"), plan.ends, interval_s, between_V)


def _arrays(profile: Profile) -> Iterator[str]:
    count = len(profile.values)
    yield from ("var x", "var j", "var f", f"array p {whole(count)}", f"array l {whole(count)}")
    for number, (end_s, value) in enumerate(zip(profile.ends_s, profile.values, strict=True)):
        yield from (f"store_var k {literal(end_s)} eb", f"array_set p {whole(number)} k")
        yield from (f"store_var k {literal(value)} db", f"array_set l {whole(number)} k")
    yield from ("store_var j 0i ja", "store_var f 1 ja")


def _set_point(profile: Profile) -> Iterator[str]:
    yield "array_get l j x"
    if profile.powers:
        yield from ("if x != 0", "div_var x v", "endif")


def _shortest_s(plan: StepPlan) -> float:
    return plan.traits.shortest_interval_s


def _sending(plan: StepPlan) -> Iterator[str]:
    """Send the last reading, the one at the end of a set point and the one after its move, and those on the grid."""
    yield from ("if r > 0i", *plan.package("r"), "else")
    yield from ("array_get p j n", "sub_var n t", f"if n <= {literal(0.4 * _shortest_s(plan))}")
    yield from ("store_var f 2 ja", "endif")
    yield from ("copy_var t n", "sub_var n u", f"if n >= {literal(0.99 * plan.coarse_s)}", "store_var k 1 ja")
    yield from ("else", "copy_var f k", "endif", "if k > 0", *plan.package(), "copy_var t u", "endif")
    yield "endif"


def _choosing_interval(plan: StepPlan, longest_s: float) -> Iterator[str]:
    """``f``: 2 at the end of a set point, 1 until the reading after the move, 0 else."""
    shortest = literal(_shortest_s(plan))
    yield from ("if f > 1500m", "add_var j 1i", f"store_var h {shortest} eb", "store_var f 1 ja")
    yield from ("else", "store_var f 0 ja", "mul_var h 2")
    yield from (f"if h > {literal(longest_s)}", f"store_var h {literal(longest_s)} eb", "endif", "endif")
    # The reading at the end of the set point is met exactly; the one before leaves time for it.
    yield from ("array_get p j n", "sub_var n t", "copy_var h k", f"add_var k {shortest}")
    yield from ("if n < k", "copy_var n h", "endif")
