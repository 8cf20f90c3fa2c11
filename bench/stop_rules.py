"""How often stop rules stop a healthy cell, and how soon they see a fault: simulated symmetric cells, seeded.

    python bench/stop_rules.py [--cells 1000] [--seed 1]

The cells are drawn by a cheap statistical generator written for this purpose; it shares nothing with labctl's
simulated cells. Times are in half-cycles (2.5 h), except where a unit says otherwise.
"""

import argparse
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.half_cycle import HalfCycleFigures
from labctl.protocol.rule_spec import OverpotentialJump, RuleSpec, ShortCircuit, SoftShort
from labctl.rules import Decision, HalfCycleStart, RuleSet

Array = NDArray[np.float64]

HALF_CYCLE_S = 9000.0
REST_S = 60.0  # between two half-cycles
CURRENT_A = 113.1e-6
CUT_OFF_V = 0.9
DAY_S = 86400.0


@dataclass(frozen=True)
class Fault:
    """What is planted: a factor on the overpotential as a function of time, and when it counts as there."""

    onset_s: float
    there_s: float
    factor: Callable[[Array], Array]


NO_FAULT = Fault(math.inf, math.inf, np.ones_like)


class HalfCycleSamples(NamedTuple):
    """The readings of one half-cycle, and whether it went to its end."""

    cycle: int
    sign: int
    start_s: float
    time_s: Array
    voltage_V: Array


class Cell:
    """One symmetric cell, drawn at random: shape, level, ageing, temperature, noise, glitches and gaps."""

    def __init__(self, rng: np.random.Generator, samples: int | None = None) -> None:
        self.rng = rng
        self.cycles = int(rng.integers(20, 41))
        self.samples = samples or int(rng.integers(60, 101))
        self.level_V = math.exp(rng.uniform(math.log(0.020), math.log(0.080)))
        self.asymmetry = rng.uniform(0.8, 1.25)
        self.spike, self.spike_width = rng.uniform(0.2, 2.0), rng.uniform(0.005, 0.02)
        self.two_plateaus = rng.random() < 0.5
        self.step, self.step_at = rng.uniform(0.1, 0.9), rng.uniform(0.3, 0.8)
        self.step_wander, self.step_drift = rng.uniform(0, 0.02), rng.uniform(-0.005, 0.005)
        self.climb, self.climb_power = rng.uniform(0.2, 1.5), rng.uniform(0.7, 3)
        self.activation, self.activation_cycles = rng.uniform(0, 0.6), rng.uniform(0.5, 2)
        self.ageing_root, self.ageing_linear = rng.uniform(0, 0.5), rng.uniform(0, 0.01)
        self.day_swing, self.day_phase = rng.uniform(0, 0.06), rng.uniform(0, 2 * math.pi)
        self.scatter = rng.uniform(0.002, 0.02)
        self.noise_V, self.noise = rng.uniform(0.0001, 0.001), rng.uniform(0.002, 0.02)
        self.glitch_rate, self.gap_rate = rng.uniform(0, 0.005), rng.uniform(0, 0.10)

    def shape(self, passed: Array, cycle: int) -> Array:
        """Overpotential by passed charge (0..1), relative to the level."""
        spike = self.spike * np.exp(-passed / self.spike_width)
        if not self.two_plateaus:
            return 1 + spike + self.climb * passed**self.climb_power
        at = self.step_at + self.step_drift * cycle + self.rng.normal(0, self.step_wander)
        return 1 + spike + self.step / (1 + np.exp(-(passed - at) / 0.02))

    def ageing(self, cycle: int) -> float:
        """Slow growth of the surface film after a quick activation."""
        activation = self.activation * math.exp(-(cycle - 1) / self.activation_cycles)
        return 1 + activation + self.ageing_root * math.sqrt(cycle / 40) + self.ageing_linear * cycle

    def half_cycles(self, fault: Fault) -> Iterator[HalfCycleSamples]:
        """The whole run, as long as the cell passes current inside its voltage window."""
        start_s = 0.0
        for cycle in range(1, self.cycles + 1):
            for sign in (+1, -1):
                samples = self._half_cycle(cycle, sign, start_s, fault)
                yield samples
                start_s = float(samples.time_s[-1]) + REST_S if len(samples.time_s) else start_s + REST_S

    def _half_cycle(self, cycle: int, sign: int, start_s: float, fault: Fault) -> HalfCycleSamples:
        grid = (np.arange(self.samples) + self.rng.uniform(0.3, 1)) / self.samples
        time_s = start_s + HALF_CYCLE_S * grid
        level_V = self.level_V * (self.asymmetry if sign > 0 else 1.0) * self.ageing(cycle)
        day = 1 + self.day_swing * np.sin(2 * math.pi * time_s / DAY_S + self.day_phase)
        true_V = level_V * self.shape(grid, cycle) * day * (1 + self.rng.normal(0, self.scatter))
        true_V = true_V * fault.factor(time_s)
        beyond = np.flatnonzero(true_V >= CUT_OFF_V)
        length = int(beyond[0]) + 1 if len(beyond) else self.samples
        kept = self._without_gap(length)
        read_V = self._read(true_V[:length])[kept]
        return HalfCycleSamples(cycle, sign, start_s, time_s[:length][kept], sign * read_V)

    def _read(self, true_V: Array) -> Array:
        count = len(true_V)
        read_V = true_V * (1 + self.rng.normal(0, self.noise, count)) + self.rng.normal(
            0, self.noise_V, count
        )
        glitches = np.flatnonzero(self.rng.random(count) < self.glitch_rate)
        for k in glitches:
            width = 1 if self.rng.random() < 0.8 else 2
            read_V[k : k + width] = self.rng.uniform(-CUT_OFF_V, CUT_OFF_V)
        return read_V

    def _without_gap(self, count: int) -> NDArray[np.bool_]:
        kept = np.ones(count, dtype=bool)
        if self.rng.random() < self.gap_rate:
            first = self.rng.integers(0, self.samples)
            kept[first : first + self.rng.integers(2, 1 + self.samples // 3)] = False
        kept[-1] = True  # the last sample carries the cut-off
        return kept


def run(cell: Cell, fault: Fault, rules: RuleSet) -> list[Decision]:
    """Feed a cell's life to the rules: everything that they decide, until each has decided once."""
    decisions: list[Decision] = []
    seq = 0
    for part in cell.half_cycles(fault):
        current_A = part.sign * CURRENT_A
        rules.begin_half_cycle(HalfCycleStart(part.cycle, part.sign, current_A, 0.0, part.start_s))
        figures = HalfCycleFigures(part.cycle, part.sign, part.start_s, 0.0)
        for time_s, voltage_V in zip(part.time_s.tolist(), part.voltage_V.tolist(), strict=True):
            seq += 1
            charge_C = figures.add(time_s, voltage_V, current_A)
            decisions += rules.sample(seq, time_s, voltage_V, current_A, charge_C) or ()
        decisions += rules.end_half_cycle(figures.finish("voltage or charge cut-off"))
        if len(decisions) == len(rules.rules):
            break
    return decisions


def jump(cell: Cell, rng: np.random.Generator) -> Fault:
    """A rise to 2..20 times, in two minutes up to three cycles, straight or exponential."""
    size = math.exp(rng.uniform(math.log(2), math.log(20)))
    width_s = math.exp(rng.uniform(math.log(120), math.log(6 * HALF_CYCLE_S)))
    onset_s = rng.uniform(6 * 2, 2 * (cell.cycles - 8)) * (HALF_CYCLE_S + REST_S)
    straight = rng.random() < 0.5

    def factor(time_s: Array) -> Array:
        progress = np.clip((time_s - onset_s) / width_s, 0, 1)
        return np.asarray(1 + (size - 1) * progress if straight else size**progress)

    doubled = 1 / (size - 1) if straight else math.log(2) / math.log(size)
    return Fault(onset_s, onset_s + doubled * width_s, factor)


def short(cell: Cell, rng: np.random.Generator) -> Fault:
    """The overpotential falls to 0..10 % within a minute, for good."""
    rest = rng.uniform(0, 0.10)
    onset_s = rng.uniform(6 * 2, 2 * (cell.cycles - 1)) * (HALF_CYCLE_S + REST_S)

    def factor(time_s: Array) -> Array:
        return np.where(time_s < onset_s + 60, 1.0, rest)

    return Fault(onset_s, onset_s + 60, factor)


def touches(cell: Cell, rng: np.random.Generator) -> Fault:
    """A touch in each of five half-cycles in a row, to 5..40 % of the overpotential, for 2..15 minutes."""
    first = rng.integers(6 * 2, 2 * (cell.cycles - 3))
    starts_s = (first + np.arange(5)) * (HALF_CYCLE_S + REST_S) + rng.uniform(0.15, 0.8, 5) * HALF_CYCLE_S
    ends_s = starts_s + rng.uniform(120, 900, 5)
    depths = rng.uniform(0.05, 0.40, 5)

    def factor(time_s: Array) -> Array:
        factors = np.ones_like(time_s)
        for start_s, end_s, depth in zip(starts_s, ends_s, depths, strict=True):
            factors[(time_s >= start_s) & (time_s < end_s)] = depth
        return factors

    return Fault(float(starts_s[0]), float(starts_s[2]), factor)


@dataclass(frozen=True)
class Scenario:
    """Which rules are tried on which cells."""

    name: str
    specs: tuple[RuleSpec, ...]
    plant: Callable[[Cell, np.random.Generator], Fault] | None = None
    samples: int | None = None


SCENARIOS = (
    Scenario("healthy", (OverpotentialJump(), ShortCircuit(), SoftShort())),
    Scenario("healthy, every 30 s", (OverpotentialJump(), ShortCircuit(), SoftShort()), samples=300),
    Scenario("jump planted", (OverpotentialJump(),), jump),
    Scenario("short planted", (ShortCircuit(),), short),
    Scenario("touches planted, every 30 s", (SoftShort(),), touches, samples=300),
)


@dataclass
class Outcome:
    """What came of a scenario. Delays in half-cycles, counted from when the fault is there."""

    cells: int
    false_stops: int
    missed: int
    delays: list[float]

    def row(self, name: str) -> str:
        """A line of the table."""
        start = f"| {name} | {self.cells} | {self.false_stops} |"
        if not self.delays and not self.missed:
            return f"{start} - | - | - | - |"
        median, high = np.percentile(self.delays, [50, 95]) if self.delays else (math.nan, math.nan)
        return (
            f"{start} {self.missed} | {median:.1%} | {high:.1%} | {max(self.delays, default=math.nan):.1%} |"
        )


def try_out(scenario: Scenario, cells: int, seed: int) -> Outcome:
    """Run a scenario; each cell has a random stream of its own, so that any one can be repeated alone."""
    outcome = Outcome(cells, 0, 0, [])
    for number in range(cells):
        rng = np.random.default_rng([seed, SCENARIOS.index(scenario), number])
        cell = Cell(rng, scenario.samples)
        fault = scenario.plant(cell, rng) if scenario.plant else NO_FAULT
        decisions = run(cell, fault, RuleSet.of(scenario.specs))
        early = [decision for decision in decisions if decision.time_s < fault.onset_s]
        if early:
            outcome.false_stops += 1
            print(
                f"  false stop: {scenario.name}, cell {number}, cycle {early[0].cycle}: "
                f"{early[0].rule}: {early[0].reason}"
            )
        elif scenario.plant and not decisions:
            outcome.missed += 1
            print(f"  missed: {scenario.name}, cell {number}")
        elif decisions:
            outcome.delays.append((decisions[0].time_s - fault.there_s) / HALF_CYCLE_S)
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", default="", help="only those whose name contains this")
    arguments = parser.parse_args()
    began = time.perf_counter()
    chosen = [scenario for scenario in SCENARIOS if arguments.scenario in scenario.name]
    rows = [try_out(scenario, arguments.cells, arguments.seed).row(scenario.name) for scenario in chosen]
    print(f"seed {arguments.seed}; delays as a share of a half-cycle, counted from when the fault is there")
    print("| cells | number | false stops | missed | delay, median | 95 % | longest |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))
    print()
    for spec in (OverpotentialJump(), ShortCircuit(), SoftShort()):
        parameters = dataclasses.asdict(spec)
        print(
            f"{parameters.pop('name')}: "
            + ", ".join(f"{k}={v}" for k, v in parameters.items() if k != "then")
        )
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
