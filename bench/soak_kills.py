"""Kill engines at seeded random moments, and ask the simulated instruments how long their circuits stayed closed.

    python bench/soak_kills.py [--kills 1000] [--seed 1] [--at-once 5] [--kind keithley-2450] [--signal KILL|STOP]

Every round starts some instruments, a keeper and an engine for each, and kills the engines while they attach, connect,
arm, measure, and between steps. A kill is missed when the circuit is not open within 1.5 s, or is closed again within a
second. Exit code 1 if any was; the line with its round's seed reproduces it (``--kills N --seed SEED`` with N at once).
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.keeper.bench import engines, instruments, pause, shared_keeper

OPEN_WITHIN_S = 1.5
LATEST_KILL_S = 3.0


def main() -> None:
    """Run rounds until enough engines have been killed; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=5)
    parser.add_argument("--kind", default="keithley-2450", choices=["keithley-2450", "palmsens-emstat4"])
    parser.add_argument("--signal", default="KILL", choices=["KILL", "STOP"])
    given = parser.parse_args()
    took_s: list[float] = []
    energised = missed = 0
    seed = given.seed
    while len(took_s) < given.kills:
        count = min(given.at_once, given.kills - len(took_s))
        results = _round(seed, count, given.kind, signal.Signals[f"SIG{given.signal}"])
        for index, (was_closed, open_s, again) in enumerate(results):
            energised += was_closed
            took_s.append(open_s)
            if open_s > OPEN_WITHIN_S or again:
                missed += 1
                print(
                    f"MISSED: seed {seed}, engine {index} of {count}: open after {open_s:.3f} s, again {again}"
                )
        seed += 1
        print(f"\r{len(took_s)} of {given.kills}", end="", file=sys.stderr, flush=True)
    ordered = sorted(took_s)
    print(
        f"\n{len(took_s)} engines ended by SIG{given.signal} ({given.kind}), {energised} with a closed "
        f"circuit: missed {missed}; circuit open after median {ordered[len(ordered) // 2]:.3f} s, "
        f"p99 {ordered[int(0.99 * len(ordered))]:.3f} s, at most {ordered[-1]:.3f} s (limit {OPEN_WITHIN_S} s)"
    )
    sys.exit(1 if missed else 0)


def _round(seed: int, count: int, kind: str, sent: signal.Signals) -> list[tuple[bool, float, bool]]:
    """For each engine: whether its circuit was closed, how long it stayed so, whether it was closed again later."""
    random = Random(seed)
    with (
        tempfile.TemporaryDirectory() as directory,
        instruments(Path(directory), kind, count) as bench,
        shared_keeper(Path(directory)) as keeper,
        engines(keeper) as make,
    ):
        pids = [make.start(resource, kind) for resource in bench.resources]
        began_s = time.monotonic()
        moments = sorted((random.uniform(0.0, LATEST_KILL_S), index) for index in range(count))
        ended: dict[int, tuple[float, bool]] = {}
        for moment_s, index in moments:
            pause(max(began_s + moment_s - time.monotonic(), 0.0))
            ended[index] = time.monotonic(), bench.closed(index)
            os.kill(pids[index], sent)
        results = {index: bench.open_after(when_s, index) for index, (when_s, _) in ended.items()}
        pause(1.0)
        again = {index: bench.closed(index) for index in ended}
        if sent is signal.SIGSTOP:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        return [(ended[index][1], results[index], again[index]) for index in range(count)]


if __name__ == "__main__":
    main()
