"""The measurement loop of a step's script: read, send, and leave as soon as a reading needs care."""

from collections.abc import Iterator

from labctl.instrument.step import Control, Quantity, Side
from labctl_drivers.methodscript import literal
from labctl_drivers.methodscript_plan import AHEAD, SIGNAL, WINDOW, StepPlan, magnitude


def measuring(plan: StepPlan, *, measured_current: bool) -> Iterator[str]:
    """One reading every ``h`` seconds; it is left with the reading that needs care, not yet sent.

    Args:
        plan: the step.
        measured_current: measure the current beside the voltage in a galvanostatic step; otherwise the set one is
            sent.
    """
    run = literal(2 * plan.end_s)  # never the loop's own end: the script leaves it
    value = literal(plan.step.value)
    if plan.step.control is Control.REST:
        yield f"meas_loop_ocp v h {run}"
    elif plan.step.control is Control.VOLTAGE:
        yield f"meas_loop_ca c i {value} h {run} add_meas(0 ab v)"
    elif measured_current:
        yield f"meas_loop_cp v c {value} h {run} add_meas(0 ba i)"
    else:
        yield f"meas_loop_cp v i {value} h {run}"
    yield "timer_get t"
    if plan.watched == "a" or any(c.quantity is Quantity.CURRENT for c in plan.judged):
        yield from ("copy_var i a", "if a < 0", "mul_var a -1", "endif")
    yield from (f"copy_var {plan.watched} d", "sub_var d q", f"copy_var {plan.watched} q")
    yield from integrating(plan)
    yield from _leave_at_low_rate(plan)
    if not plan.wanted:
        yield from ("copy_var d n", f"mul_var n {AHEAD}", f"add_var n {plan.watched}")
    branch = "if"
    for condition in _care(plan):
        yield from (f"{branch} {condition}", "breakloop")
        branch = "elseif"
    yield "endif"
    yield from plan.package()
    yield "endloop"


def integrating(plan: StepPlan) -> Iterator[str]:
    """Charge and energy by the trapezoidal rule, and what they would be one interval ahead."""
    if plan.integrals:
        yield from ("copy_var t k", "sub_var k o", "copy_var t o")
    for n, cutoff in enumerate(plan.integrals):
        yield "copy_var i n"
        if cutoff.quantity is Quantity.ENERGY:
            yield "mul_var n v"
        yield from magnitude("n")
        yield from ("if u < 0", f"copy_var n z{n}", "endif")  # before the first reading: as in it
        yield from (f"add_var z{n} n", f"mul_var z{n} k", f"mul_var z{n} 500m", f"add_var y{n} z{n}")
        yield f"copy_var n z{n}"
        yield from (f"copy_var n w{n}", f"mul_var w{n} {literal(WINDOW * plan.coarse_s)}")
        yield f"add_var w{n} y{n}"


def _leave_at_low_rate(plan: StepPlan) -> Iterator[str]:
    for cutoff in plan.judged:
        if cutoff.quantity is Quantity.VOLTAGE_RATE and cutoff.side is Side.BELOW:
            change = cutoff.threshold * plan.coarse_s
            yield from (f"if d <= {literal(change)}", f"if d >= {literal(-change)}")
            yield from ("breakloop", "endif", "endif")


def _care(plan: StepPlan) -> list[str]:
    """Conditions under which a reading is not merely sent."""
    x = plan.watched
    conditions = ["t >= e", *_near_a_threshold(plan)]
    if x == "a":
        conditions += [
            f"v >= {literal(plan.step.safety.voltage_max_V)}",
            f"v <= {literal(plan.step.safety.voltage_min_V)}",
        ]
    for n, cutoff in enumerate(plan.integrals):
        conditions.append(f"w{n} >= {literal(cutoff.threshold)}")
    for cutoff in plan.judged:
        signal = SIGNAL.get(cutoff.quantity)
        if signal is not None and signal != x:
            conditions.append(f"{signal} {cutoff.side} {literal(cutoff.threshold)}")
        if cutoff.quantity is Quantity.VOLTAGE_RATE and cutoff.side is Side.ABOVE:
            change = cutoff.threshold * plan.coarse_s
            conditions += [f"d >= {literal(change)}", f"d <= {literal(-change)}"]
    return conditions


def _near_a_threshold(plan: StepPlan) -> list[str]:
    upper, lower, x = plan.upper, plan.lower, plan.watched
    conditions: list[str] = []
    if plan.wanted:  # the change of one interval is bounded, so a fixed distance does
        conditions += [f"d >= {literal(plan.wanted)}", f"d <= {literal(-plan.wanted)}"]
        upper -= (AHEAD - 1) * plan.wanted
        lower = None if lower is None else lower + (AHEAD - 1) * plan.wanted
    ahead = [x] if plan.wanted else ["n", x] if plan.held else ["n"]
    for signal in ahead:
        conditions.append(f"{signal} >= {literal(upper)}")
        if lower is not None:
            conditions.append(f"{signal} <= {literal(lower)}")
    return conditions
