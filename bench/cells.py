"""The simulated symmetric cells: cost per sample, and what each shows over its life.

    python bench/cells.py [--seeds N] [--plot FOLDER]

Cycles each cell as the paper does (0.4 mA/cm2, 2.5 h, +/-0.9 V, sampled every 10 s) and prints, per seed, the
overpotential (median of the half-cycles' |V|) by cycle, |Z| at 0.1 Hz after a cycle, when the overpotential has
doubled, when the cell shorts, and the cost of one sample.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from labctl_simulators.cells import Cell
from labctl_simulators.cells.symmetric import na, na50k50, na60k40, na80k20

CURRENT_A, HALF_CYCLE_S, WINDOW_V, SAMPLE_S = 113.1e-6, 9000.0, 0.9, 10.0
CELLS: dict[str, Callable[[str | None, int], Cell]] = {
    "na": na,
    "na50k50": na50k50,
    "na60k40": na60k40,
    "na80k20": na80k20,
}
SPECTRUM_HZ = [10.0 ** (5.0 - index / 10.0) for index in range(61)]


@dataclass
class Life:
    """What cycling one cell showed; lists are indexed by cycle - 1."""

    overpotential_V: list[float] = field(default_factory=list)
    capacity: list[float] = field(default_factory=list)
    peak_V: list[float] = field(default_factory=list)
    spectra: dict[int, list[complex]] = field(default_factory=dict)
    traces: dict[int, tuple[list[float], list[float]]] = field(default_factory=dict)
    samples: int = 0
    cost_s: float = 0.0

    def doubled(self) -> int | None:
        """First cycle whose overpotential is twice the median of cycles 1 to 5."""
        limit_V = 2.0 * statistics.median(self.overpotential_V[:5])
        return next((cycle for cycle, eta in enumerate(self.overpotential_V, 1) if eta > limit_V), None)

    def shorted(self) -> int | None:
        """First cycle whose overpotential is below 5 mV."""
        return next((cycle for cycle, eta in enumerate(self.overpotential_V, 1) if eta < 5e-3), None)

    def died(self) -> int | None:
        """First cycle with less than a tenth of the capacity."""
        return next((cycle for cycle, share in enumerate(self.capacity, 1) if share < 0.1), None)


def half_cycle(cell: Cell, current_A: float) -> tuple[list[float], list[float]]:
    """Times and voltages of one half-cycle, to its end or to the window."""
    times, volts, now = [], [], 0.0
    while now < HALF_CYCLE_S:
        cell.advance_current(SAMPLE_S, current_A)
        now += SAMPLE_S
        voltage_V = cell.voltage_V(current_A)
        times.append(now)
        volts.append(voltage_V)
        if abs(voltage_V) > WINDOW_V:
            break
    return times, volts


def live(
    cell: Cell, cycles: int, keep: tuple[int, ...] = (), spectra: tuple[int, ...] = (1, 30, 40, 50)
) -> Life:
    """Cycle a cell; keep the traces and spectra of some cycles."""
    life = Life()
    for cycle in range(1, cycles + 1):
        begin = time.perf_counter()
        up = half_cycle(cell, CURRENT_A)
        down = half_cycle(cell, -CURRENT_A)
        life.cost_s += time.perf_counter() - begin
        sizes = [abs(volt) for volt in up[1] + down[1]]
        life.samples += len(sizes)
        life.overpotential_V.append(statistics.median(sizes))
        life.peak_V.append(max(sizes))
        life.capacity.append((up[0][-1] + down[0][-1]) / (2.0 * HALF_CYCLE_S))
        if cycle in keep:
            life.traces[cycle] = (up[0] + [up[0][-1] + t for t in down[0]], up[1] + down[1])
        if cycle in spectra:
            life.spectra[cycle] = [cell.impedance_ohm(frequency) for frequency in SPECTRUM_HZ]
    return life


def report(name: str, seed: int, life: Life) -> None:
    """Print the figures of one life."""
    shown = [cycle for cycle in (1, 10, 20, 30, 35, 40, 45, 50, 100, 145) if cycle <= len(life.capacity)]
    print(f"{name} seed {seed}: {1e6 * life.cost_s / life.samples:.2f} us per sample")
    print("  overpotential, mV: " + "  ".join(f"{c}: {1e3 * life.overpotential_V[c - 1]:.0f}" for c in shown))
    print("  peak, mV:          " + "  ".join(f"{c}: {1e3 * life.peak_V[c - 1]:.0f}" for c in shown))
    print("  |Z|, ohm:          " + "  ".join(f"{c}: {abs(z[-1]):.0f}" for c, z in life.spectra.items()))
    failing = [cycle for cycle, share in enumerate(life.capacity, 1) if share < 0.999][:6]
    print("  capacity, %:       " + "  ".join(f"{c}: {100 * life.capacity[c - 1]:.0f}" for c in failing))
    print(f"  doubled in {life.doubled()}, dead in {life.died()}, shorted in {life.shorted()}")


def plot(name: str, life: Life, folder: Path) -> None:
    """Draw half-cycles, overpotential by cycle, Nyquist and -Z'' against frequency."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(13, 9))
    for cycle, (times, volts) in life.traces.items():
        axes[0, 0].plot([t / 3600.0 for t in times], [1e3 * v for v in volts], label=f"cycle {cycle}")
    axes[0, 0].set(xlabel="t / h", ylabel="V / mV", title=name)
    axes[0, 1].semilogy(
        range(1, len(life.capacity) + 1), [1e3 * v for v in life.overpotential_V], label="median"
    )
    axes[0, 1].semilogy(range(1, len(life.capacity) + 1), [1e3 * v for v in life.peak_V], label="peak")
    axes[0, 1].set(xlabel="cycle", ylabel="overpotential / mV")
    for cycle, spectrum in life.spectra.items():
        axes[1, 0].loglog([abs(z.real) for z in spectrum], [-z.imag for z in spectrum], label=f"{cycle}")
        axes[1, 1].loglog(SPECTRUM_HZ, [-z.imag for z in spectrum], label=f"{cycle}")
    axes[1, 0].set(xlabel="Z' / ohm", ylabel="-Z'' / ohm")
    axes[1, 1].set(xlabel="f / Hz", ylabel="-Z'' / ohm")
    for axis in axes.flat:
        axis.legend()
    figure.savefig(folder / f"{name}.png", dpi=80)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cells", nargs="*", default=list(CELLS), choices=list(CELLS))
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    for name in arguments.cells:
        for seed in range(arguments.seeds):
            life = live(CELLS[name](None, seed), 55 if name == "na50k50" else 160, (1, 2, 20, 34))
            report(name, seed, life)
            if arguments.plot and seed == 0:
                plot(name, life, arguments.plot)


if __name__ == "__main__":
    main()
