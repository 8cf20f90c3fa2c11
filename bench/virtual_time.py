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
from pathlib import Path

from labctl.engine.control import RunControl
from labctl.protocol import load
from labctl.station.connect import ChannelSpec
from labctl.station.launch import Launch, launch
from labctl.store.reader import Reader

PROTOCOL = "na50k50-symmetric"
YARDSTICK = Path(__file__).with_name("pybamm_spm.py")


def one_run(driver: str, without: tuple[str, ...], directory: str) -> tuple[float, float, int]:
    """Simulated hours, seconds and samples of one run to the death of the cell."""
    plan = load(PROTOCOL, without=without)
    database = str(Path(directory, f"{driver}.sqlite"))
    spec = ChannelSpec("bench", driver, cell=str(plan.cell.simulate_as))
    start = time.perf_counter()
    run_id, _ = asyncio.run(launch(Launch(plan, spec, database, None, 0, 0.0), RunControl()))
    seconds = time.perf_counter() - start
    run = Reader(database).run(run_id)
    return (run.last_sample_s or 0.0) / 3600.0, seconds, run.sample_count


def yardstick(python: str) -> tuple[float, float, int]:
    """The same figures of PyBaMM alone."""
    printed = subprocess.run([python, str(YARDSTICK)], capture_output=True, text=True, check=True).stdout
    found = json.loads(printed.splitlines()[-1])
    return found["hours"], found["seconds"], found["points"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--repeats", type=int, default=5)
    arguments.add_argument("--pybamm", metavar="PYTHON", help="an interpreter that has PyBaMM")
    given = arguments.parse_args()
    figures: dict[str, list[tuple[float, float, int]]] = {}
    for _ in range(given.repeats):
        with tempfile.TemporaryDirectory() as directory:
            for driver, without in (("palmsens-emstat4", ()), ("keithley-2450", ("impedance",))):
                figures.setdefault(driver, []).append(one_run(driver, without, directory))
        if given.pybamm:
            figures.setdefault("PyBaMM SPM alone", []).append(yardstick(given.pybamm))
    base = speed(figures["PyBaMM SPM alone"]) if given.pybamm else None
    print(f"{'stack':<20} {'simulated':>10} {'samples':>8} {'h per s':>8} {'us/sample':>10} {'of PyBaMM':>10}")
    for name, runs in figures.items():
        hours, _, samples = runs[0]
        microseconds = statistics.median(s / n for _, s, n in runs) * 1e6
        share = f"{speed(runs) / base:.2f}" if base else "-"
        print(f"{name:<20} {hours:>8.1f} h {samples:>8} {speed(runs):>8.1f} {microseconds:>10.1f} {share:>10}")


def speed(runs: list[tuple[float, float, int]]) -> float:
    """Median of simulated hours per second."""
    return statistics.median(hours / seconds for hours, seconds, _ in runs)


if __name__ == "__main__":
    main()
