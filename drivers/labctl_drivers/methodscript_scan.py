"""Compiles a voltage scan to one MethodSCRIPT: the instrument's own staircase, with the step's cut-offs inside.

Theory of operation. ``meas_loop_lsv`` or ``meas_loop_cv`` sets the levels and reads the current at the end of each;
the terminal voltage is measured beside it. After each reading the script integrates, judges cut-offs and safety
limits as in any other step, and leaves the loop with the reading that ended it. A cyclic scan from the open-circuit
voltage measures that first, with the cell off, and starts at the nearest level of the staircase that goes through
the vertices; where it does not lie between them the script aborts before the cell is on.

Assumed: the start is held for one interval like every other level, as the manual does not say. Should it not be, the
loop ends one interval early; the package after it still closes the step.

Source: MethodSCRIPT manual v1.8, section 14.11; command order as in PalmSens' MSExample001 (LSV) and 002 (CV).
"""

from collections.abc import Iterator

from labctl.instrument.channel import Traits
from labctl.instrument.course import Scan
from labctl.instrument.step import Step
from labctl_drivers.methodscript import literal, whole
from labctl_drivers.methodscript_between import judging
from labctl_drivers.methodscript_loop import integrating
from labctl_drivers.methodscript_plan import WINDOW, StepPlan, plan_step
from labctl_drivers.methodscript_step import StepScript, declaring, front_end

_OCP_S = 0.1  # how long the open-circuit voltage is measured
_BEGIN = "b"  # the variable that holds the first level


def compile_scan(step: Step, scan: Scan, traits: Traits) -> StepScript:
    """Write the script of a scan that has been checked."""
    plan = plan_step(step, traits)
    lines = [
        "e",
        *declaring(plan),
        f"var {_BEGIN}",
        *_preparing(plan, scan),
        "timer_start",
        _loop(scan),
        "timer_get t",
        "copy_var i a",
        "if a < 0",
        "mul_var a -1",
        "endif",
        *integrating(plan),
        *judging(plan),
        "store_var u 0 eb",
        "if r > 0i",
        "breakloop",
        "endif",
        *plan.package(),
        "endloop",
        # The loop has ended by itself: a package with a later time, so that it is none that was sent before.
        "if r == 0i",
        f"store_var r {whole(len(plan.ends))} ja",
        "timer_get t",
        "endif",
        *plan.package("r"),
        "on_finished:",
        "cell_off",
        "",
    ]
    start_V = scan.extremes_V if scan.start_V is None else None
    return StepScript(
        "\n".join(lines).encode("ascii"), plan.ends, WINDOW * plan.coarse_s + plan.fine_s, start_V
    )


def _preparing(plan: StepPlan, scan: Scan) -> Iterator[str]:
    low_V, high_V = scan.extremes_V
    highest_A = min(plan.step.safety.current_max_A, plan.traits.current_max_A)
    yield from front_end(plan, mode=3)
    yield f"set_range_minmax da {literal(low_V)} {literal(high_V)}"
    yield f"set_range ba {literal(highest_A)}"
    yield f"set_autoranging ba {literal(highest_A / 1e4)} {literal(highest_A)}"
    if scan.start_V is not None:
        yield f"store_var {_BEGIN} {literal(scan.start_V)} da"
    else:
        yield from _starting_at_open_circuit(scan)
    yield from (f"set_e {_BEGIN}", "cell_on")


def _starting_at_open_circuit(scan: Scan) -> Iterator[str]:
    """Measure it and tell it; then the number of stairs from the first vertex, rounded, gives the level."""
    first_V, second_V = scan.turns_V
    half = literal(0.5 if second_V > first_V else -0.5)  # conversion cuts off towards zero
    stair = literal(scan.stair_V)
    yield from ("cell_off", f"meas_loop_ocp v {literal(_OCP_S)} {literal(_OCP_S)}", "endloop")
    yield from ("pck_start", "pck_add v", "pck_end")
    yield from (f"if v < {literal(min(scan.turns_V))}", "abort", "endif")
    yield from (f"if v > {literal(max(scan.turns_V))}", "abort", "endif")
    yield from (f"copy_var v {_BEGIN}", f"sub_var {_BEGIN} {literal(first_V)}", f"div_var {_BEGIN} {stair}")
    yield from (f"add_var {_BEGIN} {half}", f"float_to_int {_BEGIN}", f"int_to_float {_BEGIN}")
    yield from (f"mul_var {_BEGIN} {stair}", f"add_var {_BEGIN} {literal(first_V)}")


def _loop(scan: Scan) -> str:
    turns = " ".join(map(literal, scan.turns_V))
    pace = f"{literal(scan.stair_V)} {literal(scan.rate_V_per_s)}"
    if not scan.cyclic:
        return f"meas_loop_lsv c i {_BEGIN} {turns} {pace} add_meas(0 ab v)"
    scans = f"nscans({scan.cycles}) " if scan.cycles > 1 else ""
    return f"meas_loop_cv c i {_BEGIN} {turns} {pace} {scans}add_meas(0 ab v)"
