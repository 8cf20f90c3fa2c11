"""The proof: every row of the experiment through the whole stack in virtual time, held against the paper.

    python bench/experiment.py [--rows 1,2] [--seeds 10] [--work DIRECTORY] [--write]

Each run is one ``labctl run`` in a process of its own: protocol, engine, driver, instrument bytes, simulated
instrument, cell, rules and database. What was found is kept in the work directory, so that rows can be run in parts;
``--again`` forgets it. ``--write`` makes docs/experiment.md and its figures, running what is missing. The exit code is
1 if a claim does not hold.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import experiment_full_cells as full
import experiment_symmetric as symmetric
from experiment_claims import Row, Run
from experiment_document import write_document
from experiment_lives import Life

ROWS = {
    row.number: row
    for row in (
        symmetric.SODIUM,
        symmetric.ALLOY,
        symmetric.LESS_POTASSIUM,
        symmetric.LITTLE_POTASSIUM,
        symmetric.DISSOLVING,
        full.DISSOLVING,
        full.PRECIPITATING,
        full.SODIUM,
        full.COLLAPSING,
        full.FADING,
    )
}


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where runs and findings are kept."""

    directory: Path

    def database(self, run: Run, seed: int) -> Path:
        """The database of one run."""
        cell = (run.cell or "").partition("=")[2]
        name = f"{run.protocol}{cell}{'' if run.stop_rules else '-life'}-{seed}"
        return self.directory / f"{name}.sqlite"

    def findings(self, row: Row, seed: int) -> Path:
        """What was read out of the runs of a row."""
        return self.directory / f"row{row.number}-seed{seed}.json"

    def lived(self, run: Run, seed: int) -> Path:
        """The database of a run, which is made if it is not there; a second file says how long it took."""
        database = self.database(run, seed)
        timing = database.with_suffix(".time")
        if timing.exists() and database.exists():
            return database
        for leftover in self.directory.glob(f"{database.name}*"):
            leftover.unlink()
        command = [sys.executable, "-m", "labctl.cli.main", "run", run.protocol, "--json"]
        command += ["--db", str(database), "--seed", str(seed), "--name", run.name]
        command += ["--cell", run.cell] if run.cell else []
        command += [] if run.stop_rules else ["--no-stop-rules"]
        wall_s, cpu_s = time.perf_counter(), processor_s()
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
        wall_s, cpu_s = time.perf_counter() - wall_s, processor_s() - cpu_s
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr.strip().splitlines()[-1]}")
        timing.write_text(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s}))
        return database


def processor_s() -> float:
    """Processor time of all runs so far, which other programs on the machine hardly change."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def live(row: Row, seed: int, workshop: Workshop) -> dict[str, object]:
    """Run a row with one seed, and read its claims out of what was stored."""
    kept = workshop.findings(row, seed)
    if kept.exists():
        found: dict[str, object] = json.loads(kept.read_text())
        return found
    databases = {name: workshop.lived(run, seed) for name, run in row.runs_of(seed).items()}
    lives = {name: Life(database) for name, database in databases.items()}
    values = [float(claim.read(lives)) for claim in row.claims]
    own = databases["life"]
    found = {
        "values": values,
        **json.loads(own.with_suffix(".time").read_text()),
        "hours": (lives["life"].run.last_sample_s or 0.0) / 3600.0,
        "samples": lives["life"].run.sample_count,
        "why": {name: f"{life.run.state}: {life.run.end_reason}" for name, life in lives.items()},
    }
    kept.write_text(json.dumps(found))
    if seed:  # figures show seed 0, and the overpotentials of row 2
        for name, database in databases.items():
            if not (row.number == 2 and name == "life"):
                for part in workshop.directory.glob(f"{database.name}*"):
                    part.unlink()
    return found


def report(row: Row, seed: int, found: dict[str, object]) -> bool:
    """Tell one row and seed in lines; whether every claim holds."""
    values = found["values"]
    assert isinstance(values, list)
    wrong = [
        f"    {claim.what}: {value:.4g} {claim.unit}, wanted {claim.low:g} to {claim.high:g}"
        for claim, value in zip(row.claims, values, strict=True)
        if not claim.holds(value)
    ]
    verdict = "holds" if not wrong else "DOES NOT HOLD"
    print(
        f"row {row.number:>2}, seed {seed}: {verdict} ({found['hours']:.0f} h in {found['wall_s']:.1f} s)",
        flush=True,
    )
    print("\n".join(wrong), end="\n" if wrong else "")
    return not wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="", help="as in 1,2; default: all")
    parser.add_argument("--seeds", type=int, default=10, help="of rows 1 to 4; the others have one")
    parser.add_argument("--work", type=Path, default=Path("experiment-work"))
    parser.add_argument("--again", action="store_true", help="forget what was found before")
    parser.add_argument("--write", action="store_true", help="write docs/experiment.md and its figures")
    given = parser.parse_args()
    workshop = Workshop(given.work)
    given.work.mkdir(parents=True, exist_ok=True)
    if given.again:
        for file in given.work.glob("row*.json"):
            file.unlink()
    chosen = [ROWS[int(number)] for number in given.rows.split(",")] if given.rows else list(ROWS.values())
    results = {
        row.number: [live(row, seed, workshop) for seed in range(min(row.seeds, given.seeds))]
        for row in chosen
    }
    held = [
        report(ROWS[number], seed, found)
        for number, seeds in results.items()
        for seed, found in enumerate(seeds)
    ]
    if given.write:
        write_document(ROWS, results, workshop.database, Path(__file__).parents[1] / "docs")
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
