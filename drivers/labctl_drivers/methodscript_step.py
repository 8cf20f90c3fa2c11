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

Source: MethodSCRIPT manual v1.8, chapter 14; command order as in PalmSens' own examples (MSLoopExample008, 009,
011, MSExample029).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from labctl.instrument.channel import Traits
from labctl.instrument.step import Control, Cutoff, Step
from labctl_drivers.methodscript import literal
from labctl_drivers.methodscript_between import choosing_interval, judging, sending
from labctl_drivers.methodscript_loop import measuring
from labctl_drivers.methodscript_plan import WINDOW, StepPlan, plan_step

_FINEST_RANGE_V = 0.05  # overpotentials of some mV are to be resolved


@dataclass(frozen=True, slots=True)
class StepScript:
    """A step in the instrument's own words.

    Attributes:
        text: the script with its ``e`` and without the empty line that ends it.
        ends: what the number in the last package means, counted from 1.
        interval_s: longest time between two packages.
        open_circuit_V: the script measures the open-circuit voltage first and tells it; it goes on between these
            two voltages. None: it does not.
    """

    text: bytes
    ends: tuple[Cutoff | str, ...]
    interval_s: float
    open_circuit_V: tuple[float, float] | None = None


def compile_held(step: Step, traits: Traits, *, measured_current: bool = True) -> StepScript:
    """Write the script of a step at a constant set point.

    Args:
        step: what to do.
        traits: what the instrument can hold.
        measured_current: measure the current beside the voltage in a galvanostatic step; otherwise the set one is
            sent.

    """
    plan = plan_step(step, traits)
    lines = [
        "e",
        *declaring(plan),
        *_preparing(plan),
        "timer_start",
        "loop r == 0i",
        *measuring(plan, measured_current=measured_current),
        *judging(plan),
        *sending(plan),
        "if r == 0i",
        *choosing_interval(plan),
        "endif",
        "endloop",
        "on_finished:",
        "cell_off",
        "",
    ]
    return StepScript("\n".join(lines).encode("ascii"), plan.ends, WINDOW * plan.coarse_s + plan.fine_s)


def declaring(plan: StepPlan) -> Iterator[str]:
    """Variables with what they begin with."""
    numbered = [f"m{k}" for k in range(len(plan.held))]
    numbered += [f"{letter}{k}" for k in range(len(plan.integrals)) for letter in "yzw"]
    yield from (f"var {name}" for name in [*"tvciaqdghesuknor", *numbered])
    yield from ("store_var r 0i ja", f"store_var h {literal(plan.fine_s)} eb", "store_var e 0 eb")
    yield from (
        "store_var i 0 ba",
        "store_var q 0 ab",
        "store_var s 0 ab",
        "store_var o 0 eb",
        "store_var u -1 eb",
    )
    yield from (f"store_var m{k} -1 eb" for k in range(len(plan.held)))
    yield from (f"store_var {letter}{k} 0 ja" for k in range(len(plan.integrals)) for letter in "yz")


def front_end(plan: StepPlan, mode: int) -> Iterator[str]:
    """Mode, bandwidth and potential ranges."""
    step, traits = plan.step, plan.traits
    # A tenth of headroom: what lies beyond the safety window must still be measured to be seen.
    window_V = 1.1 * max(abs(step.safety.voltage_min_V), abs(step.safety.voltage_max_V))
    volts = round(min(window_V, traits.voltage_max_V), 6)
    yield from ("set_pgstat_chan 0", f"set_pgstat_mode {mode}")
    # Assumed: 5.85 over the interval, the bandwidth that PalmSens' battery template recommends.
    yield f"set_max_bandwidth {literal(round(5.85 / plan.fine_s, 6))}"
    yield f"set_range ab {literal(volts)}"
    yield f"set_autoranging ab {literal(min(volts, _FINEST_RANGE_V))} {literal(volts)}"


def _preparing(plan: StepPlan) -> Iterator[str]:
    step, traits = plan.step, plan.traits
    yield from front_end(plan, mode=6 if step.control is Control.CURRENT else 3)
    if step.control is Control.REST:
        yield "cell_off"
    elif step.control is Control.CURRENT:
        current = literal(abs(step.value))
        yield from (
            f"set_range db {current}",
            f"set_autoranging db {current} {current}",
            "set_i 0",
            "cell_on",
        )
    else:
        potential = literal(step.value)
        highest_A = min(step.safety.current_max_A, traits.current_max_A)
        yield f"set_range_minmax da {potential} {potential}"
        yield f"set_range ba {literal(highest_A)}"
        yield f"set_autoranging ba {literal(highest_A / 1e4)} {literal(highest_A)}"
        yield from (f"set_e {potential}", "cell_on")
