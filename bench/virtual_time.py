"""How fast the whole stack lives in virtual time: bytes, driver, engine, rules and store, on both kinds of driver.

The yardstick in the same run is PyBaMM's single particle model over 50 constant-current cycles (bench/pybamm_spm.py),
which simulates a cell and nothing around it. Runs take turns, so that a machine that gets slower does so for all;
medians are compared.

    python bench/virtual_time.py [--repeats 5] [--pybamm PYTHON]

PYTHON is an interpreter that has PyBaMM; without it the yardstick is left out.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from labctl.engine.control import RunControl
from labctl.protocol import load
from labctl.station.connect import ChannelSpec
from labctl.station.launch import Launch, launch
from labctl.store.reader import Reader

PROTOCOL = "na50k50-symmetric"
ALONE = "PyBaMM SPM alone"
YARDSTICK = Path(__file__).with_name("pybamm_spm.py")


class Figures(NamedTuple):
    """What one run took."""

    hours: float
    samples: int
    wall_s: float
    cpu_s: float


def one_run(driver: str, without: tuple[str, ...], directory: str) -> Figures:
    """One run to the death of the cell, protocol and database included."""
    database = str(Path(directory, f"{driver}.sqlite"))
    wall, cpu = time.perf_counter(), time.process_time()
    plan = load(PROTOCOL, without=without)
    spec = ChannelSpec("bench", driver, cell=str(plan.cell.simulate_as))
    run_id, _ = asyncio.run(launch(Launch(plan, spec, database, None, 0, 0.0), RunControl()))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    run = Reader(database).run(run_id)
    return Figures((run.last_sample_s or 0.0) / 3600.0, run.sample_count, wall, cpu)


def yardstick(python: str) -> Figures:
    """The same figures of PyBaMM alone: building and solving, its import left out."""
    printed = subprocess.run([python, str(YARDSTICK)], capture_output=True, text=True, check=True).stdout
    found = json.loads(printed.splitlines()[-1])
    return Figures(found["hours"], found["points"], found["wall_s"], found["cpu_s"])


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--repeats", type=int, default=5)
    arguments.add_argument("--pybamm", metavar="PYTHON", help="an interpreter that has PyBaMM")
    given = arguments.parse_args()
    figures: dict[str, list[Figures]] = {}
    for _ in range(given.repeats):
        with tempfile.TemporaryDirectory() as directory:
            for driver, without in (("palmsens-emstat4", ()), ("keithley-2450", ("impedance",))):
                figures.setdefault(driver, []).append(one_run(driver, without, directory))
        if given.pybamm:
            figures.setdefault(ALONE, []).append(yardstick(given.pybamm))
    columns = f"{'h/s wall':>9} {'of PyBaMM':>9} | {'h/s CPU':>8} {'of PyBaMM':>9}"
    print(f"{'':<18} {'simulated':>10} {'samples':>8} | {columns}")
    for name, runs in figures.items():
        row = f"{name:<18} {runs[0].hours:>8.1f} h {runs[0].samples:>8}"
        for seconds, width in ((wall_of, 9), (cpu_of, 8)):
            base = speed(figures[ALONE], seconds) if given.pybamm else float("nan")
            row += f" | {speed(runs, seconds):>{width}.1f} {speed(runs, seconds) / base:>9.2f}"
        print(row)


def wall_of(run: Figures) -> float:
    """Seconds on the wall."""
    return run.wall_s


def cpu_of(run: Figures) -> float:
    """Seconds of processor time, which other programs on the machine do not change."""
    return run.cpu_s


def speed(runs: list[Figures], seconds: Callable[[Figures], float]) -> float:
    """Median of simulated hours per second."""
    return statistics.median(run.hours / seconds(run) for run in runs)


if __name__ == "__main__":
    main()
