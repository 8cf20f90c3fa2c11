"""The yardstick: PyBaMM's single particle model, 50 constant-current cycles at 1C, output each 10 s.

Prints one JSON line: simulated hours, seconds of solving (model set-up and import left out), version.
"""

import json
import time

import pybamm


def main() -> None:
    cycle = ("Discharge at 1C until 2.7 V (10 second period)", "Charge at 1C until 4.1 V (10 second period)")
    simulation = pybamm.Simulation(
        pybamm.lithium_ion.SPM(), experiment=pybamm.Experiment([cycle] * 50), solver=pybamm.IDAKLUSolver()
    )
    simulation.solve(calc_esoh=False, initial_soc=0.5)  # compiles and warms what is kept between solves
    start = time.perf_counter()
    solution = simulation.solve(calc_esoh=False, initial_soc=0.5)
    seconds = time.perf_counter() - start
    hours = float(solution["Time [h]"].entries[-1])
    print(json.dumps({"hours": hours, "seconds": seconds, "points": len(solution.t), "version": pybamm.__version__}))


if __name__ == "__main__":
    main()
