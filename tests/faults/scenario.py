"""A scenario: instrument, cell, plan, faults, what a person does and what the disk does, all from one seed."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from labctl.instrument.impedance import ImpedanceMode, ImpedanceSpec
from labctl.instrument.step import Control, Cutoff, Quantity, SafetyLimits, Sampling, Side, Step
from labctl.protocol.plan import CellDescription, ImpedanceNode, LoopNode, Node, Plan, StepNode
from labctl_simulators.chaos import MEANINGS, Fault, Kind, When, parse

INSTRUMENTS = ("keithley-2450", "palmsens-emstat4")


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that decides a simulation.

    Attributes:
        person: what a person does and when: ``stop`` (after the step), ``open`` (at once), ``cancel`` (twice, as at
            the end of the program), ``reopen`` (asks for opening, then cancels while it is opened).
        commits: after so many commits the disk fails; None: never.
    """

    seed: int
    instrument: str
    cell: str
    plan: Plan
    faults: tuple[Fault, ...]
    person: tuple[str, float] | None = None
    commits: int | None = None

    def __str__(self) -> str:
        faults = ",".join(map(str, self.faults))
        return f"seed {self.seed}: {self.instrument}, {self.cell}, faults {faults}, {self.person}, {self.commits}"

    def steps(self) -> list[tuple[str, Step | None]]:
        """Path and step in the order in which they are to be taken, loops unrolled; None for a sweep."""
        return list(_unroll(self.plan.nodes))

    def kinds(self) -> frozenset[Kind]:
        """The kinds of faults that it has."""
        return frozenset(fault.kind for fault in self.faults)


def _unroll(nodes: tuple[Node, ...]) -> Iterator[tuple[str, Step | None]]:
    for node in nodes:
        match node:
            case LoopNode(count=count, body=body):
                for _ in range(count):
                    yield from _unroll(body)
            case StepNode(path=path, step=step):
                yield path, step
            case ImpedanceNode(path=path):
                yield path, None


def scenario(seed: int, *, faults: int | None = None) -> Scenario:
    """The scenario of a seed. Each part has a source of randomness of its own.

    Args:
        seed: decides everything.
        faults: how many kinds; None: two to four.
    """
    instrument = Random(f"{seed} instrument").choice(INSTRUMENTS)
    cell, current_A, length_s, limit_V = _cell(Random(f"{seed} cell"))
    plan = _plan(Random(f"{seed} plan"), instrument, current_A, length_s, limit_V)
    about_s = sum(_about_s(step) for _, step in _unroll(plan.nodes))
    chosen = _faults(Random(f"{seed} faults"), faults, about_s)
    person_random = Random(f"{seed} person")
    person = None
    if person_random.random() < 0.25:
        deed = person_random.choice(("stop", "open", "cancel", "reopen"))
        person = (deed, person_random.uniform(0.0, about_s))
    disk = Random(f"{seed} disk")
    commits = disk.randrange(1, 12) if disk.random() < 0.1 else None
    return Scenario(seed, instrument, cell, plan, chosen, person, commits)


def _cell(random: Random) -> tuple[str, float, float, float]:
    """A cell; the current it is cycled with; how long its half-cycles take; where they are cut off."""
    kind = random.choice(("capacitor", "capacitor", "capacitor", "resistor", "symmetric"))
    current_A = random.choice((1e-4, 2.5e-4, 1e-3))
    length_s = math.exp(random.uniform(math.log(60.0), math.log(1200.0)))
    if kind == "symmetric":
        return "na50k50", current_A, length_s, 0.5
    if kind == "resistor":
        return f"resistor:{0.05 / current_A:.6g}", current_A, length_s, 0.5
    series_ohm, arc_ohm = 0.01 / current_A, 0.05 / current_A
    capacitance_F = current_A * length_s / 0.4
    return (
        f"rc:R0={series_ohm:.6g},R1={arc_ohm:.6g},C1=1e-2,C={capacitance_F:.6g}",
        current_A,
        length_s,
        random.uniform(0.2, 0.6),
    )


def _plan(random: Random, instrument: str, current_A: float, length_s: float, limit_V: float) -> Plan:
    safety = SafetyLimits(-1.0, 1.0, 4.0 * current_A)
    every = Sampling(random.choice((1.0, 5.0, 10.0, 30.0)))
    if random.random() < 0.3:
        every = replace(every, voltage_change_V=0.02)
    timed = Cutoff(Quantity.TIME, Side.ABOVE, 3.0 * length_s)

    def step(place: int, kind: str, control: Control, value: float, *cutoffs: Cutoff) -> StepNode:
        return StepNode(f"steps[{place}].{kind}", 1, kind, Step(control, value, cutoffs, safety, every))

    def current(place: int, sign: float) -> StepNode:
        side = Side.ABOVE if sign > 0.0 else Side.BELOW
        cutoffs = [Cutoff(Quantity.VOLTAGE, side, sign * limit_V)]
        if random.random() < 0.6:
            cutoffs.append(
                Cutoff(Quantity.CHARGE, Side.ABOVE, current_A * length_s * random.uniform(0.2, 1.0))
            )
        if random.random() < 0.1:
            cutoffs.append(Cutoff(Quantity.ENERGY, Side.ABOVE, 0.3 * limit_V * current_A * length_s))
        return step(place, "constant_current", Control.CURRENT, sign * current_A, *cutoffs, timed)

    body: list[Node] = [current(1, 1.0)]
    if random.random() < 0.3:
        low = Cutoff(Quantity.CURRENT, Side.BELOW, 0.1 * current_A)
        held = Cutoff(Quantity.TIME, Side.ABOVE, 0.3 * length_s)
        body.append(step(2, "constant_voltage", Control.VOLTAGE, 0.9 * limit_V, low, held))
    body.append(current(3, -1.0))
    if random.random() < 0.4:
        body.append(
            step(4, "rest", Control.REST, 0.0, Cutoff(Quantity.TIME, Side.ABOVE, random.uniform(1.0, 120.0)))
        )
    if instrument == "palmsens-emstat4" and random.random() < 0.3:
        mode = random.choice(list(ImpedanceMode))
        amplitude = 0.01 if mode is ImpedanceMode.POTENTIOSTATIC else 0.1 * current_A
        bias = None if mode is ImpedanceMode.POTENTIOSTATIC else 0.0
        body.append(
            ImpedanceNode("steps[5].impedance", 1, ImpedanceSpec(mode, amplitude, bias, 1e3, 1.0, 3, safety))
        )
    rest = step(0, "rest", Control.REST, 0.0, Cutoff(Quantity.TIME, Side.ABOVE, 10.0))
    loop = LoopNode("loop", 1, random.randint(1, 3), tuple(body), counts_cycles=True)
    cell = CellDescription("", None, None, None, "", 0.0, None)
    return Plan("faults", "", "", cell, safety, every, (rest, loop), ())


def _about_s(step: Step | None) -> float:
    return (
        20.0 if step is None else min(c.threshold for c in step.cutoffs if c.quantity is Quantity.TIME) / 3.0
    )


def _faults(random: Random, number: int | None, about_s: float) -> tuple[Fault, ...]:
    wanted = random.randint(2, 4) if number is None else number
    return tuple(_fault(kind, random, about_s) for kind in random.sample(list(Kind), wanted))


def _fault(kind: Kind, random: Random, about_s: float) -> Fault:
    meaning = MEANINGS[kind]
    at_s = random.uniform(0.0, about_s)
    match meaning.when:
        case When.ANSWER | When.WRITE:
            return Fault(kind, math.exp(random.uniform(math.log(0.002), math.log(0.1))))
        case When.COUNT:
            return Fault(kind, random.choice((1.0, 2.0, math.inf)), random.choice((0.0, at_s)))
        case When.MOMENT:
            return Fault(kind, meaning.value, at_s)
    for_s = random.choice((math.exp(random.uniform(math.log(0.5), math.log(100.0))), math.inf))
    if kind is Kind.DRIFT:
        return Fault(kind, random.choice((0.01, 0.001)))
    value = random.choice((0.5, 0.9, 0.99)) if kind is Kind.CLIPPED else meaning.value
    return Fault(kind, value, at_s, for_s)


def pinned(
    instrument: str, faults: str, *, person: tuple[str, float] | None = None, commits: int | None = None
) -> Scenario:
    """Two cycles between capacity and voltage cut-offs on a capacitor, and faults as they are written.

    0 to 10 s: rest; then 0.1 mA for 60 s, -0.1 mA for about as long until -0.1 V, 5 s rest, and once more.
    """
    current_A, safety, every = 1e-4, SafetyLimits(-1.0, 1.0, 4e-4), Sampling(2.0)

    def step(place: int, kind: str, control: Control, value: float, *cutoffs: Cutoff) -> StepNode:
        return StepNode(f"steps[{place}].{kind}", 1, kind, Step(control, value, cutoffs, safety, every))

    def time(limit_s: float) -> Cutoff:
        return Cutoff(Quantity.TIME, Side.ABOVE, limit_s)

    capacity = Cutoff(Quantity.CHARGE, Side.ABOVE, 60.0 * current_A)
    high, low = (
        Cutoff(Quantity.VOLTAGE, side, limit) for side, limit in ((Side.ABOVE, 0.8), (Side.BELOW, -0.1))
    )
    body: tuple[Node, ...] = (
        step(1, "constant_current", Control.CURRENT, current_A, high, capacity, time(300.0)),
        step(2, "constant_current", Control.CURRENT, -current_A, low, time(300.0)),
        step(3, "rest", Control.REST, 0.0, time(5.0)),
    )
    nodes = (step(0, "rest", Control.REST, 0.0, time(10.0)), LoopNode("loop", 1, 2, body, counts_cycles=True))
    cell = CellDescription("", None, None, None, "", 0.0, None)
    plan = Plan("pinned", "", "", cell, safety, every, nodes, ())
    return Scenario(1, instrument, "rc:R0=100,R1=500,C1=1e-2,C=2e-2", plan, parse(faults), person, commits)


def readings(seed: int, faults: tuple[Fault, ...], number: int) -> Scenario:
    """One step of a source-measure unit with a reading, kept, every 0.1 s, on a capacitor: no two are alike."""
    current_A, safety, every = 1e-4, SafetyLimits(-1.0, 1.0, 4e-4), Sampling(0.1)
    limit = Cutoff(Quantity.TIME, Side.ABOVE, 0.1 * number)
    step = Step(Control.CURRENT, current_A, (limit,), safety, every)
    cell = CellDescription("", None, None, None, "", 0.0, None)
    plan = Plan(
        "readings", "", "", cell, safety, every, (StepNode("steps[0]", 1, "constant_current", step),), ()
    )
    return Scenario(
        seed, "keithley-2450", f"rc:R0=100,R1=500,C1=1e-2,C={current_A * 0.1 * number / 0.8:g}", plan, faults
    )
