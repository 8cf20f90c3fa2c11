"""The long form of tests/faults: whole runs under seeded faults, and exchanges over a wire that misbehaves.

    python bench/soak.py --simulations 10000 --exchanges 100000 --seed 0

Prints a table of guarantees with numbers, and a line for each failure that reproduces it. Ends with 1 if there is one.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from labctl.clock import VirtualClock
from labctl.engine.outcome import RunState
from labctl.errors import LinkError
from labctl.link import Deadline, Link
from labctl.link.memory import MemoryPort
from labctl_simulators.cells.resistor import Resistor
from labctl_simulators.chaos import ChaosDevice, Fault, Kind
from labctl_simulators.chaos.kinds import MEANINGS, When
from tests.faults.invariants import INVARIANTS, violations
from tests.faults.scenario import scenario
from tests.faults.simulation import Laboratory, Outcome
from tests.link.peer import Peer

WORKERS = 2
_CHUNK = 100
_EXCHANGES_A_LINK = 2_000
_FAULTY = 0.01
_ANSWER = Deadline("an answer of the peer", slack_s=2.0)


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
    refused: int = 0
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


class _Echo:
    """A peer as an instrument: it answers with what it was asked to."""

    ons_ignored = offs_ignored = 0.0
    powers_its_line = False
    circuit_closed = False

    def __init__(self, cell: Any, seed: int, **options: str) -> None:
        pass

    def port(self) -> Peer:
        return Peer()

    def run_until(self, now_s: float) -> None:
        pass

    def trouble(self, fault: Fault, random: Random) -> bool:
        return False

    def relieve(self, fault: Fault) -> None:
        pass

    def cell_changed(self) -> None:
        pass


def exchange(seed: int) -> Tally:
    """Exchanges 0.1 s apart on one link, each part in a hundred of the answers faulty; each answer is tagged."""
    return asyncio.run(_exchange(seed))


async def _exchange(seed: int) -> Tally:
    tally, clock = Tally(), VirtualClock()
    kinds = [
        kind
        for kind, meaning in MEANINGS.items()
        if meaning.when in (When.ANSWER, When.WRITE) or kind in (Kind.RESET, Kind.FIN, Kind.HALF_OPEN)
    ]
    random = Random(f"{seed} moments")
    faults = tuple(
        Fault(kind, _FAULTY / len(kinds) * 2.0)
        if MEANINGS[kind].when is not When.MOMENT
        else Fault(kind, 1.0, random.uniform(0.0, 0.1 * _EXCHANGES_A_LINK))
        for kind in kinds
    )
    device = ChaosDevice(_Echo, Resistor(1.0), seed, faults)
    link = Link(MemoryPort(device.port, clock, "peer"), clock)
    await link.open()
    for number in range(_EXCHANGES_A_LINK):
        await clock.sleep_until(clock.now() + 0.1)
        tally.exchanges += 1
        tag = b"%d-%d" % (seed, number)
        try:
            answer = await link.ask(b"echo " + tag, _ANSWER)
        except LinkError:
            tally.refused += 1
            await _prove(link, number)
            continue
        tally.answered += 1
        if answer != tag:
            tally.misattributed += 1
            tally.failures.append(
                f"python bench/soak.py --only exchanges --seed {seed}  # {tag!r} got {answer!r}"
            )
    tally.wire_faults.update({str(kind): count for kind, count in device.injected.items()})
    return tally


async def _prove(link: Link, number: int) -> None:
    for attempt in range(50):
        nonce = b"proof-%d-%d" % (number, attempt)
        try:
            await link.resynchronise()
            if await link.ask(b"echo " + nonce, _ANSWER) == nonce:
                return
        except LinkError:
            continue
        link.poison()
    raise AssertionError("the link does not come back")


def _chunks(first: int, number: int) -> Iterator[range]:
    for start in range(first, first + number, _CHUNK):
        yield range(start, min(start + _CHUNK, first + number))


def soak(simulations: int, exchanges: int, seed: int) -> Tally:
    """Do all of it in two processes."""
    total = Tally()
    links = -(-exchanges // _EXCHANGES_A_LINK)
    with ProcessPoolExecutor(WORKERS) as pool:
        for tally in pool.map(exchange, range(seed, seed + links)):
            total.add(tally)
        done = 0
        for tally in pool.map(simulate, _chunks(seed, simulations)):
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
        f"{tally.exchanges} exchanges in {took_s:.0f} s",
        "",
        "| invariant | simulations in which it did not hold |",
        "|---|---|",
        *(f"| {name} | {tally.broken[name]} |" for name in INVARIANTS),
        f"| value under a wrong name, of {tally.answered} answers ({tally.refused} refused) | {tally.misattributed} |",
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
    parser.add_argument("--only", choices=("simulations", "exchanges"), help="one of this seed")
    arguments = parser.parse_args()
    began_s = monotonic()
    if arguments.only == "simulations":
        tally = simulate([arguments.seed])
    elif arguments.only == "exchanges":
        tally = exchange(arguments.seed)
    else:
        tally = soak(arguments.simulations, arguments.exchanges, arguments.seed)
    print(report(tally, monotonic() - began_s))
    return bool(tally.failures)


if __name__ == "__main__":
    sys.exit(main())
