"""The long form of tests/faults: whole runs under seeded faults, and exchanges over a wire that misbehaves.

    python bench/soak.py --simulations 10000 --exchanges 100000 --seed 0 [--at-most-min 60]

Begins no simulation after the minutes given, if any: the table says how many there were. Prints a table of guarantees
with numbers, and a line for each failure that reproduces it. Ends with 1 if there is one.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from math import inf
from pathlib import Path
from random import Random
from time import monotonic

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from labctl.engine.outcome import RunState
from labctl_simulators.chaos import Fault, Kind
from labctl_simulators.chaos.kinds import MEANINGS, When
from tests.faults.invariants import INVARIANTS, violations
from tests.faults.scenario import readings, scenario
from tests.faults.simulation import Laboratory, Outcome

WORKERS = 2
_CHUNK = 20
_EXCHANGES_A_RUN = 2_000
_FAULTY = 0.01
_AT_ONCE = 10


@dataclass
class Tally:
    """What has been counted."""

    simulations: int = 0
    samples: int = 0
    hours: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    unsafe: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    exchanges: int = 0
    answered: int = 0
    misattributed: int = 0
    wire_faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Add what another process has counted."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, mine + value)


def simulate(seeds: Iterable[int]) -> Tally:
    """Carry out some scenarios."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, Laboratory(Path(folder)) as laboratory:
        for seed in seeds:
            try:
                outcome = laboratory.simulate(scenario(seed))
            except (
                BaseException
            ) as error:  # whatever comes out is a failure of this seed, and no reason to stop
                if isinstance(error, KeyboardInterrupt):
                    raise
                tally.simulations += 1
                tally.broken["it ends, readable"] += 1
                tally.failures.append(f"{_reproduction(seed)}  # {type(error).__name__}: {error}")
                continue
            _count(tally, seed, outcome)
    return tally


def _simulate_until(latest_s: float, seeds: Iterable[int]) -> Tally:
    return simulate(seeds) if monotonic() < latest_s else Tally()


def _count(tally: Tally, seed: int, outcome: Outcome) -> None:
    tally.simulations += 1
    tally.samples += len(outcome.rows.get("sample", []))
    tally.hours += outcome.ended_s / 3600.0
    tally.injected.update({str(kind): count for kind, count in outcome.injected().items()})
    state = str(outcome.run.get("state", "not begun"))
    tally.ends[state] += 1
    if state == RunState.UNSAFE:
        truth = "closed" if outcome.closed_at_end else "open in truth"
        tally.unsafe[f"{truth}: {_cause(outcome)}"] += 1
    for violation in violations(outcome):
        tally.broken[violation.invariant] += 1
        tally.failures.append(f"{_reproduction(seed)}  # {violation.invariant}: {violation.words}")


def _cause(outcome: Outcome) -> str:
    """The fault that most probably kept the circuit from being confirmed open."""
    for kind in (
        Kind.OFF_IGNORED,
        Kind.SWAPPED,
        Kind.GONE,
        Kind.MUTE,
        Kind.ECHO,
        Kind.TERMINATOR,
        Kind.GARBLED,
        Kind.NOT_EXECUTED,
        Kind.LOST,
        Kind.LATE,
        Kind.DUPLICATED,
        Kind.MERGED,
    ):
        if outcome.injected()[kind]:
            return str(kind)
    return "something else"


def _reproduction(seed: int) -> str:
    return f"python -m tests.faults.reproduce {seed}"


def exchange(seed: int) -> Tally:
    """Readings 0.1 s apart through the whole stack, one in a hundred of the answers faulty, connections that end.

    A reading is right if the instrument gave it at its time, voltage as voltage and current as current; each differs
    from all others.
    """
    tally = Tally()
    random = Random(f"{seed} moments")
    kinds = [kind for kind, meaning in MEANINGS.items() if meaning.when is When.ANSWER]
    faults = [Fault(kind, _FAULTY / len(kinds)) for kind in kinds]
    faults += [
        Fault(kind, 1.0, random.uniform(1.0, 200.0)) for kind in (Kind.RESET, Kind.FIN, Kind.HALF_OPEN)
    ]
    with tempfile.TemporaryDirectory() as folder, Laboratory(Path(folder)) as laboratory:
        outcome = laboratory.simulate(readings(seed, tuple(faults), _EXCHANGES_A_RUN))
    tally.exchanges = sum(data.startswith(b":READ?") for _, mark, data in outcome.log.entries if mark == ">")
    tally.answered = len(outcome.rows.get("sample", []))
    for violation in violations(outcome):
        tally.misattributed += 1
        tally.failures.append(f"python bench/soak.py --only exchanges --seed {seed}  # {violation}")
    tally.wire_faults.update({str(kind): count for kind, count in outcome.injected().items()})
    return tally


def _chunks(first: int, number: int) -> Iterator[range]:
    for start in range(first, first + number, _CHUNK):
        yield range(start, min(start + _CHUNK, first + number))


def soak(simulations: int, exchanges: int, seed: int, at_most_s: float = inf) -> Tally:
    """Do all of it in two processes; begin no simulation after ``at_most_s``."""
    total = Tally()
    latest_s = monotonic() + at_most_s
    with ProcessPoolExecutor(WORKERS) as pool:
        first = seed
        while total.exchanges < exchanges:
            for tally in pool.map(exchange, range(first, first + _AT_ONCE)):
                total.add(tally)
            first += _AT_ONCE
        done = 0
        in_time = partial(_simulate_until, latest_s)
        for tally in pool.map(in_time, _chunks(seed, simulations)):
            total.add(tally)
            done += tally.simulations
            if sys.stderr.isatty():
                print(
                    f"\r{done} of {simulations} simulations, {len(total.failures)} failures",
                    end="",
                    file=sys.stderr,
                )
    return total


def report(tally: Tally, took_s: float) -> str:
    """The table, as Markdown."""
    lines = [
        f"{tally.simulations} simulations ({tally.hours:.0f} h of experiment, {tally.samples} samples) and "
        f"{tally.exchanges} exchanges ({tally.answered} readings stored) in {took_s:.0f} s",
        "",
        "| invariant | simulations in which it did not hold |",
        "|---|---|",
        *(f"| {name} | {tally.broken[name]} |" for name in INVARIANTS),
        f"| runs of exchanges with a value under a wrong name, or else wrong | {tally.misattributed} |",
        "",
        "| how runs ended | |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in tally.ends.most_common()),
        "",
        "| unsafe: circuit, and probable cause | |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in tally.unsafe.most_common()),
        "",
        "| fault | injected in runs | in exchanges |",
        "|---|---|---|",
        *(
            f"| {kind} | {tally.injected[kind]} | {tally.wire_faults[kind] or ''} |"
            for kind in map(str, Kind)
        ),
        "",
        *(tally.failures or ["no failures"]),
    ]
    return "\n".join(lines)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--exchanges", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument(
        "--at-most-min", type=float, default=inf, help="begin no simulation after so many minutes"
    )
    parser.add_argument("--only", choices=("simulations", "exchanges"), help="one of this seed")
    arguments = parser.parse_args()
    began_s = monotonic()
    if arguments.only == "simulations":
        tally = simulate([arguments.seed])
    elif arguments.only == "exchanges":
        tally = exchange(arguments.seed)
    else:
        tally = soak(arguments.simulations, arguments.exchanges, arguments.seed, 60.0 * arguments.at_most_min)
    print(report(tally, monotonic() - began_s))
    return bool(tally.failures)


if __name__ == "__main__":
    sys.exit(main())
