"""The simulated cells of the experiment: what each shows when it is cycled directly, and what a sample costs.

    python bench/cells.py [--rows 1 2 ...] [--seeds N] [--plot FOLDER]

Rows 1 to 5 are the symmetric cells (0.4 mA/cm2, 2.5 h, +/-0.9 V), rows 6 to 10 the full cells against NNMO (2.5 to
4.0 V, 1C is 0.1 mA), all sampled every 10 s. For each row and seed it prints what the paper reports (H. Koh et
al., Chem. Eng. J. (2024) 151578), what the model shows, and the time a sample takes.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labctl_simulators.cells import Cell
from labctl_simulators.cells.full import (
    na50k50_nnmo_naclo4,
    na50k50_nnmo_naclo4_fec,
    na50k50_nnmo_napf6,
    na_nnmo_naclo4,
)
from labctl_simulators.cells.symmetric import na, na50k50, na50k50_nafsi, na60k40, na80k20

SAMPLE_S = 10.0
CURRENT_A, HALF_CYCLE_S, WINDOW_V = 113.1e-6, 9000.0, (-0.9, 0.9)
ONE_C_A, FULL_WINDOW_V = 1e-4, (2.5, 4.0)
SCAN_V_S, SCAN_STEP_V = 1e-4, 1e-4
SPECTRUM_HZ = [10.0 ** (5.0 - index / 10.0) for index in range(61)]

Trace = tuple[list[float], list[float]]
"""Charge passed in mAh, voltage in V."""

Maker = Callable[[str | None, int], Cell]


@dataclass
class Life:
    """What cycling one cell showed; lists are indexed by half-cycle."""

    cell: Cell
    traces: list[Trace] = field(default_factory=list)
    spectra: dict[int, list[complex]] = field(default_factory=dict)
    scans: dict[str, Trace] = field(default_factory=dict)
    cost_s: float = 0.0

    def half_cycle(self, current_A: float, window_V: tuple[float, float], longest_s: float) -> None:
        """Cycle to the window or for the longest time."""
        charges, volts, now_s, begin = [], [], 0.0, time.process_time()
        while now_s < longest_s:
            self.cell.advance_current(SAMPLE_S, current_A)
            now_s += SAMPLE_S
            voltage_V = self.cell.voltage_V(current_A)
            charges.append(abs(current_A) * now_s / 3.6)
            volts.append(voltage_V)
            if not window_V[0] < voltage_V < window_V[1]:
                break
        self.cost_s += time.process_time() - begin
        self.traces.append((charges, volts))

    def capacity_mAh(self, cycle: int) -> float:
        """Charge of the second half-cycle of a cycle."""
        return self.traces[2 * cycle - 1][0][-1]

    def overpotential_V(self, cycle: int) -> float:
        """Median |V| of a cycle."""
        return statistics.median(
            abs(volt) for trace in self.traces[2 * cycle - 2 : 2 * cycle] for volt in trace[1]
        )

    def cycles(self) -> range:
        """The cycles, from 1."""
        return range(1, len(self.traces) // 2 + 1)

    def first(self, condition: Callable[[int], bool]) -> int | None:
        """First cycle that meets a condition."""
        return next((cycle for cycle in self.cycles() if condition(cycle)), None)

    def cost_us(self) -> float:
        """Time of one sample, microseconds."""
        return 1e6 * self.cost_s / sum(len(trace[0]) for trace in self.traces)


def symmetric(cell: Cell, cycles: int) -> Life:
    """Cycle as the paper does, with spectra."""
    life = Life(cell)
    for cycle in range(1, cycles + 1):
        life.half_cycle(CURRENT_A, WINDOW_V, HALF_CYCLE_S)
        life.half_cycle(-CURRENT_A, WINDOW_V, HALF_CYCLE_S)
        if cycle in (1, 30, 40, 50):
            life.spectra[cycle] = [cell.impedance_ohm(frequency) for frequency in SPECTRUM_HZ]
    return life


def full(cell: Cell, c_rate: float, cycles: int, life: Life | None = None) -> Life:
    """Cycle between the voltages at a C-rate; charge first."""
    life = life or Life(cell)
    for _ in range(cycles):
        for current_A in (c_rate * ONE_C_A, -c_rate * ONE_C_A):
            life.half_cycle(current_A, FULL_WINDOW_V, 7200.0 / c_rate)
    return life


def voltammogram(cell: Cell) -> Trace:
    """A triangle from 2.5 V to 4.0 V and back; currents in mA, voltages in V."""
    low_V, high_V = FULL_WINDOW_V
    steps = round((high_V - low_V) / SCAN_STEP_V)
    up = [low_V + SCAN_STEP_V * step for step in range(1, steps + 1)]
    cell.advance_voltage(600.0, low_V)
    duration_s = SCAN_STEP_V / SCAN_V_S
    volts = up + up[::-1]
    return [1e3 * cell.advance_voltage(duration_s, volt) / duration_s for volt in volts], volts


def peaks(scan: Trace) -> str:
    """Where the two halves of a voltammogram have maxima of at least half of their highest, V."""
    half, found = len(scan[0]) // 2, []
    for sizes in (scan[0][:half], [-current for current in scan[0][:half:-1]]):
        top = 0.5 * max(sizes)
        at = [i for i in range(200, half - 200) if sizes[i] == max(sizes[i - 200 : i + 201]) > top]
        found.append(" ".join(f"{FULL_WINDOW_V[0] + SCAN_STEP_V * (i + 1):.2f}" for i in at))
    return f"{found[0]} / {found[1]} V"


def symmetric_figures(life: Life) -> Iterator[str]:
    """Overpotential, impedance, and how the cell ended."""
    base_V = statistics.median(life.overpotential_V(cycle) for cycle in range(1, 6))
    shown = [cycle for cycle in (1, 10, 30, 37, 40, 50, 100, 145) if cycle in life.cycles()]
    yield "overpotential, mV: " + "  ".join(f"{c}: {1e3 * life.overpotential_V(c):.0f}" for c in shown)
    yield "|Z| at 0.1 Hz, ohm: " + "  ".join(f"{c}: {abs(z[-1]):.0f}" for c, z in life.spectra.items())
    shape = {c: life.traces[2 * c - 2][1] for c in (2, 10, 30, 100) if c in life.cycles()}
    yield "end over lowest of a half-cycle: " + "  ".join(
        f"{c}: {v[-1] / min(v):.2f}" for c, v in shape.items()
    )
    doubled = life.first(lambda cycle: life.overpotential_V(cycle) > 2.0 * base_V)
    dead = life.first(lambda cycle: life.capacity_mAh(cycle) < 0.1 * 0.2827)
    shorted = life.first(lambda cycle: life.overpotential_V(cycle) < 5e-3)
    yield f"doubled in {doubled}, dead in {dead}, shorted in {shorted}"


def fresh_and_cycled(maker: Maker, seed: int) -> Life:
    """20 cycles at 1C between two voltammograms, the first on a cell of its own; then 5C."""
    life = full(maker(None, seed), 1.0, 20)
    life.scans["as made"] = voltammogram(maker(None, seed))
    life.scans["after 20 cycles"] = voltammogram(life.cell)
    return full(life.cell, 5.0, 3, life)


def fresh_and_cycled_figures(life: Life) -> Iterator[str]:
    """Plateaus, voltammograms, rate."""
    for cycle in (1, 5, 20):
        halves = [trace[1] for trace in life.traces[2 * cycle - 2 : 2 * cycle]]
        quarters = [f"{volts[len(volts) // 4]:.2f}, {volts[3 * len(volts) // 4]:.2f}" for volts in halves]
        at = " / ".join(quarters)
        yield f"cycle {cycle}: {life.capacity_mAh(cycle):.3f} mAh, V at 1/4 and 3/4: {at}"
    yield from (f"CV {name}: {peaks(scan)}" for name, scan in life.scans.items())
    yield f"5C after 20 cycles at 1C: {life.capacity_mAh(22):.3f} mAh"


def fade_figures(life: Life) -> Iterator[str]:
    """Capacity by cycle."""
    shown = (2, 50, 100, 140, 150, 160, 180, 200, 300, 500, 700, 900, 1000)
    capacities = {cycle: life.capacity_mAh(cycle) for cycle in shown if cycle in life.cycles()}
    yield "mAh at 5C: " + "  ".join(f"{cycle}: {capacity:.3f}" for cycle, capacity in capacities.items())
    half = life.first(lambda cycle: cycle > 2 and life.capacity_mAh(cycle) < 0.5 * life.capacity_mAh(2))
    tenth = life.first(lambda cycle: cycle > 2 and life.capacity_mAh(cycle) < 0.1 * life.capacity_mAh(2))
    yield f"half is gone in {half}, nine tenths in {tenth}"


@dataclass(frozen=True)
class Row:
    """One row of the experiment."""

    name: str
    paper: str
    live: Callable[[int], Life]
    figures: Callable[[Life], Iterator[str]]


def symmetric_row(name: str, paper: str, maker: Maker, cycles: int = 160) -> Row:
    """A row of a symmetric cell."""
    return Row(name, paper, lambda seed: symmetric(maker(None, seed), cycles), symmetric_figures)


def full_row(name: str, paper: str, maker: Maker) -> Row:
    """A row of 20 cycles at 1C and voltammograms."""
    return Row(name, paper, lambda seed: fresh_and_cycled(maker, seed), fresh_and_cycled_figures)


def fade_row(loading: str, paper: str, cycles: int) -> Row:
    """A row at 5C to failure."""
    name = f"na50k50-nnmo-naclo4-fec:loading={loading}"
    maker = na50k50_nnmo_naclo4_fec
    return Row(name, paper, lambda seed: full(maker(f"loading={loading}", seed), 5.0, cycles), fade_figures)


ROWS = {
    1: symmetric_row("na", "spike, low, higher plateau; steady for 700 h, then a short", na),
    2: symmetric_row(
        "na50k50", "uniform climb; jump at 35 to 40; 0.5 to 70 kohm by 50; dead by 250 h", na50k50, 60
    ),
    3: symmetric_row("na60k40", "the same rise after several hundred hours", na60k40),
    4: symmetric_row("na80k20", "no great overpotential; shorts at about 750 h", na80k20),
    5: symmetric_row("na50k50-nafsi", "no insulating layer; the electrode turns into sodium", na50k50_nafsi),
    6: full_row(
        "na50k50-nnmo-napf6",
        "3.3 V and 3.7 V; those of K-NNMO from the 5th cycle; other pairs in the CV; poor 5C",
        na50k50_nnmo_napf6,
    ),
    7: full_row("na50k50-nnmo-naclo4", "CV unchanged after 20 cycles", na50k50_nnmo_naclo4),
    8: full_row("na-nnmo-naclo4", "the reference CV", na_nnmo_naclo4),
    9: fade_row("9.9", "capacity collapses after about 150 cycles", 240),
    10: fade_row("27", "gradual fade, none left after about 1000 cycles", 1050),
}


def plot(row: Row, life: Life, path: Path) -> None:
    """Draw half-cycles, what becomes of them, and spectra or voltammograms."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (profile, course, last) = plt.subplots(1, 3, figsize=(17, 5), layout="constrained")
    last_cycle = life.cycles()[-1]
    for cycle in [c for c in (1, 2, 5, 10, 20, 23, 37, 100, 140, 150, 160, 500, 900) if c <= last_cycle]:
        for trace, label in zip(
            life.traces[2 * cycle - 2 : 2 * cycle], (f"cycle {cycle}", None), strict=True
        ):
            colour = profile.lines[-1].get_color() if label is None else None
            profile.plot(*trace, label=label, color=colour)
    profile.set(xlabel="charge / mAh", ylabel="V / V", title=row.name)
    profile.legend(fontsize="small")
    if life.spectra:
        course.semilogy(life.cycles(), [1e3 * life.overpotential_V(cycle) for cycle in life.cycles()])
        course.set(xlabel="cycle", ylabel="overpotential / mV")
        for cycle, spectrum in life.spectra.items():
            last.loglog([z.real for z in spectrum], [-z.imag for z in spectrum], label=f"cycle {cycle}")
        last.set(xlabel="Z' / ohm", ylabel="-Z'' / ohm")
    else:
        course.plot(life.cycles(), [life.capacity_mAh(cycle) for cycle in life.cycles()], ".")
        course.set(xlabel="cycle", ylabel="discharge capacity / mAh", ylim=(0.0, None))
        for name, (currents, volts) in life.scans.items():
            last.plot(volts, currents, label=name)
        last.set(xlabel="V / V", ylabel="I / mA")
    if life.spectra or life.scans:
        last.legend(fontsize="small")
    figure.savefig(path, dpi=80)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="*", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    for number in arguments.rows:
        row = ROWS[number]
        print(f"row {number}, {row.name}\n  paper: {row.paper}")
        for seed in range(arguments.seeds):
            life = row.live(seed)
            print(f"  model, seed {seed}, {life.cost_us():.2f} us a sample:")
            print("".join(f"    {line}\n" for line in row.figures(life)), end="")
            if arguments.plot and seed == 0:
                plot(row, life, arguments.plot / f"row{number}.png")


if __name__ == "__main__":
    main()
