"""Compiles a constant power or resistance to one MethodSCRIPT: a galvanostat whose set point follows the voltage.

Theory of operation. The instrument has no such technique, but its language has arithmetic. The script measures one
reading, judges and sends it as in any other step, then sets the current to what the voltage asks for, i = P / E or
i = -E / R, and measures the next. Readings come at least once a second, and faster near a cut-off; between two of them
the current stands still, so the power is off by what the voltage moves in that time. The first current follows from
the open-circuit voltage, measured with the cell off.

A power at a voltage so low that it needs more than the safety current ends the step as a safety limit does.

Source: MethodSCRIPT manual v1.8, chapters 10 (arithmetic) and 14.
"""

from collections.abc import Iterator

from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Step
from labctl_drivers.methodscript import literal
from labctl_drivers.methodscript_between import choosing_interval, judging, sending
from labctl_drivers.methodscript_loop import integrating
from labctl_drivers.methodscript_plan import WINDOW, StepPlan, plan_step
from labctl_drivers.methodscript_step import StepScript, declaring, front_end

_OCP_S = 0.1  # how long the open-circuit voltage is measured


def compile_tracking(step: Step, traits: Traits, *, measured_current: bool) -> StepScript:
    """Write the script of a constant power or resistance that has been checked."""
    plan = plan_step(step, traits)
    lines = [
        "e",
        *declaring(plan),
        "var x",
        *_preparing(plan),
        "timer_start",
        "loop r == 0i",
        *one_reading(plan, measured_current=measured_current),
        *judging(plan),
        *sending(plan),
        "if r == 0i",
        *choosing_interval(plan),
        *_set_point(step),
        "endif",
        "endloop",
        "on_finished:",
        "cell_off",
        "",
    ]
    between_V = plan.lowest_V, step.safety.voltage_max_V
    interval_s = WINDOW * plan.coarse_s + plan.tick_s + plan.fine_s
    return StepScript("\n".join(lines).encode("ascii"), plan.ends, interval_s, between_V)


def telling_open_circuit(plan: StepPlan) -> Iterator[str]:
    """Measure the open-circuit voltage and tell it; where the step cannot begin there, end before the cell is on."""
    yield from front_end(plan, mode=3)
    yield from ("cell_off", f"meas_loop_ocp v {literal(_OCP_S)} {literal(_OCP_S)}", "endloop")
    yield from ("pck_start", "pck_add v", "pck_end")
    yield from (f"if v < {literal(plan.lowest_V)}", "abort", "endif")
    yield from (f"if v > {literal(plan.step.safety.voltage_max_V)}", "abort", "endif")


def galvanostat(plan: StepPlan) -> Iterator[str]:
    """Close the cell at no current, in the range of the largest that may be asked for."""
    highest = literal(min(plan.step.largest_A(), plan.traits.current_max_A))
    yield from front_end(plan, mode=6)
    yield from (f"set_range db {highest}", f"set_autoranging db {highest} {highest}", "set_i 0", "cell_on")


def one_reading(plan: StepPlan, *, measured_current: bool) -> Iterator[str]:
    """Let the set point ``x`` act for ``h`` seconds, read, and integrate."""
    if measured_current:
        yield "meas_loop_cp v c x h h add_meas(0 ba i)"
    else:
        yield "meas_loop_cp v i x h h"
    yield from ("endloop", "timer_get t", "copy_var i a", "if a < 0", "mul_var a -1", "endif")
    yield from ("copy_var v d", "sub_var d q", "copy_var v q")
    yield from integrating(plan)


def _preparing(plan: StepPlan) -> Iterator[str]:
    yield from telling_open_circuit(plan)
    yield from _set_point(plan.step)
    yield from galvanostat(plan)


def _set_point(step: Step) -> Iterator[str]:
    if step.control is Control.POWER:
        yield from (f"store_var x {literal(step.value)} db", "div_var x v")
    else:
        yield from ("copy_var v x", f"div_var x {literal(-step.value)}")
