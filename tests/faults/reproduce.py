"""Runs one seed and says everything about it: ``python -m tests.faults.reproduce 4711 [--wire]``."""

import sys
import tempfile
from pathlib import Path

from tests.faults.invariants import violations
from tests.faults.scenario import scenario
from tests.faults.simulation import Laboratory


def main(arguments: list[str]) -> int:
    """Carry out the seed; returns 1 if an invariant did not hold."""
    seed = int(arguments[0])
    with tempfile.TemporaryDirectory() as folder, Laboratory(Path(folder)) as laboratory:
        outcome = laboratory.simulate(scenario(seed))
    print(outcome.scenario)
    for path, step in outcome.scenario.steps():
        print(f"  {path}: {step}")
    if "--wire" in arguments:
        for time_s, mark, data in outcome.log.entries:
            print(f"{time_s:12.4f} {mark:5} {data!r}")
    for name, rows in outcome.rows.items():
        if name in ("step", "event", "half_cycle"):
            for row in rows:
                print(f"  {name}: {row}")
    print(f"injected: {dict(outcome.injected())}; end: {outcome.end}; error: {outcome.error!r}")
    print(f"at {outcome.ended_s:.3f} s, circuit {'closed' if outcome.closed_at_end else 'open'}")
    print(f"wire {outcome.log.sha256()}, database {outcome.database_sha256()}")
    found = violations(outcome)
    for violation in found:
        print(f"VIOLATED {violation.invariant}: {violation.words}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
