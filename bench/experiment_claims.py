"""What a row of the experiment is: runs, and claims that are read out of them as numbers between bounds.

The bounds are those of the paper where it gives numbers, with the scatter of hand-made cells ("about 70 kohm" is 40 to
120 over ten cells), and are said with each claim.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from experiment_lives import HALF_CYCLE_S, Life

from labctl.protocol import load
from labctl.rules.replay import replay

Lives = dict[str, Life]


@dataclass(frozen=True, slots=True)
class Run:
    """One ``labctl run``: a protocol, another cell than the protocol's, and whether stop rules may end it."""

    protocol: str
    name: str
    cell: str | None = None
    stop_rules: bool = True


@dataclass(frozen=True, slots=True)
class Claim:
    """What the paper reports, as one number that is read out of the runs of a row, and its bounds."""

    paper: str
    what: str
    unit: str
    low: float
    high: float
    read: Callable[[Lives], float]

    def holds(self, value: float) -> bool:
        """Whether a value, which is NaN if there was nothing to read, lies between the bounds."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the cell, its runs by the name under which claims look at them, its claims, how many seeds.

    ``watch_each``: the run that stop rules may end is made for every seed; otherwise for the first, and for the others
    the rules are replayed over the whole life.
    """

    number: int
    cell: str
    runs: dict[str, Run]
    claims: tuple[Claim, ...]
    seeds: int = 1
    watch_each: bool = False

    def runs_of(self, seed: int) -> dict[str, Run]:
        """The runs of one seed."""
        left_out = () if seed == 0 or self.watch_each else ("watched",)
        return {name: run for name, run in self.runs.items() if name not in left_out}


def hours(seconds: float) -> float:
    """For people."""
    return seconds / 3600.0


def late(rule: str, fault_s: Callable[[Life], float]) -> Callable[[Lives], float]:
    """How long after the fault the rule decided, in half-cycles: in the run that it could end, or in a replay."""

    def read(lives: Lives) -> float:
        life = lives["life"]
        if "watched" in lives:
            decided_s = lives["watched"].decided_s(rule)
        else:
            specs = [spec for spec in load(life.run.protocol).rules if spec.name == rule]
            (verdict,) = replay(life.recording, specs)
            decided_s = verdict.decision.time_s if verdict.decision else math.nan
        return (decided_s - fault_s(life)) / HALF_CYCLE_S

    return read


def false_alarms(protocol: str, but: str) -> Callable[[Lives], float]:
    """How many of the protocol's rules that may stop a run, but for one, would have acted in the whole life."""

    def read(lives: Lives) -> float:
        specs = [spec for spec in load(protocol).rules if spec.name != but and "stop" in spec.then]
        return sum(verdict.decision is not None for verdict in replay(lives["life"].recording, specs))

    return read


def growth(life: Life, first: int, last: int) -> float:
    """Overpotential of a cycle in parts of that of another."""
    return life.overpotential_V(last) / life.overpotential_V(first)


def symmetric(name: str, label: str) -> dict[str, Run]:
    """The whole life, which no rule ends, and the run as the protocol has it."""
    return {"life": Run(name, label, stop_rules=False), "watched": Run(name, label)}
