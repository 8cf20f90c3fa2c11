"""The yardstick: PyBaMM's single particle model, 50 constant-current cycles at 1C, output each 10 s.

Prints one JSON line a repeat: simulated hours, seconds on the wall and of CPU for building and solving (import
left out), and points. The simulation object is new each time, as it is for whoever runs one experiment.
"""

import json
import sys
import time

import pybamm

CYCLE = ("Discharge at 1C until 2.7 V (10 second period)", "Charge at 1C until 4.1 V (10 second period)")


def main(repeats: int) -> None:
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        simulation = pybamm.Simulation(
            pybamm.lithium_ion.SPM(), experiment=pybamm.Experiment([CYCLE] * 50), solver=pybamm.IDAKLUSolver()
        )
        solution = simulation.solve(calc_esoh=False, initial_soc=0.5)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        hours = float(solution["Time [h]"].entries[-1])
        found = {
            "hours": hours,
            "wall_s": wall,
            "cpu_s": cpu,
            "points": len(solution.t),
            "version": pybamm.__version__,
        }
        print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
