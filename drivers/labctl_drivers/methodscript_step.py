"""Compiles a step to one MethodSCRIPT that runs, samples and ends by itself.

Theory of operation. The script is one measurement loop inside one plain loop:

    loop r == 0i                     r: number of the condition that ended the step
      meas_loop_.. h ..              one reading every h seconds
        leave if anything needs care
        send the reading
      endloop
      judge the reading that was left with, send it if it is due, choose the next interval h
    endloop

While nothing happens the interval is the one that samples are wanted at, and each reading costs one package line.
A reading is left with when the present slope would reach a cut-off within three intervals, when it moved by as much
as samples are wanted for, or when the end of the step is near. Then h follows from the slope: at most a third of the
way to the nearest threshold, at most until the next sample is due. So the interval shrinks while a cut-off is
approached, down to the finest one, which bounds the overshoot to one fine reading's change; it grows again by a
factor of ten at most. There is no fixed fast grid, and about one reading per sample that is kept.

The end of a step at a known time (a time limit; a charge at constant current, t = Q/I) is met by a last interval
that is exactly the time left: the last reading is taken at the end, not near it. The last package carries ``r``.

Script variables: t time, v voltage, i current, a magnitude of the current, q last reading of what is watched, d its
change, g slope, h interval, e time from which on to leave the loop, s u last sent reading and its time, k n o scratch,
m.. since when a cut-off is reached, y.. z.. integrals and their last rates, w.. integral one interval ahead.

Source: MethodSCRIPT manual v1.8, chapter 14; command order as in PalmSens' own examples (MSLoopExample008, 009,
011, MSExample029).
"""

from dataclasses import dataclass

from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Cutoff, Quantity, Side, Step
from labctl_drivers.methodscript import literal, whole
from labctl_drivers.palmsens_limits import check_step

SAFETY_END = "a safety limit, enforced by the script itself"
TIME_END = "the longest time that a script is given, 30 days, without any cut-off"

_LONGEST_S = 30 * 86400.0
_AHEAD = 3  # intervals that are looked ahead for a cut-off, so that a slope that triples does not run past it
_DUE = 1.02  # how much further than a wanted change the next reading is aimed, so that it is due for sure
_FINEST_RANGE_V = 0.05  # overpotentials of some mV are to be resolved
_GROWTH = 10  # how much longer than the last an interval may be
_MET = 1.0 - 1e-4  # an integral that is this close to its threshold has met it
_WINDOW = 1.25  # the last interval may be this much longer than the others, so that none becomes tiny


@dataclass(frozen=True, slots=True)
class StepScript:
    """A step in the instrument's own words.

    Attributes:
        text: the script with its ``e`` and without the empty line that ends it.
        ends: what the number in the last package means, counted from 1.
        interval_s: longest time between two packages.
    """

    text: bytes
    ends: tuple[Cutoff | str, ...]
    interval_s: float


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
    return _Compiler(step, traits, measured_current).compile()


def end_time(step: Step) -> tuple[float, Cutoff | None]:
    """When a step ends at the latest, as known beforehand, and which cut-off that is."""
    known: list[tuple[float, Cutoff]] = []
    for cutoff in step.cutoffs:
        if cutoff.quantity is Quantity.TIME:
            known.append((cutoff.threshold + cutoff.hold_s, cutoff))
        elif cutoff.quantity is Quantity.CHARGE and step.control is Control.CURRENT:
            known.append((cutoff.threshold / abs(step.value) + cutoff.hold_s, cutoff))
    return min(known, key=lambda end: end[0], default=(_LONGEST_S, None))


class _Compiler:
    """Collects the lines of one script."""

    def __init__(self, step: Step, traits: Traits, measured_current: bool) -> None:
        self._step = step
        self._traits = traits
        self._measured = measured_current
        self._end_s, self._timed = end_time(step)
        self._coarse_s = step.sampling.every_s
        shortest_s = traits.shortest_interval_s
        self._fine_s = min(max(self._coarse_s / 100, shortest_s), 1.0, self._end_s)
        # Conditions that are looked at in the script; time and charge at constant current are the loop's own end.
        timed = (Quantity.TIME, Quantity.CHARGE) if step.control is Control.CURRENT else (Quantity.TIME,)
        self._judged = [c for c in step.cutoffs if c.quantity not in timed]
        self._integrals = [c for c in self._judged if c.quantity in (Quantity.CHARGE, Quantity.ENERGY)]
        self._held = [c for c in self._judged if c.hold_s > 0.0]
        self._ends: list[Cutoff | str] = [*self._judged, SAFETY_END, self._timed or TIME_END]
        self._watched, self._wanted = "v", step.sampling.voltage_change_V
        if step.control is Control.VOLTAGE:
            self._watched, self._wanted = "a", step.sampling.current_change_A
        self._upper, self._lower = self._thresholds()
        self._lines: list[str] = []

    def compile(self) -> StepScript:
        """The whole script, from ``e`` to ``cell_off``."""
        self._declare()
        self._prepare()
        self._add("timer_start", "loop r == 0i")
        self._measure()
        self._judge()
        self._send_if_due()
        self._add("if r == 0i")
        self._choose_interval()
        self._add("endif", "endloop", "on_finished:", "cell_off")
        text = "\n".join(["e", *self._lines, ""]).encode("ascii")
        return StepScript(text, tuple(self._ends), _WINDOW * self._coarse_s + self._fine_s)

    def _add(self, *lines: str) -> None:
        self._lines += lines

    def _declare(self) -> None:
        numbered = [f"m{k}" for k in range(len(self._held))]
        numbered += [f"{letter}{k}" for k in range(len(self._integrals)) for letter in "yzw"]
        self._add(*(f"var {name}" for name in [*"tvciaqdghesuknor", *numbered]))
        self._add("store_var r 0i ja", f"store_var h {literal(self._fine_s)} eb", "store_var e 0 eb")
        self._add(
            "store_var i 0 ba",
            "store_var q 0 ab",
            "store_var s 0 ab",
            "store_var o 0 eb",
            "store_var u -1 eb",
        )
        self._add(*(f"store_var m{k} -1 eb" for k in range(len(self._held))))
        self._add(*(f"store_var {letter}{k} 0 ja" for k in range(len(self._integrals)) for letter in "yz"))

    # --- the instrument's settings -------------------------------------------------------------------------

    def _prepare(self) -> None:
        step, traits = self._step, self._traits
        # A tenth of headroom: what lies beyond the safety window must still be measured to be seen.
        window_V = 1.1 * max(abs(step.safety.voltage_min_V), abs(step.safety.voltage_max_V))
        volts = round(min(window_V, traits.voltage_max_V), 6)
        mode = 6 if step.control is Control.CURRENT else 3
        self._add("set_pgstat_chan 0", f"set_pgstat_mode {mode}")
        # Assumed: 5.85 over the interval, the bandwidth that PalmSens' battery template recommends.
        self._add(f"set_max_bandwidth {literal(round(5.85 / self._fine_s, 6))}")
        self._add(f"set_range ab {literal(volts)}")
        self._add(f"set_autoranging ab {literal(min(volts, _FINEST_RANGE_V))} {literal(volts)}")
        if step.control is Control.REST:
            self._add("cell_off")
        elif step.control is Control.CURRENT:
            current = literal(abs(step.value))
            self._add(
                f"set_range db {current}", f"set_autoranging db {current} {current}", "set_i 0", "cell_on"
            )
        else:
            potential = literal(step.value)
            highest_A = min(step.safety.current_max_A, traits.current_max_A)
            self._add(f"set_range_minmax da {potential} {potential}")
            self._add(f"set_range ba {literal(highest_A)}")
            self._add(f"set_autoranging ba {literal(highest_A / 1e4)} {literal(highest_A)}")
            self._add(f"set_e {potential}", "cell_on")

    # --- the measurement loop ------------------------------------------------------------------------------

    def _measure(self) -> None:
        run = literal(2 * self._end_s)  # never the loop's own end: the script leaves it
        value = literal(self._step.value)
        if self._step.control is Control.REST:
            self._add(f"meas_loop_ocp v h {run}")
        elif self._step.control is Control.VOLTAGE:
            self._add(f"meas_loop_ca c i {value} h {run} add_meas(0 ab v)")
        elif self._measured:
            self._add(f"meas_loop_cp v c {value} h {run} add_meas(0 ba i)")
        else:
            self._add(f"meas_loop_cp v i {value} h {run}")
        self._add("timer_get t")
        if self._watched == "a" or any(c.quantity is Quantity.CURRENT for c in self._judged):
            self._add("copy_var i a", "if a < 0", "mul_var a -1", "endif")
        self._add(f"copy_var {self._watched} d", "sub_var d q", f"copy_var {self._watched} q")
        self._integrate()
        self._leave_at_low_rate()
        if not self._wanted:
            self._add("copy_var d n", f"mul_var n {_AHEAD}", f"add_var n {self._watched}")
        branch = "if"
        for condition in self._care():
            self._add(f"{branch} {condition}", "breakloop")
            branch = "elseif"
        self._add("endif")
        self._send()
        self._add("endloop")

    def _integrate(self) -> None:
        """Charge and energy by the trapezoidal rule, and what they would be one interval ahead."""
        if self._integrals:
            self._add("copy_var t k", "sub_var k o", "copy_var t o")
        for n, cutoff in enumerate(self._integrals):
            self._add("copy_var i n")
            if cutoff.quantity is Quantity.ENERGY:
                self._add("mul_var n v")
            self._magnitude("n")
            self._add(
                "if u < 0", f"copy_var n z{n}", "endif"
            )  # before the first reading: as in the first reading
            self._add(f"add_var z{n} n", f"mul_var z{n} k", f"mul_var z{n} 500m", f"add_var y{n} z{n}")
            self._add(f"copy_var n z{n}")
            self._add(f"copy_var n w{n}", f"mul_var w{n} {literal(_WINDOW * self._coarse_s)}")
            self._add(f"add_var w{n} y{n}")

    def _leave_at_low_rate(self) -> None:
        for cutoff in self._judged:
            if cutoff.quantity is Quantity.VOLTAGE_RATE and cutoff.side is Side.BELOW:
                change = cutoff.threshold * self._coarse_s
                self._add(f"if d <= {literal(change)}", f"if d >= {literal(-change)}")
                self._add("breakloop", "endif", "endif")

    def _care(self) -> list[str]:
        """Conditions under which a reading is not merely sent."""
        x = self._watched
        conditions = ["t >= e", *self._near_a_threshold()]
        if x == "a":
            conditions += [
                f"v >= {literal(self._step.safety.voltage_max_V)}",
                f"v <= {literal(self._step.safety.voltage_min_V)}",
            ]
        for n, cutoff in enumerate(self._integrals):
            conditions.append(f"w{n} >= {literal(cutoff.threshold)}")
        for cutoff in self._judged:
            signal = _SIGNAL.get(cutoff.quantity)
            if signal is not None and signal != x:
                conditions.append(f"{signal} {cutoff.side} {literal(cutoff.threshold)}")
            if cutoff.quantity is Quantity.VOLTAGE_RATE and cutoff.side is Side.ABOVE:
                change = cutoff.threshold * self._coarse_s
                conditions += [f"d >= {literal(change)}", f"d <= {literal(-change)}"]
        return conditions

    def _near_a_threshold(self) -> list[str]:
        upper, lower, x = self._upper, self._lower, self._watched
        conditions: list[str] = []
        if self._wanted:  # the change of one interval is bounded, so a fixed distance does
            conditions += [f"d >= {literal(self._wanted)}", f"d <= {literal(-self._wanted)}"]
            upper -= (_AHEAD - 1) * self._wanted
            lower = None if lower is None else lower + (_AHEAD - 1) * self._wanted
        ahead = [x] if self._wanted else ["n", x] if self._held else ["n"]
        for signal in ahead:
            conditions.append(f"{signal} >= {literal(upper)}")
            if lower is not None:
                conditions.append(f"{signal} <= {literal(lower)}")
        return conditions

    def _thresholds(self) -> tuple[float, float | None]:
        """Nearest upper and lower bound of what is watched: cut-offs and safety limits."""
        quantity = Quantity.CURRENT if self._watched == "a" else Quantity.VOLTAGE
        safety = self._step.safety
        upper = [c.threshold for c in self._judged if c.quantity is quantity and c.side is Side.ABOVE]
        lower = [c.threshold for c in self._judged if c.quantity is quantity and c.side is Side.BELOW]
        if quantity is Quantity.CURRENT:
            return min([*upper, safety.current_max_A]), max(lower, default=None)
        return min([*upper, safety.voltage_max_V]), max([*lower, safety.voltage_min_V])

    # --- between measurement loops -------------------------------------------------------------------------

    def _judge(self) -> None:
        """Has this reading ended the step? The first cut-off of the step wins, a safety limit wins over all."""
        # Before the first reading there is no slope, so the second one is to come as soon as can be: growing from this.
        first_h = literal(self._fine_s / _GROWTH)
        self._add("if u < 0", "store_var d 0 ab", f"store_var h {first_h} eb", "endif")
        self._add(
            f"if t >= {literal(self._end_s - self._tolerance_s())}", self._ended_by(len(self._ends)), "endif"
        )
        for number in range(len(self._judged), 0, -1):
            self._judge_cutoff(number, self._judged[number - 1])
        safety, by_safety = self._step.safety, self._ended_by(len(self._judged) + 1)
        self._add(f"if v > {literal(safety.voltage_max_V)}", by_safety)
        self._add(f"elseif v < {literal(safety.voltage_min_V)}", by_safety)
        self._add(f"elseif i > {literal(safety.current_max_A)}", by_safety)
        self._add(f"elseif i < {literal(-safety.current_max_A)}", by_safety, "endif")

    def _tolerance_s(self) -> float:
        """How far from the end a reading is still taken as the last one: what 32-bit floats can tell apart."""
        return max(0.4 * min(self._traits.shortest_interval_s, self._fine_s), self._end_s * 1e-6)

    def _ended_by(self, number: int) -> str:
        return f"store_var r {whole(number)} ja"

    def _judge_cutoff(self, number: int, cutoff: Cutoff) -> None:
        rate = cutoff.quantity is Quantity.VOLTAGE_RATE
        if rate:  # over a long enough window only: between close readings noise is all there is
            self._add("if u >= 0", f"if h >= {literal(self._coarse_s / 2)}", "copy_var d k")
            self._magnitude("k")
            self._add("div_var k h")
        signal = "k" if rate else _SIGNAL.get(cutoff.quantity) or f"y{self._integrals.index(cutoff)}"
        threshold = cutoff.threshold * (_MET if cutoff in self._integrals else 1.0)
        self._add(f"if {signal} {cutoff.side} {literal(threshold)}")
        if cutoff in self._held:
            since = f"m{self._held.index(cutoff)}"
            self._add(f"if {since} < 0", f"copy_var t {since}", "endif")
            self._add("copy_var t k", f"sub_var k {since}", f"if k >= {literal(cutoff.hold_s)}")
            self._add(self._ended_by(number), "endif", "else", f"store_var {since} -1 eb")
        else:
            self._add(self._ended_by(number))
        self._add("endif")
        if rate:
            self._add("endif", "endif")

    def _send_if_due(self) -> None:
        x = self._watched
        self._add("if r > 0i", *self._package("r"), "else")
        self._add("store_var k 0 ja", "copy_var t n", "sub_var n u")
        # 0.99: a timer that runs a hair early must not turn a due reading into two.
        self._add(f"if n >= {literal(0.99 * self._coarse_s)}", "store_var k 1 ja")
        self._add("elseif u < 0", "store_var k 1 ja", "endif")
        if self._wanted:
            self._add(f"copy_var {x} n", "sub_var n s")
            self._magnitude("n")
            self._add(f"if n >= {literal(self._wanted)}", "store_var k 1 ja", "endif")
        self._add("if k > 0")
        self._send()
        self._add(f"copy_var {x} s")
        # The first reading is an extra one: later ones stay on the grid that begins with the step.
        self._add("if u < 0", "store_var u 0 eb", "else", "copy_var t u", "endif", "endif", "endif")

    def _send(self) -> None:
        self._add(*self._package())

    def _package(self, *extra: str) -> list[str]:
        current = () if self._step.control is Control.REST else ("i",)
        return ["pck_start", *(f"pck_add {name}" for name in ("t", "v", *current, *extra)), "pck_end"]

    def _choose_interval(self) -> None:
        coarse, fine = literal(self._coarse_s), literal(self._fine_s)
        # k: the change allowed until the next reading, then the interval that it allows
        self._add("store_var k 1k ab")
        if self._wanted:
            self._add(f"copy_var {self._watched} n", "sub_var n s")
            self._magnitude("n")
            self._add(f"store_var k {literal(_DUE * self._wanted)} ab", "sub_var k n")
        for threshold in (self._upper, self._lower):
            if threshold is not None:
                self._add(f"copy_var {self._watched} n", f"sub_var n {literal(threshold)}")
                self._magnitude("n")
                self._add(f"div_var n {_AHEAD}", "if n < k", "copy_var n k", "endif")
        # g: the slope; one reading halves it at most, for noise can hide it
        self._add("copy_var d n")
        self._magnitude("n")
        self._add("div_var n h", "mul_var g 500m", "if g < n", "copy_var n g", "endif")
        self._add("if g < 1p", "store_var g 1p ab", "endif", "div_var k g")
        self._add(f"mul_var h {_GROWTH}", "if k < h", "copy_var k h", "endif")
        self._add(f"if h > {coarse}", f"store_var h {coarse} eb", "endif")
        self._add("copy_var u n", f"add_var n {coarse}", "sub_var n t", "if h > n", "copy_var n h", "endif")
        for n, cutoff in enumerate(self._integrals):
            self._add(f"if z{n} > 0", f"store_var n {literal(cutoff.threshold)} ja", f"sub_var n y{n}")
            self._add(f"div_var n z{n}", "if h > n", "copy_var n h", "endif", "endif")
        for n, cutoff in enumerate(self._held):
            self._add(
                f"if m{n} >= 0", f"copy_var m{n} n", f"add_var n {literal(cutoff.hold_s)}", "sub_var n t"
            )
            self._add("if h > n", "copy_var n h", "endif", "endif")
        self._add(f"if h < {fine}", f"store_var h {fine} eb", "endif")
        self._end_exactly()
        last_s = self._end_s - _WINDOW * self._coarse_s
        self._add("store_var e 0 eb", f"if h >= {coarse}", f"store_var e {literal(last_s)} eb", "endif")

    def _end_exactly(self) -> None:
        """The last interval is the time left; the one before leaves enough of it."""
        self._add(f"store_var n {literal(self._end_s)} eb", "sub_var n t")
        self._add("copy_var h k", f"mul_var k {literal(_WINDOW)}")
        self._add("if n <= k", "copy_var n h", "else", "copy_var h k", "mul_var k 2")
        self._add("if n < k", "copy_var n h", "div_var h 2", "endif", "endif")

    def _magnitude(self, name: str) -> None:
        self._add(f"if {name} < 0", f"mul_var {name} -1", "endif")


_SIGNAL = {Quantity.VOLTAGE: "v", Quantity.CURRENT: "a"}
