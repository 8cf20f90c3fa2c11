"""What a plan amounts to before it runs: steps, time, charge, rows, spectra."""

import math
from collections import Counter
from dataclasses import dataclass, field

from labctl.instrument.impedance import ImpedanceSpec
from labctl.instrument.step import Control, Step
from labctl.protocol.plan import ImpedanceNode, LoopNode, Node, Passes, Plan, StepNode

# Assumed: three periods a point for settling and measuring, and half a second of range finding and transfer.
PERIODS_PER_POINT = 3.0
OVERHEAD_PER_POINT_s = 0.5


@dataclass
class Estimate:
    """Sums over a whole plan.

    Attributes:
        steps: executed steps, spectra included.
        by_kind: how often each kind of step is executed.
        cycles: passes of the loops that count cycles.
        duration_s: if each step passes the charge that its capacity limit or the cell's nominal capacity allows,
            and no voltage ends it earlier.
        duration_at_most_s: if each step lasts until its time or charge limit.
        charge_C: magnitudes of the charge passed in ``duration_s`` at constant current and in profiles of currents.
        rows_at_most: samples kept, if every step lasts to its limit and crosses the whole voltage window once.
        spectra: number of spectra.
    """

    steps: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    cycles: int = 0
    duration_s: float = 0.0
    duration_at_most_s: float = 0.0
    charge_C: float = 0.0
    rows_at_most: int = 0
    spectra: int = 0


def estimate(plan: Plan) -> Estimate:
    """Add up a plan, without walking through its passes one by one."""
    total = Estimate()
    _add_nodes(plan.nodes, 1, plan.cell.nominal_capacity_C, total)
    return total


def _add_nodes(
    nodes: tuple[Node, ...], times: int, nominal_C: float | None, total: Estimate, passes: int = 1
) -> None:
    """Add ``nodes``, the body of a loop of ``passes`` passes that is itself executed ``times`` times."""
    for node in nodes:
        taken = times * count_passes(node.passes, passes)
        match node:
            case LoopNode():
                total.cycles += taken * node.count * node.counts_cycles
                _add_nodes(node.body, taken, nominal_C, total, node.count)
            case StepNode():
                total.steps += taken
                total.by_kind[node.kind] += taken
                _add_step(node.step, taken, nominal_C, total)
            case ImpedanceNode():
                total.steps += taken
                total.by_kind["impedance"] += taken
                total.spectra += taken
                total.duration_s += taken * sweep_s(node.spec)
                total.duration_at_most_s += taken * sweep_s(node.spec)


def _add_step(step: Step, times: int, nominal_C: float | None, total: Estimate) -> None:
    longest_s = step.time_limit_s() or math.inf
    expected_s = longest_s
    if step.control is Control.CURRENT and nominal_C is not None:
        expected_s = min(longest_s, nominal_C / abs(step.value))
    total.duration_s += times * expected_s
    total.duration_at_most_s += times * longest_s
    if step.control is Control.CURRENT:
        total.charge_C += times * abs(step.value) * expected_s
    elif step.profile is not None and not step.profile.powers:
        total.charge_C += times * step.profile.passed()
    rows = longest_s / step.sampling.every_s + 2 if step.scan is None else step.scan.levels
    if step.profile is not None:
        rows += 2 * len(step.profile.values)
    elif step.sampling.voltage_change_V is not None and step.control is not Control.VOLTAGE:
        rows += (step.safety.voltage_max_V - step.safety.voltage_min_V) / step.sampling.voltage_change_V
    if step.sampling.current_change_A is not None and step.control is Control.VOLTAGE:
        rows += 2 * step.safety.current_max_A / step.sampling.current_change_A
    total.rows_at_most += times * math.ceil(rows)


def count_passes(passes: Passes, count: int) -> int:
    """How many of the passes 1..``count`` are included."""
    if passes.listed is not None:
        return len(passes.listed)
    return count if passes.every is None else count // passes.every


def sweep_s(spec: ImpedanceSpec) -> float:
    """How long a sweep lasts."""
    return sum(OVERHEAD_PER_POINT_s + PERIODS_PER_POINT / hertz for hertz in spec.frequencies_Hz())
