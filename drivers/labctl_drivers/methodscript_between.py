"""What a step's script does between two measurement loops: judge the reading, send it, choose the next interval."""

from collections.abc import Iterator

from labctl.instrument.step import Cutoff, Quantity
from labctl_drivers.methodscript import literal, whole
from labctl_drivers.methodscript_plan import AHEAD, SIGNAL, WINDOW, StepPlan, magnitude

_DUE = 1.02  # how much further than a wanted change the next reading is aimed, so that it is due for sure
_GROWTH = 10  # how much longer than the last an interval may be
_MET = 1.0 - 1e-4  # an integral that is this close to its threshold has met it


def judging(plan: StepPlan) -> Iterator[str]:
    """Has this reading ended the step? The first cut-off of the step wins, a safety limit wins over all."""
    # Before the first reading there is no slope, so the second is to come as soon as can be: growing from this.
    first_h = literal(plan.fine_s / _GROWTH)
    yield from ("if u < 0", "store_var d 0 ab", f"store_var h {first_h} eb", "endif")
    yield from (f"if t >= {literal(plan.end_s - plan.tolerance_s)}", _ended_by(len(plan.ends)), "endif")
    for number in range(len(plan.judged), 0, -1):
        yield from _judge_cutoff(plan, number, plan.judged[number - 1])
    safety, by_safety = plan.step.safety, _ended_by(len(plan.judged) + 1)
    yield from (f"if v > {literal(safety.voltage_max_V)}", by_safety)
    yield from (f"elseif v < {literal(plan.lowest_V)}", by_safety)
    yield from (f"elseif i > {literal(safety.current_max_A)}", by_safety)
    yield from (f"elseif i < {literal(-safety.current_max_A)}", by_safety, "endif")


def _judge_cutoff(plan: StepPlan, number: int, cutoff: Cutoff) -> Iterator[str]:
    rate = cutoff.quantity is Quantity.VOLTAGE_RATE
    if rate:  # over a long enough window only: between close readings noise is all there is
        yield from ("if u >= 0", f"if h >= {literal(plan.coarse_s / 2)}", "copy_var d k")
        yield from magnitude("k")
        yield "div_var k h"
    signal = "k" if rate else SIGNAL.get(cutoff.quantity) or f"y{plan.integrals.index(cutoff)}"
    threshold = cutoff.threshold * (_MET if cutoff in plan.integrals else 1.0)
    yield f"if {signal} {cutoff.side} {literal(threshold)}"
    if cutoff in plan.held:
        since = f"m{plan.held.index(cutoff)}"
        yield from (f"if {since} < 0", f"copy_var t {since}", "endif")
        yield from ("copy_var t k", f"sub_var k {since}", f"if k >= {literal(cutoff.hold_s)}")
        yield from (_ended_by(number), "endif", "else", f"store_var {since} -1 eb")
    else:
        yield _ended_by(number)
    yield "endif"
    if rate:
        yield from ("endif", "endif")


def _ended_by(number: int) -> str:
    return f"store_var r {whole(number)} ja"


def sending(plan: StepPlan) -> Iterator[str]:
    """Send the reading if it is the last, if the time has come, or if it moved far enough."""
    x = plan.watched
    yield from ("if r > 0i", *plan.package("r"), "else")
    yield from ("store_var k 0 ja", "copy_var t n", "sub_var n u")
    # 0.99: a timer that runs a hair early must not turn a due reading into two.
    yield from (f"if n >= {literal(0.99 * plan.coarse_s)}", "store_var k 1 ja")
    yield from ("elseif u < 0", "store_var k 1 ja", "endif")
    if plan.wanted:
        yield from (f"copy_var {x} n", "sub_var n s")
        yield from magnitude("n")
        yield from (f"if n >= {literal(plan.wanted)}", "store_var k 1 ja", "endif")
    yield "if k > 0"
    yield from plan.package()
    yield f"copy_var {x} s"
    # The first reading is an extra one: later ones stay on the grid that begins with the step.
    yield from ("if u < 0", "store_var u 0 eb", "else", "copy_var t u", "endif", "endif", "endif")


def choosing_interval(plan: StepPlan) -> Iterator[str]:
    """Set ``h``, and from when on the loop is to be left although nothing needs care."""
    coarse, longest, fine = literal(plan.coarse_s), literal(plan.tick_s), literal(plan.fine_s)
    # k: the change allowed until the next reading, then the interval that it allows
    yield "store_var k 1k ab"
    if plan.wanted:
        yield from (f"copy_var {plan.watched} n", "sub_var n s")
        yield from magnitude("n")
        yield from (f"store_var k {literal(_DUE * plan.wanted)} ab", "sub_var k n")
    for threshold in (plan.upper, plan.lower):
        if threshold is not None:
            yield from (f"copy_var {plan.watched} n", f"sub_var n {literal(threshold)}")
            yield from magnitude("n")
            yield from (f"div_var n {AHEAD}", "if n < k", "copy_var n k", "endif")
    # g: the slope; one reading halves it at most, for noise can hide it
    yield "copy_var d n"
    yield from magnitude("n")
    yield from ("div_var n h", "mul_var g 500m", "if g < n", "copy_var n g", "endif")
    yield from ("if g < 1p", "store_var g 1p ab", "endif", "div_var k g")
    yield from (f"mul_var h {_GROWTH}", "if k < h", "copy_var k h", "endif")
    yield from (f"if h > {longest}", f"store_var h {longest} eb", "endif")
    yield from ("copy_var u n", f"add_var n {coarse}", "sub_var n t", "if h > n", "copy_var n h", "endif")
    for n, cutoff in enumerate(plan.integrals):
        yield from (f"if z{n} > 0", f"store_var n {literal(cutoff.threshold)} ja", f"sub_var n y{n}")
        yield from (f"div_var n z{n}", "if h > n", "copy_var n h", "endif", "endif")
    for n, cutoff in enumerate(plan.held):
        yield from (f"if m{n} >= 0", f"copy_var m{n} n", f"add_var n {literal(cutoff.hold_s)}", "sub_var n t")
        yield from ("if h > n", "copy_var n h", "endif", "endif")
    yield from (f"if h < {fine}", f"store_var h {fine} eb", "endif")
    yield from _end_exactly(plan)
    last_s = plan.end_s - WINDOW * plan.coarse_s
    yield from ("store_var e 0 eb", f"if h >= {longest}", f"store_var e {literal(last_s)} eb", "endif")


def _end_exactly(plan: StepPlan) -> Iterator[str]:
    """The last interval is the time left; the one before leaves enough of it."""
    yield from (f"store_var n {literal(plan.end_s)} eb", "sub_var n t")
    yield from ("copy_var h k", f"mul_var k {literal(WINDOW)}")
    yield from ("if n <= k", "copy_var n h", "else", "copy_var h k", "mul_var k 2")
    yield from ("if n < k", "copy_var n h", "div_var h 2", "endif", "endif")
